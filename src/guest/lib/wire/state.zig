//! `SF` v1 and v2: the state store, served by statefsd. Version 2 carries a nonce.

const std = @import("std");
const contract = @import("contract");
const cursor = @import("cursor.zig");
const Reader = cursor.Reader;
const Writer = cursor.Writer;

const magic = contract.state.magic;
pub const key_bytes_max = contract.state.key_bytes_max;
pub const value_bytes_max = contract.state.value_bytes_max;
pub const chunk_bytes_max = contract.state.chunk_bytes_max;

pub const Op = contract.state.Op;

pub const Status = contract.state.Status;

/// The fields that an operation does not have stay as they are here; `key` is a list's prefix,
/// and a list begins behind `after` if that is not empty.
pub const Request = struct {
    op: Op,
    key: []const u8 = "",
    value: []const u8 = "",
    limit: u16 = 0,
    txn: u64 = 0,
    /// The piece of a value.
    offset: u32 = 0,
    length: u16 = 0,
    after: []const u8 = "",
    nonce: ?u64 = null,
};

pub const Refusal = struct { op: Op, status: Status };

pub const Decoded = union(enum) { request: Request, refusal: Refusal };

/// The decoder checks lengths and UTF-8; the server judges paths.
pub fn decodeRequest(frame: []const u8) Decoded {
    var refusal: Refusal = .{ .op = .sync, .status = .malformed };
    if (frame.len < 4 or !std.mem.eql(u8, frame[0..2], magic)) return .{ .refusal = refusal };
    const version = frame[2];
    if (version != 1 and version != 2) {
        refusal.status = .unsupported;
        return .{ .refusal = refusal };
    }
    refusal.op = std.enums.fromInt(Op, frame[3]) orelse {
        refusal.status = .unsupported;
        return .{ .refusal = refusal };
    };
    const request = decodeTail(refusal.op, version, frame[4..]) catch |err| {
        refusal.status = switch (err) {
            error.Truncated, error.Malformed => .malformed,
            error.KeyTooLong => .key_too_long,
            error.ValueTooLarge => .value_too_large,
        };
        return .{ .refusal = refusal };
    };
    return .{ .request = request };
}

const TailError = error{ Truncated, Malformed, KeyTooLong, ValueTooLarge };

fn decodeTail(op: Op, version: u8, tail: []const u8) TailError!Request {
    var reader: Reader = .init(tail);
    var request: Request = .{ .op = op };
    if (version == 2) request.nonce = int(&reader, u64) catch return error.Truncated;
    switch (op) {
        .txn_put, .txn_commit, .txn_abort => request.txn = try int(&reader, u64),
        else => {},
    }
    switch (op) {
        .put, .txn_put => {
            const key_len = try keyLength(&reader);
            const value_len = try int(&reader, u32);
            const most: u32 = if (op == .put) value_bytes_max else chunk_bytes_max;
            if (value_len > most) return error.ValueTooLarge;
            request.key = try text(&reader, key_len);
            request.value = reader.take(value_len) catch return error.Truncated;
        },
        .get, .delete => request.key = try text(&reader, try keyLength(&reader)),
        .read => {
            const key_len = try keyLength(&reader);
            request.offset = try int(&reader, u32);
            request.length = try int(&reader, u16);
            request.key = try text(&reader, key_len);
        },
        .list => {
            const key_len = try int(&reader, u16);
            request.limit = try int(&reader, u16);
            if (key_len > key_bytes_max) return error.KeyTooLong;
            request.key = try text(&reader, key_len);
            if (!reader.atEnd()) request.after = try text(&reader, try keyLength(&reader));
        },
        else => {},
    }
    return if (reader.atEnd()) request else error.Malformed;
}

fn int(reader: *Reader, comptime T: type) TailError!T {
    return reader.int(T) catch error.Truncated;
}

fn keyLength(reader: *Reader) TailError!u16 {
    const len = try int(reader, u16);
    if (len == 0) return error.Malformed;
    return if (len > key_bytes_max) error.KeyTooLong else len;
}

fn text(reader: *Reader, len: u16) TailError![]const u8 {
    const bytes = reader.take(len) catch return error.Truncated;
    return if (std.unicode.utf8ValidateSlice(bytes)) bytes else error.Malformed;
}

