//! Endpoints and the calls that send and receive, on the host: which task is woken, what a refused
//! call leaves, and what is exactly full.

const std = @import("std");
const testing = std.testing;
const abi = @import("abi");
const caps = @import("caps.zig");
const endpoints = @import("endpoints.zig");
const fake = @import("task_fake.zig");
const frames = @import("frames.zig");
const machine = @import("machine_fake.zig");
const pair = @import("ipc_scene.zig").pair;
const sched = @import("sched.zig");

const both = abi.Right.send | abi.Right.recv;

test "a receiver that is blocked already is woken when the last sender goes" {
    const p = try pair(4);
    const second = try fake.spawn("second");
    const other = try fake.give(second, p.endpoint, abi.Right.send);
    fake.run(p.receiver);
    try testing.expectError(error.Blocked, fake.receive(p.receiver, p.in, .{ .flags = 0 }));
    try testing.expectEqual(.blocked, p.receiver.state);
    p.sender.caps.take(p.out).drop();
    try testing.expectEqual(.blocked, p.receiver.state); // one is left
    second.caps.take(other).drop();
    try testing.expectEqual(.ready, p.receiver.state);
    try testing.expectEqual(p.receiver, sched.next());
    try testing.expectError(error.Broken, fake.receive(p.receiver, p.in, .{ .flags = 0 }));
}

test "senders that are blocked are woken when the last receiver goes, and its messages with it" {
    const p = try pair(1);
    const free = frames.freeCount();
    fake.run(p.sender);
    _ = try fake.send(p.sender, p.out, .{ .len = 8192 });
    try testing.expectEqual(free - 2, frames.freeCount());
    const full: fake.Sending = .{ .flags = 0 };
    try testing.expectError(error.Blocked, fake.send(p.sender, p.out, full));
    p.receiver.caps.take(p.in).drop();
    try testing.expectEqual(.ready, p.sender.state);
    try testing.expectEqual(free, frames.freeCount());
    try testing.expectEqual(p.sender, sched.next());
    try testing.expectError(error.Broken, fake.send(p.sender, p.out, full));
    try testing.expectError(error.Broken, fake.send(p.sender, p.out, .{}));
}

test "one less than full, full, one more; and a place again after each receive" {
    for ([_]u32{ 1, 2, abi.endpoint_depth_max }) |depth| {
        const p = try pair(depth);
        for (0..3) |_| {
            for (0..depth) |i| {
                fake.bytes(p.sender, fake.data)[0] = @intCast(i);
                try testing.expectEqual(0, try fake.send(p.sender, p.out, .{ .len = 1 }));
            }
            try testing.expectError(error.WouldBlock, fake.send(p.sender, p.out, .{ .len = 1 }));
            for (0..depth) |i| {
                try testing.expectEqual(1, try fake.receive(p.receiver, p.in, .{}));
                try testing.expectEqual(i, fake.bytes(p.receiver, fake.data)[0]);
            }
            const empty = fake.receive(p.receiver, p.in, .{});
            try testing.expectError(error.WouldBlock, empty);
        }
    }
}

test "every waiting task is woken, in the order in which they came" {
    const p = try pair(1);
    var waiting: [3]*fake.Task = undefined;
    for (&waiting) |*each| {
        each.* = try fake.spawn("waiting");
        const slot = try fake.give(each.*, p.endpoint, abi.Right.recv);
        fake.run(each.*);
        try testing.expectError(error.Blocked, fake.receive(each.*, slot, .{ .flags = 0 }));
    }
    _ = try fake.send(p.sender, p.out, .{});
    for (waiting) |each| {
        sched.current = null;
        try testing.expectEqual(each, sched.next());
    }
    for (waiting) |each| each.state = .suspended;
    // And senders, when a place is free.
    for (&waiting) |each| {
        const slot = try fake.give(each, p.endpoint, abi.Right.send);
        fake.run(each);
        try testing.expectError(error.Blocked, fake.send(each, slot, .{ .flags = 0 }));
    }
    _ = try fake.receive(p.receiver, p.in, .{});
    for (waiting) |each| {
        sched.current = null;
        try testing.expectEqual(each, sched.next());
    }
}

