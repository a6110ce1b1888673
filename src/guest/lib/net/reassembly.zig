//! The bytes behind the expected one that have already come, as a few disjoint, ordered ranges. The
//! bytes themselves lie at their place in the receive ring. A range that finds no room here is
//! dropped, and its sender sends it again.

const std = @import("std");
const sequence = @import("sequence.zig");

/// A window of under three full segments cannot have more holes than this, unless its sender cuts
/// them oddly; then retransmission pays for it.
pub const ranges_max = 4;

const Range = struct { start: u32, end: u32 };

pub const Reassembly = struct {
    ranges: [ranges_max]Range = undefined,
    count: usize = 0,

    /// Note that [start, end) is in place. False: there is no room for another range.
    pub fn add(self: *Reassembly, start: u32, end: u32) bool {
        std.debug.assert(sequence.before(start, end) and self.count <= ranges_max);
        var merged: Range = .{ .start = start, .end = end };
        var kept: [ranges_max]Range = undefined;
        var kept_count: usize = 0;
        for (self.ranges[0..self.count]) |range| {
            const is_apart = sequence.before(range.end, merged.start) or
                sequence.before(merged.end, range.start);
            if (is_apart) {
                kept[kept_count] = range;
                kept_count += 1;
                continue;
            }
            if (sequence.before(range.start, merged.start)) merged.start = range.start;
            if (sequence.before(merged.end, range.end)) merged.end = range.end;
        }
        if (kept_count == ranges_max) return false;
        @memcpy(self.ranges[0..kept_count], kept[0..kept_count]);
        self.ranges[kept_count] = merged;
        self.count = kept_count + 1;
        return true;
    }

    /// The end of the bytes in order, if everything before `next` is there. Forget the ranges that
    /// this covers.
    pub fn advance(self: *Reassembly, next: u32) u32 {
        var end = next;
        var i: usize = 0;
        while (i < self.count) {
            const range = self.ranges[i];
            if (sequence.before(end, range.start)) {
                i += 1;
                continue;
            }
            if (sequence.before(end, range.end)) end = range.end;
            self.count -= 1;
            // Ranges never touch, so one that was passed over is still ahead of the new end.
            self.ranges[i] = self.ranges[self.count];
        }
        std.debug.assert(!sequence.before(end, next));
        return end;
    }
};

test "ranges merge, wait for the hole and are bounded" {
    var ahead: Reassembly = .{};
    const base: u32 = 0xFFFF_FFF0;
    try std.testing.expect(ahead.add(base +% 20, base +% 30));
    try std.testing.expect(ahead.add(base +% 10, base +% 15));
    try std.testing.expectEqual(base +% 5, ahead.advance(base +% 5));
    try std.testing.expect(ahead.add(base +% 14, base +% 20));
    try std.testing.expectEqual(@as(usize, 1), ahead.count);
    try std.testing.expectEqual(base +% 30, ahead.advance(base +% 10));
    try std.testing.expectEqual(@as(usize, 0), ahead.count);
    for (0..ranges_max) |i| {
        const at: u32 = @intCast(100 + i * 10);
        try std.testing.expect(ahead.add(at, at + 5));
    }
    try std.testing.expect(!ahead.add(200, 205));
    try std.testing.expect(ahead.add(105, 110));
}
