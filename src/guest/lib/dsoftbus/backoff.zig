//! Backing off: each failure in a row doubles the wait before the next dial, up to two seconds.

const std = @import("std");

pub const first_ns: u64 = 250 * std.time.ns_per_ms;
pub const most_ns: u64 = 2 * std.time.ns_per_s;

pub const Backoff = struct {
    /// The instant from which on the next attempt may be made.
    at_ns: u64 = 0,
    step_ns: u64 = first_ns,

    pub fn failed(self: *Backoff, now_ns: u64) void {
        std.debug.assert(self.step_ns >= first_ns and self.step_ns <= most_ns);
        self.at_ns = now_ns + self.step_ns;
        self.step_ns = @min(2 * self.step_ns, most_ns);
    }

    pub fn succeeded(self: *Backoff) void {
        self.step_ns = first_ns;
    }
};

test "250 ms, doubling to 2 s, from the start again after a success" {
    var backoff: Backoff = .{};
    for ([_]u64{ 250, 500, 1000, 2000, 2000 }) |ms| {
        backoff.failed(7);
        try std.testing.expectEqual(7 + ms * std.time.ns_per_ms, backoff.at_ns);
    }
    backoff.succeeded();
    backoff.failed(0);
    try std.testing.expectEqual(first_ns, backoff.at_ns);
}
