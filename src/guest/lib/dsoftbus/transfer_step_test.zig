//! A transfer step by step: what it does while the store has not answered, and when it ends in the
//! middle of a step.

const std = @import("std");
const testing = std.testing;
const state = @import("wire").state;
const codec = @import("transfer_head.zig");
const file = @import("transfer.zig");
const Reason = @import("mux_frames.zig").Reason;
const Transfer = file.Transfer;
const common = @import("transfer_step_scene.zig");
const never = common.never;
const host = &common.host;
const transfer = &common.transfer;
const start = common.start;
const expectAsked = common.expectAsked;
const answer = common.answer;
const seven = common.seven;
const putBegun = common.putBegun;
const expectSaid = common.expectSaid;

test "one that was never begun does nothing, says nothing and waits for nothing" {
    var idle: Transfer = .{};
    host.* = .{};
    var out: [8]u8 = undefined;
    try testing.expectEqual(null, idle.feed(host, "x", 9));
    try testing.expectEqual(null, idle.closed(host, 9));
    try testing.expectEqual(null, idle.expire(host, never - 1));
    try testing.expectEqual(null, idle.settle(host, .{ .status = .ok, .tail = seven }));
    try testing.expectEqual(0, (try idle.pull(host, &out, 9)).len);
    try testing.expectEqual(0, idle.takeGrant());
    try testing.expect(!idle.isSaid());
    // Nothing has moved, and nothing is to.
    try testing.expectEqual(0, idle.moved);
    try testing.expectEqual(0, idle.total);
    try testing.expectEqual(0, idle.ignored);
    try testing.expectEqual(0, idle.request_len + idle.waiting_len);
    try testing.expectEqual(0, idle.start + idle.filled + idle.said_start + idle.said_len);
    try testing.expectEqual(never, idle.deadline());
    idle.abandon(host);
    try testing.expectEqual(null, host.asked);
    try testing.expectEqual(null, host.aborted);
    try testing.expectEqual(0, host.ends);
}

test "what comes while the store is asked waits in its order, as much as there is credit for" {
    try start(.put, file.chunk_bytes + 3, 0);
    var words: [file.chunk_bytes + 3]u8 = undefined;
    for (&words, 0..) |*byte, i| byte.* = @truncate(i * 7 + i / 256);
    // The store has not said yet that a transaction stands: nothing is dealt with.
    try testing.expectEqual(null, transfer.feed(host, words[0..1], 0));
    try testing.expectEqual(null, transfer.feed(host, words[1..1000], 0));
    try testing.expectEqual(null, transfer.feed(host, words[1000..file.chunk_bytes], 0));
    try testing.expectEqual(0, transfer.takeGrant());
    try expectAsked(.txn_begin);
    try testing.expectEqual(null, answer(.ok, seven));
    try testing.expectEqual(file.chunk_bytes, transfer.takeGrant());
    try testing.expectEqualSlices(u8, words[0..file.chunk_bytes], host.value[0..host.value_len]);
    try testing.expectEqual(7, host.txn);
    try expectAsked(.txn_put);
    // The rest and the end come while the first chunk is on its way.
    try testing.expectEqual(null, transfer.feed(host, words[file.chunk_bytes..], 0));
    try testing.expectEqual(null, transfer.closed(host, 0));
    try testing.expectEqual(0, transfer.takeGrant());
    try testing.expectEqual(null, answer(.ok, ""));
    try testing.expectEqualSlices(u8, words[file.chunk_bytes..], host.value[0..host.value_len]);
    try testing.expectEqual(3, transfer.takeGrant());
    try expectAsked(.txn_put);
    try testing.expectEqual(null, answer(.ok, ""));
    try testing.expectEqual(7, host.txn);
    try expectAsked(.txn_commit);
    try testing.expectEqual(null, answer(.ok, ""));
    try testing.expectEqual(1, host.ends);
    try testing.expectEqual(null, host.aborted);
    try testing.expect(!transfer.isSaid());
    var out: [64]u8 = undefined;
    try testing.expectEqual(2 * codec.reply_bytes, (try transfer.pull(host, &out, 0)).len);
    try testing.expect(transfer.isSaid());
    transfer.sayOver();
    try testing.expect(!transfer.isSaid());
    try testing.expectEqual(never, transfer.deadline());
}

