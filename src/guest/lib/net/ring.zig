//! A byte queue of fixed capacity that can also be written ahead of its end (for segments that
//! arrive out of order) and read behind its start without consuming (for retransmission).

const std = @import("std");

pub fn Ring(comptime capacity: usize) type {
    comptime std.debug.assert(std.math.isPowerOfTwo(capacity));
    return struct {
        const Self = @This();
        pub const size = capacity;

        start: usize = 0,
        len: usize = 0,
        bytes: [capacity]u8 = undefined,

        /// Forget the contents. The bytes stay as they are: clearing them would cost for nothing.
        pub fn clear(self: *Self) void {
            self.start = 0;
            self.len = 0;
        }

        /// The invariants that hold between any two calls.
        fn check(self: *const Self) void {
            std.debug.assert(self.start < capacity and self.len <= capacity);
        }

        pub fn free(self: *const Self) usize {
            self.check();
            return capacity - self.len;
        }

        /// Append the bytes that fit. The result is their number.
        pub fn write(self: *Self, data: []const u8) usize {
            const count = @min(data.len, self.free());
            self.place(0, data[0..count]);
            self.len += count;
            self.check();
            return count;
        }

        /// Put bytes `offset` behind the end, without making them part of the queue yet.
        pub fn place(self: *Self, offset: usize, data: []const u8) void {
            std.debug.assert(offset + data.len <= self.free());
            const at = (self.start + self.len + offset) & (capacity - 1);
            const first = @min(data.len, capacity - at);
            @memcpy(self.bytes[at..][0..first], data[0..first]);
            @memcpy(self.bytes[0 .. data.len - first], data[first..]);
        }

        /// Make the next `count` placed bytes part of the queue.
        pub fn extend(self: *Self, count: usize) void {
            std.debug.assert(count <= self.free());
            self.len += count;
            self.check();
        }

        /// Copy from `offset` behind the start, without consuming.
        pub fn peek(self: *const Self, offset: usize, out: []u8) void {
            std.debug.assert(offset + out.len <= self.len);
            const at = (self.start + offset) & (capacity - 1);
            const first = @min(out.len, capacity - at);
            @memcpy(out[0..first], self.bytes[at..][0..first]);
            @memcpy(out[first..], self.bytes[0 .. out.len - first]);
        }

        pub fn drop(self: *Self, count: usize) void {
            std.debug.assert(count <= self.len);
            self.start = (self.start + count) & (capacity - 1);
            self.len -= count;
            self.check();
        }

        pub fn read(self: *Self, out: []u8) usize {
            const count = @min(out.len, self.len);
            self.peek(0, out[0..count]);
            self.drop(count);
            return count;
        }
    };
}

test "a ring wraps, places ahead and keeps order" {
    var ring: Ring(8) = .{};
    var out: [8]u8 = undefined;
    try std.testing.expectEqual(@as(usize, 6), ring.write("abcdef"));
    try std.testing.expectEqual(@as(usize, 4), ring.read(out[0..4]));
    ring.place(2, "56");
    ring.place(0, "34");
    ring.extend(4);
    try std.testing.expectEqual(@as(usize, 2), ring.write("xyz"));
    try std.testing.expectEqual(@as(usize, 8), ring.read(&out));
    try std.testing.expectEqualStrings("ef3456xy", &out);
}
