//! Contents: what records come to, in bounded memory.

const std = @import("std");
const contents = @import("contents.zig");
const record = @import("record.zig");
const Contents = contents.Contents;
const Item = contents.Item;
const checkpoint_bytes = contents.checkpoint_bytes;

var here: Contents = undefined;

const testing = std.testing;

fn word(comptime value: u8) *const [8]u8 {
    return &([_]u8{value} ++ .{0} ** 7);
}

test "replacing and removing for ever takes no more memory" {
    var pool: [64]u8 = undefined;
    var items: [4]Item = undefined;
    here.init(&pool, &items);
    for (0..200) |round| {
        const value = pool_free[0 .. round % 20];
        try here.apply(.{ .op = .put, .key = "/state/a", .value = value });
        try here.apply(.{ .op = .put, .key = "/state/b", .value = "b" });
        try testing.expectEqualStrings(value, here.get("/state/a").?);
        try testing.expectEqualStrings("b", here.get("/state/b").?);
        if (round % 3 == 0) try here.apply(.{ .op = .delete, .key = "/state/a" });
    }
    try testing.expectError(error.Full, here.apply(.{
        .op = .put,
        .key = "/state/c",
        .value = pool_free[0..60],
    }));
    try testing.expect(!here.fits(0, "/state/c", 60));
}

const pool_free = "abcdefghijklmnopqrstuvwxyz" ** 4;

test "a transaction's values appear with its commit, those of a forgotten one never" {
    var pool: [256]u8 = undefined;
    var items: [8]Item = undefined;
    here.init(&pool, &items);
    const steps = [_]record.Record{
        .{ .op = .put, .key = "k", .value = "old" },
        .{ .op = .prepare, .value = word(1) },
        .{ .op = .prepare, .value = word(2) },
        .{ .op = .payload, .key = "k", .value = word(1) ++ "ne" },
        .{ .op = .payload, .key = "m", .value = word(2) ++ "never" },
        .{ .op = .payload, .key = "j", .value = word(1) ++ "more" },
        .{ .op = .payload, .key = "k", .value = word(1) ++ "w" },
        .{ .op = .payload, .key = "x", .value = word(9) ++ "unknown" },
    };
    for (steps) |step| try here.apply(step);
    try testing.expectEqualStrings("old", here.get("k").?);
    try here.apply(.{ .op = .commit, .value = word(1) });
    try here.apply(.{ .op = .abort, .value = word(2) });
    try here.apply(.{ .op = .commit, .value = word(2) });
    try testing.expectEqualStrings("new", here.get("k").?);
    try testing.expectEqualStrings("more", here.get("j").?);
    try testing.expectEqual(@as(u32, 2), here.entries());
    try testing.expectEqual(@as(u64, 10), here.next_id);
    try testing.expectEqualStrings("j", here.keyOf(here.sorted()[0]));
    try testing.expectEqualStrings("k", here.keyOf(here.sortedFrom("jj")[0]));
    try testing.expectEqual(@as(usize, 0), here.sortedFrom("kk").len);
    try testing.expectEqual(@as(u64, checkpoint_bytes + 2 * 15 + 4 + 5), here.liveBytes());
}
