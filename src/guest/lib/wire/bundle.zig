//! `BN` v1: installed bundles, served by bundlemgrd.

const std = @import("std");
const contract = @import("contract");
const cursor = @import("cursor.zig");
const Writer = cursor.Writer;

const magic = contract.bundle.magic;
pub const version: u8 = contract.bundle.version;
pub const list_reply_bytes = 8;
pub const image_header_bytes = 9;

pub const Op = contract.bundle.Op;

pub const Status = contract.bundle.Status;

pub const Refusal = struct { op: Op, status: Status };

pub const Decoded = union(enum) { request: Op, refusal: Refusal };

pub fn decodeRequest(frame: []const u8) Decoded {
    if (frame.len < 4 or !std.mem.eql(u8, frame[0..2], magic)) return refuse(.list, .malformed);
    const op: Op = @enumFromInt(frame[3]);
    if (frame[2] != version) return refuse(op, .unsupported);
    return switch (op) {
        .list, .fetch_image => if (frame.len == 4) .{ .request = op } else refuse(op, .malformed),
        _ => refuse(op, .unsupported),
    };
}

fn refuse(op: Op, status: Status) Decoded {
    return .{ .refusal = .{ .op = op, .status = status } };
}

pub fn encodeRequest(buffer: []u8, op: Op) cursor.Error![]u8 {
    return (try Writer.frame(buffer, magic, version, @intFromEnum(op))).done();
}

/// The answer to list; also the shape of every refusal but fetch-image's.
pub fn encodeListReply(buffer: []u8, op: Op, status: Status, count: u16) cursor.Error![]u8 {
    var writer = try replyHeader(buffer, op, status);
    try writer.int(u16, count);
    try writer.int(u8, 0);
    return writer.done();
}

/// Write the header of the answer to fetch-image; the image follows at `image_header_bytes`.
pub fn encodeImageHeader(buffer: []u8, status: Status, image_len: u32) cursor.Error![]u8 {
    var writer = try replyHeader(buffer, .fetch_image, status);
    try writer.int(u32, image_len);
    return writer.done();
}

pub fn encodeRefusal(buffer: []u8, refusal: Refusal) cursor.Error![]u8 {
    return switch (refusal.op) {
        .fetch_image => encodeImageHeader(buffer, refusal.status, 0),
        else => encodeListReply(buffer, refusal.op, refusal.status, 0),
    };
}

fn replyHeader(buffer: []u8, op: Op, status: Status) cursor.Error!Writer {
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op) | cursor.reply_bit);
    try writer.int(u8, @intFromEnum(status));
    return writer;
}

pub const ListReply = struct { status: Status, count: u16 };

/// Null if these bytes are not an answer to list.
pub fn decodeListReply(frame: []const u8) ?ListReply {
    if (frame.len != list_reply_bytes or frame[7] != 0) return null;
    if (!cursor.hasHeader(frame, magic, version, @intFromEnum(Op.list) | cursor.reply_bit))
        return null;
    const count = std.mem.readInt(u16, frame[5..7], .little);
    return .{ .status = @enumFromInt(frame[4]), .count = count };
}

pub const ImageReply = struct { status: Status, image: []const u8 };

/// Null if these bytes are not an answer to fetch-image.
pub fn decodeImageReply(frame: []const u8) ?ImageReply {
    if (!cursor.hasHeader(frame, magic, version, @intFromEnum(Op.fetch_image) | cursor.reply_bit))
        return null;
    if (frame.len < image_header_bytes) return null;
    const len = std.mem.readInt(u32, frame[5..9], .little);
    if (frame.len - image_header_bytes != len) return null;
    return .{ .status = @enumFromInt(frame[4]), .image = frame[image_header_bytes..] };
}

const testing = std.testing;
const hex = cursor.fromHex;

test "golden bytes are read and written" {
    var buffer: [list_reply_bytes]u8 = undefined;
    try testing.expectEqualSlices(u8, &hex("424e0101"), try encodeRequest(&buffer, .list));
    const reply = try encodeListReply(&buffer, .list, .ok, 1);
    try testing.expectEqualSlices(u8, &hex("424e018100010000"), reply);
    const expected: ListReply = .{ .status = .ok, .count = 1 };
    try testing.expectEqual(@as(?ListReply, expected), decodeListReply(reply));
}

test "what is refused, and with which answer" {
    const table = [_]struct { []const u8, []const u8 }{
        .{ "", "BN\x01\x81\x01\x00\x00\x00" },
        .{ "NB\x01\x01", "BN\x01\x81\x01\x00\x00\x00" },
        .{ "BN\x01\x01\x00", "BN\x01\x81\x01\x00\x00\x00" },
        .{ "BN\x02\x01", "BN\x01\x81\x02\x00\x00\x00" },
        .{ "BN\x01\x02", "BN\x01\x82\x02\x00\x00\x00" },
        .{ "BN\x01\x03\x00", "BN\x01\x83\x01\x00\x00\x00\x00" },
    };
    var buffer: [16]u8 = undefined;
    for (table) |row| {
        const reply = try encodeRefusal(&buffer, decodeRequest(row[0]).refusal);
        try testing.expectEqualSlices(u8, row[1], reply);
    }
}

test "an image reply states the image's exact length" {
    var buffer: [16]u8 = undefined;
    const header = try encodeImageHeader(&buffer, .ok, 3);
    @memcpy(buffer[header.len..][0..3], "abc");
    try testing.expectEqualSlices(u8, "abc", decodeImageReply(buffer[0..12]).?.image);
    try testing.expectEqual(@as(?ImageReply, null), decodeImageReply(buffer[0..11]));
    try testing.expectEqual(@as(?ImageReply, null), decodeImageReply(buffer[0..13]));
    try testing.expectEqual(@as(?ImageReply, null), decodeImageReply(buffer[0..8]));
    try testing.expectEqual(@as(?ListReply, null), decodeListReply(buffer[0..8]));
}
