//! Headers byte by byte, both ways: what each field is, which lengths are taken, and what a packet
//! of another kind is called.

const std = @import("std");
const testing = std.testing;
const address = @import("address.zig");
const checksum = @import("checksum.zig");
const packet = @import("packet.zig");
const segment = @import("segment.zig");
const Arp = packet.Arp;
const IcmpEcho = packet.IcmpEcho;
const Ipv4 = packet.Ipv4;
const Udp = packet.Udp;

const from: address.Ip = 0x0A2A_000A;
const to: address.Ip = 0x0A2A_000B;
const group: address.Ip = 0xEF2A_0001;

test "the sizes are those of the standards" {
    try testing.expectEqual(14, packet.ethernet_bytes);
    try testing.expectEqual(20, packet.ipv4_bytes);
    try testing.expectEqual(8, packet.udp_bytes);
    try testing.expectEqual(8, packet.icmp_bytes);
    try testing.expectEqual(28, packet.arp_bytes);
    try testing.expectEqual(1514, packet.frame_bytes_max);
    try testing.expectEqual(34, packet.payload_at);
    try testing.expectEqual(1472, packet.udp_data_bytes_max);
    try testing.expectEqual(20, segment.header_bytes);
    try testing.expectEqual(1460, segment.mss_ours);
    try testing.expectEqual(536, segment.mss_default);
    try testing.expectEqual(64, segment.mss_min);
}

test "a frame names its target, then its source, then its kind" {
    var frame: [14]u8 = undefined;
    packet.putEthernet(&frame, "target".*, "source".*, 0x0806);
    try testing.expectEqualStrings("targetsource\x08\x06", &frame);
}

const question = "\x00\x01\x08\x00\x06\x04\x00\x01" ++ "sender" ++ "\x0a\x2a\x00\x0a" ++
    "target" ++ "\x0a\x2a\x00\x0b";

test "ARP, both ways, and every byte that makes it another protocol" {
    const arp: Arp = .{
        .operation = Arp.request,
        .sender_mac = "sender".*,
        .sender_ip = from,
        .target_ip = to,
    };
    var bytes: [28]u8 = undefined;
    arp.write(&bytes, "target".*);
    try testing.expectEqualStrings(question, &bytes);
    try testing.expectEqual(arp, Arp.parse(&bytes).?);
    for (0..28) |len| try testing.expectEqual(null, Arp.parse(bytes[0..len]));
    for (0..6) |at| {
        var bad = bytes;
        bad[at] ^= 1;
        try testing.expectEqual(null, Arp.parse(&bad));
    }
    for ([_]u16{ 0, 1, 2, 3, 0x0101 }) |operation| {
        packet.put16(&bytes, 6, operation);
        const is_one = operation == 1 or operation == 2;
        try testing.expectEqual(is_one, Arp.parse(&bytes) != null);
        if (is_one) try testing.expectEqual(operation, Arp.parse(&bytes).?.operation);
    }
}

fn sealed(bytes: []u8) void {
    packet.put16(bytes, 10, 0);
    const header_len = @as(usize, bytes[0] & 15) * 4;
    packet.put16(bytes, 10, checksum.finish(checksum.sum(bytes[0..header_len])));
}

