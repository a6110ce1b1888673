//! Messages on a connection, each behind its length in two bytes, big-endian. One buffer collects
//! the peer's messages as their bytes come; the other keeps ours until the connection takes them.
//! Neither buffer ever grows.

const std = @import("std");
const noise = @import("noise");
const frames = @import("frames.zig");

const head_bytes = 2;
pub const message_bytes_max = frames.plaintext_bytes_max + noise.tag_bytes;
/// Room for one message and its length.
pub const wire_bytes_max = head_bytes + message_bytes_max;

/// The peer's bytes: room for one message of any length.
pub const Inbox = struct {
    len: usize = 0,
    bytes: [wire_bytes_max]u8 = undefined,

    /// The invariants that hold between any two calls.
    pub fn check(self: *const Inbox) void {
        std.debug.assert(self.len <= self.bytes.len);
    }

    /// The number of bytes that `put` takes now.
    pub fn room(self: *const Inbox) usize {
        return self.bytes.len - self.len;
    }

    /// Take bytes of the peer; the result is how many of them fitted.
    pub fn put(self: *Inbox, bytes: []const u8) usize {
        const count = @min(bytes.len, self.room());
        @memcpy(self.bytes[self.len..][0..count], bytes[0..count]);
        self.len += count;
        self.check();
        return count;
    }

    /// The length that the first message states, whether or not it is whole.
    pub fn announced(self: *const Inbox) ?usize {
        if (self.len < head_bytes) return null;
        return std.mem.readInt(u16, self.bytes[0..head_bytes], .big);
    }

    /// The first message, of the announced length, once it is whole. Valid until `drop`.
    pub fn first(self: *const Inbox, len: usize) ?[]const u8 {
        std.debug.assert(len <= message_bytes_max); // the length was judged
        return if (self.len < head_bytes + len) null else self.bytes[head_bytes..][0..len];
    }

    /// The owner has dealt with the first message. If everything was dropped meanwhile, there is
    /// nothing to drop.
    pub fn drop(self: *Inbox, len: usize) void {
        if (self.len == 0) return;
        const count = head_bytes + len;
        std.debug.assert(count <= self.len);
        std.mem.copyForwards(u8, &self.bytes, self.bytes[count..self.len]);
        self.len -= count;
    }
};

/// Our messages: room for what streams have to say, beside the answer to one message of any size
/// and what the timers add.
pub const Outbox = struct {
    len: usize = 0,
    bytes: [3 * wire_bytes_max]u8 = undefined,

    /// The invariants that hold between any two calls.
    pub fn check(self: *const Outbox) void {
        std.debug.assert(self.len <= self.bytes.len);
    }

    pub fn room(self: *const Outbox) usize {
        return self.bytes.len - self.len;
    }

    /// The place for the next message; null: not even its length has room.
    pub fn space(self: *Outbox) ?[]u8 {
        return if (self.room() < head_bytes) null else self.bytes[self.len + head_bytes ..];
    }

    /// A message of this length was written into `space`.
    pub fn commit(self: *Outbox, len: usize) void {
        std.debug.assert(len != 0 and head_bytes + len <= self.room());
        std.mem.writeInt(u16, self.bytes[self.len..][0..head_bytes], @intCast(len), .big);
        self.len += head_bytes + len;
    }

    /// The bytes that the connection has yet to take.
    pub fn written(self: *const Outbox) []const u8 {
        return self.bytes[0..self.len];
    }

    /// The connection took so many of them.
    pub fn drop(self: *Outbox, count: usize) void {
        std.debug.assert(count <= self.len);
        std.mem.copyForwards(u8, &self.bytes, self.bytes[count..self.len]);
        self.len -= count;
    }
};
