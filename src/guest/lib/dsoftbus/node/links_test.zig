//! Connections of a node by hand: a peer that knows no streams, and how much of a connection a turn
//! serves.

const std = @import("std");
const testing = std.testing;
const frames = @import("../frames.zig");
const front = @import("wire").front;
const session = @import("../session.zig");
const ms = std.time.ns_per_ms;
const common = @import("links_scene.zig");
const resolve = common.resolve;
const good = common.good;
const hand = &common.hand;
const ask = common.ask;
const reply = common.reply;
const expectResponse = common.expectResponse;
const expectSilent = common.expectSilent;

test "a session comes about from either side's dial, and is reported once" {
    for ([_]bool{ false, true }) |is_dialling| {
        try hand.join(.{ .is_dialling = is_dialling });
        try testing.expectEqual(1, hand.printed("session ok node-b"));
        const waits = hand.printed("accept wait");
        try testing.expectEqual(@intFromBool(!is_dialling), waits);
        try testing.expectEqual(@intFromBool(is_dialling), hand.printed("dial start"));
        const line = hand.node.lines.readyFor(0).?;
        try testing.expectEqual(is_dialling, line.twin().is_ours);
        try testing.expectEqual(hand.now_ns, line.ready_ns);
        // What comes next is awaited, once, with all the room there is.
        try testing.expectEqual(session.wire_bytes_max, hand.slot().awaited.?.len);
        try testing.expectEqual(line.serial, hand.slot().awaited.?.token);
        try testing.expect(!hand.node.isHot());
    }
}

test "a peer without streams is answered before its next request is read" {
    try hand.join(.{});
    try ask(1, resolve, 70, 300);
    const first = hand.outside.takeAsk().?;
    try testing.expectEqual(.samgrd, first.service);
    try testing.expectEqualStrings(resolve, first.request());
    try testing.expectEqual(hand.now_ns + 300 * ms, hand.node.calls.deadline());
    try ask(1, resolve, 71, 5000);
    try testing.expectEqual(null, hand.outside.takeAsk());
    try expectSilent();
    try testing.expect(!hand.node.isHot());
    try reply(first, good);
    try expectResponse(.ok, 70, good);
    try expectSilent();
    const second = hand.outside.takeAsk().?;
    // No call has longer than two seconds, whatever it asks for.
    try testing.expectEqual(hand.now_ns + 2000 * ms, hand.node.calls.deadline());
    try reply(second, good);
    try expectResponse(.ok, 71, good);
    try testing.expectEqual(2, hand.printed("remote proxy ok (peer=node-b service=samgrd)"));
    try testing.expectEqual(1, hand.printed("remote proxy rx"));
    try testing.expectEqual(1, hand.printed("remote proxy up"));
    try testing.expectEqual(2, hand.recorded("outcome=ok peer=node-b service=samgrd"));
    try testing.expectEqual(0, hand.node.calls.count(null, null));
}

test "while a call is under way what comes next is awaited a little later" {
    try hand.join(.{});
    try ask(1, resolve, 70, 300);
    const line = hand.node.lines.readyFor(0).?;
    try testing.expectEqual(null, hand.slot().awaited);
    const at = hand.now_ns + ms / 2;
    // A frame that waits unread asks for nothing by itself; its connection does when it is served.
    if (line.await_ns != std.math.maxInt(u64)) try testing.expectEqual(at, line.await_ns);
    try reply(hand.outside.takeAsk().?, good);
    hand.pass(ms / 2);
    try testing.expect(hand.slot().awaited != null);
}

test "a call whose time is over has failed, and its late answer is dropped" {
    try hand.join(.{});
    try ask(1, resolve, 70, 300);
    const asked = hand.outside.takeAsk().?;
    hand.pass(300 * ms - 1);
    try hand.carry();
    try expectSilent();
    hand.pass(1);
    try hand.carry();
    try expectResponse(.failed, 70, "");
    try testing.expectEqual(1, hand.recorded("outcome=failed peer=node-b service=samgrd"));
    // Its place is taken until the service has answered.
    try testing.expectEqual(1, hand.node.calls.count(0, 1));
    try testing.expect(hand.node.awaits(.samgrd, asked.ticket));
    try reply(asked, good);
    try expectSilent();
    try testing.expectEqual(0, hand.node.calls.count(null, null));
    try testing.expect(!hand.node.awaits(.samgrd, asked.ticket));
    try testing.expectEqual(0, hand.printed("remote proxy ok"));
}

test "a peer that must wait for its answer holds up no other connection" {
    try hand.join(.{});
    try ask(1, resolve, 70, 300);
    try testing.expect(hand.outside.takeAsk() != null);
    const waiting = hand.socket;
    hand.arrive();
    try testing.expect(!hand.node.isHot());
    // What the first has said waits; what the second has said does not.
    hand.node.lines.all[0].busy = true;
    try testing.expect(!hand.node.isHot());
    hand.node.lines.all[1].busy = true;
    try testing.expect(hand.node.isHot());
    hand.node.onData(hand.slot().awaited.?.token, "GET / HTTP/1.1\r\n\r\n");
    hand.run();
    try testing.expectEqual(.closed, hand.slot().ending);
    try testing.expectEqual(.none, hand.outside.sockets[waiting].ending);
}