test "a byte too many behind a whole value waits like the others, and ends it then" {
    try putBegun(2);
    try testing.expectEqual(null, transfer.feed(host, "ab", 0));
    try expectAsked(.txn_put);
    try testing.expectEqual(null, transfer.feed(host, "c", 0));
    try testing.expectEqual(Reason.nonsense, answer(.ok, ""));
    try testing.expectEqual(7, host.aborted.?);
    try testing.expectEqual(1, host.ends);
    try testing.expectEqual(null, host.end.status);
    try expectAsked(null);
}

test "what it was asking for decides what is left to do when the stream ends" {
    const Case = struct { step: file.Step, aborted: ?u64, ends: usize };
    for ([_]Case{
        .{ .step = .begin, .aborted = null, .ends = 1 },
        .{ .step = .none, .aborted = 7, .ends = 1 },
        .{ .step = .chunk, .aborted = 7, .ends = 1 },
        .{ .step = .commit, .aborted = null, .ends = 0 },
    }) |case| {
        if (case.step == .begin) try start(.put, 2, 0) else try putBegun(2);
        if (case.step == .chunk or case.step == .commit) {
            try testing.expectEqual(null, transfer.feed(host, "ab", 0));
        }
        if (case.step == .commit) {
            host.asked = null;
            try testing.expectEqual(null, answer(.ok, ""));
            try testing.expectEqual(null, transfer.closed(host, 0));
            try testing.expectEqual(state.Op.txn_commit, host.asked.?);
        }
        transfer.abandon(host);
        try testing.expectEqual(case.aborted, host.aborted);
        try testing.expectEqual(case.ends, host.ends);
        const nobody: file.End = .{ .status = null, .reply = null };
        if (case.ends != 0) try testing.expectEqual(nobody, host.end);
        // It is over once, and an answer that comes behind it has no receiver.
        transfer.abandon(host);
        try testing.expectEqual(null, answer(.ok, seven));
        try testing.expectEqual(case.ends, host.ends);
        try testing.expectEqual(never, transfer.deadline());
        try testing.expectEqual(null, transfer.feed(host, "late", 0));
    }
    try start(.get, 0, 0);
    transfer.abandon(host);
    try testing.expectEqual(0, host.ends);
    try testing.expectEqual(null, host.aborted);
}

test "a store that does not answer: nothing is made, and the end of a commit is unknown" {
    const failed: codec.Reply = .{ .op = .put, .status = .io_error };
    try start(.put, 2, 0);
    try testing.expectEqual(null, transfer.settle(host, null));
    try testing.expectEqual(file.End{ .status = .io_error, .reply = null }, host.end);
    try testing.expectEqual(null, host.aborted);
    try expectSaid(failed);
    try testing.expect(transfer.isSaid());

    try putBegun(2);
    try testing.expectEqual(null, transfer.feed(host, "ab", 0));
    try testing.expectEqual(null, transfer.settle(host, null));
    try testing.expectEqual(file.End{ .status = .io_error, .reply = null }, host.end);
    try testing.expectEqual(7, host.aborted.?);
    try expectSaid(failed);

    try putBegun(2);
    try testing.expectEqual(null, transfer.feed(host, "ab", 0));
    host.asked = null;
    try testing.expectEqual(null, answer(.ok, ""));
    try testing.expectEqual(null, transfer.closed(host, 0));
    try testing.expectEqual(null, transfer.settle(host, null));
    try testing.expectEqual(0, host.ends);
    try testing.expectEqual(null, host.aborted);
    try expectSaid(failed);
    try testing.expect(transfer.isSaid());

    try start(.get, 0, 0);
    try testing.expectEqual(null, transfer.settle(host, null));
    try expectSaid(.{ .op = .get, .status = .io_error });
    try testing.expectEqual(1, host.ends);
    try testing.expect(transfer.isSaid());
}
