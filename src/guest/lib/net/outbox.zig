//! Frames that are complete except for the link address of their target: answers, datagrams, pings.
//! A packet whose next hop is not known yet waits here while others pass it.

const std = @import("std");
const address = @import("address.zig");
const packet = @import("packet.zig");

/// Enough for every socket's datagram in flight; a device that takes nothing fills it in one
/// burst, and the senders get an error.
pub const packets_max = 16;
/// Answers to strangers take at most this many places, so that a flood of pings does not keep our
/// own datagrams from going out.
pub const answers_max = 6;

pub const Packet = struct {
    /// The next hop whose link address is missing; null: the frame is ready.
    next_hop: ?address.Ip = null,
    is_answer: bool = false,
    len: usize = 0,
    /// The two spare bytes put the IPv4 header on a multiple of four, for the checksum's sake.
    storage: [2 + packet.frame_bytes_max]u8 align(8) = undefined,

    pub fn frame(self: *Packet) []u8 {
        return self.storage[2..][0..self.len];
    }
};

pub const Outbox = struct {
    packets: [packets_max]Packet,
    /// Indices of packets in order of arrival; the first `count` are in use, the rest free.
    order: [packets_max]u8,
    count: usize,
    answers: usize,

    pub fn reset(self: *Outbox) void {
        for (&self.order, 0..) |*index, i| index.* = @intCast(i);
        self.count = 0;
        self.answers = 0;
    }

    /// The invariants that hold between any two calls.
    pub fn check(self: *const Outbox) void {
        std.debug.assert(self.count <= packets_max);
        std.debug.assert(self.answers <= self.count and self.answers <= answers_max);
    }

    /// Room for a frame of `len` bytes, queued last. Null: the outbox is full.
    pub fn add(self: *Outbox, len: usize, is_answer: bool) ?*Packet {
        std.debug.assert(len <= packet.frame_bytes_max);
        if (self.count == packets_max) return null;
        if (is_answer and self.answers == answers_max) return null;
        const entry = &self.packets[self.order[self.count]];
        self.count += 1;
        self.answers += @intFromBool(is_answer);
        self.check();
        entry.next_hop = null;
        entry.is_answer = is_answer;
        entry.len = len;
        return entry;
    }

    pub fn at(self: *Outbox, position: usize) *Packet {
        std.debug.assert(position < self.count);
        return &self.packets[self.order[position]];
    }

    pub fn remove(self: *Outbox, position: usize) void {
        std.debug.assert(position < self.count);
        const index = self.order[position];
        self.answers -= @intFromBool(self.packets[index].is_answer);
        self.count -= 1;
        const rest = self.order[position .. self.count + 1];
        std.mem.copyForwards(u8, rest[0 .. rest.len - 1], rest[1..]);
        self.order[self.count] = index;
        self.check();
    }

    /// Drop the packets that wait for a next hop that does not answer. The result is their number.
    pub fn dropFor(self: *Outbox, next_hop: address.Ip) usize {
        const before = self.count;
        var position: usize = 0;
        while (position < self.count) {
            if (self.at(position).next_hop == next_hop) self.remove(position) else position += 1;
        }
        return before - self.count;
    }
};

test "an outbox keeps order and bounds, and removes" {
    var box: Outbox = undefined;
    box.reset();
    for (0..answers_max) |_| _ = box.add(60, true).?;
    try std.testing.expectEqual(@as(?*Packet, null), box.add(60, true));
    for (answers_max..packets_max) |i| box.add(60 + i, false).?.next_hop = if (i % 2 == 0) 7 else 8;
    try std.testing.expectEqual(@as(?*Packet, null), box.add(60, false));
    try std.testing.expectEqual(@as(usize, 5), box.dropFor(7));
    box.remove(0);
    try std.testing.expectEqual(@as(usize, answers_max - 1), box.answers);
    try std.testing.expectEqual(@as(usize, 67), box.at(answers_max - 1).len);
}
