//! What a client asks of netstackd, function by function: the bytes on the wire, the longest of
//! each, capabilities that travel, and the numbers that the specification names.

const std = @import("std");
const os = @import("os");
const os_fake = @import("os_fake");
const sock = @import("root.zig");
const netstack = sock.netstack;
const testing = std.testing;
const Kernel = os_fake.Kernel;

const netstackd = os_fake.route_slot;

var tail: []const u8 = "";
var status: netstack.Status = .ok;

fn answer(_: *Kernel, _: os.Slot, request: []const u8) ?[]const u8 {
    const Static = struct {
        var reply: [3000]u8 = undefined;
    };
    const reply = &Static.reply;
    @memcpy(reply[0..3], "NS\x01");
    reply[3] = request[3] | 0x80;
    reply[4] = @intFromEnum(status);
    @memcpy(reply[5..][0..tail.len], tail);
    return reply[0 .. 5 + tail.len];
}

var kernel: Kernel = undefined;
var net: sock.Net = undefined;

fn begin() !void {
    tail = "";
    status = .ok;
    kernel = .{ .name = "a", .routes = &.{"netstackd"}, .answer = answer };
    kernel.install();
    net = try .open();
}

fn last() os_fake.Sent {
    const all = kernel.sentTo(netstackd);
    return all[all.len - 1];
}

fn expectAsked(bytes: []const u8) !void {
    try testing.expectEqualSlices(u8, bytes, last().bytes);
}

test "the numbers on the wire are those of the specification" {
    const ops = [_]netstack.Op{
        .listen,        .accept,    .connect,    .read,  .write, .udp_bind, .udp_send_to,
        .udp_recv_from, .icmp_ping, .local_addr, .close, .watch, .abort,    .mac,
        .read_later,
    };
    for (ops, 1..) |op, number| try testing.expectEqual(number, @intFromEnum(op));
    for ([_]netstack.Status{
        .ok, .not_found, .malformed, .would_block, .io, .timed_out,
    }, 0..) |each, number| try testing.expectEqual(number, @intFromEnum(each));
    const bits = [_]netstack.Events{
        .{ .readable = true }, .{ .writable = true },  .{ .peer_closed = true },
        .{ .failed = true },   .{ .connected = true },
    };
    for (bits, 0..) |events, bit| {
        try testing.expectEqual(@as(u8, 1) << @intCast(bit), events.bits());
    }
    try testing.expectEqual(0x80, (netstack.Events{ .invalid = true }).bits());
    try testing.expectEqual(2048, netstack.frame_bytes_max);
    try testing.expectEqual(2038, netstack.write_bytes_max);
    try testing.expectEqual(2033, netstack.read_bytes_max);
    try testing.expectEqual(1472, netstack.datagram_bytes_max);
    try testing.expectEqual(0xFF10, netstack.event_type);
    try testing.expectEqual(0xFF11, netstack.later_type);
}

test "an event is nine bytes, and any other byte of its head makes it none" {
    const frame = netstack.encodeEvent(0x0403_0201, .{ .invalid = true });
    try testing.expectEqualSlices(u8, "NS\x01\x40\x01\x02\x03\x04\x80", &frame);
    try testing.expectEqual(0x0403_0201, netstack.decodeEvent(&frame).?.id);
    try testing.expect(netstack.decodeEvent(&frame).?.events.invalid);
    for (0..4) |at| {
        var bad = frame;
        bad[at] ^= 1;
        try testing.expectEqual(null, netstack.decodeEvent(&bad));
    }
    try testing.expectEqual(null, netstack.decodeEvent(frame ++ "\x00"));
}

test "sockets are made by address and port, each kind by its own number" {
    try begin();
    defer kernel.deinit();
    tail = "\x05\x00\x00\x01";
    const ip: sock.Ip = .{ 10, 42, 0, 11 };
    try testing.expectEqual(0x0100_0005, try net.udpBind(ip, 0x1234));
    try expectAsked("NS\x01\x06\x0a\x2a\x00\x0b\x34\x12");
    try testing.expectEqual(0x0100_0005, try net.listen(0x1234));
    try expectAsked("NS\x01\x01\x00\x00\x00\x00\x34\x12");
    try testing.expectEqual(0x0100_0005, try net.connect(.{ .ip = ip, .port = 0x1234 }));
    try expectAsked("NS\x01\x03\x0a\x2a\x00\x0b\x34\x12");
    tail = tail[0..3];
    try testing.expectError(error.Unexpected, net.listen(1));
    tail = "";
    status = .io;
    try testing.expectError(error.Io, net.listen(1));
    try testing.expectEqual(0, kernel.open.items.len);
}

test "a connection that waits, one that does not, and an answer that is too short" {
    try begin();
    defer kernel.deinit();
    tail = "\x07\x00\x00\x00" ++ "\x0a\x2a\x00\x0b" ++ "\x34\x12";
    const accepted = (try net.accept(5)).?;
    try expectAsked("NS\x01\x02\x05\x00\x00\x00");
    try testing.expectEqual(7, accepted.id);
    try testing.expect(accepted.peer.eql(.{ .ip = .{ 10, 42, 0, 11 }, .port = 0x1234 }));
    tail = tail[0..9];
    try testing.expectError(error.Unexpected, net.accept(5));
    tail = "";
    status = .would_block;
    try testing.expectEqual(null, try net.accept(5));
    status = .not_found;
    try testing.expectError(error.NotFound, net.accept(5));
}