test "what is denied is answered at once" {
    try hand.join(.{});
    try ask(1, "SM\x01\x02", 70, 300);
    try expectResponse(.refused, 70, "");
    try ask(9, resolve, 71, 300);
    try expectResponse(.refused, 71, "");
    try testing.expectEqual(1, hand.printed("remote proxy denied (service=samgrd)"));
    try testing.expectEqual(2, hand.recorded("denied-service peer=node-b"));
    // Bytes without the shape of a request are answered under their number, if they have one.
    try hand.peer.send("\x01\x01\x01\x00" ++ "\x07\x00\x00\x00\x00\x00\x00\x00");
    try hand.carry();
    try expectResponse(.refused, 7, "");
    try hand.peer.send("\x05");
    try hand.carry();
    try expectResponse(.refused, 0, "");
    try testing.expectEqual(2, hand.recorded("denied-malformed peer=node-b"));
    try testing.expectEqual(null, hand.outside.takeAsk());
}

test "a service without room, or one that is not there, is an answer at once" {
    try hand.join(.{});
    hand.outside.verdict = .full;
    try ask(1, resolve, 70, 300);
    try expectResponse(.busy, 70, "");
    try testing.expectEqual(1, hand.recorded("denied-busy peer=node-b service=samgrd"));
    hand.outside.verdict = .absent;
    try ask(1, resolve, 71, 300);
    try expectResponse(.failed, 71, "");
    try testing.expectEqual(1, hand.recorded("outcome=failed peer=node-b service=samgrd"));
    try testing.expectEqual(0, hand.node.calls.count(null, null));
}

test "the node asks a peer without streams once it has said a word, in a frame" {
    try hand.join(.{});
    var buffer: [front.request_bytes_max]u8 = undefined;
    const client: @import("edge.zig").Client = .{ .slot = 3, .sequence = 9 };
    const request = try front.encodeRequestTo(&buffer, "node-b", .{ .resolve = "samgrd" });
    hand.node.onRequest(client, request);
    try hand.carry();
    // Streams were offered, and nothing is asked before the peer has shown what it knows.
    while (hand.heard()) |frame| try testing.expect(frame[0] >= 0x10);
    try ask(1, resolve, 70, 300);
    const asked = try frames.decodeRequest(hand.heard() orelse return error.Silent);
    try testing.expectEqual(1, asked.service);
    try testing.expectEqualStrings(resolve, asked.payload);
    try testing.expectEqual(1, @as(u32, @truncate(asked.correlation)));
    try testing.expectEqual(hand.node.call_epoch, asked.correlation >> 32);
    try testing.expectEqual(1000, asked.deadline_ms);
    // An answer under another number has no receiver.
    for ([_]u64{ asked.correlation + 1, asked.correlation }) |correlation| {
        try testing.expectEqual(0, hand.outside.answers);
        var out: [frames.response_head + frames.response_payload_max]u8 = undefined;
        try hand.peer.send(try frames.encodeResponse(&out, .{
            .status = .ok,
            .correlation = correlation,
            .payload = good,
        }));
        try reply(hand.outside.takeAsk() orelse .{
            .service = .samgrd,
            .ticket = 0,
            .len = 0,
            .bytes = undefined,
        }, good);
    }
    try testing.expectEqual(1, hand.outside.answers);
    try testing.expectEqual(0, hand.outside.said[4]);
}

test "a connection that takes nothing keeps its bytes, and goes on when it takes them again" {
    try hand.join(.{});
    hand.slot().takes = 0;
    try ask(1, resolve, 70, 300);
    try reply(hand.outside.takeAsk().?, good);
    try expectSilent();
    try testing.expect(!hand.node.isHot());
    try testing.expectEqual(0, hand.printed("remote proxy ok"));
    hand.slot().takes = 1 << 20;
    hand.run();
    hand.node.onSocket(hand.socket, .{ .writable = true });
    try testing.expect(hand.node.isHot());
    try hand.carry();
    try expectResponse(.ok, 70, good);
    try testing.expectEqual(1, hand.printed("remote proxy ok"));
    // That something else came true of it is nothing to write for.
    hand.node.onSocket(hand.socket, .{});
    try testing.expect(!hand.node.isHot());
}

test "a turn makes four writes on a connection, and the next turn four more" {
    try hand.join(.{});
    try ask(1, resolve, 70, 300);
    const asked = hand.outside.takeAsk().?;
    hand.slot().takes = 4;
    hand.slot().writes = 0;
    var bytes: [good.len]u8 = good.*;
    hand.node.onReply(asked.service, asked.ticket, &bytes);
    const all = 2 + frames.response_head + good.len + 16;
    for (1..all / 16 + 1) |turns| {
        hand.turn();
        try testing.expectEqual(4 * turns, hand.slot().writes);
        try testing.expectEqual(16 * turns, hand.slot().len);
        try testing.expectEqual(all > 16 * turns, hand.node.isHot());
    }
    try hand.carry();
    try expectResponse(.ok, 70, good);
}

test "a connection that fails while it is written to is lost, and aborted" {
    try hand.join(.{});
    try ask(1, resolve, 70, 300);
    const asked = hand.outside.takeAsk().?;
    hand.slot().is_failed = true;
    var bytes: [good.len]u8 = good.*;
    hand.node.onReply(asked.service, asked.ticket, &bytes);
    hand.run();
    try testing.expectEqual(.aborted, hand.slot().ending);
    try testing.expectEqual(1, hand.printed("session lost peer=node-b"));
    try testing.expectEqual(null, hand.node.lines.readyFor(0));
    try testing.expectEqual(0, hand.node.lines.used().len);
    try testing.expectEqual(0, hand.node.calls.count(null, null));
}

test "a connection of which nothing more can be awaited is lost" {
    try hand.begin(.{});
    hand.outside.may_await = false;
    hand.arrive();
    try testing.expectEqual(.aborted, hand.slot().ending);
    try testing.expectEqual(0, hand.node.lines.used().len);
}
