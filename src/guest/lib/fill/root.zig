//! `memset` for kernel and services. The compiler calls it to clear memory and, in ReleaseSafe, to
//! mark every undefined buffer, so on an emulated machine its speed is felt everywhere.

const std = @import("std");
const builtin = @import("builtin");

const word_bytes = @sizeOf(u64);
const words_per_round = 8;

comptime {
    // On the host, where the tests run, the C library has its own.
    if (builtin.os.tag == .freestanding) {
        @export(&memset, .{ .name = "memset", .linkage = .strong });
    }
}

/// Stores are volatile so that the compiler does not turn these loops into a call of memset.
fn memset(destination: ?[*]u8, value: u8, len: usize) callconv(.c) ?[*]u8 {
    @setRuntimeSafety(false);
    if (len == 0) return destination;
    var at = @intFromPtr(destination.?);
    const end = at + len;
    const word = @as(u64, value) *% 0x0101_0101_0101_0101;
    while (at < end and at % word_bytes != 0) : (at += 1) byteAt(at).* = value;
    while (end - at >= words_per_round * word_bytes) : (at += words_per_round * word_bytes) {
        inline for (0..words_per_round) |i| wordAt(at + i * word_bytes).* = word;
    }
    while (end - at >= word_bytes) : (at += word_bytes) wordAt(at).* = word;
    while (at < end) : (at += 1) byteAt(at).* = value;
    return destination;
}

inline fn byteAt(address: usize) *volatile u8 {
    return @ptrFromInt(address);
}

inline fn wordAt(address: usize) *volatile u64 {
    return @ptrFromInt(address);
}

test "every start, every length: the range is filled and nothing else" {
    var buffer: [200]u8 align(8) = undefined;
    for (0..9) |start| {
        for (0..buffer.len - start - 1) |len| {
            for (&buffer) |*byte| byte.* = 0x11;
            try std.testing.expectEqual(
                @as(?[*]u8, buffer[start..].ptr),
                memset(buffer[start..].ptr, 0xC3, len),
            );
            for (buffer, 0..) |byte, i| {
                const inside = i >= start and i < start + len;
                try std.testing.expectEqual(@as(u8, if (inside) 0xC3 else 0x11), byte);
            }
        }
    }
    try std.testing.expectEqual(@as(?[*]u8, null), memset(null, 1, 0));
}
