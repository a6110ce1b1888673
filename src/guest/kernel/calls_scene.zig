//! System calls for the kernel's tests on the host, made as a program makes them: registers in,
//! registers out.

const std = @import("std");
const abi = @import("abi");
const fake = @import("task_fake.zig");
const sched = @import("sched.zig");
const syscall = @import("syscall.zig");

/// The place of each call in its program.
pub const pc = 0x4000;

/// The task runs and makes a call. The answer is what a0 holds then.
pub fn call(who: *fake.Task, number: abi.Syscall, args: []const u64) u64 {
    if (sched.current != who) fake.run(who);
    who.context.pc = pc;
    for (0..6) |i| who.context.setArg(i, if (i < args.len) args[i] else 0);
    who.context.x[16] = @intFromEnum(number);
    syscall.handle(who);
    return who.context.arg(0);
}

pub fn expectError(want: abi.Errno, answer: u64) !void {
    const code: i64 = @bitCast(answer);
    try std.testing.expectEqual(-@as(i64, @intFromEnum(want)), code);
}

/// A machine with one task, which has the factory.
pub fn factory() !*fake.Task {
    fake.begin();
    const who = try fake.spawn("maker");
    who.caps.put(abi.slot.factory, .{ .object = .factory });
    return who;
}
