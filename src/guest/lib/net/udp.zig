//! One UDP socket: a bounded queue of received datagrams. Sending needs no state of its own.

const std = @import("std");
const address = @import("address.zig");
const Ring = @import("ring.zig").Ring;

/// Two full datagrams and change, or a crowd of small ones.
pub const queue_bytes = 4096;
pub const datagrams_max = 16;

const Entry = struct { from: address.Endpoint, len: u16 };

pub const Received = struct { from: address.Endpoint, len: usize, full_len: usize };

pub const Socket = struct {
    in_use: bool = false,
    /// 0 receives datagrams to any of our addresses, multicast and broadcast included.
    ip: address.Ip = 0,
    port: u16 = 0,
    dropped: u32 = 0,
    head: usize = 0,
    count: usize = 0,
    entries: [datagrams_max]Entry = undefined,
    bytes: Ring(queue_bytes) = .{},

    pub fn open(self: *Socket, ip: address.Ip, port: u16) void {
        self.in_use = true;
        self.ip = ip;
        self.port = port;
        self.dropped = 0;
        self.head = 0;
        self.count = 0;
        self.bytes.clear();
        self.check();
    }

    /// The invariants that hold between any two calls.
    fn check(self: *const Socket) void {
        std.debug.assert(self.in_use);
        std.debug.assert(self.head < datagrams_max and self.count <= datagrams_max);
        // Every byte belongs to a datagram.
        std.debug.assert(self.count != 0 or self.bytes.len == 0);
    }

    pub fn matches(self: *const Socket, target: address.Ip, port: u16) bool {
        return self.in_use and self.port == port and (self.ip == 0 or self.ip == target);
    }

    /// Queue a datagram. False: there is no room, and the newcomer is dropped (the datagram that
    /// waits longest is most likely still wanted).
    pub fn push(self: *Socket, from: address.Endpoint, data: []const u8) bool {
        self.check();
        if (self.count == datagrams_max or data.len > self.bytes.free()) {
            self.dropped +|= 1;
            return false;
        }
        _ = self.bytes.write(data);
        const at = (self.head + self.count) % datagrams_max;
        self.entries[at] = .{ .from = from, .len = @intCast(data.len) };
        self.count += 1;
        return true;
    }

    /// Take the oldest datagram. Bytes that do not fit into `out` are lost, which `full_len` shows.
    pub fn pop(self: *Socket, out: []u8) ?Received {
        self.check();
        if (self.count == 0) return null;
        const entry = self.entries[self.head];
        const len = self.bytes.read(out[0..@min(out.len, entry.len)]);
        self.bytes.drop(entry.len - len);
        self.head = (self.head + 1) % datagrams_max;
        self.count -= 1;
        // Starting over keeps most datagrams in one piece, and their copies fast.
        if (self.count == 0) self.bytes.clear();
        return .{ .from = entry.from, .len = len, .full_len = entry.len };
    }
};

test "datagrams keep their borders, their order and the bound" {
    var socket: Socket = .{};
    socket.open(0, 37020);
    var data: [300]u8 = undefined;
    for (0..datagrams_max + 3) |i| {
        @memset(&data, @intCast(i));
        const fits = i < queue_bytes / 300;
        try std.testing.expectEqual(fits, socket.push(.{ .ip = 1, .port = @intCast(i) }, &data));
    }
    var out: [200]u8 = undefined;
    for (0..queue_bytes / 300) |i| {
        const got = socket.pop(&out).?;
        try std.testing.expectEqual(@as(u16, @intCast(i)), got.from.port);
        try std.testing.expectEqual(@as(usize, 300), got.full_len);
        try std.testing.expectEqual(@as(u8, @intCast(i)), out[199]);
    }
    try std.testing.expectEqual(@as(?Received, null), socket.pop(&out));
    while (socket.push(.{ .ip = 1, .port = 1 }, "")) {}
    try std.testing.expectEqual(@as(usize, datagrams_max), socket.count);
}
