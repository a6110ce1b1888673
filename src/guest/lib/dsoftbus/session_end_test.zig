//! What a session leaves in memory when it ends, at whichever step: no key, no plaintext; and that
//! its place can be used again.

const std = @import("std");
const testing = std.testing;
const noise = @import("noise");
const session = @import("session.zig");
const Session = session.Session;
const Id = @import("id.zig").Id;

const secret_text = "\x01attack at dawn, says nobody else";

fn key(seed: u8) noise.KeyPair {
    return noise.KeyPair.fromSecret(@splat(seed)) catch unreachable;
}

var a: Session = undefined;
var b: Session = undefined;

fn begin() !void {
    const id_a = try Id.from("node-a");
    const id_b = try Id.from("node-b");
    const options: session.Options = .{
        .id = &id_a,
        .static = key(0xA1),
        .ephemeral = key(0xA2),
        .now_ns = 0,
    };
    try a.dial(options, key(0xB1).public);
    b.accept(.{ .id = &id_b, .static = key(0xB1), .ephemeral = key(0xB2), .now_ns = 0 });
}

fn carry(from: *Session, to: *Session) void {
    while (from.output().len != 0) {
        from.takeOutput(to.feed(from.output()));
        while (to.take(0)) |_| {}
    }
}

/// Go so many steps: the messages of the handshake, then readiness, then a frame that was opened.
fn go(steps: usize) !void {
    try begin();
    if (steps >= 1) carry(&a, &b);
    if (steps >= 2) carry(&b, &a);
    if (steps >= 3) try a.admit(0);
    if (steps >= 4) carry(&a, &b);
    if (steps >= 5) try b.admit(0);
    if (steps >= 6) {
        while (b.take(0)) |_| {}
        carry(&b, &a);
        try testing.expectEqual(.ready, a.state);
    }
    if (steps >= 7) {
        try a.send(secret_text);
        try b.send(secret_text);
        carry(&a, &b);
        carry(&b, &a);
    }
}

/// The session's secrets as they are now: chaining key, keys of ciphers, private keys.
fn secretsOf(s: *const Session, out: *[6][32]u8) [][32]u8 {
    var count: usize = 0;
    const handshake = &s.handshake;
    const is_joined = s.state == .confirming or s.state == .ready;
    const maybe = [_]?[32]u8{
        handshake.s.secret,
        handshake.e.secret,
        // Before the first key is mixed in, it is the public hash of the protocol's name.
        if (handshake.symmetric.cipher.k != null) handshake.symmetric.ck else null,
        handshake.symmetric.cipher.k,
        if (is_joined) s.transport.sending.k else null,
        if (is_joined) s.transport.receiving.k else null,
    };
    for (maybe) |each| if (each) |secret| {
        if (std.mem.allEqual(u8, &secret, 0)) continue;
        out[count] = secret;
        count += 1;
    };
    return out[0..count];
}

fn expectWithout(s: *const Session, secrets: []const [32]u8) !void {
    const memory = std.mem.asBytes(s);
    for (secrets) |*secret| try testing.expectEqual(null, std.mem.indexOf(u8, memory, secret));
    try testing.expectEqual(null, std.mem.indexOf(u8, memory, secret_text[1..]));
}

test "whatever step a session ends at, its memory holds no key and no plaintext" {
    var seen: usize = 0;
    for (0..8) |steps| {
        try go(steps);
        for ([_]*Session{ &a, &b }) |end| {
            var room: [6][32]u8 = undefined;
            const secrets = secretsOf(end, &room);
            try testing.expect(secrets.len >= 2);
            seen = @max(seen, secrets.len);
            end.close();
            try testing.expectEqual(.closed, end.state);
            try expectWithout(end, secrets);
        }
    }
    try testing.expect(seen >= 3);
}

test "once a session is ready, what the handshake was made of is gone" {
    try go(4);
    var room: [6][32]u8 = undefined;
    const secrets = secretsOf(&b, &room);
    try testing.expect(secrets.len >= 4);
    try go(7);
    for ([_]*Session{ &a, &b }) |end| {
        for ([_]u8{ 0xA1, 0xA2, 0xB1, 0xB2 }) |seed| {
            const secret = key(seed).secret;
            try testing.expectEqual(null, std.mem.indexOf(u8, std.mem.asBytes(end), &secret));
        }
        for (secrets) |*secret| {
            try testing.expectEqual(null, std.mem.indexOf(u8, std.mem.asBytes(end), secret));
        }
    }
}

test "a session that is refused, lost or late forgets as much as one that is closed" {
    const Way = enum { damaged, oversized, late, silent };
    for (std.enums.values(Way)) |way| {
        try go(7);
        if (way == .late) try go(2);
        var room: [6][32]u8 = undefined;
        const secrets = secretsOf(&a, &room);
        switch (way) {
            .damaged => _ = a.feed(&([_]u8{ 0, 32 } ++ [_]u8{7} ** 32)),
            .oversized => _ = a.feed(&.{ 0xFF, 0xFF }),
            .late => _ = a.tick(session.handshake_ns).?.refused,
            .silent => _ = a.tick(session.lost_ns).?.refused,
        }
        while (a.take(0)) |_| {}
        try testing.expectEqual(.closed, a.state);
        try expectWithout(&a, secrets);
    }
}

test "a closed session sends, takes and says nothing, and its place can be used again" {
    try go(7);
    _ = a.feed("half of a message");
    a.close();
    try testing.expectError(error.NotReady, a.send(secret_text));
    try testing.expectError(error.NotReady, a.request(1, "x", 5));
    try testing.expectError(error.NotReady, a.admit(0));
    try testing.expectEqual(3, a.feed("abc"));
    try testing.expectEqual(null, a.take(0));
    try testing.expectEqual(null, a.tick(std.math.maxInt(u64)));
    try testing.expectEqual(std.math.maxInt(u64), a.deadline());
    try go(7);
    try testing.expectEqual(.ready, a.state);
    try testing.expectEqual(.ready, b.state);
}

test "timers: an instant before, at, and after" {
    const Case = struct { steps: usize, due: u64 };
    const cases = [_]Case{
        .{ .steps = 0, .due = session.handshake_ns },
        .{ .steps = 2, .due = session.handshake_ns },
        .{ .steps = 3, .due = session.handshake_ns },
        .{ .steps = 6, .due = session.lost_ns },
    };
    for (cases) |case| for ([_]u64{ 0, 1, 2 }) |more| {
        try go(case.steps);
        const event = a.tick(case.due - 1 + more);
        try testing.expectEqual(more > 0, event != null);
        if (event) |each| try testing.expectEqual(.timeout, each.refused);
    };
    try go(6);
    const before = a.output().len;
    _ = a.tick(session.ping_ns - 1);
    try testing.expectEqual(before, a.output().len);
    try testing.expectEqual(session.ping_ns, a.deadline());
    _ = a.tick(session.ping_ns);
    const once = a.output().len;
    try testing.expect(once > before);
    _ = a.tick(session.ping_ns);
    _ = a.tick(2 * session.ping_ns - 1);
    try testing.expectEqual(once, a.output().len);
    _ = a.tick(2 * session.ping_ns);
    try testing.expect(a.output().len > once);
}
