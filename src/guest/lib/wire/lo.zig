//! `LO` v1 and v2: the log, served by logd. Version 2 carries a nonce that the reply echoes.

const std = @import("std");
const cursor = @import("cursor.zig");
const Reader = cursor.Reader;
const Writer = cursor.Writer;
const record_codec = @import("lo_record.zig");

pub const Record = record_codec.Record;
pub const RecordIterator = record_codec.RecordIterator;
pub const putRecord = record_codec.putRecord;
pub const cutQueryReply = @import("lo_cut.zig").cutQueryReply;

const magic = "LO";
pub const scope_bytes_max = 64;
pub const message_bytes_max = 256;
pub const fields_bytes_max = 512;
pub const append_bytes_max = 18 + scope_bytes_max + message_bytes_max + fields_bytes_max;
pub const reply_bytes_max = 2048;

pub const Op = enum(u8) { append = 1, query = 2, stats = 3, _ };

pub const Status = enum(u8) {
    ok = 0,
    malformed = 1,
    unsupported = 2,
    too_large = 3,
    invalid = 4,
    over_limit = 5,
    rate_limited = 6,
    _,
};

pub const Level = record_codec.Level;

pub const Append = struct {
    level: Level,
    scope: []const u8,
    message: []const u8,
    fields: []const u8 = "",
};

pub const Query = struct { since_ns: u64, max: u16 };

pub const Body = union(enum) { append: Append, query: Query, stats };

/// What a reply repeats of its request. A nonce makes it version 2.
pub const Header = struct { op: Op, nonce: ?u64 = null };

pub const Request = struct { header: Header, body: Body };

pub const Refusal = struct { header: Header, status: Status };

pub const Decoded = union(enum) { request: Request, refusal: Refusal };

pub fn decodeRequest(frame: []const u8) Decoded {
    if (frame.len < 4 or !std.mem.eql(u8, frame[0..2], magic))
        return refuse(.{ .op = @enumFromInt(0) }, .malformed);
    var header: Header = .{ .op = @enumFromInt(frame[3]) };
    var reader: Reader = .init(frame[4..]);
    switch (frame[2]) {
        1 => {},
        2 => header.nonce = reader.int(u64) catch return refuse(header, .malformed),
        else => return refuse(header, .unsupported),
    }
    const body: Body = switch (header.op) {
        .append => return decodeAppend(header, &reader) catch refuse(header, .malformed),
        .query => .{ .query = decodeQuery(&reader) catch return refuse(header, .malformed) },
        .stats => .stats,
        _ => return refuse(header, .unsupported),
    };
    if (!reader.atEnd()) return refuse(header, .malformed);
    return .{ .request = .{ .header = header, .body = body } };
}

fn decodeAppend(header: Header, reader: *Reader) cursor.Error!Decoded {
    const level = try reader.int(u8);
    const scope_len = try reader.int(u8);
    const message_len = try reader.int(u16);
    const fields_len = try reader.int(u16);
    if (scope_len > scope_bytes_max or message_len > message_bytes_max or
        fields_len > fields_bytes_max) return refuse(header, .too_large);
    const append: Append = .{
        .level = Level.of(level) orelse return refuse(header, .invalid),
        .scope = try reader.take(scope_len),
        .message = try reader.take(message_len),
        .fields = try reader.take(fields_len),
    };
    if (!reader.atEnd()) return refuse(header, .malformed);
    return .{ .request = .{ .header = header, .body = .{ .append = append } } };
}

fn decodeQuery(reader: *Reader) cursor.Error!Query {
    return .{ .since_ns = try reader.int(u64), .max = try reader.int(u16) };
}

fn refuse(header: Header, status: Status) Decoded {
    return .{ .refusal = .{ .header = header, .status = status } };
}

pub fn encodeRequest(buffer: []u8, nonce: ?u64, body: Body) cursor.Error![]u8 {
    const op: Op = switch (body) {
        .append => .append,
        .query => .query,
        .stats => .stats,
    };
    const version: u8 = if (nonce == null) 1 else 2;
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op));
    if (nonce) |value| try writer.int(u64, value);
    switch (body) {
        .append => |append| {
            if (append.scope.len > scope_bytes_max or append.message.len > message_bytes_max or
                append.fields.len > fields_bytes_max) return error.NoRoom;
            try writer.int(u8, @intFromEnum(append.level));
            try record_codec.putTexts(&writer, append.scope, append.message, append.fields);
        },
        .query => |query| {
            try writer.int(u64, query.since_ns);
            try writer.int(u16, query.max);
        },
        .stats => {},
    }
    return writer.done();
}

