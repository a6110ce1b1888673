//! An event that happens again and again is recorded once, then counted, and the count is reported
//! when an interval is over. So no event is lost, and no sender fills a log by repeating one.
//!
//!     first ──▶ a record at once          more of it within the interval ──▶ counted
//!     interval over: a summary if there was more, and another interval; else it is forgotten
//!
//! Events whose keys find no place in the table are counted together, without a key.

const std = @import("std");

pub const never: u64 = std.math.maxInt(u64);
/// The interval is short enough for a person who watches, and so long that a flood of all keys
/// stays a trickle of records.
pub const interval_ns: u64 = 10 * std.time.ns_per_s;

pub fn Tally(comptime Key: type, comptime entries_max: usize) type {
    return struct {
        const Self = @This();
        const Entry = struct { key: Key, ends_ns: u64, more: u64 };

        pub const Verdict = enum { record, counted };
        /// Null: the events of all keys that found no place.
        pub const Summary = struct { key: ?Key, count: u64 };

        entries: [entries_max]Entry = undefined,
        len: usize = 0,
        /// The events that found no place, and the end of their interval.
        others: u64 = 0,
        others_end_ns: u64 = never,

        /// An event of this key happened. `record`: it is the first one of its interval.
        pub fn add(self: *Self, key: Key, now_ns: u64) Verdict {
            self.check();
            for (self.entries[0..self.len]) |*entry| {
                if (!std.meta.eql(entry.key, key)) continue;
                entry.more += 1;
                return .counted;
            }
            if (self.len == entries_max) {
                if (self.others == 0) self.others_end_ns = now_ns +| interval_ns;
                self.others += 1;
                return .counted;
            }
            self.entries[self.len] = .{ .key = key, .ends_ns = now_ns +| interval_ns, .more = 0 };
            self.len += 1;
            return .record;
        }

        /// The next summary that is due; call this until it returns null.
        pub fn due(self: *Self, now_ns: u64) ?Summary {
            var index: usize = 0;
            while (index < self.len) {
                const entry = &self.entries[index];
                if (now_ns < entry.ends_ns) {
                    index += 1;
                } else if (entry.more == 0) {
                    self.len -= 1;
                    entry.* = self.entries[self.len];
                } else {
                    defer entry.more = 0;
                    entry.ends_ns = now_ns +| interval_ns;
                    return .{ .key = entry.key, .count = entry.more };
                }
            }
            self.check();
            if (now_ns < self.others_end_ns) return null;
            defer self.others = 0;
            self.others_end_ns = never;
            return .{ .key = null, .count = self.others };
        }

        /// The invariants that hold between any two calls.
        fn check(self: *const Self) void {
            std.debug.assert(self.len <= entries_max);
            std.debug.assert((self.others == 0) == (self.others_end_ns == never));
        }

        /// The instant at which `due` has something to report or to forget.
        pub fn deadline(self: *const Self) u64 {
            var at = self.others_end_ns;
            for (self.entries[0..self.len]) |*entry| at = @min(at, entry.ends_ns);
            return at;
        }
    };
}

const testing = std.testing;
const Small = Tally(u8, 2);

test "the first is a record, the others are counted, and the count is reported" {
    var tally: Small = .{};
    try testing.expectEqual(never, tally.deadline());
    try testing.expectEqual(Small.Verdict.record, tally.add(1, 5));
    for (0..3) |_| try testing.expectEqual(Small.Verdict.counted, tally.add(1, 6));
    try testing.expectEqual(5 + interval_ns, tally.deadline());
    try testing.expectEqual(null, tally.due(4 + interval_ns));
    const told = tally.due(5 + interval_ns).?;
    try testing.expectEqual(@as(?u8, 1), told.key);
    try testing.expectEqual(@as(u64, 3), told.count);
    try testing.expectEqual(null, tally.due(5 + interval_ns));
    // The events go on, so another interval begins with a count, not with a record.
    try testing.expectEqual(Small.Verdict.counted, tally.add(1, 6 + interval_ns));
    try testing.expectEqual(@as(u64, 1), tally.due(6 + 2 * interval_ns).?.count);
    // The events have ended: after an interval without one the key is forgotten.
    try testing.expectEqual(null, tally.due(9 + 3 * interval_ns));
    try testing.expectEqual(never, tally.deadline());
    try testing.expectEqual(Small.Verdict.record, tally.add(1, 9 + 3 * interval_ns));
}

test "what finds no place is counted together, and places come free" {
    var tally: Small = .{};
    _ = tally.add(1, 0);
    _ = tally.add(2, 1);
    for (3..7) |key| try testing.expectEqual(Small.Verdict.counted, tally.add(@intCast(key), 2));
    _ = tally.add(2, 3);
    try testing.expectEqual(null, tally.due(interval_ns));
    try testing.expectEqual(@as(?u8, 2), tally.due(2 + interval_ns).?.key);
    const others = tally.due(2 + interval_ns).?;
    try testing.expectEqual(@as(?u8, null), others.key);
    try testing.expectEqual(@as(u64, 4), others.count);
    try testing.expectEqual(null, tally.due(2 + interval_ns));
    try testing.expectEqual(Small.Verdict.record, tally.add(3, 3 + interval_ns));
}
