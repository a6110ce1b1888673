//! Places of connections: which line a question finds among others that are nearly the one, and
//! which makes room.

const std = @import("std");
const testing = std.testing;
const config = @import("../config.zig");
const edge = @import("edge.zig");
const lines_file = @import("lines.zig");
const Line = lines_file.Line;
const Lines = lines_file.Lines;

var lines: Lines = undefined;

fn begin() void {
    lines.top = 0;
    lines.next_serial = 0;
    for (&lines.all) |*line| {
        line.state = .free;
        line.dialled = null;
        line.bound = null;
    }
}

/// Taken, and without a peer yet.
fn take(state: @FieldType(Line, "state"), number: u32) *Line {
    const line = lines.free().?;
    line.state = state;
    line.socket = number;
    line.serial = 100 + number;
    line.dialled = null;
    line.bound = null;
    line.opened_ns = number;
    return line;
}

test "there are 24 places: two for each of eight peers, and eight for strangers" {
    begin();
    try testing.expectEqual(24, lines.all.len);
    try testing.expectEqual(8, lines_file.half_open_max);
    for (0..24) |n| {
        const line = take(.open, @intCast(n));
        try testing.expectEqual(&lines.all[n], line);
        try testing.expectEqual(n + 1, lines.used().len);
    }
    try testing.expectEqual(null, lines.free());
    // A place in the middle is taken again, and those behind it stay in use.
    lines.all[5].state = .free;
    try testing.expectEqual(24, lines.used().len);
    try testing.expectEqual(&lines.all[5], lines.free().?);
    try testing.expectEqual(24, lines.used().len);
    for (6..24) |n| lines.all[n].state = .free;
    try testing.expectEqual(5, lines.used().len);
    lines.all[5].state = .open;
    for (0..6) |n| lines.all[n].state = .free;
    try testing.expectEqual(0, lines.used().len);
}

test "a place that was never taken is free, leads nowhere and has no owner" {
    const fresh: Lines = .{};
    try testing.expectEqual(0, fresh.top);
    try testing.expectEqual(0, fresh.next_serial);
    const line = &fresh.all[0];
    try testing.expectEqual(.free, line.state);
    try testing.expect(!line.isReady() and !line.isHalfOpen());
    try testing.expect(!fresh.hasPeer(0));
    try testing.expectEqual(edge.Address{ .ip = .{ 0, 0, 0, 0 }, .port = 0 }, line.address);
    try testing.expectEqual(0, line.socket);
    try testing.expectEqual(0, line.serial);
    try testing.expectEqual(0, line.opened_ns);
    try testing.expectEqual(0, line.ready_ns);
    try testing.expect(!line.is_awaiting and !line.busy and !line.is_unsent);
    try testing.expectEqual(0, line.writes_left);
    try testing.expectEqual(std.math.maxInt(u64), line.await_ns);
}

test "what a line is depends on its state, who dialled it and who has proven to be there" {
    const Case = struct {
        state: @FieldType(Line, "state"),
        dialled: ?u8 = null,
        bound: ?u8 = null,
        is_ready: bool = false,
        is_half: bool = false,
        has: [3]bool = .{ false, false, false },
    };
    for ([_]Case{
        .{ .state = .free, .dialled = 1, .bound = 2 },
        .{ .state = .connecting, .dialled = 1, .has = .{ false, true, false } },
        .{ .state = .connecting },
        .{ .state = .open, .is_half = true },
        .{ .state = .open, .dialled = 1, .has = .{ false, true, false } },
        .{ .state = .open, .bound = 2, .is_ready = true, .has = .{ false, false, true } },
        .{
            .state = .open,
            .dialled = 2,
            .bound = 2,
            .is_ready = true,
            .has = .{ false, false, true },
        },
    }) |case| {
        begin();
        // A stranger before it and one behind it.
        _ = take(.open, 1);
        const line = take(case.state, 2);
        if (case.state == .free) lines.top = 2;
        line.dialled = case.dialled;
        line.bound = case.bound;
        if (case.state != .free) _ = take(.open, 3);
        try testing.expectEqual(case.is_ready, line.isReady());
        try testing.expectEqual(case.is_half, line.isHalfOpen());
        for (case.has, 0..) |has, peer| {
            try testing.expectEqual(has, lines.hasPeer(@intCast(peer)));
            const ready = lines.readyFor(@intCast(peer));
            const is_it = case.is_ready and peer == 2;
            try testing.expectEqual(if (is_it) line else null, ready);
        }
    }
}

