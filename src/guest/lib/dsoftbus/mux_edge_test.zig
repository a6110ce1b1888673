//! Streams and their ladder at their edges: frames at the bounds of each field, places that are
//! exactly full, and everything by which a ladder is not one.

const std = @import("std");
const testing = std.testing;
const mux_file = @import("mux.zig");
const frames = @import("mux_frames.zig");
const ladder_file = @import("mux_ladder.zig");
const Event = mux_file.Event;
const Ladder = ladder_file.Ladder;
const Mux = mux_file.Mux;
const Stream = mux_file.Stream;
const Milestone = ladder_file.Milestone;

const never = std.math.maxInt(u64);
const control = "crossvm/control";
const bulk = "crossvm/bulk";

var mux: Mux = undefined;
var ladder: Ladder = undefined;
var out: [2048]u8 = undefined;

fn begin(side: mux_file.Side) !void {
    mux.init(side);
    mux.start();
    _ = try mux.receive("\x10\x01\x10\x00\x00\x04\x00\x00\x00\x10\x00\x00");
    _ = mux.poll(&out);
    ladder = .{ .side = side, .started_ns = 7 };
}

fn hear(frame: frames.Frame) !bool {
    const event = try mux.receive(frames.encode(&out, frame)) orelse return error.NoEvent;
    return ladder.take(&mux, event);
}

fn opened(id: u32, name: []const u8, priority: u3) !bool {
    return hear(.{ .open = .{ .id = id, .priority = priority, .name = name } });
}

fn expectNews(want: []const Milestone) !void {
    for (want) |milestone| try testing.expectEqual(milestone, ladder.news().?);
    try testing.expectEqual(null, ladder.news());
}

fn resets() usize {
    var count: usize = 0;
    for (mux.used()) |*stream| count += @intFromBool(stream.id != 0 and stream.say_reset != null);
    return count;
}

