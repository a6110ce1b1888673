//! The client of netstackd, on a stand-in for the kernel: the bytes of each request, and what it
//! makes of answers, good, bad and none. Those that dsoftbusd uses are held there as well.

const std = @import("std");
const os = @import("os");
const os_fake = @import("os_fake");
const sock = @import("root.zig");
const netstack = sock.netstack;
const testing = std.testing;
const Kernel = os_fake.Kernel;

const netstackd = os_fake.route_slot;

/// Behind the status of the next answer, and the status.
var tail: []const u8 = "";
var status: netstack.Status = .ok;
/// What is done to the head of the answer.
var spoil: ?struct { usize, u8 } = null;

fn answer(_: *Kernel, _: os.Slot, request: []const u8) ?[]const u8 {
    const Static = struct {
        var reply: [2048]u8 = undefined;
    };
    const reply = &Static.reply;
    @memcpy(reply[0..3], netstack.magic);
    reply[3] = request[3] | netstack.reply_bit;
    reply[4] = @intFromEnum(status);
    if (spoil) |fault| reply[fault[0]] ^= fault[1];
    @memcpy(reply[5..][0..tail.len], tail);
    return reply[0 .. 5 + tail.len];
}

const World = struct {
    kernel: Kernel = .{ .name = "a", .routes = &.{"netstackd"}, .answer = answer },
    net: sock.Net = undefined,

    fn setUp(self: *World) !void {
        tail = "";
        status = .ok;
        spoil = null;
        self.kernel.install();
        self.net = try .open();
    }

    /// The bytes of the last request.
    fn asked(self: *World) []const u8 {
        const all = self.kernel.sentTo(netstackd);
        return all[all.len - 1].bytes;
    }
};

test "an echo: the round trip, or why there is none" {
    var world: World = .{};
    defer world.kernel.deinit();
    try world.setUp();
    tail = "\x07\x01";
    const ip = [4]u8{ 10, 42, 0, 11 };
    try testing.expectEqual(@as(u16, 0x107), try world.net.ping(ip, 500));
    try testing.expectEqualSlices(u8, "NS\x01\x09\x0a\x2a\x00\x0b\xf4\x01", world.asked());
    status = .timed_out;
    tail = "";
    try testing.expectError(error.TimedOut, world.net.ping(ip, 500));
    // A netstackd that says nothing is waited for as long as the echo may take, and the usual.
    world.kernel.answer = null;
    const before = world.kernel.now_ns;
    try testing.expectError(error.TimedOut, world.net.ping(ip, 500));
    const waited = world.kernel.now_ns - before;
    try testing.expectEqual(os.call_timeout_ns + 500 * std.time.ns_per_ms, waited);
}

test "the node's own addresses are asked for" {
    var world: World = .{};
    defer world.kernel.deinit();
    try world.setUp();
    tail = "\x0a\x2a\x00\x0a\x18";
    const address = try world.net.localAddr();
    try testing.expectEqual([4]u8{ 10, 42, 0, 10 }, address.ip);
    try testing.expectEqual(24, address.prefix);
    try testing.expectEqualSlices(u8, "NS\x01\x0a", world.asked());
    tail = "\x52\x54\x00\x01\x02\x03";
    try testing.expectEqualSlices(u8, tail, &try world.net.mac());
    try testing.expectEqualSlices(u8, "NS\x01\x0e", world.asked());
    tail = tail[0..5];
    try testing.expectError(error.Unexpected, world.net.mac());
}

test "reading: bytes, the end, nothing yet, and lengths that do not fit" {
    var world: World = .{};
    defer world.kernel.deinit();
    try world.setUp();
    var buffer: [4]u8 = undefined;
    tail = "\x03\x00abc";
    try testing.expectEqualStrings("abc", (try world.net.read(5, &buffer)).?);
    try testing.expectEqualSlices(u8, "NS\x01\x04\x05\x00\x00\x00\x04\x00", world.asked());
    tail = "\x04\x00abcd";
    try testing.expectEqualStrings("abcd", (try world.net.read(5, &buffer)).?);
    tail = "\x00\x00";
    try testing.expectEqual(@as(usize, 0), (try world.net.read(5, &buffer)).?.len);
    for ([_][]const u8{ "\x05\x00abcde", "\x04\x00abc", "\x00" }) |bad| {
        tail = bad;
        try testing.expectError(error.Unexpected, world.net.read(5, &buffer));
    }
    tail = "";
    status = .would_block;
    try testing.expectEqual(null, try world.net.read(5, &buffer));
    status = .io;
    try testing.expectError(error.Io, world.net.read(5, &buffer));
}

