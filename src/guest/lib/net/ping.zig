//! Echo requests that wait for their replies. Their number is bounded, and each has an end.

const std = @import("std");
const address = @import("address.zig");

pub const pings_max = 4;
/// Identifier of our requests ("NX"); the sequence number tells them apart.
pub const ident: u16 = 0x4E58;
const never = std.math.maxInt(u64);

pub const Done = struct { token: u16, rtt_ns: ?u64 };

const Wait = struct {
    is_waiting: bool = false,
    is_done: bool = false,
    ip: address.Ip = 0,
    sequence: u16 = 0,
    sent_ns: u64 = 0,
    deadline_ns: u64 = never,
    rtt_ns: ?u64 = null,
};

pub const Pings = struct {
    waits: [pings_max]Wait = @splat(.{}),
    next_sequence: u16 = 1,

    /// The invariants that hold between any two calls.
    fn check(self: *const Pings) void {
        for (&self.waits) |*wait| std.debug.assert(!wait.is_waiting or !wait.is_done);
    }

    /// The token of a new request, which is also its sequence number. Null: too many are under way.
    pub fn begin(self: *Pings, ip: address.Ip, now: u64, timeout_ns: u64) ?u16 {
        self.check();
        for (&self.waits) |*wait| {
            if (wait.is_waiting or wait.is_done) continue;
            wait.* = .{
                .is_waiting = true,
                .ip = ip,
                .sequence = self.next_sequence,
                .sent_ns = now,
                .deadline_ns = now +| timeout_ns,
            };
            self.next_sequence +%= 1;
            return wait.sequence;
        }
        return null;
    }

    pub fn gotReply(self: *Pings, from: address.Ip, id: u16, sequence: u16, now: u64) void {
        self.check();
        if (id != ident) return;
        for (&self.waits) |*wait| {
            if (!wait.is_waiting or wait.sequence != sequence or wait.ip != from) continue;
            wait.is_waiting = false;
            wait.is_done = true;
            wait.rtt_ns = now - wait.sent_ns;
        }
    }

    pub fn poll(self: *Pings, now: u64) void {
        self.check();
        for (&self.waits) |*wait| {
            if (!wait.is_waiting or wait.deadline_ns > now) continue;
            wait.is_waiting = false;
            wait.is_done = true;
        }
    }

    pub fn nextDone(self: *Pings) ?Done {
        self.check();
        for (&self.waits) |*wait| {
            if (!wait.is_done) continue;
            wait.is_done = false;
            return .{ .token = wait.sequence, .rtt_ns = wait.rtt_ns };
        }
        return null;
    }

    pub fn nextDeadline(self: *const Pings) u64 {
        var soonest: u64 = never;
        for (&self.waits) |*wait| {
            if (wait.is_waiting) soonest = @min(soonest, wait.deadline_ns);
        }
        return soonest;
    }
};

test "a reply counts only from the address that was asked, and silence ends" {
    var pings: Pings = .{};
    const first = pings.begin(7, 100, 1000).?;
    const second = pings.begin(7, 100, 500).?;
    pings.gotReply(8, ident, first, 150);
    pings.gotReply(7, ident + 1, first, 150);
    try std.testing.expectEqual(@as(?Done, null), pings.nextDone());
    pings.gotReply(7, ident, first, 160);
    try std.testing.expectEqual(@as(?u64, 60), pings.nextDone().?.rtt_ns);
    try std.testing.expectEqual(@as(u64, 600), pings.nextDeadline());
    pings.poll(600);
    pings.gotReply(7, ident, second, 601);
    try std.testing.expectEqual(@as(?u64, null), pings.nextDone().?.rtt_ns);
    for (0..pings_max) |_| _ = pings.begin(7, 0, 1).?;
    try std.testing.expectEqual(@as(?u16, null), pings.begin(7, 0, 1));
}
