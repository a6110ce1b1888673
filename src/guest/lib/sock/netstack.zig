//! The `NS` v1 protocol of netstackd: numbers and layouts, for both sides. docs/spec/netstack.md
//! describes it.

const std = @import("std");

pub const magic = "NS\x01";
pub const reply_bit: u8 = 0x80;
pub const frame_bytes_max = 2048;
pub const nonce_bytes = 8;

/// The header type of a WATCH event. It is above every sequence number that `os.call` uses.
pub const event_type: u16 = 0xFF10;
/// The header type of the answers to READ_LATER that `sock` asks for.
pub const later_type: u16 = 0xFF11;
pub const event_op: u8 = 0x40;
pub const event_bytes = 9;

pub const Op = enum(u8) {
    listen = 1,
    accept = 2,
    connect = 3,
    read = 4,
    write = 5,
    udp_bind = 6,
    udp_send_to = 7,
    udp_recv_from = 8,
    icmp_ping = 9,
    local_addr = 10,
    close = 11,
    watch = 12,
    abort = 13,
    mac = 14,
    read_later = 15,
    _,
};

pub const Status = enum(u8) {
    ok = 0,
    not_found = 1,
    malformed = 2,
    would_block = 3,
    io = 4,
    timed_out = 5,
    _,
};

/// The bytes before the data of a request or reply that carries data.
pub const write_head = 10;
pub const send_to_head = 16;
pub const read_reply_head = 7;
pub const recv_from_reply_head = 13;

pub const write_bytes_max = frame_bytes_max - write_head;
pub const read_bytes_max = frame_bytes_max - read_reply_head - nonce_bytes;
/// The bytes that one unfragmented IPv4 packet of a 1500-byte link carries.
pub const datagram_bytes_max = 1472;

/// Conditions of a socket, as they travel in an event.
pub const Events = packed struct(u8) {
    readable: bool = false,
    writable: bool = false,
    peer_closed: bool = false,
    failed: bool = false,
    connected: bool = false,
    unused: u2 = 0,
    /// The watched id does not exist (or is another service's).
    invalid: bool = false,

    pub fn bits(self: Events) u8 {
        return @bitCast(self);
    }
};

pub fn encodeEvent(id: u32, events: Events) [event_bytes]u8 {
    var frame: [event_bytes]u8 = undefined;
    @memcpy(frame[0..3], magic);
    frame[3] = event_op;
    std.mem.writeInt(u32, frame[4..8], id, .little);
    frame[8] = events.bits();
    return frame;
}

pub const Event = struct { id: u32, events: Events };

pub fn decodeEvent(frame: []const u8) ?Event {
    if (frame.len != event_bytes or !std.mem.eql(u8, frame[0..3], magic)) return null;
    if (frame[3] != event_op) return null;
    return .{ .id = std.mem.readInt(u32, frame[4..8], .little), .events = @bitCast(frame[8]) };
}

test "an event survives the wire" {
    const frame = encodeEvent(7, .{ .readable = true, .connected = true });
    try std.testing.expectEqualSlices(u8, "NS\x01\x40\x07\x00\x00\x00\x11", &frame);
    const event = decodeEvent(&frame).?;
    try std.testing.expectEqual(@as(u32, 7), event.id);
    try std.testing.expect(event.events.readable and event.events.connected);
    try std.testing.expectEqual(@as(?Event, null), decodeEvent(frame[0..8]));
}
