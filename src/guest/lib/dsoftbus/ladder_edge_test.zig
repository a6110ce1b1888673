//! The ladder of streams: every deviation that makes it fail, and its times.

const std = @import("std");
const testing = std.testing;
const mux_file = @import("mux.zig");
const frames = @import("mux_frames.zig");
const ladder_file = @import("mux_ladder.zig");
const common = @import("mux_edge_scene.zig");
const never = common.never;
const control = common.control;
const bulk = common.bulk;
const mux = &common.mux;
const ladder = &common.ladder;
const out = &common.out;
const begin = common.begin;
const hear = common.hear;
const opened = common.opened;
const expectNews = common.expectNews;
const resets = common.resets;
const standing = common.standing;
const say = common.say;

test "how long a frame may be that a side accepts" {
    const Case = struct { bytes: u32, is_good: bool };
    for ([_]Case{
        .{ .bytes = frames.message_bytes_least - 1, .is_good = false },
        .{ .bytes = frames.message_bytes_least, .is_good = true },
        .{ .bytes = frames.message_bytes_most, .is_good = true },
        .{ .bytes = frames.message_bytes_most + 1, .is_good = false },
    }) |case| {
        const frame = frames.encode(out, .{ .settings = .{
            .streams_max = 1,
            .message_bytes_max = case.bytes,
            .initial_credit = 2,
        } });
        if (case.is_good) {
            const settings = (try frames.decode(frame)).settings;
            try testing.expectEqual(case.bytes, settings.message_bytes_max);
        } else try testing.expectError(error.MalformedFrame, frames.decode(frame));
    }
    try testing.expectEqual(512, frames.message_bytes_least);
    try testing.expectEqual(8, frames.priorities);
}

test "a ladder that has just begun has reached nothing, and knows what each side says" {
    const fresh: ladder_file.Ladder = .{ .side = .dialler, .started_ns = 7 };
    try testing.expectEqual(.opening, fresh.state);
    try testing.expect(!fresh.answered and !fresh.stood_still and !fresh.resumed);
    try testing.expect(!fresh.released and fresh.control_before_bulk == null);
    try testing.expectEqual(0, fresh.reached.count() + fresh.told.count());
    for ([_]@TypeOf(fresh.control){ fresh.control, fresh.bulk }) |leg| {
        try testing.expectEqual(0, leg.id + leg.sent + leg.got);
        try testing.expect(!leg.ready and !leg.closed);
    }
    try testing.expectEqual(0, fresh.control.priority);
    try testing.expectEqual(4, fresh.bulk.priority);
    try testing.expectEqual(32, fresh.control.out_bytes);
    try testing.expectEqual(24, fresh.control.back_bytes);
    try testing.expectEqual(96, fresh.bulk.out_bytes);
    try testing.expectEqual(64, fresh.bulk.back_bytes);
}

test "an acceptor climbs with the dialler's two streams, each of its priority" {
    try begin(.acceptor);
    try testing.expect(!ladder.letsCall(7));
    try testing.expect(!try opened(1, "gateway", 0));
    try testing.expect(try opened(3, control, 0));
    // It has begun: from now on other calls wait.
    try testing.expectEqual(7 + ladder_file.time_ns, ladder.deadline(7));
    try testing.expect(!ladder.letsCall(7 + ladder_file.quiet_ns));
    try expectNews(&.{});
    try testing.expect(try opened(5, bulk, 4));
    try expectNews(&.{.session_up});
    try testing.expectEqual(.carrying, ladder.state);
    try testing.expectEqual(2, mux.find(3).?.data_max);
    try testing.expectEqual(16, mux.find(5).?.data_max);
    try testing.expect(mux.find(3).?.acknowledged and mux.find(5).?.acknowledged);
    // A third stream, under a name of the ladder or another, is not the ladder's.
    try testing.expect(!try opened(7, "other", 4));
    try testing.expect(ladder.isRunning());
    for ([_]struct { []const u8, u3 }{ .{ control, 1 }, .{ control, 4 }, .{ bulk, 0 } }) |row| {
        try begin(.acceptor);
        try testing.expect(try opened(1, row[0], row[1]));
        try testing.expectEqual(.failed, ladder.state);
        try expectNews(&.{.failed});
        try testing.expectEqual(1, resets());
        try testing.expectEqual(never, ladder.deadline(7));
        try testing.expect(ladder.letsCall(7));
    }
}

test "a dialler opens its two streams, and the peer's under their names are strange" {
    try begin(.dialler);
    ladder.begin(mux);
    try testing.expect(!ladder.letsCall(7 + ladder_file.quiet_ns));
    try testing.expectEqual(7 + ladder_file.time_ns, ladder.deadline(7));
    try testing.expectEqualStrings(control, mux.find(ladder.control.id).?.name());
    try testing.expectEqualStrings(bulk, mux.find(ladder.bulk.id).?.name());
    try testing.expectEqual(4, mux.find(ladder.bulk.id).?.priority);
    try testing.expect(!try opened(2, control, 0));
    for (0..2) |_| _ = mux.nextFrame(out);
    try testing.expect(try hear(.{ .open_ack = ladder.control.id }));
    try expectNews(&.{});
    try testing.expect(try hear(.{ .open_ack = ladder.bulk.id }));
    try expectNews(&.{.session_up});
    try testing.expectEqual(32, ladder.control.sent);
    try testing.expectEqual(96, ladder.bulk.sent);
    // An acceptor opens nothing.
    try begin(.acceptor);
    ladder.begin(mux);
    try testing.expectEqual(0, ladder.control.id);
    // Where there is no room for them it has failed.
    try begin(.dialler);
    mux.peer.?.streams_max = 1;
    ladder.begin(mux);
    try expectNews(&.{.failed});
    try testing.expectEqual(0, mux.used().len);
}

