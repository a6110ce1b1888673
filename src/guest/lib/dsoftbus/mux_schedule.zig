//! The schedule chooses the stream whose data goes next. The highest priority goes first, but not
//! for ever: after a burst of it, a lower priority that waits gets a frame, and the lower ones take
//! turns. Streams of one priority take turns, too.

const std = @import("std");
const contract = @import("contract");
const frames = @import("mux_frames.zig");
const Stream = @import("mux_stream.zig").Stream;

pub const burst_max = contract.mux.burst_frames_max;

pub const Schedule = struct {
    /// Frames of the highest priority that have gone since a lower one waited.
    burst: u8 = 0,
    /// The lower priority that had its turn last.
    lower: u3 = 0,
    /// For each priority, the place of the stream that went last.
    last: [frames.priorities]usize = @splat(0),

    pub fn next(self: *Schedule, streams: []Stream) ?*Stream {
        const chosen = self.ofPriority(self.priority(streams) orelse return null, streams);
        // A lower priority that waits has its turn behind a burst of this many.
        std.debug.assert(self.burst <= burst_max);
        return chosen;
    }

    fn priority(self: *Schedule, streams: []const Stream) ?u3 {
        var waiting: u8 = 0;
        for (streams) |*stream| {
            if (stream.id != 0 and stream.hasData()) waiting |= @as(u8, 1) << stream.priority;
        }
        if (waiting == 0) return null;
        const top: u3 = @intCast(@ctz(waiting));
        const others = waiting & ~(@as(u8, 1) << top);
        if (others == 0) {
            self.burst = 0;
            return top;
        }
        if (self.burst < burst_max) {
            self.burst += 1;
            return top;
        }
        self.burst = 0;
        const after = others & ~((@as(u8, 2) << self.lower) -% 1);
        self.lower = @intCast(@ctz(if (after != 0) after else others));
        return self.lower;
    }

    fn ofPriority(self: *Schedule, wanted: u3, streams: []Stream) *Stream {
        const last = &self.last[wanted];
        for (1..streams.len + 1) |step| {
            const place = (last.* + step) % streams.len;
            const stream = &streams[place];
            if (stream.id == 0 or !stream.hasData() or stream.priority != wanted) continue;
            last.* = place;
            return stream;
        }
        unreachable; // `priority` saw one
    }
};

fn order(comptime streams: []const struct { u3, usize }, comptime want: []const u8) !void {
    var all: [streams.len]Stream = undefined;
    for (&all, streams, 1..) |*stream, row, id| {
        stream.* = .{ .id = @intCast(id), .priority = row[0], .mine = true, .len = row[1] };
    }
    var schedule: Schedule = .{};
    for (want) |letter| {
        const stream = schedule.next(&all).?;
        try std.testing.expectEqual(letter, @as(u8, 'a') + stream.priority);
        stream.len -= 1;
    }
    try std.testing.expectEqual(null, schedule.next(&all));
}

test "a burst of the highest, then one of the lower ones, which rotate" {
    try order(&.{ .{ 4, 3 }, .{ 0, 10 } }, "aaaaaaaaeaaee");
    try order(
        &.{ .{ 0, 26 }, .{ 1, 2 }, .{ 5, 2 }, .{ 7, 1 } },
        "aaaaaaaab" ++ "aaaaaaaaf" ++ "aaaaaaaah" ++ "aabf",
    );
}

test "streams of one priority take turns" {
    var all = [_]Stream{
        .{ .id = 1, .priority = 3, .mine = true, .len = 2 },
        .{},
        .{ .id = 3, .priority = 3, .mine = true, .len = 2 },
    };
    var schedule: Schedule = .{};
    for ([_]u32{ 3, 1, 3, 1 }) |id| {
        const stream = schedule.next(&all).?;
        try std.testing.expectEqual(id, stream.id);
        stream.len -= 1;
    }
}
