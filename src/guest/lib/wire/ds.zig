//! `DS` v1: what dsoftbusd does for services of its own node.

const std = @import("std");
const cursor = @import("cursor.zig");
const Writer = cursor.Writer;

const magic = "DS";
pub const version: u8 = 1;
pub const name_bytes_max = 48;
pub const request_bytes_max = 5 + name_bytes_max;
pub const reply_bytes_max = 7;

pub const Op = enum(u8) { malformed = 0, resolve = 1, bundle_list = 2, _ };

pub const Status = enum(u8) { ok = 0, fail = 1, _ };

pub const Request = union(enum) { resolve: []const u8, bundle_list };

/// Either a request or the operation under which its failure is answered.
pub const Decoded = union(enum) { request: Request, refusal: Op };

pub fn decodeRequest(frame: []const u8) Decoded {
    if (frame.len < 4 or !std.mem.eql(u8, frame[0..2], magic) or frame[2] != version)
        return .{ .refusal = .malformed };
    const op: Op = @enumFromInt(frame[3]);
    switch (op) {
        .resolve => {
            const len: usize = if (frame.len < 5) 0 else frame[4];
            if (len != 0 and len <= name_bytes_max and frame.len == 5 + len)
                return .{ .request = .{ .resolve = frame[5..] } };
        },
        .bundle_list => if (frame.len == 4) return .{ .request = .bundle_list },
        else => {},
    }
    return .{ .refusal = op };
}

pub fn encodeRequest(buffer: []u8, request: Request) cursor.Error![]u8 {
    switch (request) {
        .resolve => |name| {
            if (name.len == 0 or name.len > name_bytes_max) return error.NoRoom;
            var writer = try Writer.frame(buffer, magic, version, @intFromEnum(Op.resolve));
            try writer.int(u8, @intCast(name.len));
            try writer.put(name);
            return writer.done();
        },
        .bundle_list => {
            const op = @intFromEnum(Op.bundle_list);
            return (try Writer.frame(buffer, magic, version, op)).done();
        },
    }
}

/// An answer without a tail: resolve, and every failure.
pub fn encodeReply(buffer: []u8, op: Op, status: Status) cursor.Error![]u8 {
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op) | cursor.reply_bit);
    try writer.int(u8, @intFromEnum(status));
    return writer.done();
}

pub fn encodeBundleListReply(buffer: []u8, count: u16) cursor.Error![]u8 {
    const op = @intFromEnum(Op.bundle_list) | cursor.reply_bit;
    var writer = try Writer.frame(buffer, magic, version, op);
    try writer.int(u8, @intFromEnum(Status.ok));
    try writer.int(u16, count);
    return writer.done();
}

/// Status of an answer to `op`; null if these bytes are none.
pub fn decodeStatus(frame: []const u8, op: Op) ?Status {
    if (!cursor.hasHeader(frame, magic, version, @intFromEnum(op) | cursor.reply_bit)) return null;
    if (frame.len < 5) return null;
    const status: Status = @enumFromInt(frame[4]);
    const expected: usize = if (op == .bundle_list and status == .ok) 7 else 5;
    return if (frame.len == expected) status else null;
}

/// The count in a good answer to bundle-list, else null.
pub fn decodeBundleCount(frame: []const u8) ?u16 {
    const status = decodeStatus(frame, .bundle_list) orelse return null;
    return if (status == .ok) std.mem.readInt(u16, frame[5..7], .little) else null;
}

const testing = std.testing;
const hex = cursor.fromHex;

test "golden bytes" {
    var buffer: [request_bytes_max]u8 = undefined;
    const resolve = try encodeRequest(&buffer, .{ .resolve = "bundlemgrd" });
    try testing.expectEqualSlices(u8, &hex("445301010a62756e646c656d677264"), resolve);
    try testing.expectEqualSlices(u8, "bundlemgrd", decodeRequest(resolve).request.resolve);
    const list = try encodeRequest(&buffer, .bundle_list);
    try testing.expectEqualSlices(u8, &hex("44530102"), list);
    const reply = try encodeBundleListReply(&buffer, 1);
    try testing.expectEqualSlices(u8, &hex("44530182000100"), reply);
    try testing.expectEqual(@as(?u16, 1), decodeBundleCount(reply));
}

test "what is refused, and as which operation" {
    const table = [_]struct { []const u8, u8 }{
        .{ "", 0 },                            .{ "DS\x02\x01", 0 },     .{ "SD\x01\x02", 0 },
        .{ "DS\x01\x01", 1 },                  .{ "DS\x01\x01\x00", 1 }, .{ "DS\x01\x01\x02a", 1 },
        .{ "DS\x01\x01\x01ab", 1 },            .{ "DS\x01\x02\x00", 2 }, .{ "DS\x01\x03", 3 },
        .{ "DS\x01\x01\x31" ++ "n" ** 49, 1 },
    };
    for (table) |row| try testing.expectEqual(row[1], @intFromEnum(decodeRequest(row[0]).refusal));
}

test "a failed bundle list has no count" {
    var buffer: [reply_bytes_max]u8 = undefined;
    const failed = try encodeReply(&buffer, .bundle_list, .fail);
    try testing.expectEqual(@as(?Status, .fail), decodeStatus(failed, .bundle_list));
    try testing.expectEqual(@as(?u16, null), decodeBundleCount(failed));
    try testing.expectEqual(@as(?Status, null), decodeStatus(failed, .resolve));
    // "ok" without its count is no answer.
    try testing.expectEqual(@as(?Status, null), decodeStatus("DS\x01\x82\x00", .bundle_list));
}
