//! System calls about tasks, time and the console.

const std = @import("std");
const abi = @import("abi");
const loader = @import("loader.zig");
const reaper = @import("reaper.zig");
const sched = @import("sched.zig");
const Error = @import("call_error.zig").Error;
const task = @import("task.zig");
const timer = @import("timer.zig");
const uart = @import("uart.zig");
const usercopy = @import("usercopy.zig");

pub fn yield(caller: *task.Task) Error!u64 {
    // The answer is written now: a task that yields is not repeated, it merely runs later.
    std.debug.assert(sched.current == caller);
    sched.yield();
    return 0;
}

pub fn nsec() u64 {
    return timer.now();
}

pub fn exit(caller: *task.Task, code: u64) Error!u64 {
    reaper.exit(caller, code);
    return error.Blocked;
}

/// Only a task that holds the factory makes tasks, and the caller becomes the parent.
pub fn exec(
    caller: *task.Task,
    elf: u64,
    elf_len: u64,
    stack_pages: u64,
    name: u64,
    name_len: u64,
) Error!u64 {
    const factory = caller.caps.get(abi.slot.factory) catch return error.Denied;
    if (factory.object != .factory) return error.Denied;
    if (stack_pages < 1 or stack_pages > loader.stack_pages_max) return error.Invalid;
    var buffer: [abi.name_bytes_max]u8 = undefined;
    if (name_len < 1 or name_len > buffer.len) return error.Invalid;
    try usercopy.in(caller.space, buffer[0..name_len], name);
    const source: loader.Source = .{ .space = caller.space, .base = elf, .len = elf_len };
    const loaded = loader.load(source, stack_pages, buffer[0..name_len], caller.pid);
    const child = loaded catch |err| return switch (err) {
        error.NoMemory => error.NoMemory,
        error.Fault => error.Fault,
        else => error.Invalid,
    };
    return child.pid;
}

pub fn resumeTask(caller: *task.Task, pid: u64) Error!u64 {
    const child = childOf(caller, pid) orelse return error.NoSuchTask;
    if (child.state != .suspended) return error.Invalid;
    sched.makeReady(child);
    return 0;
}

/// A task may only handle its own children; another one's do not exist for it.
pub fn childOf(caller: *task.Task, pid: u64) ?*task.Task {
    const number = std.math.cast(u32, pid) orelse return null;
    const child = task.find(number) orelse return null;
    return if (child.parent == caller.pid) child else null;
}

pub fn debugWrite(caller: *task.Task, address: u64, len: u64) Error!u64 {
    var line: [abi.debug_write_bytes_max]u8 = undefined;
    if (len > line.len) return error.TooBig;
    try usercopy.in(caller.space, line[0..len], address);
    uart.write(line[0..len]);
    return len;
}
