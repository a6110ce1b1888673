//! Connections of a node by hand: how each ends, which makes room, and what a stranger may do.

const std = @import("std");
const testing = std.testing;
const frames = @import("../frames.zig");
const session = @import("../session.zig");
const ms = std.time.ns_per_ms;
const common = @import("links_scene.zig");
const resolve = common.resolve;
const good = common.good;
const hand = &common.hand;
const ask = common.ask;
const reply = common.reply;

test "how what was awaited came decides how a connection ends" {
    const Case = struct { data: ?[]const u8, is_aborted: bool };
    const long: [session.wire_bytes_max + 1]u8 = @splat(0);
    for ([_]Case{
        .{ .data = null, .is_aborted = true },
        .{ .data = "", .is_aborted = false },
        .{ .data = &long, .is_aborted = false },
    }) |case| {
        try hand.join(.{});
        const token = hand.slot().awaited.?.token;
        // Of another connection nothing was awaited here.
        hand.node.onData(token + 1, case.data);
        try testing.expectEqual(.none, hand.slot().ending);
        hand.node.onData(token, case.data);
        const how = hand.slot().ending;
        if (case.is_aborted) {
            try testing.expectEqual(.aborted, how);
        } else try testing.expectEqual(.closed, how);
        try testing.expectEqual(1, hand.printed("session lost peer=node-b"));
        hand.node.onData(token, "late");
        hand.run();
        try testing.expectEqual(0, hand.node.lines.used().len);
    }
}

test "of many that connect at once four are accepted in a turn" {
    try hand.begin(.{});
    hand.outside.arriving = 6;
    hand.node.onListener();
    hand.turn();
    try testing.expectEqual(2, hand.outside.arriving);
    try testing.expect(hand.node.isHot());
    hand.turn();
    try testing.expectEqual(0, hand.outside.arriving);
    hand.run();
    try testing.expect(!hand.node.is_accepting);
    try testing.expectEqual(6, hand.node.lines.used().len);
    // Each waits for what its stranger says first.
    for (hand.outside.sockets[0..6]) |*socket| try testing.expectEqual(1, socket.awaits);
}

test "a ninth stranger takes the place of the oldest, which is counted" {
    try hand.begin(.{});
    for (0..8) |n| {
        hand.outside.arriving_ip = .{ 10, 42, 0, @intCast(100 + n) };
        hand.now_ns += 1;
        hand.arrive();
    }
    try testing.expectEqual(8, hand.node.lines.used().len);
    hand.outside.arriving_ip = .{ 10, 42, 0, 108 };
    hand.arrive();
    try testing.expectEqual(.aborted, hand.outside.sockets[0].ending);
    for (1..9) |n| try testing.expectEqual(.none, hand.outside.sockets[n].ending);
    try testing.expectEqual(8, hand.node.lines.used().len);
    hand.pass(10_000 * ms);
    try testing.expectEqual(1, hand.recorded(
        "audit strangers source=10.42.0.100 refused=0 evicted=1 timeout=0 ms=10000",
    ));
    // The others did not finish in their time; one of these nine sources has no place of its own.
    for ([_]u8{ 101, 102, 103, 104, 105, 106, 108 }) |last| {
        var buffer: [64]u8 = undefined;
        const text = try std.fmt.bufPrint(
            &buffer,
            "source=10.42.0.{d} refused=0 evicted=0 timeout=1",
            .{last},
        );
        try testing.expectEqual(1, hand.recorded(text));
    }
    // A ninth record waits for no confirmation: it is on the console alone.
    try testing.expectEqual(0, hand.recorded("source=*"));
    try testing.expect(hand.printed("source=* refused=0 evicted=0 timeout=1") > 0);
}

test "a stranger that says nothing has two seconds, one that says nonsense has none" {
    try hand.begin(.{});
    hand.arrive();
    hand.pass(2000 * ms - 1);
    try testing.expectEqual(.none, hand.slot().ending);
    hand.pass(1);
    try testing.expectEqual(.closed, hand.slot().ending);
    try testing.expectEqual(0, hand.recorded("denied"));
    hand.arrive();
    hand.node.onData(hand.slot().awaited.?.token, "GET / HTTP/1.1\r\n\r\n");
    hand.run();
    try testing.expectEqual(.closed, hand.slot().ending);
    try testing.expectEqual(1, hand.recorded("outcome=denied-unauthenticated peer=- service=-"));
    try testing.expectEqual(1, hand.printed("remote proxy denied (unauthenticated)"));
    try testing.expectEqual(0, hand.printed("session lost"));
}

test "a peer that was not heard yet waits for its announce, as long as a handshake may take" {
    try hand.begin(.{ .is_announced = false });
    try hand.dial();
    try hand.carry();
    try testing.expect(!hand.is_ready);
    try hand.announceIt();
    try hand.carry();
    try testing.expect(hand.is_ready);
    try testing.expectEqual(1, hand.printed("session ok node-b"));
    // One that is never announced is refused under the name that it claims.
    try hand.begin(.{ .is_announced = false });
    try hand.dial();
    try hand.carry();
    hand.pass(2000 * ms - 1);
    try testing.expectEqual(0, hand.recorded("denied"));
    hand.pass(1);
    try testing.expectEqual(1, hand.recorded("outcome=denied-unauthenticated peer=node-b"));
    try testing.expectEqual(1, hand.printed("identity mismatch peer=node-b"));
    try testing.expectEqual(.closed, hand.slot().ending);
    try testing.expectEqual(0, hand.node.lines.used().len);
}

