//! Properties of one endpoint, seen by a service that sends to itself.

const std = @import("std");
const os = @import("os");
const expect = @import("expect.zig");

const slot = os.abi.slot;
/// What init gives every service.
const depth = 16;
var buffer: [64]u8 = undefined;

fn drain() !void {
    // Never more than the queue holds.
    for (0..depth) |_| _ = try os.poll(slot.server_recv, &buffer) orelse return;
}

pub fn receiveTimeout() !void {
    const start = os.nsec();
    try expect.refusal(
        os.recv(slot.inbox_recv, &buffer, start + 5_000_000),
        error.TimedOut,
        "empty inbox",
    );
    const waited = os.nsec() - start;
    try expect.that(waited >= 5_000_000, "not before the deadline");
    try expect.that(try os.poll(slot.inbox_recv, &buffer) == null, "poll of an empty inbox");
    try expect.refusal(
        os.recv(slot.inbox_recv, &buffer, 1),
        error.TimedOut,
        "deadline in the past",
    );
}

pub fn order() !void {
    for (0..depth) |i| try os.send(slot.server_send, &.{@intCast(i)}, .{ .type = @intCast(i) });
    for (0..depth) |i| {
        const message = try os.recv(slot.server_recv, &buffer, 0);
        try expect.that(
            message.payload.len == 1 and message.payload[0] == i,
            "first in, first out",
        );
        try expect.that(message.header.type == i and message.header.src == 0, "header as sent");
    }
}

pub fn truncate() !void {
    try os.send(slot.server_send, "0123456789", .{});
    var header: os.abi.MsgHeader = .{};
    var sender: u64 = 0;
    const strict = os.sys.ipcRecv(slot.server_recv, &header, buffer[0..4], &sender, 0, 0);
    try expect.refusal(strict, error.TooBig, "buffer too small, no truncate flag");
    const len = try os.sys.ipcRecv(
        slot.server_recv,
        &header,
        buffer[0..4],
        &sender,
        os.abi.RecvFlag.truncate,
        0,
    );
    try expect.that(len == 4 and header.len == 10, "truncated length and full length");
    try expect.that(std.mem.eql(u8, buffer[0..4], "0123"), "first bytes");
}

pub fn queueFull() !void {
    defer drain() catch {};
    for (0..depth) |_| try os.send(slot.server_send, "", .{ .nonblock = true });
    try expect.refusal(
        os.send(slot.server_send, "", .{ .nonblock = true }),
        error.WouldBlock,
        "full queue",
    );
    const late = os.send(slot.server_send, "", .{ .deadline_ns = os.after(2_000_000) });
    try expect.refusal(late, error.TimedOut, "full queue until the deadline");
}

pub fn moveRollback() !void {
    defer drain() catch {};
    for (0..depth) |_| try os.send(slot.server_send, "", .{ .nonblock = true });
    const cap = try os.sys.capClone(slot.inbox_send, os.abi.Right.send);
    defer os.sys.capClose(cap);
    const full = os.send(slot.server_send, "", .{ .move = cap, .nonblock = true });
    try expect.refusal(full, error.WouldBlock, "move into a full queue");
    const late = os.send(
        slot.server_send,
        "",
        .{ .move = cap, .deadline_ns = os.after(2_000_000) },
    );
    try expect.refusal(late, error.TimedOut, "move until the deadline");
    try os.send(cap, "still mine", .{});
    const message = try os.recv(slot.inbox_recv, &buffer, 0);
    try expect.that(std.mem.eql(u8, message.payload, "still mine"), "the capability was not lost");
}

pub fn moveOnce() !void {
    const cap = try os.sys.capClone(slot.inbox_send, os.abi.Right.send);
    try os.send(slot.server_send, "", .{ .move = cap });
    try expect.refusal(os.send(cap, "", .{}), error.BadSlot, "a moved capability is gone");
    const message = try os.recv(slot.server_recv, &buffer, 0);
    const arrived = message.moved orelse return error.Unexpected;
    defer os.sys.capClose(arrived);
    try os.send(arrived, "works", .{});
    const through = try os.recv(slot.inbox_recv, &buffer, 0);
    try expect.that(std.mem.eql(u8, through.payload, "works"), "the moved capability works");
}

pub fn tableFull() !void {
    const cap = try os.sys.capClone(slot.inbox_send, os.abi.Right.send);
    try os.send(slot.server_send, "kept", .{ .move = cap });
    var filler: [os.abi.slots_per_task]os.Slot = undefined;
    var count: usize = 0;
    while (count < filler.len) : (count += 1) {
        filler[count] = os.sys.capClone(slot.inbox_send, os.abi.Right.send) catch break;
    }
    const full = os.recv(slot.server_recv, &buffer, 0);
    for (filler[0..count]) |extra| os.sys.capClose(extra);
    try expect.that(count > 0 and count < filler.len, "the table has an end");
    try expect.refusal(full, error.NoSpace, "no slot for the moved capability");
    const message = try os.recv(slot.server_recv, &buffer, 0);
    try expect.that(std.mem.eql(u8, message.payload, "kept"), "the message stayed queued");
    os.sys.capClose(message.moved orelse return error.Unexpected);
}
