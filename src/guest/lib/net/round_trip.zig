//! Retransmission timeout from measured round trips: RFC 6298 in integer arithmetic.

const std = @import("std");

/// Before any measurement (2.1).
pub const first_ns: u64 = std.time.ns_per_s;
/// The RFC rounds up to a second; like most stacks we use a fifth of it, which is still five
/// times our own delay of acknowledgements.
pub const min_ns: u64 = 200 * std.time.ns_per_ms;
pub const max_ns: u64 = 60 * std.time.ns_per_s;

pub const RoundTrip = struct {
    smoothed: u64 = 0,
    variance: u64 = 0,
    is_measured: bool = false,
    timeout: u64 = first_ns,

    /// The invariants that hold between any two calls.
    fn check(self: *const RoundTrip) void {
        std.debug.assert(self.timeout >= min_ns and self.timeout <= max_ns);
        std.debug.assert(self.is_measured or (self.smoothed == 0 and self.variance == 0));
    }

    pub fn measured(self: *RoundTrip, sample: u64) void {
        self.check();
        if (self.is_measured) {
            // (2.3) RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R'|, then SRTT = 7/8 SRTT + 1/8 R'.
            const off = @max(sample, self.smoothed) - @min(sample, self.smoothed);
            self.variance = self.variance - self.variance / 4 + off / 4;
            self.smoothed = self.smoothed - self.smoothed / 8 + sample / 8;
        } else {
            // (2.2) the first measurement.
            self.smoothed = sample;
            self.variance = sample / 2;
            self.is_measured = true;
        }
        self.restore();
    }

    /// Undo backing off.
    pub fn restore(self: *RoundTrip) void {
        self.check();
        if (!self.is_measured) return;
        self.timeout = std.math.clamp(self.smoothed +| 4 *| self.variance, min_ns, max_ns);
    }

    /// (5.5) back off the timer.
    pub fn backOff(self: *RoundTrip) void {
        self.timeout = @min(self.timeout *| 2, max_ns);
        self.check();
    }
};

test "first and further samples, bounds and backing off" {
    const ms = std.time.ns_per_ms;
    var trip: RoundTrip = .{};
    try std.testing.expectEqual(first_ns, trip.timeout);
    trip.measured(100 * ms);
    try std.testing.expectEqual(@as(u64, 300 * ms), trip.timeout);
    trip.measured(180 * ms);
    // RTTVAR = 37.5 + 20 = 57.5, SRTT = 87.5 + 22.5 = 110.
    try std.testing.expectEqual(@as(u64, 340 * ms), trip.timeout);
    for (0..20) |_| trip.backOff();
    try std.testing.expectEqual(max_ns, trip.timeout);
    for (0..100) |_| trip.measured(1 * ms);
    try std.testing.expectEqual(min_ns, trip.timeout);
}
