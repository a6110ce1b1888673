//! The two ways a board ends: a kernel panic, or a trap that no handler takes.

const builtin = @import("builtin");
const marker = @import("contract").marker;
const board = @import("board.zig");
const csr = @import("csr.zig");
const uart = @import("uart.zig");

/// On the host, where the kernel is tested, the end of the board is the end of a process.
const machine = if (builtin.is_test) @import("machine_fake.zig") else struct {};

/// Test finisher: low half 0x3333 = fail, high half the exit code.
const fail_with_code_1: u32 = (1 << 16) | 0x3333;

pub fn powerOff() noreturn {
    if (builtin.is_test) machine.finish(fail_with_code_1);
    board.device(u32, board.finisher).* = fail_with_code_1;
    while (true) csr.waitForInterrupt();
}

pub fn panic(text: []const u8, address: u64) noreturn {
    uart.print(marker.kernel_panic, .{ text, address });
    powerOff();
}

/// Zig's safety checks call this.
pub fn safetyPanic(text: []const u8, first_trace_address: ?usize) noreturn {
    panic(text, first_trace_address orelse @returnAddress());
}
