//! The lives of services: a service of the system that broke starts again, a bounded number of
//! times in a row. A service that breaks at once breaks again, and a system that tries for ever
//! never reports it.

const std = @import("std");

/// Restarts in a row.
pub const restarts_max = 3;
/// A life of this length ends a row.
pub const good_ns: u64 = 60 * std.time.ns_per_s;

/// The services of the system, on which others rely for as long as the node lives. Only its owner
/// can say whether any other program may begin anew.
const lasting = [_][]const u8{
    "bundlemgrd", "dsoftbusd", "logd",   "netstackd", "packagefsd",
    "policyd",    "rngd",      "samgrd", "statefsd",
};

pub fn isLasting(name: []const u8) bool {
    for (lasting) |each| if (std.mem.eql(u8, each, name)) return true;
    return false;
}

pub const Lives = struct {
    begun_ns: u64 = 0,
    restarts: u8 = 0,

    pub fn begin(self: *Lives, now_ns: u64) void {
        self.begun_ns = now_ns;
    }

    /// The number of the next restart, from 1 on; null: there is none.
    pub fn next(self: *Lives, now_ns: u64) ?u8 {
        if (now_ns -| self.begun_ns >= good_ns) self.restarts = 0;
        std.debug.assert(self.restarts <= restarts_max);
        if (self.restarts == restarts_max) return null;
        self.restarts += 1;
        return self.restarts;
    }
};

test "the system's services last, programs end" {
    for (lasting) |name| try std.testing.expect(isLasting(name));
    for ([_][]const u8{ "selftest-client", "init", "log", "logd2", "" }) |name| {
        try std.testing.expect(!isLasting(name));
    }
}

test "three restarts in a row, and again after a good life" {
    var lives: Lives = .{};
    lives.begin(5);
    for (1..restarts_max + 1) |number| {
        try std.testing.expectEqual(@as(?u8, @intCast(number)), lives.next(6));
        lives.begin(7);
    }
    try std.testing.expectEqual(null, lives.next(8));
    try std.testing.expectEqual(null, lives.next(7 + good_ns - 1));
    try std.testing.expectEqual(@as(?u8, 1), lives.next(7 + good_ns));
}
