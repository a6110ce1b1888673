//! A transfer step by step: what each odd answer of the store comes to, and how long it is waited
//! for.

const std = @import("std");
const testing = std.testing;
const state = @import("wire").state;
const codec = @import("transfer_head.zig");
const file = @import("transfer.zig");
const Reason = @import("mux_frames.zig").Reason;
const second = std.time.ns_per_s;
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
const expectNothingSaid = common.expectNothingSaid;
const pieceOf = common.pieceOf;
const answerPiece = common.answerPiece;

test "a begin without a number has begun nothing" {
    for ([_][]const u8{ "", seven[0..7], seven ++ "\x00" }) |tail| {
        try start(.put, 2, 0);
        try testing.expectEqual(null, answer(.ok, tail));
        try testing.expectEqual(file.End{ .status = .io_error, .reply = null }, host.end);
        try testing.expectEqual(null, host.aborted);
        try expectSaid(.{ .op = .put, .status = .io_error });
    }
    try testing.expectEqual(null, file.txnOf(.{ .status = .txn_limit, .tail = seven }));
    try testing.expectEqual(0x0807060504030201, file.txnOf(.{
        .status = .ok,
        .tail = "\x01\x02\x03\x04\x05\x06\x07\x08",
    }).?);
}

test "each end after a commit says what became of it, and only a refused one is aborted" {
    for ([_]state.Status{ .ok, .over_share, .not_found }) |status| {
        try putBegun(2);
        try testing.expectEqual(null, transfer.feed(host, "ab", 0));
        host.asked = null;
        try testing.expectEqual(null, answer(.ok, ""));
        try testing.expectEqual(null, transfer.closed(host, 0));
        try testing.expectEqual(null, answer(status, ""));
        const is_made = status == .ok;
        const reply: codec.Reply = .{
            .op = .put,
            .status = status,
            .value_len = if (is_made) 2 else 0,
        };
        try testing.expectEqual(file.End{ .status = status, .reply = reply }, host.end);
        try testing.expectEqual(if (is_made) null else @as(?u64, 7), host.aborted);
        try expectSaid(reply);
        try testing.expect(transfer.isSaid());
    }
}

test "silence is counted from the last byte of either side, the whole from its beginning" {
    try start(.put, 2, 5 * second);
    try testing.expectEqual(5 * second + file.silence_ns, transfer.deadline());
    try testing.expectEqual(null, transfer.feed(host, "a", 6 * second));
    try testing.expectEqual(6 * second + file.silence_ns, transfer.deadline());
    host.asked = null;
    try testing.expectEqual(null, answer(.ok, seven));
    try testing.expectEqual(6 * second + file.silence_ns, transfer.deadline());
    var out: [64]u8 = undefined;
    // A turn without room, or with nothing to say, is not a sign of life.
    try testing.expectEqual(0, (try transfer.pull(host, out[0..0], 7 * second)).len);
    try testing.expectEqual(6 * second + file.silence_ns, transfer.deadline());
    try testing.expectEqual(codec.reply_bytes, (try transfer.pull(host, &out, 8 * second)).len);
    try testing.expectEqual(8 * second + file.silence_ns, transfer.deadline());
    try testing.expectEqual(0, (try transfer.pull(host, &out, 9 * second)).len);
    try testing.expectEqual(8 * second + file.silence_ns, transfer.deadline());
    try testing.expectEqual(null, transfer.feed(host, "b", 10 * second));
    try testing.expectEqual(null, transfer.closed(host, 11 * second));
    try testing.expectEqual(11 * second + file.silence_ns, transfer.deadline());
    // However much comes, it is over when its whole time is.
    try start(.put, 2, 5 * second);
    const late = 5 * second + file.longest_ns - 1;
    try testing.expectEqual(null, transfer.feed(host, "a", late));
    try testing.expectEqual(late + 1, transfer.deadline());
    try testing.expectEqual(null, transfer.expire(host, late));
    try testing.expectEqual(Reason.unwanted, transfer.expire(host, late + 1));
    try testing.expectEqual(1, host.ends);
    try testing.expectEqual(null, transfer.expire(host, never - 1));
}

