//! The Internet checksum (RFC 1071), four bytes at a time.
//!
//! A one's complement sum does not depend on byte order except for a final swap, and carries may be
//! folded at any time. So this file adds 32-bit little-endian words in 64 bits (no overflow below
//! 16 GiB) and folds once. At an odd address it takes the bytes one by one; our drivers place
//! packets so that this never happens to them.

const std = @import("std");

/// Unfolded sum of `bytes`, to be added to other sums. All parts but the last have even lengths.
pub fn sum(bytes: []const u8) u64 {
    var rest = bytes;
    var total: u64 = 0;
    if (@intFromPtr(rest.ptr) & 1 != 0) return slowSum(bytes);
    if (@intFromPtr(rest.ptr) & 2 != 0 and rest.len >= 2) {
        const half: *const u16 = @ptrCast(@alignCast(rest.ptr));
        total += std.mem.littleToNative(u16, half.*);
        rest = rest[2..];
    }
    const words: [*]const u32 = if (rest.len >= 4) @ptrCast(@alignCast(rest.ptr)) else undefined;
    for (0..rest.len / 4) |i| total += std.mem.littleToNative(u32, words[i]);
    return total + slowSum(rest[rest.len & ~@as(usize, 3) ..]);
}

fn slowSum(bytes: []const u8) u64 {
    var total: u64 = 0;
    var i: usize = 0;
    while (i + 2 <= bytes.len) : (i += 2) total += bytes[i] | @as(u32, bytes[i + 1]) << 8;
    return if (i < bytes.len) total + bytes[i] else total;
}

/// The checksum field's value, ready to be written big-endian.
pub fn finish(total: u64) u16 {
    var folded = (total & 0xFFFF_FFFF) + (total >> 32);
    folded = (folded & 0xFFFF) + (folded >> 16);
    folded = (folded & 0xFFFF) + (folded >> 16);
    folded = (folded & 0xFFFF) + (folded >> 16);
    return @byteSwap(~@as(u16, @truncate(folded)));
}

/// Sum of the pseudo header of UDP and TCP.
pub fn pseudo(source: u32, target: u32, protocol: u8, len: usize) u64 {
    return @as(u64, @byteSwap(source)) + @byteSwap(target) +
        @byteSwap(@as(u16, protocol)) + @byteSwap(@as(u16, @intCast(len)));
}

/// True: a range that includes its checksum field has the right sum.
pub fn isValid(total: u64) bool {
    return finish(total) == 0;
}

test "checksum of the example of RFC 1071" {
    const bytes align(4) = [_]u8{ 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
    try std.testing.expectEqual(@as(u16, ~@as(u16, 0xddf2)), finish(sum(&bytes)));
}

test "every alignment and length agrees with the plain definition" {
    var storage: [96]u8 align(8) = undefined;
    for (&storage, 0..) |*byte, i| byte.* = @truncate(i *% 151 +% 7);
    for (0..8) |start| for (0..64) |len| {
        const bytes = storage[start..][0..len];
        var plain: u32 = 0;
        for (bytes, 0..) |byte, i| plain += if (i % 2 == 0) @as(u32, byte) << 8 else byte;
        while (plain >> 16 != 0) plain = (plain & 0xFFFF) + (plain >> 16);
        try std.testing.expectEqual(~@as(u16, @intCast(plain)), finish(sum(bytes)));
    };
}
