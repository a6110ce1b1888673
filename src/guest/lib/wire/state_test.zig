//! Frames of the state store: each operation's shape in both versions, each reply by each of its
//! bytes, and what a failure looks like in the shape of its operation.

const std = @import("std");
const testing = std.testing;
const state = @import("state.zig");
const Op = state.Op;
const Request = state.Request;
const Status = state.Status;

var buffer: [512]u8 = undefined;

const nonce: ?u64 = 0x0807_0605_0403_0201;
const nonce_bytes = "\x01\x02\x03\x04\x05\x06\x07\x08";

test "each operation has a shape of its own, and a nonce in front of it" {
    const txn = "\x03\x00\x00\x00\x00\x00\x00\x00";
    const Row = struct { request: Request, tail: []const u8 };
    for ([_]Row{
        .{
            .request = .{ .op = .put, .key = "k", .value = "xy" },
            .tail = "\x01\x00\x02\x00\x00\x00kxy",
        },
        .{ .request = .{ .op = .get, .key = "k" }, .tail = "\x01\x00k" },
        .{ .request = .{ .op = .delete, .key = "k" }, .tail = "\x01\x00k" },
        .{ .request = .{ .op = .list, .key = "k", .limit = 9 }, .tail = "\x01\x00\x09\x00k" },
        .{ .request = .{ .op = .list, .limit = 9 }, .tail = "\x00\x00\x09\x00" },
        .{
            .request = .{ .op = .list, .key = "k", .limit = 9, .after = "ka" },
            .tail = "\x01\x00\x09\x00k\x02\x00ka",
        },
        .{ .request = .{ .op = .sync }, .tail = "" },
        .{ .request = .{ .op = .reopen }, .tail = "" },
        .{ .request = .{ .op = .txn_begin }, .tail = "" },
        .{
            .request = .{ .op = .txn_put, .key = "k", .value = "xy", .txn = 3 },
            .tail = txn ++ "\x01\x00\x02\x00\x00\x00kxy",
        },
        .{ .request = .{ .op = .txn_commit, .txn = 3 }, .tail = txn },
        .{ .request = .{ .op = .txn_abort, .txn = 3 }, .tail = txn },
        .{
            .request = .{ .op = .read, .key = "k", .offset = 4, .length = 5 },
            .tail = "\x01\x00\x04\x00\x00\x00\x05\x00k",
        },
    }) |row| for ([_]?u64{ null, nonce }) |number| {
        var request = row.request;
        request.nonce = number;
        const frame = try state.encodeRequest(&buffer, request);
        const version: u8 = if (number == null) 1 else 2;
        try testing.expectEqualStrings("SF", frame[0..2]);
        try testing.expectEqual(version, frame[2]);
        try testing.expectEqual(@intFromEnum(request.op), frame[3]);
        const head: usize = if (number == null) 4 else 12;
        if (number != null) try testing.expectEqualStrings(nonce_bytes, frame[4..12]);
        try testing.expectEqualStrings(row.tail, frame[head..]);
        try testing.expectEqualDeep(request, state.decodeRequest(frame).request);
        // A byte more is not this request. Behind a list it would be the length of a key.
        buffer[frame.len] = 0;
        const longer = state.decodeRequest(buffer[0 .. frame.len + 1]).refusal;
        try testing.expectEqual(request.op, longer.op);
        try testing.expectEqual(Status.malformed, longer.status);
        // There is just room for it.
        var room: [64]u8 = undefined;
        _ = try state.encodeRequest(room[0..frame.len], request);
        const short = state.encodeRequest(room[0 .. frame.len - 1], request);
        try testing.expectError(error.NoRoom, short);
    };
}

test "fields that are not set are zero on the wire" {
    const Row = struct { Op, []const u8 };
    for ([_]Row{
        .{ .list, "\x00\x00\x00\x00" },
        .{ .txn_commit, "\x00" ** 8 },
        .{ .txn_abort, "\x00" ** 8 },
        .{ .txn_put, "\x00" ** 14 },
        .{ .read, "\x00" ** 8 },
        .{ .put, "\x00" ** 6 },
        .{ .get, "\x00\x00" },
        .{ .sync, "" },
    }) |row| {
        const frame = try state.encodeRequest(&buffer, .{ .op = row[0] });
        try testing.expectEqual(1, frame[2]);
        try testing.expectEqualStrings(row[1], frame[4..]);
    }
    var writer = try state.startReply(&buffer, .read, .ok, null);
    try state.putPiece(&writer, .{});
    try testing.expectEqualStrings("\x00" ** 14, writer.done()[5..]);
}