test "IPv4: options are passed over, padding is cut off, fragments are not put together" {
    var bytes: [64]u8 align(8) = @splat(0xEE);
    Ipv4.write(&bytes, from, to, 17, 10);
    try testing.expectEqualSlices(u8, "\x45\x00\x00\x1e\x00\x00\x40\x00\x40\x11", bytes[0..10]);
    const plain = try Ipv4.parse(&bytes);
    try testing.expectEqual(from, plain.source);
    try testing.expectEqual(to, plain.target);
    try testing.expectEqual(17, plain.protocol);
    try testing.expectEqual(10, plain.payload.len);
    try testing.expectEqual(&bytes[20], &plain.payload[0]);
    // Of a group it lives for one hop.
    Ipv4.write(&bytes, from, group, 17, 10);
    try testing.expectEqual(1, bytes[8]);
    Ipv4.write(&bytes, from, to, 17, 10);
    // A header of 24 bytes.
    bytes[0] = 0x46;
    sealed(&bytes);
    try testing.expectEqual(6, (try Ipv4.parse(&bytes)).payload.len);
    try testing.expectEqual(&bytes[24], &(try Ipv4.parse(&bytes)).payload[0]);
    // No shorter than its own header, no longer than the frame.
    for ([_]struct { u16, bool }{
        .{ 23, false }, .{ 24, true }, .{ 64, true }, .{ 65, false },
    }) |row| {
        packet.put16(&bytes, 2, row[0]);
        sealed(&bytes);
        if (row[1]) {
            try testing.expectEqual(row[0] - 24, (try Ipv4.parse(&bytes)).payload.len);
        } else try testing.expectError(error.Malformed, Ipv4.parse(&bytes));
    }
    packet.put16(&bytes, 2, 30);
    for ([_]struct { u8, bool }{
        .{ 0x45, true }, .{ 0x44, false }, .{ 0x55, false }, .{ 0x35, false }, .{ 0x65, false },
    }) |row| {
        bytes[0] = row[0];
        sealed(&bytes);
        if (row[1]) {
            _ = try Ipv4.parse(&bytes);
        } else try testing.expectError(error.Malformed, Ipv4.parse(&bytes));
    }
    bytes[0] = 0x45;
    for ([_]struct { u16, bool }{
        .{ 0x0000, true },  .{ 0x4000, true },  .{ 0x8000, true },
        .{ 0x2000, false }, .{ 0x0001, false }, .{ 0x1000, false },
    }) |row| {
        packet.put16(&bytes, 6, row[0]);
        sealed(&bytes);
        if (row[1]) {
            _ = try Ipv4.parse(&bytes);
        } else try testing.expectError(error.Fragment, Ipv4.parse(&bytes));
    }
    bytes[10] ^= 1;
    try testing.expectError(error.BadChecksum, Ipv4.parse(&bytes));
}

fn datagram(payload: []const u8) Ipv4 {
    return .{ .source = from, .target = to, .protocol = 17, .payload = payload };
}

test "UDP: its length counts, and a checksum of 0 is none" {
    var bytes: [14]u8 align(8) = "________abcdef".*;
    Udp.write(bytes[0..12], .{ .ip = from, .port = 0x1234 }, .{ .ip = to, .port = 0x5678 });
    try testing.expectEqualSlices(u8, "\x12\x34\x56\x78\x00\x0c", bytes[0..6]);
    const heard = try Udp.parse(datagram(&bytes));
    try testing.expectEqual(0x1234, heard.source_port);
    try testing.expectEqual(0x5678, heard.target_port);
    try testing.expectEqualStrings("abcd", heard.data);
    // It covers the addresses, too.
    var other = datagram(&bytes);
    other.target = to + 1;
    try testing.expectError(error.BadChecksum, Udp.parse(other));
    for (0..8) |len| try testing.expectError(error.Malformed, Udp.parse(datagram(bytes[0..len])));
    packet.put16(&bytes, 6, 0);
    try testing.expectEqualStrings("abcd", (try Udp.parse(other)).data);
    const Row = struct { u16, bool };
    for ([_]Row{ .{ 7, false }, .{ 8, true }, .{ 14, true }, .{ 15, false } }) |row| {
        packet.put16(&bytes, 4, row[0]);
        if (row[1]) {
            try testing.expectEqual(row[0] - 8, (try Udp.parse(datagram(&bytes))).data.len);
        } else try testing.expectError(error.Malformed, Udp.parse(datagram(&bytes)));
    }
}

test "a checksum that comes to 0 is written as all ones" {
    var bytes: [10]u8 align(8) = @splat(0);
    // The two bytes of data are what makes the sum zero.
    for (0..0x1_0000) |word| {
        packet.put16(&bytes, 8, @intCast(word));
        Udp.write(&bytes, .{ .ip = from, .port = 1 }, .{ .ip = to, .port = 2 });
        const sum = packet.get16(&bytes, 6);
        try testing.expect(sum != 0);
        if (sum == 0xFFFF) {
            _ = try Udp.parse(datagram(&bytes));
            return;
        }
    }
    return error.NeverZero;
}

