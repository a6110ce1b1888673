//! The count of records that the log did not confirm, kept until the log has been told the count.

const std = @import("std");

/// The log's limiter counts a second; what it refused in one, it takes in the next.
const first_ns: u64 = std.time.ns_per_s;
/// Each attempt at a log that is gone costs the node the time it waits for it.
const longest_ns: u64 = 16 * std.time.ns_per_s;

pub const Loss = struct {
    count: u64 = 0,
    wait_ns: u64 = first_ns,
    at_ns: u64 = std.math.maxInt(u64),

    /// A record was not confirmed.
    pub fn add(self: *Loss, now_ns: u64) void {
        if (self.count == 0) self.at_ns = now_ns +| self.wait_ns;
        self.count += 1;
    }

    /// When the loss is to be reported to the log.
    pub fn deadline(self: *const Loss) u64 {
        std.debug.assert(self.count != 0 or self.at_ns == std.math.maxInt(u64));
        return self.at_ns;
    }

    /// The log was not reached: try later, and each time later still.
    pub fn postpone(self: *Loss, now_ns: u64) void {
        std.debug.assert(self.count != 0); // else it would be reported for ever
        self.wait_ns = @min(2 * self.wait_ns, longest_ns);
        self.at_ns = now_ns +| self.wait_ns;
    }

    /// The log knows the count now.
    pub fn told(self: *Loss) void {
        self.* = .{};
    }
};

test "a loss is reported a second after the first one, then at doubling intervals" {
    var loss: Loss = .{};
    try std.testing.expectEqual(std.math.maxInt(u64), loss.deadline());
    loss.add(5);
    loss.add(9);
    try std.testing.expectEqual(first_ns + 5, loss.deadline());
    var now = loss.deadline();
    for ([_]u64{ 2, 4, 8, 16, 16 }) |seconds| {
        loss.postpone(now);
        loss.add(now + 1);
        now += seconds * std.time.ns_per_s;
        try std.testing.expectEqual(now, loss.deadline());
    }
    try std.testing.expectEqual(7, loss.count);
    loss.told();
    try std.testing.expectEqual(0, loss.count);
    loss.add(now);
    try std.testing.expectEqual(now + first_ns, loss.deadline());
}