test "a reset ends a ladder: well if the peer knows none, and badly for any other reason" {
    const Case = struct { reason: frames.Reason, is_late: bool = false, is_well: bool = false };
    for ([_]Case{
        .{ .reason = .unknown_stream, .is_well = true },
        .{ .reason = .unwanted },
        .{ .reason = .nonsense },
        .{ .reason = .unknown_stream, .is_late = true },
    }) |case| {
        try begin(.dialler);
        ladder.begin(mux);
        for (0..2) |_| _ = mux.nextFrame(out);
        if (case.is_late) for ([_]u32{ 1, 3 }) |id| {
            try testing.expect(try hear(.{ .open_ack = id }));
        };
        _ = ladder.news();
        try testing.expect(try hear(.{ .reset = .{ .id = 1, .reason = case.reason } }));
        try testing.expect(!ladder.isRunning());
        try expectNews(if (case.is_well) &.{} else &.{.failed});
        // Its other stream goes too.
        try testing.expectEqual(1, resets());
        // Of what comes behind it nothing is the ladder's doing.
        ladder.expire(mux, 7 + ladder_file.time_ns);
        try expectNews(&.{});
    }
    try begin(.acceptor);
    try testing.expect(!try opened(1, "gateway", 0));
    try testing.expect(!try hear(.{ .reset = .{ .id = 1, .reason = .unwanted } }));
    try testing.expect(ladder.isRunning());
}

test "the bytes of the ladder are the pattern of the specification" {
    for ([_]struct { usize, bool, u3, u8 }{
        .{ 0, false, 0, 0 },   .{ 1, false, 0, 7 },  .{ 0, true, 0, 13 },
        .{ 0, false, 4, 116 }, .{ 36, false, 0, 1 }, .{ 35, false, 0, 245 },
        .{ 1, true, 7, 223 },
    }) |row| try testing.expectEqual(row[3], ladder_file.patternAt(row[0], row[1], row[2]));
}

test "an acceptor answers once it has heard all, and judges the order by the first of bulk" {
    for ([_]usize{ 16, 15, 17, 32, 0 }) |before| {
        try standing();
        _ = if (before != 0) try say(1, 0, 0, before) else true;
        _ = try say(3, 4, 0, 95);
        _ = if (before != 32) try say(1, 0, before, 32 - before) else true;
        try expectNews(&.{});
        try testing.expectEqual(0, ladder.control.sent);
        _ = try say(3, 4, 95, 1);
        switch (before) {
            16 => try expectNews(&.{ .data_ok, .control_ok, .bulk_ok }),
            15, 0 => try expectNews(&.{ .data_ok, .bulk_ok, .failed }),
            17 => try expectNews(&.{ .data_ok, .control_ok, .bulk_ok, .failed }),
            else => try expectNews(&.{ .data_ok, .control_ok, .failed }),
        }
        try testing.expectEqual(@as(usize, if (before == 16) 24 else 0), ladder.control.sent);
        try testing.expectEqual(@as(usize, if (before == 16) 64 else 0), ladder.bulk.sent);
    }
}

test "a byte too many, or an end too early, ends the ladder" {
    try standing();
    _ = try say(1, 0, 0, 32);
    try testing.expect(ladder.isRunning());
    _ = try say(1, 0, 32, 1);
    try expectNews(&.{.failed});
    for ([_]usize{ 31, 32 }) |count| {
        try standing();
        _ = try say(1, 0, 0, count);
        try testing.expect(try hear(.{ .close = 1 }));
        try testing.expect(ladder.control.closed);
        try testing.expectEqual(count == 32, ladder.isRunning());
    }
}

test "it is over at its time, and not before; what it has not begun is not reported" {
    for ([_]mux_file.Side{ .dialler, .acceptor }) |side| {
        try begin(side);
        ladder.expire(mux, 7 + ladder_file.time_ns - 1);
        try testing.expect(ladder.isRunning());
        ladder.expire(mux, 7 + ladder_file.time_ns);
        try testing.expect(!ladder.isRunning());
        try expectNews(if (side == .dialler) &.{.failed} else &.{});
    }
    try begin(.acceptor);
    try testing.expectEqual(7 + ladder_file.quiet_ns, ladder.deadline(7));
    try testing.expectEqual(7 + ladder_file.quiet_ns, ladder.deadline(6 + ladder_file.quiet_ns));
    try testing.expectEqual(7 + ladder_file.time_ns, ladder.deadline(7 + ladder_file.quiet_ns));
    try testing.expectEqual(3_000_000_000, ladder_file.time_ns);
    try testing.expectEqual(500_000_000, ladder_file.quiet_ns);
}
