//! A transfer step by step: what it does while the store has not answered, when it ends in the
//! middle of a step, and what each odd answer of the store comes to.

const std = @import("std");
const testing = std.testing;
const state = @import("wire").state;
const codec = @import("transfer_head.zig");
const file = @import("transfer.zig");
const Reason = @import("mux_frames.zig").Reason;
const Transfer = file.Transfer;

const second = std.time.ns_per_s;
const never = std.math.maxInt(u64);
const key = "/state/shared/k";

/// Notes what it is to do, and answers nothing by itself.
const Host = struct {
    asked: ?state.Op = null,
    offset: u32 = 0,
    length: u16 = 0,
    txn: u64 = 0,
    value: [file.chunk_bytes]u8 = undefined,
    value_len: usize = 0,
    aborted: ?u64 = null,
    ends: usize = 0,
    end: file.End = undefined,

    pub fn admit(_: *Host, _: file.Head, _: []const u8, _: ?[]const u8) file.Verdict {
        return .go;
    }

    pub fn ask(self: *Host, request: state.Request) void {
        std.debug.assert(self.asked == null);
        self.asked = request.op;
        self.txn = request.txn;
        self.offset = request.offset;
        self.length = request.length;
        self.value_len = request.value.len;
        @memcpy(self.value[0..request.value.len], request.value);
    }

    pub fn abort(self: *Host, txn: u64) void {
        std.debug.assert(self.aborted == null);
        self.aborted = txn;
    }

    pub fn ended(self: *Host, _: file.Head, request: []const u8, end: file.End) void {
        std.debug.assert(std.mem.eql(u8, request[codec.head_bytes..], key));
        self.ends += 1;
        self.end = end;
    }

    pub fn malformed(_: *Host) void {
        unreachable; // every head here is one
    }
};

var host: Host = undefined;
var transfer: Transfer = .{};

fn start(op: codec.Op, value_len: u32, now_ns: u64) !void {
    host = .{};
    transfer.begin(now_ns);
    var head: [codec.head_bytes + key.len]u8 = @splat(0);
    head[0..3].* = "ST\x01".*;
    head[3] = @intFromEnum(op);
    std.mem.writeInt(u64, head[4..12], 5 << 32 | 1, .little);
    std.mem.writeInt(u16, head[12..14], key.len, .little);
    std.mem.writeInt(u32, head[16..20], value_len, .little);
    head[codec.head_bytes..].* = key.*;
    try testing.expectEqual(null, transfer.feed(&host, &head, now_ns));
    try testing.expectEqual(head.len, transfer.takeGrant());
    try testing.expectEqual(0, transfer.takeGrant());
}

fn expectAsked(op: ?state.Op) !void {
    try testing.expectEqual(op, host.asked);
    host.asked = null;
}

fn answer(status: state.Status, tail: []const u8) ?Reason {
    return transfer.settle(&host, .{ .status = status, .tail = tail });
}

const seven = "\x07" ++ "\x00" ** 7;

/// A put whose transaction stands, with the go ahead said.
fn putBegun(value_len: u32) !void {
    try start(.put, value_len, 0);
    try expectAsked(.txn_begin);
    try testing.expectEqual(null, answer(.ok, seven));
    try expectSaid(.{ .op = .put, .stage = .go_ahead });
}

fn expectSaid(reply: codec.Reply) !void {
    var out: [64]u8 = undefined;
    const said = try transfer.pull(&host, &out, 0);
    try testing.expectEqualSlices(u8, &codec.encodeReply(reply), said);
}

fn expectNothingSaid() !void {
    var out: [64]u8 = undefined;
    try testing.expectEqual(0, (try transfer.pull(&host, &out, 0)).len);
}

fn pieceOf(out: []u8, piece: state.Piece) ![]const u8 {
    var writer = try state.startReply(out, .read, .ok, null);
    try state.putPiece(&writer, piece);
    return state.decodeReply(writer.done(), .read, null).?.tail;
}

fn answerPiece(piece: state.Piece) !?Reason {
    var out: [file.chunk_bytes + 64]u8 = undefined;
    return answer(.ok, try pieceOf(&out, piece));
}

test "one that was never begun does nothing, says nothing and waits for nothing" {
    var idle: Transfer = .{};
    host = .{};
    var out: [8]u8 = undefined;
    try testing.expectEqual(null, idle.feed(&host, "x", 9));
    try testing.expectEqual(null, idle.closed(&host, 9));
    try testing.expectEqual(null, idle.expire(&host, never - 1));
    try testing.expectEqual(null, idle.settle(&host, .{ .status = .ok, .tail = seven }));
    try testing.expectEqual(0, (try idle.pull(&host, &out, 9)).len);
    try testing.expectEqual(0, idle.takeGrant());
    try testing.expect(!idle.isSaid());
    // Nothing has moved, and nothing is to.
    try testing.expectEqual(0, idle.moved);
    try testing.expectEqual(0, idle.total);
    try testing.expectEqual(0, idle.ignored);
    try testing.expectEqual(0, idle.request_len + idle.waiting_len);
    try testing.expectEqual(0, idle.start + idle.filled + idle.said_start + idle.said_len);
    try testing.expectEqual(never, idle.deadline());
    idle.abandon(&host);
    try testing.expectEqual(null, host.asked);
    try testing.expectEqual(null, host.aborted);
    try testing.expectEqual(0, host.ends);
}

