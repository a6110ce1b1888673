//! `RN` v1: bytes of the entropy device, served by rngd.

const std = @import("std");
const cursor = @import("cursor.zig");
const Writer = cursor.Writer;

const magic = "RN";
pub const version: u8 = 1;
pub const read_op: u8 = 1;
pub const bytes_max = 256;
pub const request_bytes = 6;
pub const reply_header_bytes = 7;

pub const Status = enum(u8) { ok = 0, malformed = 2, io = 4, _ };

/// The number of bytes that a request asks for; null if it is malformed.
pub fn decodeRequest(frame: []const u8) ?u16 {
    if (frame.len != request_bytes) return null;
    if (!cursor.hasHeader(frame, magic, version, read_op)) return null;
    const len = std.mem.readInt(u16, frame[4..6], .little);
    return if (len == 0 or len > bytes_max) null else len;
}

pub fn encodeRequest(buffer: []u8, len: u16) cursor.Error![]u8 {
    std.debug.assert(len != 0 and len <= bytes_max); // the service refuses any other
    var writer = try Writer.frame(buffer, magic, version, read_op);
    try writer.int(u16, len);
    return writer.done();
}

pub fn encodeReply(buffer: []u8, status: Status, bytes: []const u8) cursor.Error![]u8 {
    if (bytes.len > bytes_max) return error.NoRoom;
    var writer = try Writer.frame(buffer, magic, version, read_op | cursor.reply_bit);
    try writer.int(u8, @intFromEnum(status));
    try writer.int(u16, @intCast(bytes.len));
    try writer.put(bytes);
    return writer.done();
}

pub const Reply = struct { status: Status, bytes: []const u8 };

/// Null if these bytes are not an answer of rngd.
pub fn decodeReply(frame: []const u8) ?Reply {
    if (frame.len < reply_header_bytes) return null;
    if (!cursor.hasHeader(frame, magic, version, read_op | cursor.reply_bit)) return null;
    const len = std.mem.readInt(u16, frame[5..7], .little);
    if (frame.len - reply_header_bytes != len) return null;
    return .{ .status = @enumFromInt(frame[4]), .bytes = frame[reply_header_bytes..] };
}

test "requests and replies are read and written" {
    const testing = std.testing;
    var buffer: [64]u8 = undefined;
    const request = try encodeRequest(&buffer, 256);
    try testing.expectEqualSlices(u8, "RN\x01\x01\x00\x01", request);
    try testing.expectEqual(@as(?u16, 256), decodeRequest(request));
    for ([_][]const u8{
        "",                       "RN\x01\x01\x00\x00", "RN\x01\x01\x01\x01",
        "RN\x01\x02\x01\x00",     "RN\x02\x01\x01\x00", "NR\x01\x01\x01\x00",
        "RN\x01\x01\x01\x00\x00", "RN\x01\x01\x01",
    }) |bad| try testing.expectEqual(@as(?u16, null), decodeRequest(bad));
    const reply = try encodeReply(&buffer, .ok, "ab");
    try testing.expectEqualSlices(u8, "RN\x01\x81\x00\x02\x00ab", reply);
    try testing.expectEqualSlices(u8, "ab", decodeReply(reply).?.bytes);
    try testing.expectEqual(@as(?Reply, null), decodeReply(reply[0..8]));
}
