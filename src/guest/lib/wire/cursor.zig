//! The bounded little-endian reader and writer on which every codec here is built.

const std = @import("std");

pub const Error = error{
    /// The frame ends before the field does.
    Truncated,
    /// The caller's buffer is too small for the frame.
    NoRoom,
};

/// The bit of the operation byte that marks a reply.
pub const reply_bit: u8 = @import("contract").gateway.reply_bit;

pub const Reader = struct {
    rest: []const u8,

    pub fn init(bytes: []const u8) Reader {
        return .{ .rest = bytes };
    }

    pub fn take(self: *Reader, len: usize) Error![]const u8 {
        if (self.rest.len < len) return error.Truncated;
        defer self.rest = self.rest[len..];
        return self.rest[0..len];
    }

    pub fn int(self: *Reader, comptime T: type) Error!T {
        const bytes = try self.take(@sizeOf(T));
        return std.mem.readInt(T, bytes[0..@sizeOf(T)], .little);
    }

    pub fn atEnd(self: Reader) bool {
        return self.rest.len == 0;
    }
};

pub const Writer = struct {
    buffer: []u8,
    len: usize = 0,

    /// Start a frame: two letters, version, operation.
    pub fn frame(buffer: []u8, magic: *const [2]u8, version: u8, op: u8) Error!Writer {
        var self: Writer = .{ .buffer = buffer };
        try self.put(magic);
        try self.int(u8, version);
        try self.int(u8, op);
        return self;
    }

    pub fn put(self: *Writer, bytes: []const u8) Error!void {
        std.debug.assert(self.len <= self.buffer.len);
        if (self.buffer.len - self.len < bytes.len) return error.NoRoom;
        @memcpy(self.buffer[self.len..][0..bytes.len], bytes);
        self.len += bytes.len;
    }

    pub fn int(self: *Writer, comptime T: type, value: T) Error!void {
        std.debug.assert(self.len <= self.buffer.len);
        if (self.buffer.len - self.len < @sizeOf(T)) return error.NoRoom;
        std.mem.writeInt(T, self.buffer[self.len..][0..@sizeOf(T)], value, .little);
        self.len += @sizeOf(T);
    }

    pub fn done(self: Writer) []u8 {
        return self.buffer[0..self.len];
    }
};

/// True: `frame` starts with this magic, version and operation.
pub fn hasHeader(bytes: []const u8, magic: *const [2]u8, version: u8, op: u8) bool {
    return bytes.len >= 4 and bytes[0] == magic[0] and bytes[1] == magic[1] and
        bytes[2] == version and bytes[3] == op;
}

/// For tests: the bytes of a hexadecimal literal.
pub fn fromHex(comptime text: []const u8) [text.len / 2]u8 {
    var bytes: [text.len / 2]u8 = undefined;
    _ = std.fmt.hexToBytes(&bytes, text) catch unreachable;
    return bytes;
}

test "a reader refuses what is not there and keeps its place" {
    var reader: Reader = .init(&.{ 1, 2, 3 });
    try std.testing.expectEqual(@as(u16, 0x0201), try reader.int(u16));
    try std.testing.expectError(error.Truncated, reader.int(u16));
    try std.testing.expectEqual(@as(u8, 3), try reader.int(u8));
    try std.testing.expect(reader.atEnd());
}

test "a writer refuses what does not fit and keeps what did" {
    var buffer: [5]u8 = undefined;
    var writer = try Writer.frame(&buffer, "SM", 1, 2);
    try std.testing.expectError(error.NoRoom, writer.int(u16, 7));
    try std.testing.expectError(error.NoRoom, writer.put("ab"));
    try writer.int(u8, 9);
    try std.testing.expectEqualSlices(u8, "SM\x01\x02\x09", writer.done());
}