test "a write is as long as a frame allows, and takes what is taken" {
    try begin();
    defer kernel.deinit();
    const long: [2100]u8 = @splat('w');
    tail = "\x03\x00";
    try testing.expectEqual(3, try net.write(5, "abcd"));
    try expectAsked("NS\x01\x05\x05\x00\x00\x00\x04\x00abcd");
    tail = "\x05\x00";
    try testing.expectError(error.Unexpected, net.write(5, "abcd"));
    tail = "\xf6\x07";
    try testing.expectEqual(2038, try net.write(5, &long));
    try testing.expectEqual(2048, last().bytes.len);
    try testing.expectEqualSlices(u8, "\xf6\x07w", last().bytes[8..11]);
    tail = "\x00";
    try testing.expectError(error.Unexpected, net.write(5, "abcd"));
    tail = "";
    status = .would_block;
    try testing.expectEqual(0, try net.write(5, "abcd"));
    status = .io;
    try testing.expectError(error.Io, net.write(5, "abcd"));
}

test "a read asks for what its buffer holds, and for no more than a frame" {
    try begin();
    defer kernel.deinit();
    var buffer: [4096]u8 = undefined;
    tail = "\x00\x00";
    _ = try net.read(5, &buffer);
    try expectAsked("NS\x01\x04\x05\x00\x00\x00\xf1\x07");
    _ = try net.read(5, buffer[0..2033]);
    try testing.expectEqualSlices(u8, "\xf1\x07", last().bytes[8..10]);
    _ = try net.read(5, buffer[0..2032]);
    try testing.expectEqualSlices(u8, "\xf0\x07", last().bytes[8..10]);
    tail = "";
    status = .would_block;
    try testing.expectEqual(null, try net.recvFrom(5, &buffer));
    try expectAsked("NS\x01\x08\x05\x00\x00\x00\xc0\x05");
    status = .not_found;
    try testing.expectError(error.NotFound, net.recvFrom(5, &buffer));
    status = .ok;
    tail = "\x02\x00\x0a\x2a\x00\x0b\x34\x12h";
    try testing.expectError(error.Unexpected, net.recvFrom(5, &buffer));
}

test "a later read takes a way back with it, which stays the caller's" {
    try begin();
    defer kernel.deinit();
    const own: os.Slot = 77;
    for ([_]struct { usize, []const u8 }{
        .{ 300, "\x2c\x01" },
        .{ 2033, "\xf1\x07" },
        .{ 2034, "\xf1\x07" },
        .{ 1 << 20, "\xf1\x07" },
    }) |row| {
        try net.readLater(5, row[0], 0x0102_0304_0506_0708, own);
        const sent = last();
        try testing.expectEqualSlices(u8, "NS\x01\x0f\x05\x00\x00\x00", sent.bytes[0..8]);
        try testing.expectEqualSlices(u8, row[1], sent.bytes[8..10]);
        try testing.expectEqualSlices(u8, "\x08\x07\x06\x05\x04\x03\x02\x01", sent.bytes[10..]);
        try testing.expectEqual(netstack.later_type, sent.type);
        try testing.expect(sent.moved != null and sent.moved.? != own);
        try testing.expect(sent.is_waiting);
    }
    try testing.expectEqual(0, kernel.open.items.len);
    // Where it cannot be sent the clone is closed again.
    kernel.deaf = .{ .slot = netstackd, .errno = .timed_out };
    try testing.expectError(error.TimedOut, net.readLater(5, 1, 1, own));
    try testing.expectError(error.TimedOut, net.watch(5, own));
    try testing.expectEqual(0, kernel.open.items.len);
}

test "watching, closing and aborting name the socket" {
    try begin();
    defer kernel.deinit();
    try net.watch(0x0201, 77);
    try expectAsked("NS\x01\x0c\x01\x02\x00\x00");
    try testing.expect(last().moved != null and last().moved.? != 77);
    try net.close(0x0201);
    try expectAsked("NS\x01\x0b\x01\x02\x00\x00");
    try net.abort(0x0201);
    try expectAsked("NS\x01\x0d\x01\x02\x00\x00");
    try testing.expectEqual(0, kernel.open.items.len);
}

test "the node's address has five bytes, its card's six" {
    try begin();
    defer kernel.deinit();
    tail = "\x0a\x2a\x00\x0a";
    try testing.expectError(error.Unexpected, net.localAddr());
    tail = "\x0a\x2a\x00\x0a\x20\x00";
    try testing.expectEqual(32, (try net.localAddr()).prefix);
    tail = "\x01";
    try testing.expectError(error.Unexpected, net.ping(.{ 10, 42, 0, 11 }, 1));
}
