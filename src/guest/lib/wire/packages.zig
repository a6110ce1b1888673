//! `PF` v1: files of the node's package image, served by packagefsd.

const std = @import("std");
const cursor = @import("cursor.zig");
const Reader = cursor.Reader;
const Writer = cursor.Writer;

const magic = "PF";
pub const version: u8 = 1;
/// The longest a path can be: `bundle@version/path`, with the caps of the image.
pub const path_bytes_max = 256 + 1 + 256 + 1 + 1024;
pub const request_bytes_max = 12 + path_bytes_max;
pub const read_bytes_max = 4096;
pub const list_entries_max = 64;
const list_head_bytes = 12;
/// A page is as long as the longest read at most, so one buffer serves for every reply.
pub const reply_bytes_max = 7 + read_bytes_max;
pub const name_bytes_max = 255;

pub const Op = enum(u8) { malformed = 0, stat = 1, read = 2, open = 3, list = 4, _ };

pub const Status = enum(u8) {
    ok = 0,
    not_found = 1,
    malformed = 2,
    unsupported = 3,
    is_directory = 4,
    io = 5,
    _,
};

pub const Kind = enum(u8) { file = 0, directory = 1, _ };

pub const Read = struct { file: u32, offset: u64, len: u16 };
pub const List = struct { cursor: u32, limit: u16, path: []const u8 };

pub const Request = union(enum) { stat: []const u8, read: Read, open: []const u8, list: List };

pub const Refusal = struct { op: Op, status: Status };

pub const Decoded = union(enum) { request: Request, refusal: Refusal };

pub fn decodeRequest(frame: []const u8) Decoded {
    if (frame.len < 4 or !std.mem.eql(u8, frame[0..2], magic))
        return refuse(.malformed, .malformed);
    const op: Op = @enumFromInt(frame[3]);
    if (frame[2] != version) return refuse(op, .unsupported);
    var reader: Reader = .init(frame[4..]);
    const request = decodeTail(op, &reader) catch return refuse(op, .malformed);
    return .{ .request = request orelse return refuse(op, .unsupported) };
}

fn refuse(op: Op, status: Status) Decoded {
    return .{ .refusal = .{ .op = op, .status = status } };
}

fn decodeTail(op: Op, reader: *Reader) !?Request {
    switch (op) {
        .stat => return .{ .stat = try lastPath(reader, 1) },
        .open => return .{ .open = try lastPath(reader, 1) },
        .read => {
            const request: Read = .{
                .file = try reader.int(u32),
                .offset = try reader.int(u64),
                .len = try reader.int(u16),
            };
            const is_good = request.len != 0 and request.len <= read_bytes_max and reader.atEnd();
            return if (is_good) .{ .read = request } else error.Malformed;
        },
        .list => {
            const at = try reader.int(u32);
            const limit = try reader.int(u16);
            const path = try lastPath(reader, 0);
            return .{ .list = .{ .cursor = at, .limit = limit, .path = path } };
        },
        else => return null,
    }
}

/// The path that a frame ends with.
fn lastPath(reader: *Reader, len_min: u16) ![]const u8 {
    const len = try reader.int(u16);
    if (len < len_min or len > path_bytes_max) return error.Malformed;
    const path = try reader.take(len);
    return if (reader.atEnd()) path else error.Malformed;
}

pub fn encodeRequest(buffer: []u8, request: Request) cursor.Error![]u8 {
    const op: Op = switch (request) {
        .stat => .stat,
        .open => .open,
        .read => .read,
        .list => .list,
    };
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op));
    switch (request) {
        .stat, .open => |path| try putPath(&writer, path),
        .read => |read| {
            try writer.int(u32, read.file);
            try writer.int(u64, read.offset);
            try writer.int(u16, read.len);
        },
        .list => |list| {
            try writer.int(u32, list.cursor);
            try writer.int(u16, list.limit);
            try putPath(&writer, list.path);
        },
    }
    return writer.done();
}

fn putPath(writer: *Writer, path: []const u8) cursor.Error!void {
    if (path.len > path_bytes_max) return error.NoRoom;
    try writer.int(u16, @intCast(path.len));
    try writer.put(path);
}

/// Encode a failure, which has no tail.
pub fn encodeRefusal(buffer: []u8, op: Op, status: Status) cursor.Error![]u8 {
    return (try replyHeader(buffer, op, status)).done();
}

fn replyHeader(buffer: []u8, op: Op, status: Status) cursor.Error!Writer {
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op) | cursor.reply_bit);
    try writer.int(u8, @intFromEnum(status));
    return writer;
}

pub fn encodeStatReply(buffer: []u8, size: u64, kind: Kind) cursor.Error![]u8 {
    var writer = try replyHeader(buffer, .stat, .ok);
    try writer.int(u64, size);
    try writer.int(u16, @intFromEnum(kind));
    return writer.done();
}