test "how long a frame may be that a side accepts" {
    const Case = struct { bytes: u32, is_good: bool };
    for ([_]Case{
        .{ .bytes = frames.message_bytes_least - 1, .is_good = false },
        .{ .bytes = frames.message_bytes_least, .is_good = true },
        .{ .bytes = frames.message_bytes_most, .is_good = true },
        .{ .bytes = frames.message_bytes_most + 1, .is_good = false },
    }) |case| {
        const frame = frames.encode(&out, .{ .settings = .{
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
    ladder.begin(&mux);
    try testing.expect(!ladder.letsCall(7 + ladder_file.quiet_ns));
    try testing.expectEqual(7 + ladder_file.time_ns, ladder.deadline(7));
    try testing.expectEqualStrings(control, mux.find(ladder.control.id).?.name());
    try testing.expectEqualStrings(bulk, mux.find(ladder.bulk.id).?.name());
    try testing.expectEqual(4, mux.find(ladder.bulk.id).?.priority);
    try testing.expect(!try opened(2, control, 0));
    for (0..2) |_| _ = mux.poll(&out);
    try testing.expect(try hear(.{ .open_ack = ladder.control.id }));
    try expectNews(&.{});
    try testing.expect(try hear(.{ .open_ack = ladder.bulk.id }));
    try expectNews(&.{.session_up});
    try testing.expectEqual(32, ladder.control.sent);
    try testing.expectEqual(96, ladder.bulk.sent);
    // An acceptor opens nothing.
    try begin(.acceptor);
    ladder.begin(&mux);
    try testing.expectEqual(0, ladder.control.id);
    // Where there is no room for them it has failed.
    try begin(.dialler);
    mux.peer.?.streams_max = 1;
    ladder.begin(&mux);
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
        ladder.begin(&mux);
        for (0..2) |_| _ = mux.poll(&out);
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
        ladder.expire(&mux, 7 + ladder_file.time_ns);
        try expectNews(&.{});
    }
    try begin(.acceptor);
    try testing.expect(!try opened(1, "gateway", 0));
    try testing.expect(!try hear(.{ .reset = .{ .id = 1, .reason = .unwanted } }));
    try testing.expect(ladder.isRunning());
}

/// Both streams stand; nothing was said on them.
fn standing() !void {
    try begin(.acceptor);
    _ = try opened(1, control, 0);
    _ = try opened(3, bulk, 4);
    _ = ladder.news();
}

fn say(id: u32, priority: u3, from: usize, count: usize) !bool {
    var bytes: [512]u8 = undefined;
    for (bytes[0..count], from..) |*byte, i| {
        byte.* = ladder_file.patternAt(i, false, priority);
    }
    var frame: [600]u8 = undefined;
    const text = frames.encode(&frame, .{ .data = .{ .id = id, .bytes = bytes[0..count] } });
    const event = try mux.receive(text) orelse return error.NoEvent;
    return ladder.take(&mux, event);
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
        ladder.expire(&mux, 7 + ladder_file.time_ns - 1);
        try testing.expect(ladder.isRunning());
        ladder.expire(&mux, 7 + ladder_file.time_ns);
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

test "a stream's state says who has closed it" {
    var stream: Stream = .{ .id = 1, .mine = true, .acknowledged = true, .credit = 9 };
    try testing.expectEqual(.open, stream.state());
    stream.closing = true;
    try testing.expectEqual(.half_closed_local, stream.state());
    try testing.expectEqual(0, stream.room());
    stream.remote_closed = true;
    try testing.expectEqual(.closed, stream.state());
    try testing.expect(!stream.isOver());
    stream.close_sent = true;
    try testing.expect(stream.isOver());
    stream.closing = false;
    try testing.expectEqual(.half_closed_remote, stream.state());
    stream.say_reset = .unwanted;
    try testing.expectEqual(.reset, stream.state());
    try testing.expectEqual(0, stream.room());
    stream.len = 1;
    try testing.expect(!stream.hasData());
    stream.say_reset = null;
    try testing.expect(stream.hasData());
    stream.say_open = true;
    try testing.expect(!stream.hasData());
    // One of the peer's sends nothing before we have acknowledged it.
    var theirs: Stream = .{ .id = 2, .credit = 9 };
    try testing.expectEqual(0, theirs.room());
    theirs.acknowledged = true;
    try testing.expectEqual(9, theirs.room());
}

test "a place for a stream that was never used is free, silent and empty" {
    const fresh: Stream = .{};
    try testing.expectEqual(0, fresh.id);
    try testing.expectEqual(0, fresh.priority);
    try testing.expect(!fresh.mine and !fresh.acknowledged);
    try testing.expect(!fresh.closing and !fresh.close_sent and !fresh.remote_closed);
    try testing.expect(!fresh.say_open and !fresh.say_acknowledge and fresh.say_reset == null);
    try testing.expectEqual(0, fresh.credit + fresh.window + fresh.owed);
    try testing.expectEqual(32_768, fresh.data_max);
    try testing.expectEqual(0, fresh.start + fresh.len + fresh.name_len);
    try testing.expectEqual(1024, fresh.ring.len);
    // A core that has just begun knows nothing of its peer.
    for ([_]mux_file.Side{ .dialler, .acceptor }, [_]u32{ 1, 2 }) |side, first| {
        mux.next_id = 99;
        mux.top = 3;
        mux.init(side);
        try testing.expectEqual(first, mux.next_id);
        try testing.expect(!mux.authenticated and !mux.said_settings and !mux.is_quiet);
        try testing.expectEqual(null, mux.peer);
        try testing.expectEqual(0, mux.mine_known + mux.theirs_known);
        try testing.expectEqual(0, mux.top + mux.forgotten_next);
        try testing.expect(std.mem.allEqual(u32, &mux.forgotten, 0));
        try testing.expectEqual(20, mux.streams.len);
        try testing.expectEqual(0, mux.schedule.burst);
        try testing.expectEqual(0, mux.schedule.lower);
        try testing.expect(std.mem.allEqual(usize, &mux.schedule.last, 0));
    }
}

test "what is asked of streams that are not there is nothing" {
    try begin(.dialler);
    for ([_]u32{ 0, 1, 99 }) |id| {
        try testing.expectEqual(0, mux.send(id, "x"));
        try testing.expectEqual(0, mux.room(id));
        try testing.expectEqual(0, mux.credit(id));
        try testing.expectEqual(0, mux.waiting(id));
        mux.grant(id, 1);
        mux.accept(id);
        mux.limitData(id, 1);
        mux.reset(id, .unwanted);
        try testing.expectError(error.Reset, mux.close(id));
        try testing.expectEqual(null, mux.find(id));
    }
    try testing.expectEqual(null, mux.poll(&out));
}

test "places of streams are taken again, and those behind the last in use are not looked at" {
    try begin(.dialler);
    for ([_][]const u8{ "a", "b", "c" }) |name| _ = try mux.open(name, 0);
    try testing.expectEqual(3, mux.used().len);
    mux.reset(3, .unwanted); // never said
    try testing.expectEqual(3, mux.used().len);
    mux.reset(5, .unwanted);
    try testing.expectEqual(1, mux.used().len);
    try testing.expectEqual(7, try mux.open("d", 3));
    try testing.expectEqual(2, mux.used().len);
    try testing.expectEqual(7, mux.streams.all[1].id);
    // Its own limit of four, in frames of its own priority.
    _ = try mux.open("e", 0);
    _ = try mux.open("f", 0);
    try testing.expectError(error.Limit, mux.open("g", 0));
    mux.peer.?.streams_max = 3;
    mux.reset(7, .unwanted);
    try testing.expectError(error.Limit, mux.open("g", 0));
    mux.peer.?.streams_max = 4;
    _ = try mux.open("g", 0);
}
