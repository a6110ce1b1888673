//! `memset`, `memcpy` and `memmove` for kernel and services. The compiler calls them to clear and
//! to copy memory and, in ReleaseSafe, to mark every undefined buffer, so on an emulated machine
//! their speed is felt everywhere.

const std = @import("std");
const builtin = @import("builtin");

const word_bytes = @sizeOf(u64);
const words_per_round = 8;

comptime {
    // On the host, where the tests run, the C library has its own.
    if (builtin.os.tag == .freestanding) {
        @export(&memset, .{ .name = "memset", .linkage = .strong });
        @export(&memcpy, .{ .name = "memcpy", .linkage = .strong });
        @export(&memmove, .{ .name = "memmove", .linkage = .strong });
    }
}

/// The stores are volatile, so that the compiler does not turn these loops into a call of memset.
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

/// Write words where the target is aligned, each made of two words where the source is not: a
/// machine need not load across words. Only words that hold bytes of the source are read.
fn memcpy(
    noalias destination: ?[*]u8,
    noalias source: ?[*]const u8,
    len: usize,
) callconv(.c) ?[*]u8 {
    @setRuntimeSafety(false);
    if (len == 0) return destination;
    forwards(@intFromPtr(destination.?), @intFromPtr(source.?), len);
    return destination;
}

/// A move towards lower addresses is a copy from the front, which writes no byte before it has read
/// it.
fn memmove(destination: ?[*]u8, source: ?[*]const u8, len: usize) callconv(.c) ?[*]u8 {
    @setRuntimeSafety(false);
    if (len == 0) return destination;
    const to = @intFromPtr(destination.?);
    const from = @intFromPtr(source.?);
    if (to -% from >= len) forwards(to, from, len) else backwards(to, from, len);
    return destination;
}

inline fn forwards(target: usize, source: usize, len: usize) void {
    @setRuntimeSafety(false);
    var to = target;
    var from = source;
    const end = to + len;
    if (len >= 2 * word_bytes) {
        while (to % word_bytes != 0) : (to += 1) {
            byteAt(to).* = byteAt(from).*;
            from += 1;
        }
        const words = (end - to) / word_bytes;
        if (from % word_bytes == 0) copyWords(to, from, words) else mergeWords(to, from, words);
        to += words * word_bytes;
        from += words * word_bytes;
    }
    while (to < end) : (to += 1) {
        byteAt(to).* = byteAt(from).*;
        from += 1;
    }
}

/// A move up is mostly that of an array by some of its items, so both ends are aligned alike.
inline fn backwards(target: usize, source: usize, len: usize) void {
    @setRuntimeSafety(false);
    var to = target + len;
    var from = source + len;
    if (to % word_bytes == from % word_bytes) {
        while (to > target and to % word_bytes != 0) {
            to -= 1;
            from -= 1;
            byteAt(to).* = byteAt(from).*;
        }
        while (to - target >= word_bytes) {
            to -= word_bytes;
            from -= word_bytes;
            wordAt(to).* = wordAt(from).*;
        }
    }
    while (to > target) {
        to -= 1;
        from -= 1;
        byteAt(to).* = byteAt(from).*;
    }
}

inline fn copyWords(target: usize, source: usize, count: usize) void {
    var to = target;
    var from = source;
    const end = target + count * word_bytes;
    while (end - to >= words_per_round * word_bytes) : (to += words_per_round * word_bytes) {
        inline for (0..words_per_round) |i| {
            wordAt(to + i * word_bytes).* = wordAt(from + i * word_bytes).*;
        }
        from += words_per_round * word_bytes;
    }
    while (to < end) : (to += word_bytes) {
        wordAt(to).* = wordAt(from).*;
        from += word_bytes;
    }
}

inline fn mergeWords(target: usize, source: usize, count: usize) void {
    const low: u6 = @intCast(source % word_bytes * 8);
    const high: u6 = @intCast(64 - @as(u7, low));
    var from = source - source % word_bytes;
    var word = wordAt(from).*;
    var to = target;
    const end = target + count * word_bytes;
    while (to < end) : (to += word_bytes) {
        from += word_bytes;
        const next = wordAt(from).*;
        wordAt(to).* = word >> low | next << high;
        word = next;
    }
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

test "every pair of alignments, every length: the bytes are copied and nothing else is written" {
    var from: [160]u8 align(8) = undefined;
    for (&from, 0..) |*byte, i| byte.* = @truncate(i * 7 + 1);
    for (0..8) |start| for (0..8) |target| for (0..from.len - start) |len| {
        var to: [200]u8 align(8) = @splat(0x11);
        const result = memcpy(to[target..].ptr, from[start..].ptr, len);
        try std.testing.expectEqual(@as(?[*]u8, to[target..].ptr), result);
        try std.testing.expectEqualSlices(u8, from[start..][0..len], to[target..][0..len]);
        try std.testing.expect(std.mem.allEqual(u8, to[0..target], 0x11));
        try std.testing.expect(std.mem.allEqual(u8, to[target + len ..], 0x11));
    };
    try std.testing.expectEqual(@as(?[*]u8, null), memcpy(null, null, 0));
}

test "every distance, every length: what overlaps is moved as if it were copied first" {
    for (0..40) |from| for (0..40) |to| for ([_]usize{ 0, 1, 7, 8, 15, 16, 17, 40, 99 }) |len| {
        var bytes: [160]u8 align(8) = undefined;
        for (&bytes, 0..) |*byte, i| byte.* = @truncate(i * 7 + 1);
        var want = bytes;
        var held: [99]u8 = undefined;
        @memcpy(held[0..len], bytes[from..][0..len]);
        @memcpy(want[to..][0..len], held[0..len]);
        _ = memmove(bytes[to..].ptr, bytes[from..].ptr, len);
        try std.testing.expectEqualSlices(u8, &want, &bytes);
    };
}
