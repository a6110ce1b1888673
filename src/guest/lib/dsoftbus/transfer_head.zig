//! `ST` v1: the heads on a stream that moves one value of a state store (docs/spec/statefs.md,
//! *Transfer*). This file judges shape alone; `remote_state` judges key and length.

const std = @import("std");
const contract = @import("contract");
const state = @import("wire").state;
const cursor = @import("wire").cursor;
const Request = contract.state.TransferRequestHead;
const Answer = contract.state.TransferReplyHead;

pub const stream_name = contract.state.transfer_stream;
pub const head_bytes = Request.bytes;
pub const reply_bytes = Answer.bytes;

pub const Op = contract.state.TransferOp;

/// The operation of the allowlist, and of a request that fits a frame.
pub fn inner(op: Op) state.Op {
    return if (op == .put) .put else .get;
}

pub const Stage = contract.state.Stage;

/// The part of a head that decides whether the key is awaited.
pub const Head = struct { op: Op, id: u64, key_len: u16, value_len: u32 };

pub const Reply = struct {
    op: Op,
    status: state.Status = .ok,
    stage: Stage = .done,
    /// The bytes taken for a put, the value's length for a get; 0 unless done and ok.
    value_len: u32 = 0,
};

pub fn decode(bytes: *const [head_bytes]u8) error{Malformed}!Head {
    if (!Request.holds(bytes)) return error.Malformed;
    const head = Request.read(bytes);
    const op = std.enums.fromInt(Op, head.op) orelse return error.Malformed;
    if (op == .get and head.value_length != 0) return error.Malformed;
    return .{
        .op = op,
        .id = head.id,
        .key_len = head.key_length,
        .value_len = head.value_length,
    };
}

pub fn encodeReply(reply: Reply) [reply_bytes]u8 {
    var out: [reply_bytes]u8 = undefined;
    Answer.write(.{
        .op = @intFromEnum(reply.op) | cursor.reply_bit,
        .status = @intFromEnum(reply.status),
        .stage = @intFromEnum(reply.stage),
        .value_length = reply.value_len,
    }, &out);
    return out;
}

/// Read a reply of ours that was remembered.
pub fn decodeReply(bytes: []const u8) ?Reply {
    if (bytes.len != reply_bytes or !Answer.holds(bytes[0..reply_bytes])) return null;
    const head = Answer.read(bytes[0..reply_bytes]);
    return .{
        .op = std.enums.fromInt(Op, head.op & ~cursor.reply_bit) orelse return null,
        .status = @enumFromInt(head.status),
        .stage = std.enums.fromInt(Stage, head.stage) orelse return null,
        .value_len = head.value_length,
    };
}

const golden = "ST\x01\x01" ++ "\x02\x00\x00\x00\x07\x00\x00\x00" ++ "\x05\x00" ++ "\x00\x00" ++
    "\x00\x00\x01\x00";

test "a head, and every byte that makes it none" {
    const head = try decode(golden);
    try std.testing.expectEqual(Head{
        .op = .put,
        .id = 7 << 32 | 2,
        .key_len = 5,
        .value_len = 65_536,
    }, head);
    for ([_]struct { usize, u8 }{
        .{ 0, 'T' }, .{ 1, 'S' }, .{ 2, 0 }, .{ 2, 2 }, .{ 3, 0 }, .{ 3, 3 }, .{ 3, 0x81 },
        .{ 14, 1 }, .{ 15, 1 }, .{ 3, 2 }, // a get with a value
    }) |row| {
        var bytes = golden.*;
        bytes[row[0]] = row[1];
        try std.testing.expectError(error.Malformed, decode(&bytes));
    }
    var get = golden.*;
    get[3] = 2;
    get[18] = 0;
    try std.testing.expectEqual(Op.get, (try decode(&get)).op);
}

test "a reply is written and read back" {
    const reply: Reply = .{ .op = .get, .value_len = 0x0102 };
    const bytes = encodeReply(reply);
    try std.testing.expectEqualSlices(u8, "ST\x01\x82\x00\x01\x00\x00\x02\x01\x00\x00", &bytes);
    try std.testing.expectEqual(reply, decodeReply(&bytes).?);
    const go = encodeReply(.{ .op = .put, .stage = .go_ahead });
    try std.testing.expectEqualSlices(u8, "ST\x01\x81" ++ "\x00" ** 8, &go);
    const refused = encodeReply(.{ .op = .put, .status = .access_denied });
    try std.testing.expectEqualSlices(u8, "ST\x01\x81\x02\x01" ++ "\x00" ** 6, &refused);
    for (0..reply_bytes) |len| try std.testing.expectEqual(null, decodeReply(bytes[0..len]));
}
