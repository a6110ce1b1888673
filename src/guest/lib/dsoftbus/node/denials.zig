//! The denials of an admitted peer. The first ones of an interval are recorded one by one, and the
//! others are counted, because a denial costs its peer a token at most, and this node a record and
//! a line.

const std = @import("std");
const contract = @import("contract");
const edge = @import("edge.zig");
const Id = @import("../id.zig").Id;

pub const interval_ns: u64 = 10 * std.time.ns_per_s;
/// Denials of an interval that have a record each.
pub const records_max = 16;

pub const Denials = struct {
    records: u8 = 0,
    count: u64 = 0,
    until_ns: u64 = edge.never,

    /// The invariants that hold between any two calls.
    fn check(self: *const Denials) void {
        // Counting begins within an interval, once its records are used up.
        std.debug.assert(self.until_ns != edge.never or self.records == 0);
        std.debug.assert(self.records == records_max or self.count == 0);
    }

    /// A call was denied. True: it may have a record and a line of its own. False: it is counted.
    pub fn note(self: *Denials, now_ns: u64) bool {
        self.check();
        if (self.until_ns == edge.never) self.until_ns = now_ns +| interval_ns;
        if (self.records < records_max) {
            self.records += 1;
            return true;
        }
        self.count += 1;
        return false;
    }

    /// At the end of the interval, how many denials were counted. Null: the interval has not ended,
    /// or none was counted.
    pub fn take(self: *Denials, now_ns: u64) ?u64 {
        self.check();
        if (now_ns < self.until_ns) return null;
        defer self.* = .{};
        return if (self.count == 0) null else self.count;
    }
};

pub const message_bytes_max = 160;

pub fn message(out: *[message_bytes_max]u8, peer: *const Id, count: u64) []const u8 {
    const ms = interval_ns / std.time.ns_per_ms;
    return std.fmt.bufPrint(
        out,
        contract.audit.denials,
        .{ peer.*, count, ms },
    ) catch unreachable; // an id and two numbers
}

test "a flood has few records, and one with the number of the others" {
    var denials: Denials = .{};
    var records: usize = 0;
    for (0..1000) |n| records += @intFromBool(denials.note(n));
    try std.testing.expectEqual(records_max, records);
    try std.testing.expectEqual(null, denials.take(interval_ns - 1));
    try std.testing.expectEqual(1000 - records_max, denials.take(interval_ns).?);
    try std.testing.expectEqual(null, denials.take(2 * interval_ns));
    try std.testing.expect(denials.note(0));
    try std.testing.expectEqual(null, denials.take(interval_ns));
    var out: [message_bytes_max]u8 = undefined;
    try std.testing.expectEqualStrings(
        "audit denials peer=node-c count=984 ms=10000",
        message(&out, &try Id.from("node-c"), 984),
    );
}

test "an interval begins with the first denial, not with the last one" {
    var denials: Denials = .{};
    try std.testing.expectEqual(null, denials.take(edge.never - 1));
    for (0..records_max + 1) |n| _ = denials.note(100 + n);
    try std.testing.expectEqual(100 + interval_ns, denials.until_ns);
    try std.testing.expectEqual(1, denials.take(100 + interval_ns).?);
    try std.testing.expectEqual(edge.never, denials.until_ns);
    // The next denial begins an interval of its own, with new records.
    for (0..records_max) |_| try std.testing.expect(denials.note(7 * interval_ns));
    try std.testing.expect(!denials.note(7 * interval_ns));
    try std.testing.expectEqual(null, denials.take(8 * interval_ns - 1));
    try std.testing.expectEqual(1, denials.take(8 * interval_ns).?);
}
