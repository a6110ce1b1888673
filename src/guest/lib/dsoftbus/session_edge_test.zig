//! A session at its bounds: lengths of messages once it is joined, room for what is said, timers
//! that begin when it is admitted, and what is left to tell when it is closed.

const std = @import("std");
const testing = std.testing;
const noise = @import("noise");
const frames = @import("frames.zig");
const session = @import("session.zig");
const Session = session.Session;
const Id = @import("id.zig").Id;

fn key(seed: u8) noise.KeyPair {
    // A secret of equal bytes has a key.
    return noise.KeyPair.fromSecret(@splat(seed)) catch unreachable;
}

var a: Session = undefined;
var b: Session = undefined;
var buffer: [session.wire_bytes_max]u8 = undefined;

/// Up to the moment at which the responder has proven itself to the initiator.
fn begin(now_ns: u64) !void {
    const id_a = try Id.from("node-a");
    const id_b = try Id.from("node-b");
    const options: session.Options = .{
        .id = &id_a,
        .static = key(0xA1),
        .ephemeral = key(0xA2),
        .now_ns = now_ns,
    };
    try a.dial(options, key(0xB1).public);
    b.accept(.{ .id = &id_b, .static = key(0xB1), .ephemeral = key(0xB2), .now_ns = now_ns });
    try testing.expectEqual(null, carry(&a, &b));
    try testing.expect(carry(&b, &a).? == .proven);
}

/// All that one has said, to the other; what happened last.
fn carry(from: *Session, to: *Session) ?session.Event {
    var last: ?session.Event = null;
    while (from.output().len != 0) {
        from.takeOutput(to.feed(from.output()));
        while (to.take(0)) |event| last = event;
    }
    return last;
}

fn join(now_ns: u64) !void {
    try begin(now_ns);
    try a.admit(now_ns);
    try testing.expect(carry(&a, &b).? == .proven);
    try b.admit(now_ns);
    while (b.take(now_ns)) |_| {}
    while (b.output().len != 0) {
        b.takeOutput(a.feed(b.output()));
        while (a.take(now_ns)) |_| {}
    }
    try testing.expectEqual(.ready, a.state);
    try testing.expectEqual(.ready, b.state);
    try testing.expectEqual(0, a.output().len);
}

fn refusalOf(end: *Session, len: u16) ?session.Refusal {
    _ = end.feed(&.{ @intCast(len >> 8), @intCast(len & 0xFF) });
    return if (end.take(0)) |event| event.refused else null;
}

test "once it is joined each length has its verdict, before there is any more of the message" {
    const Case = struct { len: u16, confirming: ?session.Refusal, ready: ?session.Refusal };
    const longest = session.message_bytes_max;
    for ([_]Case{
        .{ .len = 0, .confirming = .unauthenticated, .ready = .decrypt },
        .{ .len = 15, .confirming = .unauthenticated, .ready = .decrypt },
        .{ .len = 16, .confirming = null, .ready = null },
        .{ .len = longest, .confirming = null, .ready = null },
        .{ .len = longest + 1, .confirming = .unauthenticated, .ready = .oversized },
        .{ .len = 0xFFFF, .confirming = .unauthenticated, .ready = .oversized },
    }) |case| {
        try begin(0);
        try a.admit(0);
        try testing.expectEqual(.confirming, a.state);
        try testing.expectEqual(case.confirming, refusalOf(&a, case.len));
        try join(0);
        try testing.expectEqual(case.ready, refusalOf(&a, case.len));
    }
}

test "a frame is sent where it has room to the byte, and else nothing of it" {
    const frame: [40]u8 = @splat('f');
    const size = 2 + frame.len + 16;
    for ([_]usize{ size - 1, size, size + 1 }) |room| {
        try join(0);
        a.out.len = a.out.bytes.len - room;
        if (room < size) {
            try testing.expectError(error.Backlog, a.send(&frame));
            try testing.expectEqual(a.out.bytes.len - room, a.out.len);
        } else {
            try a.send(&frame);
            try testing.expectEqual(a.out.bytes.len - room + size, a.out.len);
        }
    }
}

