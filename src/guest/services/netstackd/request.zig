//! `NS` v1 requests: bytes to values, with every length exact. See docs/spec/netstack.md.

const std = @import("std");
const netstack = @import("netstack");

pub const Ip = [4]u8;

pub const Body = union(enum) {
    listen: Bind,
    udp_bind: Bind,
    accept: u32,
    connect: Peer,
    read: struct { id: u32, max: u16 },
    write: struct { id: u32, data: []const u8 },
    udp_send_to: struct { id: u32, to: Peer, data: []const u8 },
    udp_recv_from: struct { id: u32, max: u16 },
    icmp_ping: struct { ip: Ip, timeout_ms: u16 },
    local_addr,
    close: u32,
    watch: u32,
    abort: u32,
    mac,
    read_later: struct { id: u32, max: u16 },
};

pub const Bind = struct { ip: Ip, port: u16 };
pub const Peer = Bind;

pub const Request = struct { body: Body, nonce: ?[netstack.nonce_bytes]u8 };

/// Null if malformed.
pub fn parse(frame: []const u8) ?Request {
    if (frame.len < 4 or frame.len > netstack.frame_bytes_max) return null;
    if (!std.mem.eql(u8, frame[0..3], netstack.magic)) return null;
    const op: netstack.Op = @enumFromInt(frame[3]);
    const base = baseLen(op, frame) orelse return null;
    const nonce: ?[netstack.nonce_bytes]u8 = if (frame.len == base)
        null
    else if (frame.len == base + netstack.nonce_bytes)
        frame[base..][0..netstack.nonce_bytes].*
    else
        return null;
    return .{ .body = parseBody(op, frame[0..base]) orelse return null, .nonce = nonce };
}

/// The length of the request without a nonce.
fn baseLen(op: netstack.Op, frame: []const u8) ?usize {
    return switch (op) {
        // The request has two forms: with an address and without one.
        .listen, .udp_bind => switch (frame.len) {
            6, 6 + netstack.nonce_bytes => 6,
            else => 10,
        },
        .accept, .close, .watch, .abort => 8,
        .connect, .read, .read_later, .udp_recv_from, .icmp_ping => 10,
        .write => withData(frame, netstack.write_head),
        .udp_send_to => withData(frame, netstack.send_to_head),
        .local_addr, .mac => 4,
        _ => null,
    };
}

/// The data's length stands in the last two bytes before it.
fn withData(frame: []const u8, head: usize) ?usize {
    return if (frame.len < head) null else head + get16(frame, head - 2);
}

fn parseBody(op: netstack.Op, base: []const u8) ?Body {
    return switch (op) {
        .listen => .{ .listen = bind(base) },
        .udp_bind => .{ .udp_bind = bind(base) },
        .accept => .{ .accept = get32(base, 4) },
        .connect => .{ .connect = bind(base) },
        .read => .{ .read = .{ .id = get32(base, 4), .max = get16(base, 8) } },
        .write => .{ .write = .{ .id = get32(base, 4), .data = base[netstack.write_head..] } },
        .udp_send_to => .{ .udp_send_to = .{
            .id = get32(base, 4),
            .to = .{ .ip = base[8..12].*, .port = get16(base, 12) },
            .data = base[netstack.send_to_head..],
        } },
        .udp_recv_from => .{ .udp_recv_from = .{ .id = get32(base, 4), .max = get16(base, 8) } },
        .icmp_ping => .{ .icmp_ping = .{ .ip = base[4..8].*, .timeout_ms = get16(base, 8) } },
        .local_addr => .local_addr,
        .close => .{ .close = get32(base, 4) },
        .watch => .{ .watch = get32(base, 4) },
        .abort => .{ .abort = get32(base, 4) },
        .mac => .mac,
        .read_later => .{ .read_later = .{ .id = get32(base, 4), .max = get16(base, 8) } },
        _ => null,
    };
}

fn bind(base: []const u8) Bind {
    if (base.len == 6) return .{ .ip = @splat(0), .port = get16(base, 4) };
    return .{ .ip = base[4..8].*, .port = get16(base, 8) };
}

fn get16(bytes: []const u8, at: usize) u16 {
    return std.mem.readInt(u16, bytes[at..][0..2], .little);
}

fn get32(bytes: []const u8, at: usize) u32 {
    return std.mem.readInt(u32, bytes[at..][0..4], .little);
}

const testing = std.testing;

test "requests of the original system's vectors" {
    const bind_frame = "NS\x01\x06\x0a\x2a\x00\x0a\x9c\x90\x02\x00\x00\x00\x00\x00\x00\x00";
    const udp = parse(bind_frame).?;
    try testing.expectEqual(@as(u16, 37020), udp.body.udp_bind.port);
    try testing.expectEqual(Ip{ 10, 42, 0, 10 }, udp.body.udp_bind.ip);
    try testing.expectEqualSlices(u8, "\x02\x00\x00\x00\x00\x00\x00\x00", &udp.nonce.?);
    const connect = parse("NS\x01\x03\x0a\x2a\x00\x0b\x08\x87").?;
    try testing.expectEqual(@as(u16, 34568), connect.body.connect.port);
    try testing.expectEqual(@as(?[8]u8, null), connect.nonce);
}

test "every other length, magic and op is malformed" {
    const good = [_][]const u8{
        "NS\x01\x01\x07\x00",
        "NS\x01\x02\x01\x00\x00\x00",
        "NS\x01\x03\x0a\x2a\x00\x0b\x08\x87",
        "NS\x01\x04\x01\x00\x00\x00\x10\x00",
        "NS\x01\x05\x01\x00\x00\x00\x02\x00hi",
        "NS\x01\x07\x01\x00\x00\x00\x0a\x2a\x00\x0b\x07\x00\x02\x00hi",
        "NS\x01\x09\x0a\x2a\x00\x0b\xe8\x03",
        "NS\x01\x0a",
        "NS\x01\x0c\x01\x00\x00\x00",
        "NS\x01\x0f\x01\x00\x00\x00\x10\x00",
    };
    var buffer: [64]u8 = @splat(0);
    for (good) |frame| {
        @memcpy(buffer[0..frame.len], frame);
        for (0..frame.len + 20) |len| {
            const is_bind = frame[3] == 1;
            const is_right = len == frame.len or len == frame.len + netstack.nonce_bytes or
                (is_bind and (len == 10 or len == 18));
            try testing.expectEqual(is_right, parse(buffer[0..len]) != null);
        }
        for (0..3) |at| {
            buffer[at] ^= 1;
            try testing.expectEqual(@as(?Request, null), parse(buffer[0..frame.len]));
            buffer[at] ^= 1;
        }
        @memset(&buffer, 0);
    }
    for ([_]u8{ 0, 16, 0x40, 0x80, 255 }) |op| {
        try testing.expectEqual(@as(?Request, null), parse(&.{ 'N', 'S', 1, op }));
    }
    // A length that runs past every frame.
    try testing.expectEqual(@as(?Request, null), parse("NS\x01\x05\x01\x00\x00\x00\xff\xffhi"));
}
