//! TCP sequence numbers: comparison modulo 2^32 (RFC 9293 section 3.4).

const std = @import("std");

/// Is `a` before `b`? Meaningful while they are less than 2^31 apart.
pub fn before(a: u32, b: u32) bool {
    return distance(a, b) > 0;
}

pub fn beforeOrAt(a: u32, b: u32) bool {
    return distance(a, b) >= 0;
}

/// How far `b` lies behind `a`; negative if it lies in front.
pub fn distance(a: u32, b: u32) i32 {
    return @bitCast(b -% a);
}

test "numbers compare across the wrap" {
    try std.testing.expect(before(0xFFFF_FFF0, 0x10));
    try std.testing.expect(!before(0x10, 0xFFFF_FFF0));
    try std.testing.expect(beforeOrAt(5, 5) and !before(5, 5));
    try std.testing.expectEqual(@as(i32, 32), distance(0xFFFF_FFF0, 0x10));
}
