//! Ethernet, ARP, IPv4, UDP and ICMP headers: bytes to values and back.
//!
//!     0               14                 34
//!     | Ethernet (14) | IPv4 (20+options) | UDP (8) / ICMP (8) / TCP (20+options) | data |
//!
//! A parser returns null for malformed bytes, and never reads outside of its slice.

const std = @import("std");
const address = @import("address.zig");
const checksum = @import("checksum.zig");
const Ip = address.Ip;
const Mac = address.Mac;

pub const ethernet_bytes = 14;
pub const ipv4_bytes = 20;
pub const udp_bytes = 8;
pub const icmp_bytes = 8;
pub const arp_bytes = 28;
pub const mtu = 1500;
pub const frame_bytes_max = ethernet_bytes + mtu;
/// Where the payload of IPv4 starts in a frame that we build (we send no options).
pub const payload_at = ethernet_bytes + ipv4_bytes;
pub const udp_data_bytes_max = mtu - ipv4_bytes - udp_bytes;

pub const EtherType = struct {
    pub const ipv4: u16 = 0x0800;
    pub const arp: u16 = 0x0806;
};

pub const Protocol = struct {
    pub const icmp: u8 = 1;
    pub const tcp: u8 = 6;
    pub const udp: u8 = 17;
};

pub fn get16(bytes: []const u8, at: usize) u16 {
    return std.mem.readInt(u16, bytes[at..][0..2], .big);
}

pub fn get32(bytes: []const u8, at: usize) u32 {
    return std.mem.readInt(u32, bytes[at..][0..4], .big);
}

pub fn put16(bytes: []u8, at: usize, value: u16) void {
    std.mem.writeInt(u16, bytes[at..][0..2], value, .big);
}

pub fn put32(bytes: []u8, at: usize, value: u32) void {
    std.mem.writeInt(u32, bytes[at..][0..4], value, .big);
}

pub fn putEthernet(frame: []u8, target: Mac, source: Mac, ether_type: u16) void {
    frame[0..6].* = target;
    frame[6..12].* = source;
    put16(frame, 12, ether_type);
}

pub const Arp = struct {
    pub const request: u16 = 1;
    pub const reply: u16 = 2;

    operation: u16,
    sender_mac: Mac,
    sender_ip: Ip,
    target_ip: Ip,

    pub fn parse(bytes: []const u8) ?Arp {
        if (bytes.len < arp_bytes) return null;
        // Hardware Ethernet, protocol IPv4, address lengths 6 and 4.
        if (get32(bytes, 0) != 0x0001_0800 or get16(bytes, 4) != 0x0604) return null;
        const operation = get16(bytes, 6);
        if (operation != request and operation != reply) return null;
        return .{
            .operation = operation,
            .sender_mac = bytes[8..14].*,
            .sender_ip = get32(bytes, 14),
            .target_ip = get32(bytes, 24),
        };
    }

    pub fn write(self: Arp, bytes: []u8, target_mac: Mac) void {
        put32(bytes, 0, 0x0001_0800);
        put16(bytes, 4, 0x0604);
        put16(bytes, 6, self.operation);
        bytes[8..14].* = self.sender_mac;
        put32(bytes, 14, self.sender_ip);
        bytes[18..24].* = target_mac;
        put32(bytes, 24, self.target_ip);
    }
};

pub const Ipv4 = struct {
    source: Ip,
    target: Ip,
    protocol: u8,
    payload: []const u8,

    pub const Error = error{ Malformed, BadChecksum, Fragment };

    pub fn parse(bytes: []const u8) Error!Ipv4 {
        if (bytes.len < ipv4_bytes or bytes[0] >> 4 != 4) return error.Malformed;
        const header_len = @as(usize, bytes[0] & 0xF) * 4;
        const total_len = get16(bytes, 2);
        if (header_len < ipv4_bytes or total_len < header_len) return error.Malformed;
        // Shorter than the frame is fine: Ethernet pads to 60 bytes.
        if (total_len > bytes.len) return error.Malformed;
        if (!checksum.isValid(checksum.sum(bytes[0..header_len]))) return error.BadChecksum;
        // More fragments, or an offset: we reassemble nothing.
        if (get16(bytes, 6) & 0x3FFF != 0) return error.Fragment;
        return .{
            .source = get32(bytes, 12),
            .target = get32(bytes, 16),
            .protocol = bytes[9],
            .payload = bytes[header_len..total_len],
        };
    }

    /// Write the header in front of `payload_len` bytes that are (or will be) at `bytes[20..]`.
    pub fn write(bytes: []u8, source: Ip, target: Ip, protocol: u8, payload_len: usize) void {
        const total: u16 = @intCast(ipv4_bytes + payload_len);
        put16(bytes, 0, 0x4500);
        put16(bytes, 2, total);
        // Identification 0 with "don't fragment": RFC 6864 permits it for atomic datagrams.
        put32(bytes, 4, 0x0000_4000);
        bytes[8] = if (address.isMulticast(target)) 1 else 64;
        bytes[9] = protocol;
        put16(bytes, 10, 0);
        put32(bytes, 12, source);
        put32(bytes, 16, target);
        put16(bytes, 10, checksum.finish(checksum.sum(bytes[0..ipv4_bytes])));
    }
};

