//! The errors of system calls. `syscall.zig` turns each into a result.

/// What a call can answer besides a value. `Blocked` means: no answer, the task waits (or is gone)
/// and repeats the call if it is ever woken.
pub const Error = error{
    Denied,
    NoSuchTask,
    TooBig,
    BadSlot,
    WouldBlock,
    NoMemory,
    Fault,
    Invalid,
    NoSpace,
    Broken,
    Unsupported,
    TimedOut,
    Blocked,
};