test "what comes while the store is asked waits in its order, as much as there is credit for" {
    try start(.put, file.chunk_bytes + 3, 0);
    var words: [file.chunk_bytes + 3]u8 = undefined;
    for (&words, 0..) |*byte, i| byte.* = @truncate(i * 7 + i / 256);
    // The store has not said yet that a transaction stands: nothing is dealt with.
    try testing.expectEqual(null, transfer.feed(&host, words[0..1], 0));
    try testing.expectEqual(null, transfer.feed(&host, words[1..1000], 0));
    try testing.expectEqual(null, transfer.feed(&host, words[1000..file.chunk_bytes], 0));
    try testing.expectEqual(0, transfer.takeGrant());
    try expectAsked(.txn_begin);
    try testing.expectEqual(null, answer(.ok, seven));
    try testing.expectEqual(file.chunk_bytes, transfer.takeGrant());
    try testing.expectEqualSlices(u8, words[0..file.chunk_bytes], host.value[0..host.value_len]);
    try testing.expectEqual(7, host.txn);
    try expectAsked(.txn_put);
    // The rest and the end come while the first chunk is on its way.
    try testing.expectEqual(null, transfer.feed(&host, words[file.chunk_bytes..], 0));
    try testing.expectEqual(null, transfer.closed(&host, 0));
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
    try testing.expectEqual(2 * codec.reply_bytes, (try transfer.pull(&host, &out, 0)).len);
    try testing.expect(transfer.isSaid());
    transfer.sayOver();
    try testing.expect(!transfer.isSaid());
    try testing.expectEqual(never, transfer.deadline());
}

test "a byte too many behind a whole value waits like the others, and ends it then" {
    try putBegun(2);
    try testing.expectEqual(null, transfer.feed(&host, "ab", 0));
    try expectAsked(.txn_put);
    try testing.expectEqual(null, transfer.feed(&host, "c", 0));
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
            try testing.expectEqual(null, transfer.feed(&host, "ab", 0));
        }
        if (case.step == .commit) {
            host.asked = null;
            try testing.expectEqual(null, answer(.ok, ""));
            try testing.expectEqual(null, transfer.closed(&host, 0));
            try testing.expectEqual(state.Op.txn_commit, host.asked.?);
        }
        transfer.abandon(&host);
        try testing.expectEqual(case.aborted, host.aborted);
        try testing.expectEqual(case.ends, host.ends);
        const nobody: file.End = .{ .status = null, .reply = null };
        if (case.ends != 0) try testing.expectEqual(nobody, host.end);
        // It is over once, and an answer that comes behind it is nobody's.
        transfer.abandon(&host);
        try testing.expectEqual(null, answer(.ok, seven));
        try testing.expectEqual(case.ends, host.ends);
        try testing.expectEqual(never, transfer.deadline());
        try testing.expectEqual(null, transfer.feed(&host, "late", 0));
    }
    try start(.get, 0, 0);
    transfer.abandon(&host);
    try testing.expectEqual(0, host.ends);
    try testing.expectEqual(null, host.aborted);
}

