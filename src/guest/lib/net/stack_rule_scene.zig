//! A stack with one neighbour, which a test plays.

const std = @import("std");
const testing = std.testing;
const address = @import("address.zig");
const connection = @import("connection.zig");
const packet = @import("packet.zig");
const segment = @import("segment.zig");
const stack_file = @import("stack.zig");
const tcp = @import("stack_tcp.zig");
const Ip = address.Ip;
const Stack = stack_file.Stack;

pub const own = ipOf(10);
pub const mac: address.Mac = .{ 0x52, 0x54, 0, 0, 0, 10 };
pub const peer_mac: address.Mac = .{ 0x52, 0x54, 0, 0, 0, 11 };
pub const peer = ipOf(11);
pub const group = address.fromBytes(.{ 239, 42, 0, 1 });
pub const far = address.fromBytes(.{ 8, 8, 8, 8 });
pub var stack: Stack = undefined;
pub var out: [packet.frame_bytes_max]u8 align(8) = undefined;

pub fn ipOf(last: u8) Ip {
    return address.fromBytes(.{ 10, 42, 0, last });
}

pub fn begin() void {
    stack.init(.{
        .mac = mac,
        .ip = own,
        .prefix = 24,
        .group = group,
        .secret = @splat(7),
        .port_seed = 0,
    });
    stack.cache.learn(peer, peer_mac, true, 0);
}

/// A segment of the peer to us.
pub fn hear(source_port: u16, target_port: u16, seg: segment.Segment, now: u64) void {
    var frame: [200]u8 align(8) = @splat(0);
    var sent = seg;
    sent.source_port = source_port;
    sent.target_port = target_port;
    const len = sent.headerLen() + sent.data.len;
    @memcpy(frame[packet.payload_at + sent.headerLen() ..][0..sent.data.len], sent.data);
    packet.putEthernet(&frame, mac, peer_mac, packet.EtherType.ipv4);
    packet.Ipv4.write(frame[14..], peer, own, packet.Protocol.tcp, len);
    sent.write(frame[packet.payload_at..][0..len], peer, own);
    stack.receive(frame[0 .. packet.payload_at + len], now);
}

pub fn segmentOf(flags: segment.Flags, seq: u32, ack: u32) segment.Segment {
    return .{
        .source_port = 0,
        .target_port = 0,
        .seq = seq,
        .ack = ack,
        .flags = flags,
        .window = 4096,
    };
}

/// What is said next, if it is a segment.
pub fn said(now: u64) !?segment.Segment {
    const frame = stack.transmit(&out, now) orelse return null;
    try testing.expectEqual(peer_mac, frame[0..6].*);
    try testing.expectEqual(mac, frame[6..12].*);
    return try segment.Segment.parse(try packet.Ipv4.parse(frame[14..]));
}

pub const syn: segment.Flags = .{ .syn = true };

/// A connection that waits for its end until `end_at`.
pub fn waitFor(port: u16, end_at: u64) !u8 {
    const index = try tcp.connect(&stack, .{ .ip = peer, .port = port }, 0);
    const c = &stack.connections[index];
    c.state = .time_wait;
    c.rcv_nxt = 500;
    c.rcv_edge = 500;
    c.mss = 536;
    c.cwnd = 536;
    c.holder = .nobody;
    c.end_at = end_at;
    return index;
}