test "echoes, both ways, and what is not one" {
    const echo: IcmpEcho = .{ .kind = 8, .ident = 0x1234, .sequence = 0x5678, .data = "abc" };
    var bytes: [11]u8 align(8) = undefined;
    echo.write(&bytes);
    try testing.expectEqualSlices(u8, "\x08\x00", bytes[0..2]);
    try testing.expectEqualSlices(u8, "\x12\x34\x56\x78abc", bytes[4..]);
    try testing.expectEqualDeep(echo, try IcmpEcho.parse(&bytes));
    for (0..8) |len| try testing.expectError(error.Malformed, IcmpEcho.parse(bytes[0..len]));
    for ([_]struct { u8, u8, bool }{
        .{ 8, 0, true },  .{ 0, 0, true },  .{ 8, 1, false },
        .{ 0, 1, false }, .{ 3, 0, false }, .{ 1, 0, false },
    }) |row| {
        bytes[0] = row[0];
        bytes[1] = row[1];
        packet.put16(&bytes, 2, 0);
        packet.put16(&bytes, 2, checksum.finish(checksum.sum(&bytes)));
        if (row[2]) {
            try testing.expectEqual(row[0], (try IcmpEcho.parse(&bytes)).kind);
        } else try testing.expectError(error.Ignored, IcmpEcho.parse(&bytes));
    }
    bytes[10] ^= 1;
    try testing.expectError(error.BadChecksum, IcmpEcho.parse(&bytes));
}

test "the number of a segment's text, and how much room it takes among the numbers" {
    const Case = struct { flags: segment.Flags, data: []const u8, first: u32, length: u32 };
    for ([_]Case{
        .{ .flags = .{}, .data = "", .first = 5, .length = 0 },
        .{ .flags = .{ .ack = true }, .data = "abc", .first = 5, .length = 3 },
        .{ .flags = .{ .syn = true }, .data = "", .first = 6, .length = 1 },
        .{ .flags = .{ .fin = true }, .data = "ab", .first = 5, .length = 3 },
        .{ .flags = .{ .syn = true, .fin = true }, .data = "ab", .first = 6, .length = 4 },
    }) |case| {
        const seg: segment.Segment = .{
            .source_port = 1,
            .target_port = 2,
            .seq = 5,
            .flags = case.flags,
            .data = case.data,
        };
        try testing.expectEqual(case.first, seg.textStart());
        try testing.expectEqual(case.length, seg.length());
        const head: usize = if (seg.mss == null) 20 else 24;
        try testing.expectEqual(head, seg.headerLen());
    }
}

test "which addresses are hosts', which groups', and how many bits a net has" {
    const Case = struct { first: u8, is_host: bool = false, is_group: bool = false };
    for ([_]Case{
        .{ .first = 0 },
        .{ .first = 1, .is_host = true },
        .{ .first = 126, .is_host = true },
        .{ .first = 127 },
        .{ .first = 128, .is_host = true },
        .{ .first = 223, .is_host = true },
        .{ .first = 224, .is_group = true },
        .{ .first = 239, .is_group = true },
        .{ .first = 240 },
        .{ .first = 255 },
    }) |case| {
        const ip = address.fromBytes(.{ case.first, 1, 2, 3 });
        try testing.expectEqual(case.is_host, address.isHost(ip));
        try testing.expectEqual(case.is_group, address.isMulticast(ip));
        try testing.expectEqual([4]u8{ case.first, 1, 2, 3 }, address.toBytes(ip));
    }
    for (0..33) |prefix| {
        const mask = address.mask(@intCast(prefix));
        try testing.expectEqual(prefix, @popCount(mask));
        try testing.expectEqual(prefix, @clz(~mask));
    }
    const of_group: address.Mac = .{ 1, 0, 0x5E, 0x7F, 0xFE, 0xFD };
    try testing.expectEqual(of_group, address.multicastMac(0xEFFF_FEFD));
    for ([_]u8{ 0, 1, 2, 3, 0x52, 0x53 }) |first| {
        try testing.expectEqual(first % 2 == 0, address.isUnicastMac(.{ first, 1, 1, 1, 1, 1 }));
    }
}
