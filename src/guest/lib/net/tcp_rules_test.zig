//! TCP's rules at their exact numbers: which acknowledgements are taken (RFC 5961 section 5), which
//! segments set the window (RFC 9293, SND.WL1 and SND.WL2), which are inside of ours (Table 6).

const std = @import("std");
const fake = @import("link_fake.zig");
const tcp_fake = @import("tcp_fake.zig");
const Pair = tcp_fake.Pair;
const World = fake.World;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const forge = tcp_fake.forge;
const forgeData = tcp_fake.forgeData;
const ms = fake.ms;

/// B has sent `count` bytes that never arrive; A can only be forged from now on.
fn unheard(world: *World, count: usize) !Pair {
    const pair = try Pair.open(world);
    var bytes: [4096]u8 = @splat('x');
    _ = try pair.write(1, bytes[0..count]);
    world.is_cut = true;
    world.pump();
    return pair;
}

/// How many frames B sends in answer to what was forged.
fn answers(world: *World, before: usize) usize {
    world.pump();
    return world.frames - before;
}

test "an acknowledgement is taken up to what was sent, and no byte further" {
    for ([_]struct { i32, bool }{ .{ 0, true }, .{ 1, false }, .{ 2, false } }) |case| {
        const world = try World.create(31, .{});
        defer world.destroy();
        const pair = try unheard(world, 100);
        const b = pair.end(1);
        const una = b.snd_una;
        const ack = b.snd_max +% @as(u32, @intCast(case[0]));
        const frames = world.frames;
        forge(pair, b.rcv_nxt, ack, .{ .ack = true });
        try expectEqual(if (case[1]) una +% 100 else una, b.snd_una);
        try expectEqual(@as(usize, if (case[1]) 0 else 1), answers(world, frames));
    }
}

test "an acknowledgement is too old when it is behind the largest window, and no sooner" {
    const cases = [_]struct { u32, bool }{ .{ 0, true }, .{ 1, false } };
    for (cases) |case| {
        const world = try World.create(32, .{});
        defer world.destroy();
        const pair = try Pair.open(world);
        const b = pair.end(1);
        const frames = world.frames;
        // Its text is taken only if the acknowledgement is.
        const ack = b.snd_una -% b.snd_wnd_max -% case[0];
        forgeData(pair, b.rcv_nxt, ack, .{ .ack = true }, 4096, "text");
        var buffer: [8]u8 = undefined;
        if (case[1]) {
            try expectEqual(@as(usize, 4), try pair.read(1, &buffer));
        } else {
            try std.testing.expectError(error.WouldBlock, pair.read(1, &buffer));
            try expectEqual(@as(usize, 1), answers(world, frames));
        }
    }
}

