//! Messages on the host: what one is when it is refused, dropped or used again, and how many
//! there are.

const std = @import("std");
const testing = std.testing;
const abi = @import("abi");
const endpoints = @import("endpoints.zig");
const fake = @import("task_fake.zig");
const frames = @import("frames.zig");
const pair = @import("ipc_scene.zig").pair;

test "a descriptor has both its magic and its version, and a message no slot that was not moved" {
    const p = try pair(1);
    _ = try fake.send(p.sender, p.out, .{ .moved = 5 });
    for ([_]u64{ 0, 4 }) |offset| {
        var how: fake.Receiving = .{};
        how.damaged_at = offset;
        try testing.expectError(error.Invalid, fake.receive(p.receiver, p.in, how));
    }
    _ = try fake.receive(p.receiver, p.in, .{});
    try testing.expectEqual(0, fake.received(p.receiver)[0].src);
}

test "a capability in a queue that ends is dropped with its message" {
    const p = try pair(2);
    const gift = try endpoints.create(1);
    const slot = try fake.give(p.sender, gift, abi.Right.send);
    _ = try fake.send(p.sender, p.out, .{});
    const keeper = try fake.give(p.receiver, gift, abi.Right.recv);
    const moving: fake.Sending = .{ .message_flags = abi.MsgFlag.cap_move, .moved = slot };
    _ = try fake.send(p.sender, p.out, moving);
    try testing.expectEqual(1, gift.senders);
    p.receiver.caps.take(p.in).drop();
    try testing.expectEqual(0, gift.senders);
    try testing.expectError(error.Broken, fake.receive(p.receiver, keeper, .{}));
    // What was dropped once is not dropped again when the message is used again.
    const other = try endpoints.create(2);
    const out = try fake.give(p.sender, other, abi.Right.send);
    const in = try fake.give(p.receiver, other, abi.Right.recv);
    for (0..2) |_| _ = try fake.send(p.sender, out, .{});
    for (0..2) |_| _ = try fake.receive(p.receiver, in, .{});
    try testing.expectEqual(0, gift.senders);
}

test "no memory for a long message: the send is refused, and what it had is given back" {
    const p = try pair(1);
    for (0..3) |left| {
        var held: [2048]u64 = undefined;
        var count: usize = 0;
        while (frames.freeCount() > left) : (count += 1) held[count] = try frames.alloc();
        const sent = fake.send(p.sender, p.out, .{ .len = 8192 });
        if (left < 2) {
            try testing.expectError(error.NoMemory, sent);
            try testing.expectEqual(left, frames.freeCount());
        } else {
            _ = try sent;
            _ = try fake.receive(p.receiver, p.in, .{});
        }
        for (held[0..count]) |frame| frames.free(frame);
    }
}

/// All messages that there are; see `messages.zig` for what each is for.
const messages_max = 24 * 2 * 16 + 48 + 64 + 32 + 8;

test "there are so many messages, and each is used again" {
    for (0..2) |_| {
        const p = try pair(64);
        var out: [15]u32 = undefined;
        var in: [15]u32 = undefined;
        for (&out, &in) |*sends, *receives| {
            const endpoint = try endpoints.create(64);
            sends.* = try fake.give(p.sender, endpoint, abi.Right.send);
            receives.* = try fake.give(p.receiver, endpoint, abi.Right.recv);
        }
        for (0..messages_max) |i| {
            fake.bytes(p.sender, fake.data)[0..2].* = @bitCast(@as(u16, @intCast(i)));
            _ = try fake.send(p.sender, out[i / 64], .{ .len = 2 });
        }
        try testing.expectError(error.NoMemory, fake.send(p.sender, out[14], .{}));
        for (0..messages_max) |i| {
            _ = try fake.receive(p.receiver, in[i / 64], .{});
            const bytes = fake.bytes(p.receiver, fake.data)[0..2].*;
            try testing.expectEqual(i, @as(u16, @bitCast(bytes)));
        }
    }
}
