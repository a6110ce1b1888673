//! The way into the kernel and out of it. There is one entry, one kernel stack, and no trap from
//! the kernel itself: it runs with interrupts off, and a fault of its own is a panic.
//!
//! In user mode sscratch holds the task's context; in the kernel it is zero. By that the entry sees
//! where a trap came from.

const builtin = @import("builtin");
const std = @import("std");
const csr = @import("csr.zig");
const irq = @import("irq.zig");
const reaper = @import("reaper.zig");
const sched = @import("sched.zig");
const stop = @import("stop.zig");
const syscall = @import("syscall.zig");
const task = @import("task.zig");

/// On the host, where the kernel is tested, a model stands for what is in assembly here.
const assembly = if (builtin.is_test) @import("machine_fake.zig") else struct {
    extern fn trapEntry() void;
    extern fn trapReturn(context: *task.Context) noreturn;
};

comptime {
    if (!builtin.is_test) asm (
        \\.text
        \\# Move x1..x31 to or from the context at \base, leaving out the two registers in use.
        \\.macro each op, base, first, rest:vararg
        \\.irp n, \first, \rest
        \\  \op x\n, 8*\n(\base)
        \\.endr
        \\.endm
        \\.balign 4
        \\.global trapEntry
        \\trapEntry:
        \\  csrrw tp, sscratch, tp
        \\  beqz tp, 1f
        \\  each sd, tp, 1,2,3
        \\  each sd, tp, 5,6,7,8,9,10,11,12,13,14,15,16,17,18
        \\  each sd, tp, 19,20,21,22,23,24,25,26,27,28,29,30,31
        \\  csrrw t0, sscratch, zero
        \\  sd t0, 32(tp)
        \\  csrr t0, sepc
        \\  sd t0, 0(tp)
        \\  la sp, __stack_top
        \\  call trapFromUser
        \\
        \\.global trapReturn
        \\trapReturn:
        \\  csrw sscratch, a0
        \\  ld t0, 0(a0)
        \\  csrw sepc, t0
        \\  each ld, a0, 1,2,3,4,5,6,7,8,9
        \\  each ld, a0, 11,12,13,14,15,16,17,18,19,20
        \\  each ld, a0, 21,22,23,24,25,26,27,28,29,30,31
        \\  ld a0, 80(a0)
        \\  sret
        \\
        \\1: la sp, __panic_stack_top
        \\  csrw sscratch, zero
        \\  call trapFromKernel
    );
}

const is_interrupt: u64 = 1 << 63;
const cause_timer = is_interrupt | 5;
const cause_external = is_interrupt | 9;
const cause_system_call = 8;

pub fn init() void {
    csr.write("sscratch", 0);
    csr.write("stvec", @intFromPtr(&assembly.trapEntry));
    csr.write("sie", csr.Interrupt.timer | csr.Interrupt.external);
}

/// Leave the kernel for the first time.
pub fn enterUser() noreturn {
    assembly.trapReturn(&sched.next().context);
}

pub export fn trapFromUser() callconv(.c) *task.Context {
    const cause = csr.read("scause");
    switch (cause) {
        cause_system_call => syscall.handle(sched.current.?),
        cause_timer => sched.tick(),
        cause_external => irq.dispatch(),
        else => reaper.crash(sched.current.?, cause),
    }
    return &sched.next().context;
}

pub export fn trapFromKernel() callconv(.c) noreturn {
    var text: [64]u8 = undefined;
    const line = std.fmt.bufPrint(
        &text,
        "trap cause={d} addr=0x{x}",
        .{ csr.read("scause"), csr.read("stval") },
    ) catch unreachable;
    stop.panic(line, csr.read("sepc"));
}