/// Start a reply; a status other than ok has no tail, so it is complete.
pub fn startReply(buffer: []u8, header: Header, status: Status) cursor.Error!Writer {
    const version: u8 = if (header.nonce == null) 1 else 2;
    const op = @intFromEnum(header.op) | cursor.reply_bit;
    var writer = try Writer.frame(buffer, magic, version, op);
    try writer.int(u8, @intFromEnum(status));
    if (header.nonce) |nonce| try writer.int(u64, nonce);
    return writer;
}

pub const Counters = record_codec.Counters;

pub const Stats = struct {
    total: u64,
    dropped: u64,
    records_cap: u32,
    bytes_cap: u32,
    records_used: u32,
    bytes_used: u32,
};

pub fn putStats(writer: *Writer, stats: Stats) cursor.Error!void {
    inline for (@typeInfo(Stats).@"struct".fields) |field|
        try writer.int(field.type, @field(stats, field.name));
}

/// Tail of a good answer to `header`; null if these bytes are none.
pub fn replyTail(frame: []const u8, header: Header) ?Reader {
    const version: u8 = if (header.nonce == null) 1 else 2;
    const op = @intFromEnum(header.op) | cursor.reply_bit;
    if (!cursor.hasHeader(frame, magic, version, op)) return null;
    var reader: Reader = .init(frame[4..]);
    const status = reader.int(u8) catch return null;
    if (status != @intFromEnum(Status.ok)) return null;
    if (header.nonce) |nonce| {
        const echoed = reader.int(u64) catch return null;
        if (echoed != nonce) return null;
    }
    return reader;
}

/// Id of the record that a good answer to append speaks of.
pub fn decodeAppendReply(frame: []const u8, nonce: ?u64) ?u64 {
    var reader = replyTail(frame, .{ .op = .append, .nonce = nonce }) orelse return null;
    const id = reader.int(u64) catch return null;
    _ = reader.int(u64) catch return null;
    return if (reader.atEnd()) id else null;
}

/// Records of a good answer to query, else null.
pub fn decodeQueryReply(frame: []const u8, nonce: ?u64) ?RecordIterator {
    var reader = replyTail(frame, .{ .op = .query, .nonce = nonce }) orelse return null;
    const total = reader.int(u64) catch return null;
    const dropped = reader.int(u64) catch return null;
    const count = reader.int(u16) catch return null;
    return .{
        .counters = .{ .total = total, .dropped = dropped },
        .left = count,
        .reader = reader,
    };
}

const testing = std.testing;
const hex = cursor.fromHex;

test "golden bytes" {
    var buffer: [append_bytes_max]u8 = undefined;
    const append: Append = .{
        .level = .info,
        .scope = "dsoftbusd",
        .message = "dsoftbusd: audit remote statefs put allow",
    };
    const golden = hex("4c4f0201010000000000000002092900000064736f66746275736464736f667462757364" ++
        "3a2061756469742072656d6f746520737461746566732070757420616c6c6f77");
    const frame = try encodeRequest(&buffer, 1, .{ .append = append });
    try testing.expectEqualSlices(u8, &golden, frame);
    const request = decodeRequest(&golden).request;
    try testing.expectEqual(@as(?u64, 1), request.header.nonce);
    try testing.expectEqualDeep(append, request.body.append);
}

test "every request survives a round trip in both versions" {
    const bodies = [_]Body{
        .{ .append = .{
            .level = .trace,
            .scope = "s" ** 64,
            .message = "m" ** 256,
            .fields = "f" ** 512,
        } },
        .{ .append = .{ .level = .err, .scope = "", .message = "" } },
        .{ .query = .{ .since_ns = 1 << 40, .max = 9 } },
        .stats,
    };
    var buffer: [append_bytes_max]u8 = undefined;
    for (bodies) |body| for ([_]?u64{ null, 0, 77 }) |nonce| {
        const request = decodeRequest(try encodeRequest(&buffer, nonce, body)).request;
        try testing.expectEqual(nonce, request.header.nonce);
        try testing.expectEqualDeep(body, request.body);
    };
}