test "payloads of every length arrive whole, with their sender, and give their memory back" {
    const p = try pair(2);
    const free = frames.freeCount();
    const lengths = [_]u64{ 0, 1, 191, 192, 193, 4095, 4096, 4097, 8191, 8192 };
    for (lengths) |len| {
        for (0..2) |page| for (fake.bytes(p.sender, fake.data + page * 4096), 0..) |*byte, i| {
            byte.* = @truncate(i *% 7 +% page +% len);
        };
        for (0..2) |page| @memset(fake.bytes(p.receiver, fake.data + page * 4096), 0xEE);
        _ = try fake.send(p.sender, p.out, .{ .len = len });
        try testing.expectEqual(len, try fake.receive(p.receiver, p.in, .{ .cap = len }));
        for (0..2) |page| {
            const want = fake.bytes(p.sender, fake.data + page * 4096);
            const have = fake.bytes(p.receiver, fake.data + page * 4096);
            const part = @min(4096, len -| page * 4096);
            try testing.expectEqualSlices(u8, want[0..part], have[0..part]);
            for (have[part..]) |byte| try testing.expectEqual(0xEE, byte);
        }
        const header, const sender = fake.received(p.receiver);
        try testing.expectEqual(len, header.len);
        try testing.expectEqual(7, header.type);
        try testing.expectEqual(abi.serviceId("sender"), sender);
        try testing.expectEqual(p.sender.pid, header.dst);
        try testing.expectEqual(free, frames.freeCount());
    }
    try testing.expectError(error.TooBig, fake.send(p.sender, p.out, .{ .len = 8193 }));
}

test "too little room: the message stays, unless the rest may be cut" {
    const p = try pair(2);
    for ([_]u64{ 1, 192, 193, 4097 }) |len| {
        _ = try fake.send(p.sender, p.out, .{ .len = len });
        const short: fake.Receiving = .{ .cap = len - 1 };
        try testing.expectError(error.TooBig, fake.receive(p.receiver, p.in, short));
        try testing.expectEqual(1, p.endpoint.queued);
        var cut = short;
        cut.flags |= abi.RecvFlag.truncate;
        try testing.expectEqual(len - 1, try fake.receive(p.receiver, p.in, cut));
        try testing.expectEqual(0, p.endpoint.queued);
        try testing.expectEqual(len, fake.received(p.receiver)[0].len);
    }
    const huge: fake.Receiving = .{ .cap = 8193 };
    try testing.expectError(error.TooBig, fake.receive(p.receiver, p.in, huge));
}

test "a refused send leaves no trace: no message, no memory, no capability moved" {
    const p = try pair(1);
    const gift = try endpoints.create(1);
    const keeper = try fake.give(p.receiver, gift, abi.Right.recv);
    const slot = try fake.give(p.sender, gift, abi.Right.send);
    const free = frames.freeCount();
    const moving: fake.Sending = .{ .message_flags = abi.MsgFlag.cap_move, .moved = slot };
    var cases: [6]fake.Sending = @splat(moving);
    cases[0].len = 8193;
    cases[1].header_len = 1;
    cases[2].flags = 2;
    cases[3].message_flags |= 2;
    cases[4].payload = fake.data + fake.data_bytes - 1;
    cases[4].len = 2;
    cases[5].payload = fake.data + 1;
    cases[5].len = 8192;
    const errors = [_]anyerror{
        error.TooBig, error.Invalid, error.Invalid, error.Invalid, error.Fault, error.Fault,
    };
    for (cases, errors) |case, want| {
        try testing.expectError(want, fake.send(p.sender, p.out, case));
        try testing.expectEqual(0, p.endpoint.queued);
        try testing.expectEqual(free, frames.freeCount());
        try testing.expect((try p.sender.caps.get(slot)).object == .endpoint);
    }
    _ = try fake.send(p.sender, p.out, .{});
    try testing.expectError(error.WouldBlock, fake.send(p.sender, p.out, moving)); // full
    try testing.expect((try p.sender.caps.get(slot)).object == .endpoint);
    _ = try fake.receive(p.receiver, p.in, .{});
    // A capability to what has ended is not carried; nor is the right to receive.
    const receiving = try fake.give(p.sender, gift, both);
    var other = moving;
    other.moved = receiving;
    try testing.expectError(error.Denied, fake.send(p.sender, p.out, other));
    p.sender.caps.take(receiving).drop();
    p.receiver.caps.take(keeper).drop();
    try testing.expectError(error.Broken, fake.send(p.sender, p.out, moving));
}