test "a segment without an acknowledgement is dropped, text and all" {
    const world = try World.create(33, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    const b = pair.end(1);
    const next = b.rcv_nxt;
    forgeData(pair, next, b.snd_una, .{}, 4096, "text");
    try expectEqual(next, b.rcv_nxt);
}

test "the window is set by a newer segment, or the same one with a newer acknowledgement" {
    const world = try World.create(34, .{});
    defer world.destroy();
    const pair = try unheard(world, 3000);
    const b = pair.end(1);
    const next = b.rcv_nxt;
    const una = b.snd_una;
    const Step = struct { seq: u32, ack: u32, window: u16, want: u32 };
    const steps = [_]Step{
        .{ .seq = 0, .ack = 1000, .window = 4000, .want = 4000 }, // new: it acknowledges
        .{ .seq = 0, .ack = 1000, .window = 3000, .want = 3000 }, // the same: the latest word
        .{ .seq = 0, .ack = 999, .window = 2000, .want = 3000 }, // an older acknowledgement
        .{ .seq = 10, .ack = 1000, .window = 3500, .want = 3500 }, // newer by its number
        .{ .seq = 0, .ack = 1000, .window = 100, .want = 3500 }, // older by its number
        .{ .seq = 9, .ack = 1000, .window = 100, .want = 3500 }, // by one
        .{ .seq = 9, .ack = 1001, .window = 200, .want = 200 }, // but it acknowledges more
        .{ .seq = 9, .ack = 1000, .window = 900, .want = 200 }, // and that one is older again
        .{ .seq = 10, .ack = 1001, .window = 300, .want = 300 },
        .{ .seq = 11, .ack = 1000, .window = 400, .want = 300 }, // newer, but it acknowledges less
    };
    // The numbers between are in the window, with text that has a hole before it.
    for (steps) |step| {
        forgeData(pair, next +% step.seq, una +% step.ack, .{ .ack = true }, step.window, "");
        try expectEqual(step.want, b.snd_wnd);
    }
}

test "text is taken from the first byte of the window to the last, and cut at both ends" {
    const world = try World.create(35, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    const b = pair.end(1);
    world.is_cut = true;
    const next = b.rcv_nxt;
    const una = b.snd_una;
    var buffer: [16]u8 = undefined;
    // All of it came before, by one byte.
    forgeData(pair, next, una, .{ .ack = true }, 4096, "abcd");
    forgeData(pair, next, una, .{ .ack = true }, 4096, "ABCD");
    try expectEqual(next +% 4, b.rcv_nxt);
    // Its last byte is new.
    forgeData(pair, next, una, .{ .ack = true }, 4096, "ABCDe");
    try expectEqual(next +% 5, b.rcv_nxt);
    try expectEqual(@as(usize, 5), try pair.read(1, &buffer));
    try std.testing.expectEqualStrings("abcde", buffer[0..5]);
    // Its first byte is the last of the window; one further there is no room.
    const edge = b.rcv_edge;
    forgeData(pair, edge, una, .{ .ack = true }, 4096, "z");
    try expectEqual(@as(usize, 0), b.ahead.count);
    forgeData(pair, edge -% 1, una, .{ .ack = true }, 4096, "yz");
    try expectEqual(@as(usize, 1), b.ahead.count);
    try expectEqual(next +% 5, b.rcv_nxt);
}

test "a number in front of the window or behind its edge is asked about once, and changes nothing" {
    const cases = [_]struct { i64, bool }{ .{ -1, false }, .{ 0, true } };
    for (cases) |case| {
        const world = try World.create(36, .{});
        defer world.destroy();
        const pair = try unheard(world, 100);
        const b = pair.end(1);
        const una = b.snd_una;
        const at: u32 = b.rcv_nxt +% @as(u32, @bitCast(@as(i32, @intCast(case[0]))));
        forge(pair, at, una +% 100, .{ .ack = true });
        try expectEqual(if (case[1]) una +% 100 else una, b.snd_una);
    }
    const world = try World.create(37, .{});
    defer world.destroy();
    const pair = try unheard(world, 100);
    const b = pair.end(1);
    forge(pair, b.rcv_edge +% 1, b.snd_una +% 100, .{ .ack = true });
    try expectEqual(b.snd_max -% 100, b.snd_una);
    forge(pair, b.rcv_edge, b.snd_una +% 100, .{ .ack = true });
    try expectEqual(b.snd_max, b.snd_una);
}

test "a reset at the next number alone ends; within the window it is asked about" {
    for ([_]struct { u32, bool }{ .{ 0, true }, .{ 1, false } }) |case| {
        const world = try World.create(38, .{});
        defer world.destroy();
        const pair = try Pair.open(world);
        forge(pair, pair.end(1).rcv_nxt +% case[0], 0, .{ .rst = true });
        const is_closed = pair.end(1).state == .closed;
        try expectEqual(case[1], is_closed);
    }
}

test "the numbers on the wire are those that are assigned" {
    const packet = @import("packet.zig");
    try expectEqual(1, packet.Protocol.icmp);
    try expectEqual(6, packet.Protocol.tcp);
    try expectEqual(17, packet.Protocol.udp);
    try expectEqual(0x0800, packet.EtherType.ipv4);
    try expectEqual(0x0806, packet.EtherType.arp);
}

test "the first segment is acknowledged a little later, the second at once" {
    const world = try World.create(39, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    world.pump();
    const b = pair.end(1);
    const next = b.rcv_nxt;
    for (0..2) |turn| {
        const at = next +% @as(u32, @intCast(2 * turn));
        forgeData(pair, at, b.snd_una, .{ .ack = true }, 4096, "x");
        try expect(!b.ack_now);
        forgeData(pair, at +% 1, b.snd_una, .{ .ack = true }, 4096, "y");
        try expect(b.ack_now);
        world.is_cut = true;
        world.pump();
        try expect(!b.ack_now);
    }
}
