//! The 16550 as a console for output alone. Every line is written whole, since the kernel is not
//! pre-emptible.

const builtin = @import("builtin");
const std = @import("std");
const board = @import("board.zig");

const transmit = 0;
const fifo_control = 2;
const line_status = 5;
const transmitter_empty: u8 = 1 << 5;
/// An empty transmitter takes this many bytes before its status must be read again.
const fifo_bytes = 16;

/// On the host, where the kernel is tested, a model stands for the UART.
const machine = if (builtin.is_test) @import("machine_fake.zig") else struct {};

fn load(offset: u64) u8 {
    if (builtin.is_test) return machine.uartRead(offset);
    return board.device(u8, board.uart + offset).*;
}

fn store(offset: u64, value: u8) void {
    if (builtin.is_test) return machine.uartWrite(offset, value);
    board.device(u8, board.uart + offset).* = value;
}

pub fn init() void {
    store(fifo_control, 1);
}

pub fn write(bytes: []const u8) void {
    var rest = bytes;
    while (rest.len > 0) {
        while (load(line_status) & transmitter_empty == 0) {}
        const burst = @min(rest.len, fifo_bytes);
        for (rest[0..burst]) |byte| store(transmit, byte);
        rest = rest[burst..];
    }
}

/// Write one line of the kernel's own, cut at 256 bytes.
pub fn print(comptime fmt: []const u8, args: anytype) void {
    var line: [256]u8 = undefined;
    const text = std.fmt.bufPrint(line[0 .. line.len - 1], fmt, args) catch line[0 .. line.len - 1];
    line[text.len] = '\n';
    write(line[0 .. text.len + 1]);
}
