//! Tasks for the kernel's tests on the host: each with two pages that it may read and write, and
//! system calls made as a program makes them.

const std = @import("std");
const abi = @import("abi");
const board = @import("board.zig");
const calls_ipc = @import("calls_ipc.zig");
const caps = @import("caps.zig");
const endpoints = @import("endpoints.zig");
const frames = @import("frames.zig");
const machine = @import("machine_fake.zig");
const sched = @import("sched.zig");
const task = @import("task.zig");

pub const Task = task.Task;

/// Two pages for payloads, one for everything else; nothing is mapped around them.
pub const data: u64 = 0x10000;
pub const data_bytes: u64 = 2 * board.page_bytes;
pub const words: u64 = 0x20000;
const header_at = words;
const desc_at = words + 64;
const sender_at = words + 256;

/// A machine with free memory and no task; what an earlier test left goes first.
pub fn begin() void {
    machine.reset();
    sched.current = null;
    if (is_begun) {
        for (&task.all) |*old| if (old.state != .free) task.release(old);
    } else task.init();
    frames.init(board.ram_base, board.ram_base + machine.ram_bytes);
    if (!is_begun) {
        // The first task of a kernel is init, whose end is a panic: no test has that number.
        const first = task.create("first", 0) catch unreachable;
        first.state = .ready;
        task.release(first);
    }
    is_begun = true;
}

var is_begun = false;

pub fn spawn(name: []const u8) !*Task {
    const new = try task.create(name, 0);
    for ([_]u64{ data, data + board.page_bytes, words }) |page| {
        try new.space.map(page, try frames.allocZeroed(), .{ .write = true, .owned = true });
    }
    return new;
}

/// Make a task the one that runs.
pub fn run(who: *Task) void {
    if (who.queue) |queue| queue.remove(who);
    who.state = .ready;
    sched.current = who;
}

pub fn bytes(who: *Task, address: u64) *[board.page_bytes]u8 {
    const at = who.space.translate(address, .read).?;
    std.debug.assert(at % board.page_bytes == 0);
    return frames.bytes(at);
}

/// A slot of `who` with these rights to an endpoint.
pub fn give(who: *Task, endpoint: *endpoints.Endpoint, rights: u32) !u32 {
    const slot = try who.caps.freeSlot();
    endpoint.retain(rights);
    who.caps.put(slot, .{ .object = .{ .endpoint = endpoint }, .rights = rights });
    return slot;
}

pub const Sending = struct {
    len: u64 = 0,
    header_len: ?u32 = null,
    payload: u64 = data,
    flags: u64 = abi.SendFlag.nonblock,
    message_flags: u16 = 0,
    moved: u32 = 0,
    deadline_ns: u64 = 0,
    kind: u16 = 7,
};

pub fn send(who: *Task, slot: u64, what: Sending) !u64 {
    const header: *align(1) abi.MsgHeader = @ptrCast(bytes(who, words)[0..@sizeOf(abi.MsgHeader)]);
    header.* = .{
        .src = what.moved,
        .type = what.kind,
        .flags = what.message_flags,
        .len = what.header_len orelse @intCast(what.len),
    };
    const at = header_at;
    return calls_ipc.send(who, slot, at, what.payload, what.len, what.flags, what.deadline_ns);
}

pub const Receiving = struct {
    cap: u64 = data_bytes,
    payload: u64 = data,
    flags: u32 = abi.RecvFlag.nonblock,
    deadline_ns: u64 = 0,
    /// A byte of the descriptor that is another.
    damaged_at: ?u64 = null,
};

pub fn receive(who: *Task, slot: u32, how: Receiving) !u64 {
    const size = @sizeOf(abi.RecvDesc);
    const desc: *align(1) abi.RecvDesc = @ptrCast(bytes(who, words)[64..][0..size]);
    desc.* = .{
        .slot = slot,
        .header = header_at,
        .payload = how.payload,
        .payload_cap = how.cap,
        .sender = sender_at,
        .flags = how.flags,
        .deadline_ns = how.deadline_ns,
    };
    if (how.damaged_at) |at| bytes(who, words)[64 + at] ^= 0x80;
    return calls_ipc.receive(who, desc_at);
}

/// The header and the sender's service of what was received last.
pub fn received(who: *Task) struct { abi.MsgHeader, u64 } {
    const page = bytes(who, words);
    return .{
        std.mem.bytesToValue(abi.MsgHeader, page[0..@sizeOf(abi.MsgHeader)]),
        std.mem.readInt(u64, page[256..264], .little),
    };
}
