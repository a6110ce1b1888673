//! The kernel on the host, with a model of the machine below it.

test {
    _ = @import("host_boot_test.zig");
    _ = @import("host_calls_test.zig");
    _ = @import("host_frames_test.zig");
    _ = @import("host_ipc_test.zig");
    _ = @import("host_loader_test.zig");
    _ = @import("host_memory_test.zig");
    _ = @import("host_messages_test.zig");
    _ = @import("host_sched_test.zig");
    _ = @import("host_syscall_test.zig");
    _ = @import("host_vm_test.zig");
}
