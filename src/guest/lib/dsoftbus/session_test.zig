//! Two sessions joined in memory, and an attacker in the place of either.

const std = @import("std");
const noise = @import("noise");
const frames = @import("frames.zig");
const session = @import("session.zig");
const Session = session.Session;
const Event = session.Event;
const Refusal = session.Refusal;
const Id = @import("id.zig").Id;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

fn key(seed: u8) noise.KeyPair {
    return noise.KeyPair.fromSecret(@splat(seed)) catch unreachable;
}

/// Node A (key 1) dials node B (key 3).
const Two = struct {
    a: Session,
    b: Session,
    now_ns: u64 = 0,

    fn init(self: *Two) !void {
        const id_a = try Id.from("node-a");
        const id_b = try Id.from("node-b");
        try self.a.dial(
            .{ .id = &id_a, .static = key(1), .ephemeral = key(2), .now_ns = 0 },
            key(3).public,
        );
        self.b.accept(.{ .id = &id_b, .static = key(3), .ephemeral = key(4), .now_ns = 0 });
        self.now_ns = 0;
    }

    /// Carry the output of `from` to `to`, `chunk` bytes at a time; the last event wins.
    fn carry(self: *Two, from: *Session, to: *Session, chunk: usize) ?Event {
        var last: ?Event = null;
        while (from.output().len != 0) {
            const bytes = from.output()[0..@min(chunk, from.output().len)];
            const taken = to.feed(bytes);
            from.takeOutput(taken);
            while (to.take(self.now_ns)) |event| last = event;
        }
        return last;
    }

    fn connect(self: *Two, chunk: usize) !void {
        try self.init();
        try expectEqual(@as(?Event, null), self.carry(&self.a, &self.b, chunk));
        const b_at_a = self.carry(&self.b, &self.a, chunk).?.proven;
        try expect(b_at_a.claimed.eql("node-b"));
        try expectEqual(key(3).public, b_at_a.key);
        try self.a.admit(self.now_ns);
        const a_at_b = self.carry(&self.a, &self.b, chunk).?.proven;
        try expect(a_at_b.claimed.eql("node-a"));
        try expectEqual(key(1).public, a_at_b.key);
        try expectEqual(session.State.confirming, self.a.state);
        try self.b.admit(self.now_ns);
        try expectEqual(Event.ready, self.b.take(self.now_ns).?);
        try expectEqual(@as(?Event, null), self.b.take(self.now_ns)); // answers the ping
        try expectEqual(Event.ready, self.carry(&self.b, &self.a, chunk).?);
    }
};

test "handshake, admission, request and response, whatever the pieces" {
    for ([_]usize{ 1, 2, 3, 47, 50, 4096 }) |chunk| {
        var two: Two = undefined;
        try two.connect(chunk);
        try expectEqual(@as(u64, 1), try two.a.request(1, "SM\x01\x06\x01x", 300));
        try expectEqual(@as(u64, 2), try two.a.request(2, "BN\x01\x01", 300));
        const frame = two.carry(&two.a, &two.b, chunk).?.received;
        const request = try frames.decodeRequest(frame);
        try expectEqual(@as(u64, 2), request.correlation);
        try std.testing.expectEqualStrings("BN\x01\x01", request.payload);
    }
}

test "lengths on the wire are those of the specification" {
    var two: Two = undefined;
    try two.init();
    try expectEqual(@as(usize, 2 + 48), two.a.output().len);
    _ = two.carry(&two.a, &two.b, 4096);
    try expectEqual(@as(usize, 2 + 48 + 6), two.b.output().len);
    _ = two.carry(&two.b, &two.a, 4096);
    try two.a.admit(0);
    try expectEqual(@as(usize, (2 + 64 + 6) + (2 + 16 + 16)), two.a.output().len);
}

