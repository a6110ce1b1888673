//! Addresses of the link and of IPv4. An IPv4 address is a `u32` whose top byte comes first on the
//! wire, so that masks and comparisons are plain arithmetic.

const std = @import("std");

pub const Mac = [6]u8;
pub const Ip = u32;
pub const Endpoint = struct { ip: Ip, port: u16 };

pub const broadcast_mac: Mac = .{ 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
pub const broadcast: Ip = 0xFFFF_FFFF;

pub fn fromBytes(bytes: [4]u8) Ip {
    return std.mem.readInt(u32, &bytes, .big);
}

pub fn toBytes(ip: Ip) [4]u8 {
    var bytes: [4]u8 = undefined;
    std.mem.writeInt(u32, &bytes, ip, .big);
    return bytes;
}

pub fn isMulticast(ip: Ip) bool {
    return ip >> 28 == 0xE;
}

/// True for an address that a host could own: not 0.x, loopback, multicast, reserved or broadcast.
pub fn isHost(ip: Ip) bool {
    const first: u8 = @intCast(ip >> 24);
    return first != 0 and first != 127 and first < 224;
}

/// RFC 1112 section 6.4: the low 23 bits of the group.
pub fn multicastMac(group: Ip) Mac {
    const low: u32 = group & 0x7F_FFFF;
    return .{ 0x01, 0x00, 0x5E, @intCast(low >> 16), @truncate(low >> 8), @truncate(low) };
}

pub fn mask(prefix: u6) Ip {
    if (prefix == 0) return 0;
    return @as(u32, 0xFFFF_FFFF) << @intCast(32 - @as(u32, prefix));
}

pub fn isUnicastMac(mac: Mac) bool {
    return mac[0] & 1 == 0;
}

test "masks tell groups and hosts apart" {
    try std.testing.expectEqual(@as(Ip, 0xFFFFFF00), mask(24));
    try std.testing.expectEqual(@as(Ip, 0xFFFFFFFF), mask(32));
    try std.testing.expectEqual(@as(Ip, 0), mask(0));
    const group = fromBytes(.{ 239, 170, 0, 1 });
    try std.testing.expect(isMulticast(group));
    try std.testing.expectEqual(Mac{ 1, 0, 0x5E, 42, 0, 1 }, multicastMac(group));
    const others = [_]Ip{ 0x00010203, 0x7F000001, 0xEF010101, broadcast };
    for (others) |no| try std.testing.expect(!isHost(no));
    try std.testing.expect(isHost(fromBytes(.{ 10, 42, 0, 10 })));
}