pub fn encodeRequest(buffer: []u8, request: Request) cursor.Error![]u8 {
    const version: u8 = if (request.nonce == null) 1 else 2;
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(request.op));
    if (request.nonce) |nonce| try writer.int(u64, nonce);
    switch (request.op) {
        .txn_put, .txn_commit, .txn_abort => try writer.int(u64, request.txn),
        else => {},
    }
    switch (request.op) {
        .put, .txn_put => {
            try writer.int(u16, @intCast(request.key.len));
            try writer.int(u32, @intCast(request.value.len));
            try writer.put(request.key);
            try writer.put(request.value);
        },
        .get, .delete => {
            try writer.int(u16, @intCast(request.key.len));
            try writer.put(request.key);
        },
        .read => {
            try writer.int(u16, @intCast(request.key.len));
            try writer.int(u32, request.offset);
            try writer.int(u16, request.length);
            try writer.put(request.key);
        },
        .list => {
            try writer.int(u16, @intCast(request.key.len));
            try writer.int(u16, request.limit);
            try writer.put(request.key);
            if (request.after.len != 0) {
                try writer.int(u16, @intCast(request.after.len));
                try writer.put(request.after);
            }
        },
        else => {},
    }
    return writer.done();
}

/// Write header, status and nonce of a reply. The caller puts its tail, if it has one.
pub fn startReply(buffer: []u8, op: Op, status: Status, nonce: ?u64) cursor.Error!Writer {
    const version: u8 = if (nonce == null) 1 else 2;
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op) | cursor.reply_bit);
    try writer.int(u8, @intFromEnum(status));
    if (nonce) |number| try writer.int(u64, number);
    return writer;
}

/// A reply that is not ok, in the shape its operation has.
pub fn encodeFailure(buffer: []u8, op: Op, status: Status, nonce: ?u64) cursor.Error![]u8 {
    var writer = try startReply(buffer, op, status, nonce);
    switch (op) {
        .get => try writer.int(u32, 0),
        .list => try writer.int(u16, 0),
        .txn_begin => try writer.int(u64, 0),
        .read => try putPiece(&writer, .{}),
        else => {},
    }
    return writer.done();
}

/// A piece of a value, with the length and the version of the whole value.
pub const Piece = struct { total: u32 = 0, version: u64 = 0, bytes: []const u8 = "" };

pub fn putPiece(writer: *Writer, piece: Piece) cursor.Error!void {
    try writer.int(u32, piece.total);
    try writer.int(u64, piece.version);
    try writer.int(u16, @intCast(piece.bytes.len));
    try writer.put(piece.bytes);
}

/// The piece in a good reply to a read.
pub fn pieceOf(reply: Reply) ?Piece {
    if (reply.status != .ok) return null;
    var reader: Reader = .init(reply.tail);
    const total = reader.int(u32) catch return null;
    const version = reader.int(u64) catch return null;
    const len = reader.int(u16) catch return null;
    const bytes = reader.take(len) catch return null;
    return if (reader.atEnd()) .{ .total = total, .version = version, .bytes = bytes } else null;
}

/// The answer to bytes that are not a request, or to a request that is not let through: five bytes,
/// whatever the operation.
pub fn encodeRefusal(buffer: []u8, refusal: Refusal) cursor.Error![]u8 {
    return (try startReply(buffer, refusal.op, refusal.status, null)).done();
}

pub const Reply = struct { status: Status, tail: []const u8 };

/// Null if these bytes are not an answer to `op` with this nonce. A refusal has version 1 always.
pub fn decodeReply(frame: []const u8, op: Op, nonce: ?u64) ?Reply {
    const reply_op = @intFromEnum(op) | cursor.reply_bit;
    if (frame.len < 5 or frame[3] != reply_op or !std.mem.eql(u8, frame[0..2], magic)) return null;
    const status: Status = @enumFromInt(frame[4]);
    if (frame[2] == 1) {
        const is_right = nonce == null or frame.len == 5;
        return if (is_right) .{ .status = status, .tail = frame[5..] } else null;
    }
    if (frame[2] != 2 or frame.len < 13) return null;
    if (std.mem.readInt(u64, frame[5..13], .little) != nonce orelse return null) return null;
    return .{ .status = status, .tail = frame[13..] };
}

/// The value of a good reply to a get.
pub fn valueOf(reply: Reply) ?[]const u8 {
    if (reply.status != .ok or reply.tail.len < 4) return null;
    const len = std.mem.readInt(u32, reply.tail[0..4], .little);
    return if (reply.tail.len == 4 + @as(usize, len)) reply.tail[4..] else null;
}

test {
    _ = @import("state_golden_test.zig");
    _ = @import("state_test.zig");
}