pub fn encodeOpenReply(buffer: []u8, file: u32, size: u64) cursor.Error![]u8 {
    var writer = try replyHeader(buffer, .open, .ok);
    try writer.int(u32, file);
    try writer.int(u64, size);
    return writer.done();
}

pub fn encodeReadReply(buffer: []u8, bytes: []const u8) cursor.Error![]u8 {
    std.debug.assert(bytes.len <= read_bytes_max); // the request's decoder has looked
    var writer = try replyHeader(buffer, .read, .ok);
    try writer.int(u16, @intCast(bytes.len));
    try writer.put(bytes);
    return writer.done();
}

/// A page of a listing, entry by entry.
pub const Page = struct {
    writer: Writer,
    count: u16 = 0,

    pub fn begin(buffer: []u8) cursor.Error!Page {
        var writer = try replyHeader(buffer, .list, .ok);
        try writer.put(&@as([list_head_bytes - 5]u8, @splat(0)));
        return .{ .writer = writer };
    }

    /// `error.NoRoom` leaves the page as it was. The name is its parts, joined.
    pub fn add(self: *Page, kind: Kind, size: u64, parts: []const []const u8) cursor.Error!void {
        std.debug.assert(self.writer.len >= list_head_bytes); // `begin` has made the head
        var name_len: usize = 0;
        for (parts) |part| name_len += part.len;
        if (name_len > name_bytes_max) return error.NoRoom;
        var writer = self.writer;
        try writer.int(u8, @intFromEnum(kind));
        try writer.int(u64, size);
        try writer.int(u8, @intCast(name_len));
        for (parts) |part| try writer.put(part);
        self.writer = writer;
        self.count += 1;
    }

    pub fn done(self: *Page, next: u32, is_last: bool) []u8 {
        const frame = self.writer.done();
        // A client would ask without end for pages that are empty and not the last.
        std.debug.assert(self.count != 0 or is_last);
        std.debug.assert(frame.len <= reply_bytes_max);
        std.mem.writeInt(u32, frame[5..9], next, .little);
        frame[9] = @intFromBool(is_last);
        std.mem.writeInt(u16, frame[10..12], self.count, .little);
        return frame;
    }
};

/// The tail of a good answer. Null: these bytes are not an answer to `op`.
pub const Reply = struct { status: Status, tail: Reader };

pub fn decodeReply(frame: []const u8, op: Op) ?Reply {
    if (!cursor.hasHeader(frame, magic, version, @intFromEnum(op) | cursor.reply_bit)) return null;
    if (frame.len < 5) return null;
    const status: Status = @enumFromInt(frame[4]);
    if (status != .ok and frame.len != 5) return null;
    return .{ .status = status, .tail = .init(frame[5..]) };
}

pub const Stat = struct { size: u64, kind: Kind };

pub fn decodeStat(tail: Reader) ?Stat {
    if (tail.rest.len != 10) return null;
    const kind = std.mem.readInt(u16, tail.rest[8..10], .little);
    if (kind > 1) return null;
    const size = std.mem.readInt(u64, tail.rest[0..8], .little);
    return .{ .size = size, .kind = @enumFromInt(kind) };
}

pub const Opened = struct { file: u32, size: u64 };

pub fn decodeOpen(tail: Reader) ?Opened {
    if (tail.rest.len != 12) return null;
    return .{
        .file = std.mem.readInt(u32, tail.rest[0..4], .little),
        .size = std.mem.readInt(u64, tail.rest[4..12], .little),
    };
}

pub fn decodeRead(tail: Reader) ?[]const u8 {
    var reader = tail;
    const len = reader.int(u16) catch return null;
    return if (reader.rest.len == len) reader.rest else null;
}

pub const Listing = struct {
    next_cursor: u32,
    is_last: bool,
    left: u16,
    reader: Reader,

    pub const Entry = struct { kind: Kind, size: u64, name: []const u8 };

    /// The next entry. Null: it was the last one, or the page does not hold what it promises.
    pub fn next(self: *Listing) ?Entry {
        if (self.left == 0) return null;
        self.left -= 1;
        return self.entry() catch null;
    }

    fn entry(self: *Listing) !Entry {
        const kind: Kind = @enumFromInt(try self.reader.int(u8));
        const size = try self.reader.int(u64);
        const name = try self.reader.take(try self.reader.int(u8));
        return .{ .kind = kind, .size = size, .name = name };
    }
};

pub fn decodeList(tail: Reader) ?Listing {
    var reader = tail;
    const next = reader.int(u32) catch return null;
    const is_last = reader.int(u8) catch return null;
    const left = reader.int(u16) catch return null;
    return .{ .next_cursor = next, .is_last = is_last != 0, .left = left, .reader = reader };
}

test {
    _ = @import("packages_test.zig");
}
