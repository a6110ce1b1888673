//! The memory of changes: what is answered again, what is refused, and its bounds.

const std = @import("std");
const testing = std.testing;
const replay = @import("replay.zig");
const Table = replay.Table;

var table: Table = undefined;

fn id(epoch: u32, number: u32) u64 {
    return @as(u64, epoch) << 32 | number;
}

fn judge(peer: u8, epoch: u32, number: u32, asked: []const u8) replay.Verdict {
    const name: replay.Name = .{ .peer = peer, .id = id(epoch, number) };
    return table.judge(name, replay.digestOf(4, asked));
}

fn finish(peer: u8, epoch: u32, number: u32, asked: []const u8, reply: ?[]const u8) void {
    const name: replay.Name = .{ .peer = peer, .id = id(epoch, number) };
    table.finish(name, replay.digestOf(4, asked), reply);
}

fn expect(want: std.meta.Tag(replay.Verdict), verdict: replay.Verdict) !void {
    try testing.expectEqual(want, std.meta.activeTag(verdict));
}

test "a call runs once, and has its first answer whenever it is asked again" {
    table = .{};
    try expect(.run, judge(0, 7, 1, "put"));
    // It has not ended, so nothing is known of it.
    try expect(.run, judge(0, 7, 1, "put"));
    finish(0, 7, 1, "put", "ok");
    for (0..3) |_| try testing.expectEqualStrings("ok", judge(0, 7, 1, "put").done.?);
    finish(0, 7, 2, "put", null);
    try testing.expectEqual(null, judge(0, 7, 2, "put").done);
    finish(0, 7, 3, "put", "");
    try testing.expectEqualStrings("", judge(0, 7, 3, "put").done.?);
    // Another peer, epoch or number is another call.
    try expect(.run, judge(1, 7, 1, "put"));
    try expect(.run, judge(0, 8, 1, "put"));
    try expect(.run, judge(0, 7, 4, "put"));
}

test "something else under the same number is refused, also of another service" {
    table = .{};
    finish(0, 7, 1, "put", "ok");
    try expect(.conflict, judge(0, 7, 1, "puT"));
    try expect(.conflict, judge(0, 7, 1, "put "));
    const name: replay.Name = .{ .peer = 0, .id = id(7, 1) };
    try expect(.conflict, table.judge(name, replay.digestOf(1, "put")));
    try expect(.done, judge(0, 7, 1, "put"));
}

test "an answer of any length that is kept, and one that is longer" {
    table = .{};
    const long = "r" ** (replay.reply_bytes_max + 1);
    for (1..long.len + 1) |len| finish(0, 7, @intCast(len), "put", long[0..len]);
    for (1..long.len) |len| {
        const reply = judge(0, 7, @intCast(len), "put").done.?;
        try testing.expectEqualStrings(long[0..len], reply);
    }
    try expect(.gone, judge(0, 7, long.len, "put"));
}

test "the oldest calls make room, and are never run again" {
    table = .{};
    const most = replay.calls_max;
    for (1..most + 1) |number| finish(0, 7, @intCast(number), "put", "ok");
    try expect(.done, judge(0, 7, 1, "put"));
    finish(0, 7, most + 1, "put", "ok");
    try expect(.gone, judge(0, 7, 1, "put"));
    try expect(.done, judge(0, 7, 2, "put"));
    for (most + 2..3 * most) |number| finish(0, 7, @intCast(number), "put", "ok");
    try expect(.gone, judge(0, 7, 2 * most - 1, "put"));
    try expect(.done, judge(0, 7, 2 * most, "put"));
    try expect(.done, judge(0, 7, 3 * most - 1, "put"));
    try expect(.run, judge(0, 7, 3 * most, "put"));
    // What was forgotten is so even if something else is asked.
    try expect(.gone, judge(0, 7, 1, "other"));
}

test "calls that come out of order: what is below the forgotten ones counts as forgotten" {
    table = .{};
    finish(0, 7, 900, "put", "ok");
    for (1..replay.calls_max) |number| finish(0, 7, @intCast(number), "put", "ok");
    try expect(.run, judge(0, 7, 899, "put"));
    finish(0, 7, 901, "put", "ok");
    try expect(.gone, judge(0, 7, 899, "put"));
    try expect(.gone, judge(0, 7, 900, "put"));
    try expect(.done, judge(0, 7, 5, "put"));
}

