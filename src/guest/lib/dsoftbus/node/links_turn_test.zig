//! Connections of a node by hand: whose handshake has the next step, and when a stream of calls is
//! closed.

const std = @import("std");
const testing = std.testing;
const fake = @import("hand_fake.zig");
const frames = @import("../frames.zig");
const mux = @import("../mux.zig");
const Line = @import("lines.zig").Line;
const common = @import("links_scene.zig");
const good = common.good;
const hand = &common.hand;
const resolve = common.resolve;

fn feed(socket: usize, bytes: []const u8) void {
    const place = &hand.outside.sockets[socket];
    hand.node.onData(place.awaited.?.token, bytes);
    place.awaited = null;
}

/// The number of these connections that have had a step of their handshake. Each goes on at once,
/// with what ends it when it has another step.
fn stepped(lines: []Line) usize {
    var count: usize = 0;
    for (lines) |*line| {
        if (line.state != .open or line.session.handshake.step == 0) continue;
        hand.node.onData(line.serial, "GET / HTTP/1.1\r\n\r\n");
        hand.outside.sockets[line.socket].awaited = null;
        count += 1;
    }
    return count;
}

test "of strangers who all have something to say each has its step in as many turns" {
    for (2..5) |count| {
        try hand.begin(.{});
        for (0..count) |_| try hand.dial();
        for (0..count) |socket| feed(socket, hand.peer.output());
        for (0..count) |turns| {
            hand.turn();
            try testing.expectEqual(turns + 1, stepped(hand.node.lines.all[0..count]));
        }
        hand.run();
        for (hand.outside.sockets[0..count]) |*socket| {
            try testing.expectEqual(.closed, socket.ending);
        }
    }
}

var peer: mux.Mux = undefined;

/// Carry bytes and frames both ways until nothing moves: the last event of the peer's streams.
fn carry() !?mux.Event {
    var out: [mux.own.message_bytes_max]u8 = undefined;
    var last: ?mux.Event = null;
    try hand.carry();
    while (true) {
        if (hand.heard()) |frame| {
            last = try peer.receive(frame) orelse last;
        } else if (peer.nextFrame(&out)) |frame| {
            try hand.peer.send(frame);
            try hand.carry();
        } else return last;
    }
}

test "a stream of calls that its caller has closed is closed behind the last answer" {
    try hand.begin(.{});
    try hand.dial();
    peer.init(.dialler);
    peer.start();
    _ = try carry();
    const id = try peer.open("gateway", 0);
    for ([_]u64{ 70, 71 }) |correlation| {
        var buffer: [frames.request_head + frames.request_payload_max]u8 = undefined;
        const request = try frames.encodeRequest(&buffer, .{
            .service = 1,
            .correlation = correlation,
            .deadline_ms = 300,
            .payload = resolve,
        });
        try testing.expectEqual(request.len, peer.send(id, request));
    }
    try peer.close(id);
    _ = try carry();
    const asked = [_]fake.Ask{ hand.outside.takeAsk().?, hand.outside.takeAsk().? };
    for (asked) |each| {
        // An answer is missing, so the node's half is open.
        try testing.expect(peer.find(id) != null);
        try common.reply(each, good);
        _ = try carry();
    }
    try testing.expectEqual(null, peer.find(id));
    try testing.expectEqual(0, hand.node.calls.count(null, null));
}