test "a store that does not answer: nothing is made, and the end of a commit is unknown" {
    const failed: codec.Reply = .{ .op = .put, .status = .io_error };
    try start(.put, 2, 0);
    try testing.expectEqual(null, transfer.settle(&host, null));
    try testing.expectEqual(file.End{ .status = .io_error, .reply = null }, host.end);
    try testing.expectEqual(null, host.aborted);
    try expectSaid(failed);
    try testing.expect(transfer.isSaid());

    try putBegun(2);
    try testing.expectEqual(null, transfer.feed(&host, "ab", 0));
    try testing.expectEqual(null, transfer.settle(&host, null));
    try testing.expectEqual(file.End{ .status = .io_error, .reply = null }, host.end);
    try testing.expectEqual(7, host.aborted.?);
    try expectSaid(failed);

    try putBegun(2);
    try testing.expectEqual(null, transfer.feed(&host, "ab", 0));
    host.asked = null;
    try testing.expectEqual(null, answer(.ok, ""));
    try testing.expectEqual(null, transfer.closed(&host, 0));
    try testing.expectEqual(null, transfer.settle(&host, null));
    try testing.expectEqual(0, host.ends);
    try testing.expectEqual(null, host.aborted);
    try expectSaid(failed);
    try testing.expect(transfer.isSaid());

    try start(.get, 0, 0);
    try testing.expectEqual(null, transfer.settle(&host, null));
    try expectSaid(.{ .op = .get, .status = .io_error });
    try testing.expectEqual(1, host.ends);
    try testing.expect(transfer.isSaid());
}

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
        try testing.expectEqual(null, transfer.feed(&host, "ab", 0));
        host.asked = null;
        try testing.expectEqual(null, answer(.ok, ""));
        try testing.expectEqual(null, transfer.closed(&host, 0));
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
    try testing.expectEqual(null, transfer.feed(&host, "a", 6 * second));
    try testing.expectEqual(6 * second + file.silence_ns, transfer.deadline());
    host.asked = null;
    try testing.expectEqual(null, answer(.ok, seven));
    try testing.expectEqual(6 * second + file.silence_ns, transfer.deadline());
    var out: [64]u8 = undefined;
    // A turn without room, or with nothing to say, is not a sign of life.
    try testing.expectEqual(0, (try transfer.pull(&host, out[0..0], 7 * second)).len);
    try testing.expectEqual(6 * second + file.silence_ns, transfer.deadline());
    try testing.expectEqual(codec.reply_bytes, (try transfer.pull(&host, &out, 8 * second)).len);
    try testing.expectEqual(8 * second + file.silence_ns, transfer.deadline());
    try testing.expectEqual(0, (try transfer.pull(&host, &out, 9 * second)).len);
    try testing.expectEqual(8 * second + file.silence_ns, transfer.deadline());
    try testing.expectEqual(null, transfer.feed(&host, "b", 10 * second));
    try testing.expectEqual(null, transfer.closed(&host, 11 * second));
    try testing.expectEqual(11 * second + file.silence_ns, transfer.deadline());
    // However much comes, it is over when its whole time is.
    try start(.put, 2, 5 * second);
    const late = 5 * second + file.longest_ns - 1;
    try testing.expectEqual(null, transfer.feed(&host, "a", late));
    try testing.expectEqual(late + 1, transfer.deadline());
    try testing.expectEqual(null, transfer.expire(&host, late));
    try testing.expectEqual(Reason.unwanted, transfer.expire(&host, late + 1));
    try testing.expectEqual(1, host.ends);
    try testing.expectEqual(null, transfer.expire(&host, never - 1));
}

test "a get asks for each piece from where the last one ended, one at a time" {
    try start(.get, 0, 0);
    try testing.expectEqual(0, host.offset);
    try testing.expectEqual(file.chunk_bytes, host.length);
    try expectAsked(.read);
    try testing.expectEqual(null, try answerPiece(.{ .total = 5, .version = 9, .bytes = "abc" }));
    try testing.expectEqual(file.End{ .status = .ok, .reply = null }, host.end);
    var out: [64]u8 = undefined;
    const head = try transfer.pull(&host, out[0..codec.reply_bytes], 0);
    const reply: codec.Reply = .{ .op = .get, .value_len = 5 };
    try testing.expectEqualSlices(u8, &codec.encodeReply(reply), head);
    try expectAsked(null);
    try testing.expectEqualStrings("ab", try transfer.pull(&host, out[0..2], 0));
    try expectAsked(null);
    try testing.expectEqualStrings("c", try transfer.pull(&host, &out, 0));
    try expectAsked(null);
    try testing.expect(!transfer.isSaid());
    for (0..2) |_| try expectNothingSaid();
    try testing.expectEqual(3, host.offset);
    try expectAsked(.read);
    try testing.expectEqual(null, try answerPiece(.{ .total = 5, .version = 9, .bytes = "de" }));
    try testing.expect(!transfer.isSaid());
    try testing.expectEqualStrings("de", try transfer.pull(&host, &out, 0));
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
        _ = try transfer.pull(&host, &out, 0);
        host.asked = null;
        try expectNothingSaid();
        const piece: state.Piece = .{
            .total = case.total,
            .version = case.version,
            .bytes = case.bytes,
        };
        try testing.expectEqual(null, try answerPiece(piece));
        try testing.expectError(error.Changed, transfer.pull(&host, &out, 0));
        // Of the next stream on this place nothing is broken.
        try start(.get, 0, 0);
        try testing.expectEqual(null, try answerPiece(first));
        try testing.expectEqual(codec.reply_bytes + 3, (try transfer.pull(&host, &out, 0)).len);
    }
}

test "a stream that begins has nothing of the one before it" {
    try putBegun(file.chunk_bytes + 1);
    var words: [file.chunk_bytes]u8 = @splat('o');
    try testing.expectEqual(null, transfer.feed(&host, &words, 0));
    try testing.expectEqual(null, transfer.feed(&host, "o", 0));
    try testing.expectEqual(null, transfer.closed(&host, 0));
    transfer.abandon(&host);
    try start(.put, 2, 100);
    try testing.expectEqual(null, answer(.ok, seven));
    try testing.expectEqual(0, transfer.takeGrant());
    try expectSaid(.{ .op = .put, .stage = .go_ahead });
    host.asked = null;
    try testing.expectEqual(null, transfer.feed(&host, "a", 100));
    try expectAsked(null);
    try testing.expectEqual(null, transfer.feed(&host, "b", 100));
    try testing.expectEqualStrings("ab", host.value[0..host.value_len]);
    try expectAsked(.txn_put);
    // The peer of this one has not said that it is done.
    try testing.expectEqual(null, answer(.ok, ""));
    try expectAsked(null);
}
