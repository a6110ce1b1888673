//! A transfer whose host notes its requests, and answers none by itself.

const std = @import("std");
const testing = std.testing;
const state = @import("wire").state;
const codec = @import("transfer_head.zig");
const file = @import("transfer.zig");
const Reason = @import("mux_frames.zig").Reason;
const Transfer = file.Transfer;

pub const never = std.math.maxInt(u64);
pub const key = "/state/shared/k";

/// Notes what it is to do, and answers nothing by itself.
pub const Host = struct {
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

pub var host: Host = undefined;
pub var transfer: Transfer = .{};

pub fn start(op: codec.Op, value_len: u32, now_ns: u64) !void {
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

pub fn expectAsked(op: ?state.Op) !void {
    try testing.expectEqual(op, host.asked);
    host.asked = null;
}

pub fn answer(status: state.Status, tail: []const u8) ?Reason {
    return transfer.settle(&host, .{ .status = status, .tail = tail });
}

pub const seven = "\x07" ++ "\x00" ** 7;

/// A put whose transaction stands, with the go ahead said.
pub fn putBegun(value_len: u32) !void {
    try start(.put, value_len, 0);
    try expectAsked(.txn_begin);
    try testing.expectEqual(null, answer(.ok, seven));
    try expectSaid(.{ .op = .put, .stage = .go_ahead });
}

pub fn expectSaid(reply: codec.Reply) !void {
    var out: [64]u8 = undefined;
    const said = try transfer.pull(&host, &out, 0);
    try testing.expectEqualSlices(u8, &codec.encodeReply(reply), said);
}

pub fn expectNothingSaid() !void {
    var out: [64]u8 = undefined;
    try testing.expectEqual(0, (try transfer.pull(&host, &out, 0)).len);
}

pub fn pieceOf(out: []u8, piece: state.Piece) ![]const u8 {
    var writer = try state.startReply(out, .read, .ok, null);
    try state.putPiece(&writer, piece);
    return state.decodeReply(writer.done(), .read, null).?.tail;
}

pub fn answerPiece(piece: state.Piece) !?Reason {
    var out: [file.chunk_bytes + 64]u8 = undefined;
    return answer(.ok, try pieceOf(&out, piece));
}
