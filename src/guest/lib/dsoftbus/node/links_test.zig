//! Connections of a node by hand: how much of each a turn serves, what is awaited and when, how
//! each ends, and a peer that knows no streams.

const std = @import("std");
const testing = std.testing;
const frames = @import("../frames.zig");
const front = @import("wire").front;
const fake = @import("hand_fake.zig");
const session = @import("../session.zig");

const ms = std.time.ns_per_ms;
const resolve = "SM\x01\x06\x06samgrd";
const good = "SM\x01\x86\x00" ++ "\x00" ** 8;

var hand: fake.Hand = undefined;

fn ask(service: u8, payload: []const u8, correlation: u64, deadline_ms: u32) !void {
    var buffer: [frames.request_head + frames.request_payload_max]u8 = undefined;
    try hand.peer.send(try frames.encodeRequest(&buffer, .{
        .service = service,
        .correlation = correlation,
        .deadline_ms = deadline_ms,
        .payload = payload,
    }));
    try hand.carry();
}

fn reply(ask_: fake.Ask, bytes: []const u8) !void {
    var buffer: [600]u8 = undefined;
    @memcpy(buffer[0..bytes.len], bytes);
    hand.node.onReply(ask_.service, ask_.ticket, buffer[0..bytes.len]);
    try hand.carry();
}

fn expectResponse(status: frames.Status, correlation: u64, payload: []const u8) !void {
    const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
    try testing.expectEqual(status, response.status);
    try testing.expectEqual(correlation, response.correlation);
    try testing.expectEqualStrings(payload, response.payload);
}

fn expectSilent() !void {
    try testing.expectEqual(null, hand.heard());
}

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
    // An answer under another number is nobody's.
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

test "a call that a session leaves behind is nobody's, and its place is free when it is answered" {
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