test "no frame is sent or delivered before admission" {
    var two: Two = undefined;
    try two.init();
    try std.testing.expectError(error.NotReady, two.a.request(1, "SM\x01\x06\x01x", 300));
    _ = two.carry(&two.a, &two.b, 4096);
    _ = two.carry(&two.b, &two.a, 4096);
    try std.testing.expectError(error.NotReady, two.a.send("x"));
    try two.a.admit(0);
    // The initiator is admitted by itself only: it waits for the responder.
    try std.testing.expectError(error.NotReady, two.a.send("x"));
    try expect(two.carry(&two.a, &two.b, 4096).? == .proven);
    try std.testing.expectError(error.NotReady, two.b.send("x"));
    // The ping behind message 3 waits, undecrypted, until the owner decides.
    try expectEqual(@as(?Event, null), two.b.take(0));
    two.b.close();
    try expectEqual(@as(usize, 0), two.b.output().len);
    try expect(two.a.state == .confirming);
    try expectEqual(Refusal.timeout, two.a.tick(session.handshake_ns).?.refused);
}

fn refusalOf(target: *Session, bytes: []const u8) ?Refusal {
    var rest = bytes;
    while (true) {
        rest = rest[target.feed(rest)..];
        while (target.take(0)) |event| switch (event) {
            .refused => |refusal| return refusal,
            else => {},
        };
        if (rest.len == 0) return null;
    }
}

test "garbage instead of message 1 is refused at its length" {
    const cases = [_][]const u8{ "GET / HTTP\r\n", "\x00\x00", "\x00\x2f", "\x00\x31", "\xff\xff" };
    for (cases) |bytes| {
        var two: Two = undefined;
        try two.init();
        try expectEqual(@as(?Refusal, .unauthenticated), refusalOf(&two.b, bytes));
        try expectEqual(session.State.closed, two.b.state);
        try expectEqual(@as(usize, 0), two.b.output().len);
    }
    var two: Two = undefined;
    try two.init();
    try expectEqual(@as(?Refusal, .unauthenticated), refusalOf(&two.b, "\x00\x30" ++ "x" ** 48));
}

test "a gateway record instead of message 3 is refused, whatever its length" {
    for ([_]usize{ 0, 4, 18 + 6, 64, 65, 70, 128, 129, 274, 1040 }) |len| {
        var two: Two = undefined;
        try two.init();
        _ = two.carry(&two.a, &two.b, 4096);
        var record: [2 + 1040]u8 = @splat(1);
        std.mem.writeInt(u16, record[0..2], @intCast(len), .big);
        const refusal = refusalOf(&two.b, record[0 .. 2 + len]);
        try expectEqual(@as(?Refusal, .unauthenticated), refusal);
    }
}

fn headRefusal(target: *Session, len: u16) ?Refusal {
    return refusalOf(target, &.{ @intCast(len >> 8), @intCast(len & 0xFF) });
}

test "each message of the handshake is judged by its length, before there is any more of it" {
    const Case = struct { u16, ?Refusal };
    const refused: ?Refusal = .unauthenticated;
    var two: Two = undefined;
    for ([_]Case{ .{ 47, refused }, .{ 48, null }, .{ 49, refused } }) |case| {
        try two.init();
        try expectEqual(case[1], headRefusal(&two.b, case[0]));
    }
    for ([_]Case{ .{ 48, refused }, .{ 49, null }, .{ 112, null }, .{ 113, refused } }) |case| {
        try two.init();
        try expectEqual(case[1], headRefusal(&two.a, case[0]));
    }
    for ([_]Case{ .{ 64, refused }, .{ 65, null }, .{ 128, null }, .{ 129, refused } }) |case| {
        try two.init();
        _ = two.carry(&two.a, &two.b, 4096);
        try expectEqual(case[1], headRefusal(&two.b, case[0]));
    }
}

test "a replayed message ends the session" {
    var two: Two = undefined;
    try two.connect(4096);
    _ = try two.a.request(1, "SM\x01\x06\x01x", 300);
    var record: [256]u8 = undefined;
    const wire = two.a.output();
    @memcpy(record[0..wire.len], wire);
    try expect(two.carry(&two.a, &two.b, 4096).? == .received);
    try expectEqual(@as(?Refusal, .decrypt), refusalOf(&two.b, record[0..wire.len]));
    try std.testing.expectError(error.NotReady, two.b.send("x"));
}

