//! One stream of a session: what it may send, what it may still receive, and which frames it has
//! yet to send. Whatever waits to be sent is a field of the stream, so nothing can pile up.

const std = @import("std");
const frames = @import("mux_frames.zig");

/// The buffer holds one gateway response and then some. More bytes would only wait here instead of
/// at their source.
pub const buffer_bytes = 1024;

pub const State = enum { open, half_closed_local, half_closed_remote, closed, reset };

pub const Stream = struct {
    /// 0: this place is free.
    id: u32 = 0,
    mine: bool = false,
    priority: u3 = 0,
    /// OPEN_ACK was sent or has come.
    acknowledged: bool = false,
    /// The owner has closed it; CLOSE follows the data.
    closing: bool = false,
    close_sent: bool = false,
    remote_closed: bool = false,
    /// Frames that have yet to leave: our OPEN, our OPEN_ACK, our RESET.
    say_open: bool = false,
    say_acknowledge: bool = false,
    say_reset: ?frames.Reason = null,
    /// The bytes that `put` still takes.
    credit: u32 = 0,
    /// The bytes that the peer may still send.
    window: u32 = 0,
    /// The bytes that the owner has dealt with and this side has not given back yet.
    owed: u32 = 0,
    /// The longest DATA frame to make of the waiting bytes.
    data_max: u32 = frames.data_bytes_max,
    name_len: u8 = 0,
    name_bytes: [frames.name_bytes_max]u8 = undefined,
    start: usize = 0,
    len: usize = 0,
    ring: [buffer_bytes]u8 = undefined,

    /// The invariants of a stream in use, which hold between any two calls.
    pub fn check(self: *const Stream) void {
        std.debug.assert(self.id != 0);
        std.debug.assert(self.start < self.ring.len and self.len <= self.ring.len);
        // CLOSE follows the data, once the owner has closed.
        std.debug.assert(!self.close_sent or (self.closing and self.len == 0));
        // OPEN is sent by the side that opens, and OPEN_ACK by the other one.
        std.debug.assert(!self.say_open or (self.mine and !self.acknowledged));
        std.debug.assert(!self.say_acknowledge or (!self.mine and self.acknowledged));
        // Behind the peer's last byte no credit is given back.
        std.debug.assert(!self.remote_closed or self.owed == 0);
    }

    /// Its place is free for another.
    pub fn release(self: *Stream) void {
        std.debug.assert(self.id != 0);
        self.id = 0;
    }

    pub fn name(self: *const Stream) []const u8 {
        return self.name_bytes[0..self.name_len];
    }

    pub fn state(self: *const Stream) State {
        if (self.say_reset != null) return .reset;
        if (self.closing) return if (self.remote_closed) .closed else .half_closed_local;
        return if (self.remote_closed) .half_closed_remote else .open;
    }

    /// Both sides have said CLOSE.
    pub fn isOver(self: *const Stream) bool {
        return self.close_sent and self.remote_closed;
    }

    /// The number of bytes that `put` takes now.
    pub fn room(self: *const Stream) usize {
        const usable = self.say_reset == null and !self.closing and
            (self.mine or self.acknowledged);
        return if (usable) @min(self.ring.len - self.len, self.credit) else 0;
    }

    /// Take over what fits, and count it against the credit.
    pub fn put(self: *Stream, bytes: []const u8) usize {
        const count = @min(bytes.len, self.room());
        const at = (self.start + self.len) % self.ring.len;
        const first = @min(count, self.ring.len - at);
        @memcpy(self.ring[at..][0..first], bytes[0..first]);
        @memcpy(self.ring[0 .. count - first], bytes[first..count]);
        self.len += count;
        self.credit -= @intCast(count);
        self.check();
        return count;
    }

    /// Move up to `out.len` waiting bytes out.
    pub fn take(self: *Stream, out: []u8) []u8 {
        self.check();
        const count = @min(out.len, self.len);
        const first = @min(count, self.ring.len - self.start);
        @memcpy(out[0..first], self.ring[self.start..][0..first]);
        @memcpy(out[first..count], self.ring[0 .. count - first]);
        self.start = (self.start + count) % self.ring.len;
        self.len -= count;
        return out[0..count];
    }

    pub fn hasData(self: *const Stream) bool {
        return self.len != 0 and self.say_reset == null and !self.say_open;
    }
};

test "a stream takes what both its buffer and its credit hold, and gives it back in order" {
    var stream: Stream = .{ .id = 1, .mine = true, .credit = 2000 };
    var bytes: [1500]u8 = undefined;
    for (&bytes, 0..) |*byte, i| byte.* = @truncate(i);
    try std.testing.expectEqual(buffer_bytes, stream.put(&bytes));
    var out: [1000]u8 = undefined;
    try std.testing.expectEqualSlices(u8, bytes[0..1000], stream.take(&out));
    try std.testing.expectEqual(976, stream.put(bytes[buffer_bytes..]) + 500);
    try std.testing.expectEqual(2000 - buffer_bytes - 476, stream.credit);
    try std.testing.expectEqualSlices(u8, bytes[1000..], stream.take(&out));
    stream.credit = 3;
    try std.testing.expectEqual(3, stream.put(&bytes));
    try std.testing.expectEqual(0, stream.put(&bytes));
}