test "room for an answer is a message, room for a frame beside it another one" {
    try join(0);
    const one = session.wire_bytes_max;
    const Case = struct { room: usize, can_answer: bool, has_room: bool };
    for ([_]Case{
        .{ .room = 0, .can_answer = false, .has_room = false },
        .{ .room = one - 1, .can_answer = false, .has_room = false },
        .{ .room = one, .can_answer = true, .has_room = false },
        .{ .room = 2 * one - 1, .can_answer = true, .has_room = false },
        .{ .room = 2 * one, .can_answer = true, .has_room = true },
        .{ .room = 3 * one, .can_answer = true, .has_room = true },
    }) |case| {
        a.out.len = a.out.bytes.len - case.room;
        try testing.expectEqual(case.can_answer, a.canAnswer());
        try testing.expectEqual(case.has_room, a.hasRoom());
    }
    try testing.expectEqual(3 * one, a.out.bytes.len);
}

test "a session that is admitted late is as young as its admission" {
    const begun = 7;
    const late = begun + session.handshake_ns - 1;
    try begin(begun);
    try testing.expectEqual(begun + session.handshake_ns, a.deadline());
    try a.admit(late);
    // Confirming, it still has only what is left of the handshake's time.
    try testing.expectEqual(begun + session.handshake_ns, a.deadline());
    try testing.expect(carry(&a, &b).? == .proven);
    try b.admit(late);
    try testing.expectEqual(late + session.ping_ns, b.deadline());
    try testing.expectEqual(null, b.tick(late + session.ping_ns - 1));
    while (b.take(late)) |_| {}
    b.takeOutput(b.output().len);
    try testing.expectEqual(null, b.tick(late + session.ping_ns));
    try testing.expect(b.output().len != 0);
    try testing.expectEqual(null, b.tick(late + session.lost_ns - 1));
    try testing.expectEqual(.timeout, b.tick(late + session.lost_ns).?.refused);
}

test "a session that began late has its whole handshake's time" {
    const begun = 1000 * session.handshake_ns;
    try begin(begun);
    try testing.expectEqual(null, a.tick(begun + session.handshake_ns - 1));
    try testing.expectEqual(.timeout, a.tick(begun + session.handshake_ns).?.refused);
}

test "each ping has a number of its own, and each request that was sent" {
    try join(0);
    // The first ping was that behind the handshake.
    for ([_]u64{ 2, 3, 4 }) |nonce| {
        const before = a.output().len;
        _ = a.tick((nonce - 1) * session.ping_ns / 2 + session.ping_ns);
        a.timers.pinged_ns = 0;
        const message = a.output()[before..];
        try testing.expectEqual(2 + frames.ping_bytes + 16, message.len);
        const ping = try b.transport.decrypt(message[2..], &buffer);
        try testing.expectEqual(nonce, try frames.decodePing(ping));
    }
    a.out.len = a.out.bytes.len;
    try testing.expectError(error.Backlog, a.request(1, "SM", 5));
    a.out.len = 0;
    try testing.expectEqual(1, try a.request(1, "SM", 5));
    try testing.expectError(error.TooLong, a.request(1, &@as([257]u8, @splat(0)), 5));
    try testing.expectEqual(2, try a.request(1, "SM", 5));
}

test "what a session was about to report is not reported once it is closed" {
    // That it is ready.
    try begin(0);
    try a.admit(0);
    try testing.expect(carry(&a, &b).? == .proven);
    try b.admit(0);
    b.close();
    try testing.expectEqual(null, b.take(0));
    // The frame behind that, which is in memory already.
    try begin(0);
    try a.admit(0);
    try testing.expect(carry(&a, &b).? == .proven);
    try b.admit(0);
    try testing.expectEqual(.ready, b.take(0).?);
    try b.send("\x01a frame, before the answer to the ping");
    a.takeOutput(a.output().len);
    _ = a.feed(b.output());
    try testing.expectEqual(.ready, a.take(0).?);
    try testing.expect(a.held != null);
    a.close();
    try testing.expectEqual(null, a.take(0));
    try testing.expectEqual(a.in.bytes.len, a.room());
}

test "a frame behind a ping is there at once: no more bytes will come" {
    try join(0);
    try a.send(&frames.encodePing(.ping, 9));
    try a.send(&frames.encodePing(.pong, 9));
    try a.send("\x01first");
    try a.send("\x01second");
    try testing.expectEqual(a.output().len, b.feed(a.output()));
    try testing.expectEqualStrings("\x01first", b.take(0).?.received);
    try testing.expectEqualStrings("\x01second", b.take(0).?.received);
    try testing.expectEqual(null, b.take(0));
    // Only the ping is answered.
    try testing.expectEqual(2 + frames.ping_bytes + 16, b.output().len);
}