test "a connection that does not come about is given up, and dialled again after its pause" {
    for ([_]bool{ false, true }) |has_failed| {
        try hand.begin(.{ .is_dialling = true });
        try testing.expectEqual(1, hand.outside.used);
        hand.socket = 0;
        if (has_failed) {
            hand.node.onSocket(0, .{});
            try testing.expectEqual(.none, hand.slot().ending);
            hand.node.onSocket(0, .{ .failed = true });
        } else {
            hand.pass(2000 * ms - 1);
            try testing.expectEqual(.none, hand.slot().ending);
            hand.pass(1);
        }
        try testing.expectEqual(.aborted, hand.slot().ending);
        hand.pass(250 * ms - 1);
        try testing.expectEqual(1, hand.outside.used);
        hand.pass(1);
        try testing.expectEqual(2, hand.outside.used);
        // The line is said once.
        try testing.expectEqual(1, hand.printed("dial start"));
        try testing.expectEqual(0, hand.printed("session lost"));
    }
}

test "without entropy no handshake begins, on neither side" {
    try hand.begin(.{ .is_dialling = true });
    hand.outside.has_entropy = false;
    hand.socket = 0;
    hand.node.onSocket(0, .{ .connected = true });
    try testing.expectEqual(.aborted, hand.slot().ending);
    try testing.expectEqual(0, hand.slot().len);
    try hand.begin(.{});
    try hand.dial();
    hand.outside.has_entropy = false;
    try hand.carry();
    try testing.expectEqual(.aborted, hand.slot().ending);
}

test "a newer session of a peer takes the place of the older one, which says no loss" {
    try hand.join(.{});
    const first = hand.socket;
    hand.is_ready = false;
    try hand.dial();
    try hand.carry();
    try testing.expect(hand.is_ready);
    try testing.expectEqual(.closed, hand.outside.sockets[first].ending);
    try testing.expectEqual(hand.socket, hand.node.lines.readyFor(0).?.socket);
    try testing.expectEqual(0, hand.printed("session lost"));
    try testing.expectEqual(2, hand.printed("session ok node-b"));
}

test "a peer that is silent is pinged after a second, and lost after three" {
    try hand.join(.{});
    try testing.expectEqual(0, hand.slot().len);
    hand.pass(1000 * ms - 1);
    try testing.expectEqual(0, hand.slot().len);
    hand.pass(1);
    try testing.expectEqual(2 + frames.ping_bytes + 16, hand.slot().len);
    hand.pass(2000 * ms - 1);
    try testing.expectEqual(.none, hand.slot().ending);
    hand.pass(1);
    try testing.expectEqual(.closed, hand.slot().ending);
    try testing.expectEqual(1, hand.printed("session lost peer=node-b"));
}

test "what cannot be decrypted ends a session, with a record under its peer" {
    try hand.join(.{});
    var bytes: [2 + 16 + 9]u8 = @splat(1);
    bytes[0] = 0;
    bytes[1] = 16 + 9;
    hand.node.onData(hand.slot().awaited.?.token, &bytes);
    hand.run();
    try testing.expectEqual(.closed, hand.slot().ending);
    try testing.expectEqual(1, hand.recorded("outcome=denied-decrypt peer=node-b"));
    try testing.expectEqual(1, hand.printed("session lost peer=node-b"));
    try hand.join(.{});
    bytes[0] = 0xFF;
    hand.node.onData(hand.slot().awaited.?.token, &bytes);
    hand.run();
    try testing.expectEqual(.closed, hand.slot().ending);
    try testing.expectEqual(1, hand.recorded("outcome=denied-oversized peer=node-b"));
}

test "frames of streams that make no sense end a session, under the label of their reason" {
    try hand.join(.{});
    try hand.peer.send("\x10\x01\x10\x00\x00\x04\x00\x00\x00\x10\x00\x00");
    try hand.carry();
    try testing.expectEqual(.none, hand.slot().ending);
    try hand.peer.send("\x13\x09\x00\x00\x00x");
    try hand.carry();
    try testing.expectEqual(.closed, hand.slot().ending);
    const record = "outcome=mux.reject.unknown_stream_frame peer=node-b";
    try testing.expectEqual(1, hand.recorded(record));
    try testing.expectEqual(1, hand.printed("mux rejected peer=node-b"));
    try testing.expectEqual(1, hand.printed("session lost peer=node-b"));
}

test "the answer to a call of a lost session has no receiver, and frees its place" {
    try hand.join(.{});
    try ask(1, resolve, 70, 300);
    const asked = hand.outside.takeAsk().?;
    hand.node.onData(hand.node.lines.readyFor(0).?.serial, null);
    hand.run();
    try testing.expectEqual(1, hand.node.calls.count(0, 1));
    try testing.expectEqual(hand.now_ns + 300 * ms, hand.node.calls.deadline());
    hand.socket = 0;
    try hand.dial();
    try hand.carry();
    try reply(asked, good);
    while (hand.heard()) |frame| try testing.expect(frame[0] >= 0x10);
    try testing.expectEqual(0, hand.node.calls.count(null, null));
    try testing.expectEqual(1, hand.recorded("outcome=ok peer=node-b service=samgrd"));
}