test "the epoch used longest ago makes room, and its numbers are not run again" {
    table = .{};
    finish(0, 1, 5, "put", "one");
    finish(0, 2, 1, "put", "two");
    // A question is a use.
    try expect(.done, judge(0, 1, 5, "put"));
    finish(0, 3, 1, "put", "three");
    try expect(.done, judge(0, 1, 5, "put"));
    try expect(.done, judge(0, 3, 1, "put"));
    try expect(.gone, judge(0, 2, 1, "put"));
    // The program of that epoch lives on: its next calls run.
    try expect(.run, judge(0, 2, 2, "put"));
    finish(0, 2, 2, "put", "two again");
    try expect(.gone, judge(0, 2, 1, "put"));
    try testing.expectEqualStrings("two again", judge(0, 2, 2, "put").done.?);
    // It took the place of 1, which was asked of before 3.
    try expect(.gone, judge(0, 1, 5, "put"));
    try expect(.run, judge(0, 1, 6, "put"));
    try expect(.done, judge(0, 3, 1, "put"));
}

test "epochs without end: the newest are known, a few before them are refused" {
    table = .{};
    const newest = 200;
    for (1..newest + 1) |epoch| finish(3, @intCast(epoch), 9, "put", "ok");
    for (1..newest + 1) |epoch| {
        const verdict = judge(3, @intCast(epoch), 9, "put");
        if (epoch + replay.epochs_max > newest) {
            try expect(.done, verdict);
        } else if (epoch + replay.epochs_max + replay.retired_max > newest) {
            try expect(.gone, verdict);
        } else try expect(.run, verdict);
    }
}

test "zero is not a number of a call, and an id without an epoch is not a repeatable one" {
    table = .{};
    try expect(.gone, judge(0, 7, 0, "put"));
    finish(0, 7, 1, "put", "ok");
    try expect(.gone, judge(0, 7, 0, "put"));
    try testing.expect(!replay.hasEpoch(std.math.maxInt(u32)));
    try testing.expect(replay.hasEpoch(id(1, 0)));
}

test "against a memory without bounds: nothing runs twice, and each answer is right" {
    table = .{};
    var random_source = std.Random.DefaultPrng.init(11);
    const random = random_source.random();
    const epochs = 6;
    const numbers = 150;
    var ran: [2][epochs][numbers]u8 = @splat(@splat(@splat(0)));
    for (0..40_000) |step| {
        const peer = random.uintLessThan(u8, 2);
        const epoch = random.uintLessThan(u32, epochs);
        const number = random.uintLessThan(u32, numbers);
        const answer: [1]u8 = .{@intCast(1 + step % 255)};
        const before = &ran[peer][epoch][number];
        switch (judge(peer, epoch + 1, number + 1, "put")) {
            .run => {
                try testing.expectEqual(0, before.*);
                finish(peer, epoch + 1, number + 1, "put", &answer);
                before.* = answer[0];
            },
            .done => |reply| try testing.expectEqual(before.*, reply.?[0]),
            // Forgotten, or overtaken by what was forgotten.
            .gone => {},
            .conflict => return error.NothingElseWasAsked,
        }
    }
}

test "both engines know a request by the same digest" {
    // The host's call_test has the same one.
    const digest = replay.digestOf(4, "SF\x01\x05");
    const hex = std.fmt.bytesToHex(digest, .lower);
    try std.testing.expectEqualStrings("62d8a11d6cc6d142c806992901499c36", &hex);
}

test "of the call whose place is taken nothing is left: not its answer, nor a longer one's end" {
    for ([_]?[]const u8{ null, "", "n" }) |reply| {
        table = .{};
        for (1..replay.calls_max + 1) |number| finish(0, 7, @intCast(number), "put", "an old one");
        for (1..replay.calls_max + 1) |number| {
            const new: u32 = @intCast(replay.calls_max + number);
            finish(0, 7, new, "put", reply);
            const kept = judge(0, 7, new, "put").done;
            if (reply) |want| try testing.expectEqualStrings(want, kept.?) else {
                try testing.expectEqual(null, kept);
            }
            try expect(.gone, judge(0, 7, @intCast(number), "put"));
        }
        // An epoch that takes the place of another begins anew as well.
        for (8..12) |epoch| {
            for ([_]u32{ 1, 2 }) |number| {
                try expect(.run, judge(0, @intCast(epoch), number, "put"));
                finish(0, @intCast(epoch), number, "put", reply);
                try expect(.done, judge(0, @intCast(epoch), number, "put"));
            }
        }
    }
}

test "how much is remembered is what the specification says" {
    try testing.expectEqual(2, replay.epochs_max);
    try testing.expectEqual(8, replay.retired_max);
}
