//! The records of a query reply of logd.

const std = @import("std");
const contract = @import("contract");
const cursor = @import("cursor.zig");
const Reader = cursor.Reader;
const Writer = cursor.Writer;

pub const Level = contract.log.Level;

pub fn levelOf(byte: u8) ?Level {
    return if (byte <= @intFromEnum(Level.trace)) @enumFromInt(byte) else null;
}

pub const Counters = struct { total: u64, dropped: u64 };

pub const Record = struct {
    id: u64,
    time_ns: u64,
    level: Level,
    /// The service that wrote the record, as the kernel says.
    service: u64,
    scope: []const u8,
    message: []const u8,
    fields: []const u8,

    pub const fixed_bytes = 8 + 8 + 1 + 8 + 1 + 2 + 2;

    pub fn encodedLen(self: Record) usize {
        return fixed_bytes + self.scope.len + self.message.len + self.fields.len;
    }
};

pub fn putRecord(writer: *Writer, record: Record) cursor.Error!void {
    if (writer.buffer.len - writer.len < record.encodedLen()) return error.NoRoom;
    const start = writer.len;
    try writer.int(u64, record.id);
    try writer.int(u64, record.time_ns);
    try writer.int(u8, @intFromEnum(record.level));
    try writer.int(u64, record.service);
    try putTexts(writer, record.scope, record.message, record.fields);
    // A cut behind whole records follows this length.
    std.debug.assert(writer.len - start == record.encodedLen());
}

pub fn putTexts(writer: *Writer, scope: []const u8, message: []const u8, fields: []const u8) !void {
    try writer.int(u8, @intCast(scope.len));
    try writer.int(u16, @intCast(message.len));
    try writer.int(u16, @intCast(fields.len));
    try writer.put(scope);
    try writer.put(message);
    try writer.put(fields);
}

pub const RecordIterator = struct {
    counters: Counters,
    left: u16,
    reader: Reader,

    pub fn next(self: *RecordIterator) cursor.Error!?Record {
        if (self.left == 0) return null;
        self.left -= 1;
        const reader = &self.reader;
        const before = reader.rest.len;
        const id = try reader.int(u64);
        const time_ns = try reader.int(u64);
        const level = levelOf(try reader.int(u8)) orelse return error.Truncated;
        const service = try reader.int(u64);
        const scope_len = try reader.int(u8);
        const message_len = try reader.int(u16);
        const fields_len = try reader.int(u16);
        const record: Record = .{
            .id = id,
            .time_ns = time_ns,
            .level = level,
            .service = service,
            .scope = try reader.take(scope_len),
            .message = try reader.take(message_len),
            .fields = try reader.take(fields_len),
        };
        std.debug.assert(before - reader.rest.len == record.encodedLen()); // as `putRecord` says
        return record;
    }
};
