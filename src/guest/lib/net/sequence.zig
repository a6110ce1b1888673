//! TCP sequence numbers: the first one of a connection (RFC 6528), and comparison modulo 2^32
//! (RFC 9293 section 3.4).

const std = @import("std");
const Endpoint = @import("address.zig").Endpoint;

/// A clock of 4 microseconds plus a keyed hash of the connection's name: a stranger that knows both
/// ends cannot guess it.
pub fn initial(secret: *const [16]u8, local: Endpoint, remote: Endpoint, now: u64) u32 {
    var name: [12]u8 = undefined;
    for ([_]Endpoint{ local, remote }, 0..) |end, i| {
        std.mem.writeInt(u32, name[6 * i ..][0..4], end.ip, .big);
        std.mem.writeInt(u16, name[6 * i + 4 ..][0..2], end.port, .big);
    }
    const hash = std.crypto.auth.siphash.SipHash64(2, 4).toInt(&name, secret);
    return @as(u32, @truncate(now / 4000)) +% @as(u32, @truncate(hash));
}

/// True: `a` is before `b`. This has a meaning while they are less than 2^31 apart.
pub fn before(a: u32, b: u32) bool {
    return distance(a, b) > 0;
}

pub fn beforeOrAt(a: u32, b: u32) bool {
    return distance(a, b) >= 0;
}

/// The distance of `b` behind `a`; negative if it lies in front.
pub fn distance(a: u32, b: u32) i32 {
    return @bitCast(b -% a);
}

test "numbers compare across the wrap" {
    try std.testing.expect(before(0xFFFF_FFF0, 0x10));
    try std.testing.expect(!before(0x10, 0xFFFF_FFF0));
    try std.testing.expect(beforeOrAt(5, 5) and !before(5, 5));
    try std.testing.expectEqual(@as(i32, 32), distance(0xFFFF_FFF0, 0x10));
}
