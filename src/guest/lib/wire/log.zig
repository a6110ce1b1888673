//! `LO` v1 and v2: the log, served by logd. Version 2 carries a nonce that the reply echoes.
//!
//!     append  level u8, scope_len u8, message_len u16, fields_len u16, scope, message, fields
//!     note    room u8, source_len u8, source, then as append

const std = @import("std");
const contract = @import("contract");
const cursor = @import("cursor.zig");
const Reader = cursor.Reader;
const Writer = cursor.Writer;
const record_codec = @import("log_record.zig");

pub const Record = record_codec.Record;
pub const RecordIterator = record_codec.RecordIterator;
pub const putRecord = record_codec.putRecord;

const magic = contract.log.magic;
pub const scope_bytes_max = contract.log.scope_bytes_max;
pub const message_bytes_max = contract.log.message_bytes_max;
pub const fields_bytes_max = contract.log.fields_bytes_max;
/// The subject of a note: a device id or an address.
pub const source_bytes_max = 64;
pub const append_bytes_max = 18 + scope_bytes_max + message_bytes_max + fields_bytes_max;
pub const reply_bytes_max = contract.log.reply_bytes_max;

pub const Op = contract.log.Op;

pub const Status = contract.log.Status;

pub const Level = record_codec.Level;

pub const Append = struct {
    level: Level,
    scope: []const u8,
    message: []const u8,
    fields: []const u8 = "",
};

/// The room in which a note is kept. A full room displaces nothing of another one.
pub const Room = enum(u8) {
    /// The room of the records that services append.
    plain = 0,
    /// Changes of authenticated peers, refused or not, and decisions of policyd. A stranger cannot
    /// cause such a note.
    audit = 1,
    /// Refusals of strangers: the first one of a source and interval is kept, the others are
    /// counted.
    refusal = 2,
};

/// A record, and its subject: the peer or source that it is about.
pub const Note = struct { room: Room, source: []const u8, append: Append };

pub const note_bytes_max = append_bytes_max + 2 + source_bytes_max;

pub const Query = struct { since_ns: u64, max: u16 };

pub const Body = union(enum) { append: Append, query: Query, stats, note: Note };

/// The part of a request that its reply repeats. A nonce makes it version 2.
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
        .note => return decodeNote(header, &reader) catch refuse(header, .malformed),
        _ => return refuse(header, .unsupported),
    };
    if (!reader.atEnd()) return refuse(header, .malformed);
    return .{ .request = .{ .header = header, .body = body } };
}

fn decodeAppend(header: Header, reader: *Reader) cursor.Error!Decoded {
    return switch (try decodeRecord(reader)) {
        .refused => |status| refuse(header, status),
        .append => |append| .{ .request = .{ .header = header, .body = .{ .append = append } } },
    };
}

/// A room and a source, then what `append` has.
fn decodeNote(header: Header, reader: *Reader) cursor.Error!Decoded {
    const room = std.enums.fromInt(Room, try reader.int(u8)) orelse
        return refuse(header, .invalid);
    const source_len = try reader.int(u8);
    if (source_len > source_bytes_max) return refuse(header, .too_large);
    const source = try reader.take(source_len);
    return switch (try decodeRecord(reader)) {
        .refused => |status| refuse(header, status),
        .append => |append| .{ .request = .{
            .header = header,
            .body = .{ .note = .{ .room = room, .source = source, .append = append } },
        } },
    };
}

const Text = union(enum) { append: Append, refused: Status };

fn decodeRecord(reader: *Reader) cursor.Error!Text {
    const level = try reader.int(u8);
    const scope_len = try reader.int(u8);
    const message_len = try reader.int(u16);
    const fields_len = try reader.int(u16);
    if (scope_len > scope_bytes_max or message_len > message_bytes_max or
        fields_len > fields_bytes_max) return .{ .refused = .too_large };
    const append: Append = .{
        .level = record_codec.levelOf(level) orelse return .{ .refused = .invalid },
        .scope = try reader.take(scope_len),
        .message = try reader.take(message_len),
        .fields = try reader.take(fields_len),
    };
    return if (reader.atEnd()) .{ .append = append } else .{ .refused = .malformed };
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
        .note => .note,
    };
    const version: u8 = if (nonce == null) 1 else 2;
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op));
    if (nonce) |value| try writer.int(u64, value);
    switch (body) {
        .append => |append| try putAppend(&writer, append),
        .note => |note| {
            if (note.source.len > source_bytes_max) return error.NoRoom;
            try writer.int(u8, @intFromEnum(note.room));
            try writer.int(u8, @intCast(note.source.len));
            try writer.put(note.source);
            try putAppend(&writer, note.append);
        },
        .query => |query| {
            try writer.int(u64, query.since_ns);
            try writer.int(u16, query.max);
        },
        .stats => {},
    }
    return writer.done();
}

fn putAppend(writer: *Writer, append: Append) cursor.Error!void {
    if (append.scope.len > scope_bytes_max or append.message.len > message_bytes_max or
        append.fields.len > fields_bytes_max) return error.NoRoom;
    try writer.int(u8, @intFromEnum(append.level));
    try record_codec.putTexts(writer, append.scope, append.message, append.fields);
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

/// Tail of a good answer to `header`; null if it is malformed.
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

/// The id of the new record in a good answer to append.
pub fn decodeAppendReply(frame: []const u8, nonce: ?u64) ?u64 {
    return decodeRecordReply(frame, .{ .op = .append, .nonce = nonce });
}

/// The id in a good answer to a note. A note that was counted has the id of the record that counts
/// it, or will count it.
pub fn decodeNoteReply(frame: []const u8, nonce: ?u64) ?u64 {
    return decodeRecordReply(frame, .{ .op = .note, .nonce = nonce });
}

fn decodeRecordReply(frame: []const u8, header: Header) ?u64 {
    var reader = replyTail(frame, header) orelse return null;
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

test {
    _ = @import("log_test.zig");
}