test "a line is found by its own socket and its own serial, as long as it is in use" {
    begin();
    for (0..4) |n| _ = take(if (n == 1) .connecting else .open, @intCast(n));
    for (0..4) |n| {
        const number: u32 = @intCast(n);
        try testing.expectEqual(&lines.all[n], lines.ofSocket(number).?);
        try testing.expectEqual(&lines.all[n], lines.ofSerial(100 + number).?);
    }
    try testing.expectEqual(null, lines.ofSocket(4));
    try testing.expectEqual(null, lines.ofSerial(104));
    lines.all[2].state = .free;
    try testing.expectEqual(null, lines.ofSocket(2));
    try testing.expectEqual(null, lines.ofSerial(102));
    // Its number may be another's by then.
    lines.all[3].socket = 2;
    try testing.expectEqual(&lines.all[3], lines.ofSocket(2).?);
}

test "a handle remembers the last byte of its session's number" {
    var line: Line = .{ .serial = 0x1234_56FF };
    try testing.expectEqual(0xFF, line.epoch());
    line.serial += 1;
    try testing.expectEqual(0, line.epoch());
}

test "a session is ours if we dialled, and as old as its becoming ready" {
    var line: Line = .{ .ready_ns = 7 };
    try testing.expect(!line.twin().is_ours);
    line.dialled = 0;
    try testing.expect(line.twin().is_ours);
    try testing.expectEqual(7, line.twin().ready_ns);
}

/// An accepted connection from 10.42.0.`last`.
fn accept(last: u8, opened_ns: u64) *Line {
    const line = take(.open, 0);
    line.address = .{ .ip = .{ 10, 42, 0, last }, .port = 0 };
    line.opened_ns = opened_ns;
    return line;
}

fn victimOf(known: []const config.Peer) ?u64 {
    return (lines.victim(known) orelse return null).opened_ns;
}

test "of eight half open connections a stranger's makes room, then the crowd's, then the oldest" {
    var peers: [2]config.Peer = undefined;
    peers[0].ip = .{ 10, 42, 0, 1 };
    peers[1].ip = .{ 10, 42, 0, 2 };
    const Case = struct { ips: [8]u8, victim: u64 };
    for ([_]Case{
        // Each of its own: the oldest, wherever it is.
        .{ .ips = .{ 10, 11, 12, 13, 14, 15, 16, 17 }, .victim = 20 },
        // Two of one source: the older of these.
        .{ .ips = .{ 10, 11, 12, 13, 14, 14, 16, 17 }, .victim = 24 },
        .{ .ips = .{ 10, 11, 12, 13, 14, 15, 16, 11 }, .victim = 21 },
        // Three before two.
        .{ .ips = .{ 10, 10, 12, 12, 12, 15, 16, 17 }, .victim = 22 },
        .{ .ips = .{ 12, 12, 12, 10, 10, 15, 16, 17 }, .victim = 20 },
        // A crowd of a configured peer goes behind one stranger.
        .{ .ips = .{ 1, 1, 1, 1, 1, 1, 1, 17 }, .victim = 27 },
        .{ .ips = .{ 17, 1, 1, 1, 1, 1, 1, 1 }, .victim = 20 },
        .{ .ips = .{ 1, 1, 1, 9, 1, 1, 9, 1 }, .victim = 23 },
        // Among configured ones it is the same.
        .{ .ips = .{ 2, 1, 1, 1, 2, 2, 2, 2 }, .victim = 20 },
        .{ .ips = .{ 1, 2, 2, 2, 2, 2, 1, 1 }, .victim = 21 },
        .{ .ips = .{ 1, 1, 1, 1, 2, 2, 2, 2 }, .victim = 20 },
    }) |case| {
        begin();
        for (case.ips, 0..) |ip, n| {
            try testing.expectEqual(null, victimOf(&peers));
            _ = accept(ip, 20 + n);
        }
        try testing.expectEqual(case.victim, victimOf(&peers).?);
        // Age counts, not the place.
        for (0..4) |n| std.mem.swap(u64, &lines.all[n].opened_ns, &lines.all[7 - n].opened_ns);
        for (0..4) |n| std.mem.swap([4]u8, &lines.all[n].address.ip, &lines.all[7 - n].address.ip);
        try testing.expectEqual(case.victim, victimOf(&peers).?);
        // What is dialled, bound or connecting is not among them.
        lines.all[3].state = .connecting;
        try testing.expectEqual(null, victimOf(&peers));
        lines.all[3].state = .open;
        lines.all[3].bound = 0;
        try testing.expectEqual(null, victimOf(&peers));
    }
}

test "more than eight half open ones are judged by the same rule" {
    begin();
    for (0..12) |n| _ = accept(@intCast(10 + n), 50 - n);
    try testing.expectEqual(39, victimOf(&.{}).?);
}
