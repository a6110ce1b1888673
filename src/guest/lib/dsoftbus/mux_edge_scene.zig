//! One core of streams with its ladder, and a peer that sends the frames of a test.

const std = @import("std");
const testing = std.testing;
const mux_file = @import("mux.zig");
const frames = @import("mux_frames.zig");
const ladder_file = @import("mux_ladder.zig");
const Ladder = ladder_file.Ladder;
const Mux = mux_file.Mux;
const Milestone = ladder_file.Milestone;

pub const never = std.math.maxInt(u64);
pub const control = "crossvm/control";
pub const bulk = "crossvm/bulk";
pub var mux: Mux = undefined;
pub var ladder: Ladder = undefined;
pub var out: [2048]u8 = undefined;

pub fn begin(side: mux_file.Side) !void {
    mux.init(side);
    mux.start();
    _ = try mux.receive("\x10\x01\x10\x00\x00\x04\x00\x00\x00\x10\x00\x00");
    _ = mux.nextFrame(&out);
    ladder = .{ .side = side, .started_ns = 7 };
}

pub fn hear(frame: frames.Frame) !bool {
    const event = try mux.receive(frames.encode(&out, frame)) orelse return error.NoEvent;
    return ladder.take(&mux, event);
}

pub fn opened(id: u32, name: []const u8, priority: u3) !bool {
    return hear(.{ .open = .{ .id = id, .priority = priority, .name = name } });
}

pub fn expectNews(want: []const Milestone) !void {
    for (want) |milestone| try testing.expectEqual(milestone, ladder.news().?);
    try testing.expectEqual(null, ladder.news());
}

pub fn resets() usize {
    var count: usize = 0;
    for (mux.used()) |*stream| count += @intFromBool(stream.id != 0 and stream.say_reset != null);
    return count;
}

/// Both streams stand; nothing was said on them.
pub fn standing() !void {
    try begin(.acceptor);
    _ = try opened(1, control, 0);
    _ = try opened(3, bulk, 4);
    _ = ladder.news();
}

pub fn say(id: u32, priority: u3, from: usize, count: usize) !bool {
    var bytes: [512]u8 = undefined;
    for (bytes[0..count], from..) |*byte, i| {
        byte.* = ladder_file.patternAt(i, false, priority);
    }
    var frame: [600]u8 = undefined;
    const text = frames.encode(&frame, .{ .data = .{ .id = id, .bytes = bytes[0..count] } });
    const event = try mux.receive(text) orelse return error.NoEvent;
    return ladder.take(&mux, event);
}
