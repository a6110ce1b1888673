//! A token bucket in whole numbers. It never rounds, so the same requests at the same instants get
//! the same answers.

const std = @import("std");

/// The credit of one token: a nanosecond at one token a second is one unit of it.
const token: u64 = std.time.ns_per_s;

pub const Limit = struct { burst: u16, per_second: u16 };

pub const Bucket = struct {
    limit: Limit,
    credit: u64,
    at_ns: u64,

    pub fn init(limit: Limit, now_ns: u64) Bucket {
        return .{ .limit = limit, .credit = capacity(limit), .at_ns = now_ns };
    }

    pub fn take(self: *Bucket, now_ns: u64) bool {
        std.debug.assert(self.credit <= capacity(self.limit));
        const elapsed = now_ns -| self.at_ns;
        self.credit = @min(capacity(self.limit), self.credit +| elapsed *| self.limit.per_second);
        self.at_ns = @max(self.at_ns, now_ns);
        if (self.credit < token) return false;
        self.credit -= token;
        return true;
    }

    fn capacity(limit: Limit) u64 {
        return @as(u64, limit.burst) * token;
    }
};

test "the burst, then one token a period" {
    var bucket = Bucket.init(.{ .burst = 3, .per_second = 10 }, 0);
    for (0..3) |_| try std.testing.expect(bucket.take(0));
    try std.testing.expect(!bucket.take(0));
    try std.testing.expect(!bucket.take(99_999_999));
    try std.testing.expect(bucket.take(100_000_000));
    try std.testing.expect(!bucket.take(100_000_000));
}

test "an idle bucket holds no more than the burst" {
    var bucket = Bucket.init(.{ .burst = 2, .per_second = 65535 }, 0);
    const late = std.math.maxInt(u64);
    for (0..2) |_| try std.testing.expect(bucket.take(late));
    try std.testing.expect(!bucket.take(late));
}

test "a burst of zero refuses everything, and time never runs backwards" {
    var closed = Bucket.init(.{ .burst = 0, .per_second = 9 }, 0);
    try std.testing.expect(!closed.take(1 << 40));
    var bucket = Bucket.init(.{ .burst = 1, .per_second = 1 }, 10);
    try std.testing.expect(bucket.take(10));
    try std.testing.expect(!bucket.take(5));
    try std.testing.expect(bucket.take(10 + std.time.ns_per_s));
}
