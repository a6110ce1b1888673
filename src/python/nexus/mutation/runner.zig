//! Runs the tests of a module in a given order and stops at the first that fails, so that a change
//! that is noticed costs little.
//!
//! `runner --list` names every test. `runner FIRST SECOND ...` runs the tests of these numbers and
//! prints `NUMBER NANOSECONDS` (of a processor) after each; a test that fails is the last one named
//! by a line `begin NUMBER`.
const builtin = @import("builtin");
const std = @import("std");

pub const std_options: std.Options = .{ .logFn = quiet };

var buffer: [1 << 20]u8 = undefined;

pub fn main(init: std.process.Init.Minimal) void {
    var memory: std.heap.FixedBufferAllocator = .init(&buffer);
    const args = init.args.toSlice(memory.allocator()) catch @panic("too many arguments");
    if (args.len == 2 and std.mem.eql(u8, args[1], "--list")) {
        for (builtin.test_functions) |each| std.debug.print("{s}\n", .{each.name});
        return;
    }
    const io = std.Io.Threaded.global_single_threaded.io();
    for (args[1..]) |arg| {
        const number = std.fmt.parseUnsigned(usize, arg, 10) catch @panic("not a number");
        const began: std.Io.Timestamp = .now(io, .cpu_process);
        std.debug.print("begin {d}\n", .{number});
        if (!passes(init, number)) std.process.exit(1);
        const spent = began.durationTo(.now(io, .cpu_process));
        std.debug.print("{d} {d}\n", .{ number, spent.toNanoseconds() });
    }
}

fn passes(init: std.process.Init.Minimal, number: usize) bool {
    std.testing.allocator_instance = .{};
    std.testing.io_instance = .init(std.testing.allocator, .{
        .argv0 = .init(init.args),
        .environ = init.environ,
    });
    std.testing.environ = init.environ;
    const result = builtin.test_functions[number].func();
    std.testing.io_instance.deinit();
    const leaked = std.testing.allocator_instance.deinit() == .leak;
    if (result) |_| return !leaked else |err| return err == error.SkipZigTest;
}

fn quiet(
    comptime _: std.log.Level,
    comptime _: @EnumLiteral(),
    comptime _: []const u8,
    _: anytype,
) void {}