test "a get asks for each piece from where the last one ended, one at a time" {
    try start(.get, 0, 0);
    try testing.expectEqual(0, host.offset);
    try testing.expectEqual(file.chunk_bytes, host.length);
    try expectAsked(.read);
    try testing.expectEqual(null, try answerPiece(.{ .total = 5, .version = 9, .bytes = "abc" }));
    try testing.expectEqual(file.End{ .status = .ok, .reply = null }, host.end);
    var out: [64]u8 = undefined;
    const head = try transfer.pull(host, out[0..codec.reply_bytes], 0);
    const reply: codec.Reply = .{ .op = .get, .value_len = 5 };
    try testing.expectEqualSlices(u8, &codec.encodeReply(reply), head);
    try expectAsked(null);
    try testing.expectEqualStrings("ab", try transfer.pull(host, out[0..2], 0));
    try expectAsked(null);
    try testing.expectEqualStrings("c", try transfer.pull(host, &out, 0));
    try expectAsked(null);
    try testing.expect(!transfer.isSaid());
    for (0..2) |_| try expectNothingSaid();
    try testing.expectEqual(3, host.offset);
    try expectAsked(.read);
    try testing.expectEqual(null, try answerPiece(.{ .total = 5, .version = 9, .bytes = "de" }));
    try testing.expect(!transfer.isSaid());
    try testing.expectEqualStrings("de", try transfer.pull(host, &out, 0));
    try testing.expect(transfer.isSaid());
    try expectNothingSaid();
    try expectAsked(null);
    try testing.expectEqual(1, host.ends);
}

test "the first piece must be one, and no longer than what was asked for" {
    var out: [file.chunk_bytes + 64]u8 = undefined;
    const long: [file.chunk_bytes + 1]u8 = @splat('x');
    const good = try pieceOf(&out, .{ .total = 3, .version = 1, .bytes = "abc" });
    for ([_][]const u8{ "", good[0 .. good.len - 1] }) |tail| {
        try start(.get, 0, 0);
        try testing.expectEqual(null, answer(.ok, tail));
        try testing.expectEqual(file.End{ .status = .io_error, .reply = null }, host.end);
        try expectSaid(.{ .op = .get, .status = .io_error });
    }
    for ([_]usize{ file.chunk_bytes, file.chunk_bytes + 1 }) |len| {
        try start(.get, 0, 0);
        const piece: state.Piece = .{ .total = 60_000, .version = 1, .bytes = long[0..len] };
        try testing.expectEqual(null, try answerPiece(piece));
        const is_good = len == file.chunk_bytes;
        const status: state.Status = if (is_good) .ok else .io_error;
        try testing.expectEqual(file.End{ .status = status, .reply = null }, host.end);
    }
}

test "a later piece that is of another value, of none, or of more than there is ends a get" {
    const Case = struct { total: u32 = 5, version: u64 = 9, bytes: []const u8 };
    for ([_]Case{
        .{ .bytes = "d", .version = 8 },
        .{ .bytes = "d", .version = 10 },
        .{ .bytes = "d", .total = 4 },
        .{ .bytes = "d", .total = 6 },
        .{ .bytes = "" },
        .{ .bytes = "def" },
    }) |case| {
        try start(.get, 0, 0);
        const first: state.Piece = .{ .total = 5, .version = 9, .bytes = "abc" };
        try testing.expectEqual(null, try answerPiece(first));
        var out: [64]u8 = undefined;
        _ = try transfer.pull(host, &out, 0);
        host.asked = null;
        try expectNothingSaid();
        const piece: state.Piece = .{
            .total = case.total,
            .version = case.version,
            .bytes = case.bytes,
        };
        try testing.expectEqual(null, try answerPiece(piece));
        try testing.expectError(error.Changed, transfer.pull(host, &out, 0));
        // Of the next stream on this place nothing is broken.
        try start(.get, 0, 0);
        try testing.expectEqual(null, try answerPiece(first));
        try testing.expectEqual(codec.reply_bytes + 3, (try transfer.pull(host, &out, 0)).len);
    }
}

test "a stream that begins has nothing of the one before it" {
    try putBegun(file.chunk_bytes + 1);
    var words: [file.chunk_bytes]u8 = @splat('o');
    try testing.expectEqual(null, transfer.feed(host, &words, 0));
    try testing.expectEqual(null, transfer.feed(host, "o", 0));
    try testing.expectEqual(null, transfer.closed(host, 0));
    transfer.abandon(host);
    try start(.put, 2, 100);
    try testing.expectEqual(null, answer(.ok, seven));
    try testing.expectEqual(0, transfer.takeGrant());
    try expectSaid(.{ .op = .put, .stage = .go_ahead });
    host.asked = null;
    try testing.expectEqual(null, transfer.feed(host, "a", 100));
    try expectAsked(null);
    try testing.expectEqual(null, transfer.feed(host, "b", 100));
    try testing.expectEqualStrings("ab", host.value[0..host.value_len]);
    try expectAsked(.txn_put);
    // The peer of this one has not said that it is done.
    try testing.expectEqual(null, answer(.ok, ""));
    try expectAsked(null);
}