test "a capability travels once, and only if there is a slot for it" {
    const p = try pair(1);
    const gift = try endpoints.create(1);
    _ = try fake.give(p.receiver, gift, abi.Right.recv);
    const slot = try fake.give(p.sender, gift, abi.Right.send);
    const moving: fake.Sending = .{ .message_flags = abi.MsgFlag.cap_move, .moved = slot };
    _ = try fake.send(p.sender, p.out, moving);
    try testing.expectError(error.BadSlot, p.sender.caps.get(slot));
    try testing.expectEqual(1, gift.senders);
    while (p.receiver.caps.freeSlot()) |free| {
        p.receiver.caps.put(free, .{ .object = .factory });
    } else |_| {}
    const none = fake.receive(p.receiver, p.in, .{});
    try testing.expectError(error.NoSpace, none);
    try testing.expectEqual(1, p.endpoint.queued);
    _ = p.receiver.caps.take(40);
    _ = try fake.receive(p.receiver, p.in, .{});
    try testing.expectEqual(40, fake.received(p.receiver)[0].src);
    try testing.expectEqual(gift, try p.receiver.caps.endpoint(40, abi.Right.send));
    try testing.expectEqual(1, gift.senders);
    p.receiver.caps.take(40).drop();
    try testing.expectEqual(0, gift.senders);
}

test "a deadline: in the past, at this instant, a nanosecond ahead" {
    const p = try pair(1);
    machine.now_ticks = 50; // 5000 ns
    for ([_]u64{ 1, 4999, 5000 }) |deadline| {
        fake.run(p.receiver);
        const how: fake.Receiving = .{ .flags = 0, .deadline_ns = deadline };
        try testing.expectError(error.TimedOut, fake.receive(p.receiver, p.in, how));
    }
    fake.run(p.receiver);
    const ahead: fake.Receiving = .{ .flags = 0, .deadline_ns = 5001 };
    try testing.expectError(error.Blocked, fake.receive(p.receiver, p.in, ahead));
    _ = try fake.send(p.sender, p.out, .{});
    fake.run(p.sender);
    const sending: fake.Sending = .{ .flags = 0, .deadline_ns = 5000 };
    try testing.expectError(error.TimedOut, fake.send(p.sender, p.out, sending));
}

test "rights are asked of the slot, not of the endpoint" {
    const p = try pair(1);
    try testing.expectError(error.Denied, fake.receive(p.sender, p.out, .{}));
    try testing.expectError(error.Denied, fake.send(p.receiver, p.in, .{}));
    try testing.expectError(error.BadSlot, fake.send(p.sender, 63, .{}));
    try testing.expectError(error.BadSlot, fake.send(p.sender, 64, .{}));
}

test "endpoints are used again, and there are so many" {
    fake.begin();
    const owner = try fake.spawn("owner");
    const other = try fake.spawn("other");
    var made: usize = 0;
    var list: [128]*endpoints.Endpoint = undefined;
    while (endpoints.create(1)) |endpoint| : (made += 1) {
        list[made] = endpoint;
        const who = if (made < 60) owner else other;
        _ = try fake.give(who, endpoint, abi.Right.recv);
    } else |err| try testing.expectEqual(error.NoMemory, err);
    try testing.expectEqual(96, made);
    other.caps.closeAll();
    for (60..96) |_| {
        const again = try endpoints.create(2);
        try testing.expectEqual(0, again.queued);
        _ = try fake.give(other, again, abi.Right.recv);
    }
    try testing.expectError(error.NoMemory, endpoints.create(1));
}