test "what is refused, and why" {
    const nonce = "\x07" ++ "\x00" ** 7;
    const table = [_]struct { []const u8, u8, ?u64, Status }{
        .{ "", 0, null, .malformed },
        .{ "OL\x01\x01", 0, null, .malformed },
        .{ "LO\x03\x01", 1, null, .unsupported },
        .{ "LO\x01\x04", 4, null, .unsupported },
        .{ "LO\x02\x04" ++ nonce, 4, 7, .unsupported },
        .{ "LO\x02\x03\x00", 3, null, .malformed },
        .{ "LO\x01\x03\x00", 3, null, .malformed },
        .{ "LO\x01\x02" ++ "\x00" ** 9, 2, null, .malformed },
        .{ "LO\x01\x02" ++ "\x00" ** 11, 2, null, .malformed },
        .{ "LO\x01\x01\x02\x00\x00\x00\x00", 1, null, .malformed },
        .{ "LO\x01\x01\x02\x01\x00\x00\x00\x00", 1, null, .malformed },
        .{ "LO\x01\x01\x02\x00\x00\x00\x00\x00x", 1, null, .malformed },
        .{ "LO\x01\x01\x05\x00\x00\x00\x00\x00", 1, null, .invalid },
        .{ "LO\x01\x01\x02\x41\x00\x00\x00\x00", 1, null, .too_large },
        .{ "LO\x01\x01\x02\x00\x01\x01\x00\x00", 1, null, .too_large },
        .{ "LO\x02\x01" ++ nonce ++ "\x02\x00\x00\x00\x01\x02", 1, 7, .too_large },
    };
    for (table) |row| {
        const refusal = decodeRequest(row[0]).refusal;
        try testing.expectEqual(row[1], @intFromEnum(refusal.header.op));
        try testing.expectEqual(row[2], refusal.header.nonce);
        try testing.expectEqual(row[3], refusal.status);
    }
}

test "a query reply carries records whole" {
    var buffer: [128]u8 = undefined;
    const header: Header = .{ .op = .query, .nonce = 3 };
    var writer = try startReply(&buffer, header, .ok);
    try writer.int(u64, 10);
    try writer.int(u64, 1);
    try writer.int(u16, 1);
    const record: Record = .{
        .id = 10,
        .time_ns = 5,
        .level = .warn,
        .service = 0xAB,
        .scope = "s",
        .message = "hello",
        .fields = "k=v",
    };
    try putRecord(&writer, record);
    const len = writer.len;
    // A record that does not fit leaves nothing behind.
    try testing.expectError(error.NoRoom, putRecord(&writer, .{
        .id = 11,
        .time_ns = 6,
        .level = .warn,
        .service = 0xAB,
        .scope = "s",
        .message = "m" ** 60,
        .fields = "",
    }));
    try testing.expectEqual(len, writer.len);
    var records = decodeQueryReply(writer.done(), 3).?;
    try testing.expectEqual(Counters{ .total = 10, .dropped = 1 }, records.counters);
    try testing.expectEqualDeep(@as(?Record, record), try records.next());
    try testing.expectEqual(@as(?Record, null), try records.next());
    try testing.expect(decodeQueryReply(writer.done(), 4) == null);
    try testing.expect(decodeQueryReply(writer.done(), null) == null);
    var short = decodeQueryReply(buffer[0 .. len - 1], 3).?;
    try testing.expectError(error.Truncated, short.next());
}

test "an append reply gives the record's id only when the append was accepted" {
    var buffer: [64]u8 = undefined;
    var writer = try startReply(&buffer, .{ .op = .append }, .ok);
    try writer.int(u64, 4);
    try writer.int(u64, 0);
    try testing.expectEqual(@as(usize, 21), writer.len);
    try testing.expectEqual(@as(?u64, 4), decodeAppendReply(writer.done(), null));
    const refused = try startReply(&buffer, .{ .op = .append }, .rate_limited);
    try testing.expectEqualSlices(u8, "LO\x01\x81\x06", refused.done());
    try testing.expectEqual(@as(?u64, null), decodeAppendReply(refused.done(), null));
}

test {
    _ = @import("lo_cut.zig");
}
