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

const testing = std.testing;
const hex = cursor.fromHex;
const path = "/state/shared/selftest/remote-rw";
const path_hex = "2f73746174652f7368617265642f73656c66746573742f72656d6f74652d7277";
const value_hex = "72656d6f74652d737461746566732d72772d7631";

test "golden requests are read and written" {
    var buffer: [512]u8 = undefined;
    const golden = .{
        .{
            "53460101" ++ "2000" ++ "14000000" ++ path_hex ++ value_hex,
            Request{ .op = .put, .key = path, .value = "remote-statefs-rw-v1" },
        },
        .{ "53460102" ++ "2000" ++ path_hex, Request{ .op = .get, .key = path } },
        .{ "53460103" ++ "2000" ++ path_hex, Request{ .op = .delete, .key = path } },
        .{
            "53460104" ++ "0e00" ++ "1000" ++ "2f73746174652f7368617265642f",
            Request{ .op = .list, .key = "/state/shared/", .limit = 16 },
        },
        .{ "53460105", Request{ .op = .sync } },
        .{
            "534602020100000000000000" ++ "2000" ++ path_hex,
            Request{ .op = .get, .key = path, .nonce = 1 },
        },
        .{
            "53460108" ++ "0300000000000000" ++ "0100" ++ "02000000" ++ "6b" ++ "7879",
            Request{ .op = .txn_put, .key = "k", .value = "xy", .txn = 3 },
        },
        .{
            "5346020b0100000000000000" ++ "0100" ++ "00100000" ++ "0002" ++ "6b",
            Request{ .op = .read, .key = "k", .offset = 4096, .length = 512, .nonce = 1 },
        },
    };
    inline for (golden) |row| {
        const frame = hex(row[0]);
        try testing.expectEqualSlices(u8, &frame, try encodeRequest(&buffer, row[1]));
        try testing.expectEqualDeep(row[1], decodeRequest(&frame).request);
        for (0..frame.len) |len| {
            try testing.expectEqual(Status.malformed, decodeRequest(frame[0..len]).refusal.status);
        }
    }
}

test "a list that begins behind a key, and every truncation of it" {
    var buffer: [64]u8 = undefined;
    const request: Request = .{ .op = .list, .key = "/state/", .limit = 3, .after = "/state/b" };
    const frame = hex("53460104" ++ "0700" ++ "0300" ++ "2f73746174652f" ++
        "0800" ++ "2f73746174652f62");
    try testing.expectEqualSlices(u8, &frame, try encodeRequest(&buffer, request));
    try testing.expectEqualDeep(request, decodeRequest(&frame).request);
    for (0..frame.len) |len| {
        // At the end of the prefix this is the list from the beginning.
        if (len == 15) continue;
        try testing.expectEqual(Status.malformed, decodeRequest(frame[0..len]).refusal.status);
    }
    try testing.expectEqualStrings("", decodeRequest(frame[0..15]).request.after);
    // An empty text is not a key.
    const empty = frame[0..15] ++ "\x00\x00";
    try testing.expectEqual(Status.malformed, decodeRequest(empty).refusal.status);
}

test "golden replies, and whose they are" {
    var buffer: [64]u8 = undefined;
    const refused = try encodeRefusal(&buffer, .{ .op = .put, .status = .access_denied });
    try testing.expectEqualSlices(u8, &hex("5346018102"), refused);
    const missing = try encodeFailure(&buffer, .get, .not_found, null);
    try testing.expectEqualSlices(u8, &hex("534601820100000000"), missing);
    const found = hex("534602820001000000000000001400000072656d6f74652d737461746566732d72772d7631");
    try testing.expectEqualStrings(
        "remote-statefs-rw-v1",
        valueOf(decodeReply(&found, .get, 1).?).?,
    );
    try testing.expect(decodeReply(&found, .get, 2) == null);
    try testing.expect(decodeReply(&found, .get, null) == null);
    try testing.expect(decodeReply(&found, .put, 1) == null);
    // A refusal of version 1 is an answer to either version; more than a refusal is not.
    try testing.expectEqual(Status.invalid_key, decodeReply("SF\x01\x81\x05", .put, 7).?.status);
    try testing.expect(decodeReply("SF\x01\x82\x00\x00\x00\x00\x00", .get, 7) == null);
}

test "a piece, and every truncation of it" {
    var buffer: [64]u8 = undefined;
    const piece: Piece = .{ .total = 9, .version = 2, .bytes = "xyz" };
    var writer = try startReply(&buffer, .read, .ok, 1);
    try putPiece(&writer, piece);
    const frame = writer.done();
    try testing.expectEqualSlices(
        u8,
        &hex("5346028b000100000000000000" ++ "09000000" ++ "0200000000000000" ++ "030078797a"),
        frame,
    );
    try testing.expectEqualDeep(piece, pieceOf(decodeReply(frame, .read, 1).?).?);
    for (13..frame.len) |len| {
        try testing.expectEqual(null, pieceOf(decodeReply(frame[0..len], .read, 1).?));
    }
    const missing = try encodeFailure(&buffer, .read, .not_found, null);
    try testing.expectEqual(5 + 14, missing.len);
    try testing.expectEqual(null, pieceOf(decodeReply(missing, .read, null).?));
}

test "the status of what is not a request" {
    const table = [_]struct { []const u8, Op, Status }{
        .{ "", .sync, .malformed },
        .{ "XF\x01\x01", .sync, .malformed },
        .{ "SF\x03\x01", .sync, .unsupported },
        .{ "SF\x01\x0c", .sync, .unsupported },
        .{ "SF\x01\x02\x00\x00", .get, .malformed },
        .{ "SF\x01\x02\x00\x01" ++ "k" ** 256, .get, .key_too_long },
        .{ "SF\x01\x02\x01\x00\xff", .get, .malformed },
        .{ "SF\x01\x01\x01\x00\x01\x00\x01\x00k", .put, .value_too_large },
        .{ "SF\x01\x05\x00", .sync, .malformed },
        .{ "SF\x01\x04\x00\x01\x01\x00" ++ "k" ** 256, .list, .key_too_long },
    };
    for (table) |row| {
        const refusal = decodeRequest(row[0]).refusal;
        try testing.expectEqual(row[1], refusal.op);
        try testing.expectEqual(row[2], refusal.status);
    }
}

test {
    _ = @import("state_test.zig");
}