test "a datagram: as long as one packet, and no byte more" {
    var world: World = .{};
    defer world.kernel.deinit();
    try world.setUp();
    const to: sock.Address = .{ .ip = .{ 10, 42, 0, 11 }, .port = 0x1234 };
    const long: [1473]u8 = @splat('x');
    try world.net.sendTo(5, to, long[0..1472]);
    try testing.expectEqual(@as(usize, 16 + 1472), world.asked().len);
    try testing.expectEqualSlices(u8, "\x0a\x2a\x00\x0b\x34\x12\xc0\x05x", world.asked()[8..17]);
    try testing.expectError(error.TooBig, world.net.sendTo(5, to, &long));
    var buffer: [1600]u8 = undefined;
    tail = "\x02\x00" ++ "\x0a\x2a\x00\x0b" ++ "\x34\x12" ++ "hi";
    const heard = (try world.net.recvFrom(5, &buffer)).?;
    try testing.expect(heard.from.eql(to));
    try testing.expect(!heard.from.eql(.{ .ip = to.ip, .port = 0x1235 }));
    try testing.expect(!heard.from.eql(.{ .ip = .{ 10, 42, 0, 10 }, .port = to.port }));
    try testing.expectEqualStrings("hi", heard.data);
    // No more is asked for than a datagram has.
    try testing.expectEqualSlices(u8, "\xc0\x05", world.asked()[8..10]);
}

test "every status has its own meaning, and bytes that are not an answer have none" {
    var world: World = .{};
    defer world.kernel.deinit();
    try world.setUp();
    const Case = struct { netstack.Status, anyerror };
    for ([_]Case{
        .{ .not_found, error.NotFound },
        .{ .malformed, error.Malformed },
        .{ .would_block, error.WouldBlock },
        .{ .io, error.Io },
        .{ .timed_out, error.TimedOut },
        .{ @enumFromInt(6), error.Unexpected },
    }) |case| {
        status = case[0];
        try testing.expectError(case[1], world.net.close(5));
    }
    status = .ok;
    try world.net.close(5);
    for (0..4) |at| {
        spoil = .{ at, 1 };
        try testing.expectError(error.Unexpected, world.net.close(5));
    }
    spoil = .{ 3, 0x80 };
    try testing.expectError(error.Unexpected, world.net.close(5));
}

fn message(kind: u16, sender: u64, payload: []const u8, buffer: []u8) os.Message {
    @memcpy(buffer[0..payload.len], payload);
    return .{
        .header = .{ .type = kind },
        .sender = sender,
        .payload = buffer[0..payload.len],
        .moved = null,
    };
}

const itself = os.serviceId("netstackd");
const late = "NS\x01\x8f\x00" ++ "\x02\x00hi" ++ "\x09\x00\x00\x00\x00\x00\x00\x01";

test "what was asked for and comes late, from netstackd alone" {
    var buffer: [64]u8 = undefined;
    const kind = netstack.later_type;
    const found = sock.lateOf(message(kind, itself, late, &buffer)).?;
    try testing.expectEqual(@as(u64, 0x0100_0000_0000_0009), found.token);
    try testing.expectEqualStrings("hi", found.data.?);
    try testing.expectEqual(null, sock.lateOf(message(kind + 1, itself, late, &buffer)));
    try testing.expectEqual(null, sock.lateOf(message(kind, itself + 1, late, &buffer)));
    try testing.expectEqual(null, sock.lateOf(message(kind, itself, late[0..12], &buffer)));
    // Thirteen bytes say that it failed, and for which socket.
    const failed = "NS\x01\x8f\x04" ++ "\x09\x00\x00\x00\x00\x00\x00\x00";
    const none = sock.lateOf(message(kind, itself, failed, &buffer)).?;
    try testing.expectEqual(@as(u64, 9), none.token);
    try testing.expectEqual(null, none.data);
    // A length that is not that of the data: this is not an answer.
    const short = "NS\x01\x8f\x00" ++ "\x03\x00hi" ++ "\x09\x00\x00\x00\x00\x00\x00\x00";
    try testing.expectEqual(null, sock.lateOf(message(kind, itself, short, &buffer)));
}

test "an event, from netstackd alone" {
    var buffer: [64]u8 = undefined;
    const frame = netstack.encodeEvent(3, .{ .failed = true });
    const kind = netstack.event_type;
    const event = sock.eventOf(message(kind, itself, &frame, &buffer)).?;
    try testing.expectEqual(@as(u32, 3), event.id);
    try testing.expect(event.events.failed and !event.events.connected);
    try testing.expectEqual(null, sock.eventOf(message(kind + 1, itself, &frame, &buffer)));
    try testing.expectEqual(null, sock.eventOf(message(kind, itself + 1, &frame, &buffer)));
    for ([_]usize{ 0, 3 }) |at| {
        var bad = frame;
        bad[at] ^= 1;
        try testing.expectEqual(null, sock.eventOf(message(kind, itself, &bad, &buffer)));
    }
}

test {
    _ = @import("sock_calls_test.zig");
}