test "the numbers on the wire are those of the specification" {
    const ops = [_]Op{
        .put,     .get,        .delete,    .list, .sync, .reopen, .txn_begin,
        .txn_put, .txn_commit, .txn_abort, .read,
    };
    for (ops, 1..) |op, number| try testing.expectEqual(number, @intFromEnum(op));
    try testing.expectEqual(255, state.key_bytes_max);
    try testing.expectEqual(65_536, state.value_bytes_max);
    try testing.expectEqual(8192, state.chunk_bytes_max);
}

test "a failure has what a good reply of its operation has, all zero" {
    const Row = struct { Op, usize };
    for ([_]Row{
        .{ .get, 4 },     .{ .list, 2 },       .{ .txn_begin, 8 }, .{ .read, 14 },
        .{ .put, 0 },     .{ .delete, 0 },     .{ .sync, 0 },      .{ .reopen, 0 },
        .{ .txn_put, 0 }, .{ .txn_commit, 0 }, .{ .txn_abort, 0 },
    }) |row| for ([_]?u64{ null, nonce }) |number| {
        const frame = try state.encodeFailure(&buffer, row[0], .io_error, number);
        const head: usize = if (number == null) 5 else 13;
        try testing.expectEqual(head + row[1], frame.len);
        try testing.expectEqual(@intFromEnum(row[0]) | 0x80, frame[3]);
        try testing.expectEqual(@intFromEnum(Status.io_error), frame[4]);
        try testing.expect(std.mem.allEqual(u8, frame[head..], 0));
        const reply = state.decodeReply(frame, row[0], number);
        // A reply of version 1 names no number.
        try testing.expectEqual(Status.io_error, reply.?.status);
        try testing.expectEqual(row[1], reply.?.tail.len);
    };
}

test "a reply is one to its own operation and number; every other byte of its head makes it none" {
    const frame = try state.encodeFailure(&buffer, .put, .ok, nonce);
    for (0..13) |at| for (0..8) |bit| {
        if (at == 4) continue; // the status
        var bad: [13]u8 = frame[0..13].*;
        bad[at] ^= @as(u8, 1) << @intCast(bit);
        try testing.expectEqual(null, state.decodeReply(&bad, .put, nonce));
    };
    for (0..13) |len| try testing.expectEqual(null, state.decodeReply(frame[0..len], .put, nonce));
    try testing.expectEqual(null, state.decodeReply(frame, .put, null));
    try testing.expectEqual(null, state.decodeReply(frame, .get, nonce));
    // In version 1 five bytes answer any caller, more of them a caller without a number.
    try testing.expectEqualStrings("", state.decodeReply("SF\x01\x81\x00", .put, nonce).?.tail);
    try testing.expectEqualStrings("x", state.decodeReply("SF\x01\x81\x00x", .put, null).?.tail);
    try testing.expectEqual(null, state.decodeReply("SF\x01\x81\x00x", .put, nonce));
    try testing.expectEqual(null, state.decodeReply("SF\x01\x81", .put, null));
    try testing.expectEqual(null, state.decodeReply("SF\x03\x81\x00" ++ nonce_bytes, .put, nonce));
}

test "a value is as long as it says, in a good reply alone" {
    const Row = struct { []const u8, Status, ?[]const u8 };
    for ([_]Row{
        .{ "\x02\x00\x00\x00ab", .ok, "ab" },
        .{ "\x00\x00\x00\x00", .ok, "" },
        .{ "\x02\x00\x00\x00ab", .not_found, null },
        .{ "\x02\x00\x00\x00a", .ok, null },
        .{ "\x02\x00\x00\x00abc", .ok, null },
        .{ "\x00\x00\x00", .ok, null },
        .{ "", .ok, null },
    }) |row| {
        const value = state.valueOf(.{ .status = row[1], .tail = row[0] });
        if (row[2]) |want| {
            try testing.expectEqualStrings(want, value.?);
        } else try testing.expectEqual(null, value);
    }
}

test "a refusal is five bytes, whatever was asked" {
    for (std.enums.values(Op)) |op| {
        const frame = try state.encodeRefusal(&buffer, .{ .op = op, .status = .malformed });
        try testing.expectEqualStrings("SF\x01", frame[0..3]);
        try testing.expectEqual(@intFromEnum(op) | 0x80, frame[3]);
        try testing.expectEqual(@intFromEnum(Status.malformed), frame[4]);
        try testing.expectEqual(5, frame.len);
    }
}