pub const Udp = struct {
    source_port: u16,
    target_port: u16,
    data: []const u8,

    pub const Error = error{ Malformed, BadChecksum };

    pub fn parse(ip: Ipv4) Error!Udp {
        const bytes = ip.payload;
        if (bytes.len < udp_bytes) return error.Malformed;
        const len = get16(bytes, 4);
        if (len < udp_bytes or len > bytes.len) return error.Malformed;
        const covered = bytes[0..len];
        // A zero field means that the sender computed none.
        if (get16(bytes, 6) != 0) {
            const head = checksum.pseudo(ip.source, ip.target, Protocol.udp, len);
            if (!checksum.isValid(head + checksum.sum(covered))) return error.BadChecksum;
        }
        return .{
            .source_port = get16(bytes, 0),
            .target_port = get16(bytes, 2),
            .data = covered[udp_bytes..],
        };
    }

    /// Write the header in front of data that is already at `bytes[8..]`; `bytes` covers both.
    pub fn write(bytes: []u8, source: address.Endpoint, target: address.Endpoint) void {
        put16(bytes, 0, source.port);
        put16(bytes, 2, target.port);
        put16(bytes, 4, @intCast(bytes.len));
        put16(bytes, 6, 0);
        const head = checksum.pseudo(source.ip, target.ip, Protocol.udp, bytes.len);
        const value = checksum.finish(head + checksum.sum(bytes));
        // Zero would say "no checksum"; all ones is the same number.
        put16(bytes, 6, if (value == 0) 0xFFFF else value);
    }
};

pub const IcmpEcho = struct {
    pub const reply: u8 = 0;
    pub const request: u8 = 8;

    kind: u8,
    ident: u16,
    sequence: u16,
    data: []const u8,

    pub const Error = error{ Malformed, BadChecksum, Ignored };

    pub fn parse(bytes: []const u8) Error!IcmpEcho {
        if (bytes.len < icmp_bytes) return error.Malformed;
        if (!checksum.isValid(checksum.sum(bytes))) return error.BadChecksum;
        if (bytes[1] != 0 or (bytes[0] != reply and bytes[0] != request)) return error.Ignored;
        return .{
            .kind = bytes[0],
            .ident = get16(bytes, 4),
            .sequence = get16(bytes, 6),
            .data = bytes[icmp_bytes..],
        };
    }

    /// `bytes` covers header and room for `self.data`, which may not overlap it.
    pub fn write(self: IcmpEcho, bytes: []u8) void {
        bytes[0] = self.kind;
        bytes[1] = 0;
        put16(bytes, 2, 0);
        put16(bytes, 4, self.ident);
        put16(bytes, 6, self.sequence);
        @memcpy(bytes[icmp_bytes..][0..self.data.len], self.data);
        put16(bytes, 2, checksum.finish(checksum.sum(bytes)));
    }
};

test "the checksum field of a known header" {
    const known = "450000730000400040" ++ "11b861c0a80001c0a800c7";
    var bytes: [20]u8 = undefined;
    _ = try std.fmt.hexToBytes(&bytes, known);
    var ours: [0x73]u8 align(4) = @splat(0);
    Ipv4.write(&ours, 0xC0A80001, 0xC0A800C7, Protocol.udp, 0x73 - 20);
    try std.testing.expectEqualSlices(u8, &bytes, ours[0..20]);
    try std.testing.expectEqual(@as(usize, 0x73 - 20), (try Ipv4.parse(&ours)).payload.len);
}

test "no truncated or damaged header is read" {
    var good: [40]u8 align(4) = @splat(0);
    const from: address.Endpoint = .{ .ip = 0x0A2A000A, .port = 9 };
    const to: address.Endpoint = .{ .ip = 0x0A2A000B, .port = 7 };
    Udp.write(good[20..40], from, to);
    Ipv4.write(&good, from.ip, to.ip, Protocol.udp, 20);
    const ip = try Ipv4.parse(&good);
    try std.testing.expectEqual(@as(usize, 12), (try Udp.parse(ip)).data.len);
    for (0..good.len) |len| try std.testing.expectError(error.Malformed, Ipv4.parse(good[0..len]));
    for (0..good.len * 8) |bit| {
        var bad = good;
        bad[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
        const damaged = Ipv4.parse(&bad) catch continue;
        _ = Udp.parse(damaged) catch continue;
        return error.TestUnexpectedResult;
    }
}
