//! Streams at their edges: states, places that are exactly full, and streams that are not there.

const std = @import("std");
const testing = std.testing;
const mux_file = @import("mux.zig");
const frames = @import("mux_frames.zig");
const Stream = mux_file.Stream;
const common = @import("mux_edge_scene.zig");
const never = common.never;
const mux = &common.mux;
const out = &common.out;
const begin = common.begin;

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
        mux.streams.top = 3;
        mux.init(side);
        try testing.expectEqual(first, mux.next_id);
        try testing.expect(!mux.authenticated and !mux.said_settings and !mux.is_quiet);
        try testing.expectEqual(null, mux.peer);
        try testing.expectEqual(0, mux.mine_known + mux.theirs_known);
        try testing.expectEqual(0, mux.streams.top + mux.streams.forgotten_next);
        try testing.expect(std.mem.allEqual(u32, &mux.streams.forgotten, 0));
        try testing.expectEqual(20, mux.streams.all.len);
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
    try testing.expectEqual(null, mux.nextFrame(out));
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
