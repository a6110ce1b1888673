//! The limiter takes a bounded number of records a second from one sender, so that no sender can
//! flush out the records of others.

const std = @import("std");

pub const appends_per_second_max = 24;
pub const senders_max = 64;
const window_ns = std.time.ns_per_s;

const Window = struct { sender: u64, start_ns: u64, appends: u32 };

pub const Verdict = enum { admitted, over_rate, no_room };

pub const Limiter = struct {
    windows: [senders_max]Window = undefined,
    count: usize = 0,

    pub fn admit(self: *Limiter, sender: u64, now_ns: u64) Verdict {
        const window = self.windowOf(sender, now_ns) orelse return .no_room;
        if (now_ns - window.start_ns >= window_ns) {
            window.start_ns = now_ns;
            window.appends = 0;
        }
        if (window.appends == appends_per_second_max) return .over_rate;
        window.appends += 1;
        return .admitted;
    }

    /// The sender's own window, else a new one, else one whose second is over.
    fn windowOf(self: *Limiter, sender: u64, now_ns: u64) ?*Window {
        var expired: ?*Window = null;
        for (self.windows[0..self.count]) |*window| {
            if (window.sender == sender) return window;
            if (now_ns - window.start_ns >= window_ns) expired = window;
        }
        if (self.count < senders_max) {
            expired = &self.windows[self.count];
            self.count += 1;
        }
        const window = expired orelse return null;
        window.* = .{ .sender = sender, .start_ns = now_ns, .appends = 0 };
        return window;
    }
};

test "24 in a second, then again in the next" {
    var limiter: Limiter = .{};
    for (0..appends_per_second_max) |i|
        try std.testing.expectEqual(Verdict.admitted, limiter.admit(1, 5 + i));
    try std.testing.expectEqual(Verdict.over_rate, limiter.admit(1, window_ns + 4));
    try std.testing.expectEqual(Verdict.admitted, limiter.admit(1, window_ns + 5));
}

test "senders are counted apart, and only so many at once" {
    var limiter: Limiter = .{};
    for (0..senders_max) |sender|
        try std.testing.expectEqual(Verdict.admitted, limiter.admit(sender, 0));
    try std.testing.expectEqual(Verdict.no_room, limiter.admit(99, window_ns - 1));
    try std.testing.expectEqual(Verdict.admitted, limiter.admit(99, window_ns));
}