test "any damaged message ends the session, any cut one is awaited" {
    var two: Two = undefined;
    try two.connect(4096);
    _ = try two.a.request(1, "SM\x01\x06\x01x", 300);
    const wire = two.a.output();
    for (0..wire.len) |len| {
        var far = two.b;
        try expectEqual(@as(?Refusal, null), refusalOf(&far, wire[0..len]));
        try expect(far.state == .ready);
    }
    for (head_bytes..wire.len) |index| {
        var far = two.b;
        var damaged: [256]u8 = undefined;
        @memcpy(damaged[0..wire.len], wire);
        damaged[index] ^= 1;
        try expectEqual(@as(?Refusal, .decrypt), refusalOf(&far, damaged[0..wire.len]));
    }
}
const head_bytes = 2;

test "a message longer than a session's is refused at its length; the longest one passes" {
    var two: Two = undefined;
    try two.connect(4096);
    var far = two.b;
    try expectEqual(@as(?Refusal, .oversized), refusalOf(&far, "\x04\x11"));
    try std.testing.expectError(error.TooLong, two.a.send(&@as([1025]u8, @splat(9))));
    try two.a.send(&@as([1024]u8, @splat(9)));
    try expectEqual(@as(usize, 1024), two.carry(&two.a, &two.b, 4096).?.received.len);
}

test "keepalive: a ping after a silent second, its pong, loss after three" {
    var two: Two = undefined;
    try two.connect(4096);
    const second = std.time.ns_per_s;
    try expectEqual(second, two.a.deadline());
    try expectEqual(@as(?Event, null), two.a.tick(second - 1));
    try expectEqual(@as(usize, 0), two.a.output().len);
    try expectEqual(@as(?Event, null), two.a.tick(second));
    try expectEqual(@as(usize, 2 + 16 + 16), two.a.output().len);
    two.now_ns = second;
    try expectEqual(@as(?Event, null), two.carry(&two.a, &two.b, 4096));
    try expectEqual(@as(?Event, null), two.carry(&two.b, &two.a, 4096));
    try expectEqual(2 * second, two.a.deadline());
    // From here on nothing arrives any more.
    try expectEqual(@as(?Event, null), two.a.tick(2 * second));
    try expectEqual(@as(?Event, null), two.a.tick(3 * second));
    try expectEqual(4 * second, two.a.deadline());
    try expectEqual(Refusal.timeout, two.a.tick(4 * second).?.refused);
    try expectEqual(@as(?Event, null), two.a.tick(5 * second));
}

test "a peer that never reads cannot make the session produce without end" {
    var two: Two = undefined;
    try two.connect(4096);
    const ping = frames.encodePing(.ping, 1);
    for (0..200) |_| {
        two.a.send(&ping) catch break;
        _ = refusalOfFull(&two.b, two.a.output());
        two.a.out.len = 0;
        if (two.b.in.len == two.b.in.bytes.len) break;
    } else return error.TestUnexpectedResult;
    try expect(two.b.state == .ready);
    try expect(two.b.out.len <= two.b.out.bytes.len);
    // Once the peer reads, everything goes on.
    two.b.takeOutput(two.b.out.len);
    try expectEqual(@as(?Event, null), two.b.take(0));
    try expect(two.b.out.len != 0);
}

/// Feed once, without waiting for room.
fn refusalOfFull(target: *Session, bytes: []const u8) usize {
    const taken = target.feed(bytes);
    while (target.take(0)) |_| {}
    return taken;
}

test "closing overwrites what was secret" {
    var two: Two = undefined;
    try two.connect(4096);
    two.b.close();
    const zero: [32]u8 = @splat(0);
    try expect(two.b.transport.sending.k == null and two.b.transport.receiving.k == null);
    try expect(std.mem.eql(u8, &zero, &two.b.handshake.s.secret));
    try expectEqual(std.math.maxInt(u64), two.b.deadline());
    try expectEqual(@as(?Event, null), two.b.take(0));
}

test "a claimed id that is not text is refused" {
    var two: Two = undefined;
    const bad: Id = .{ .bytes = @splat(0xff), .len = 6 };
    try two.init();
    try two.a.dial(
        .{ .id = &bad, .static = key(1), .ephemeral = key(2), .now_ns = 0 },
        key(3).public,
    );
    _ = two.carry(&two.a, &two.b, 4096);
    _ = two.carry(&two.b, &two.a, 4096);
    try two.a.admit(0);
    try expectEqual(Refusal.unauthenticated, two.carry(&two.a, &two.b, 4096).?.refused);
}
