//! `DS` v1: what dsoftbusd does for services of its own node.

const std = @import("std");
const cursor = @import("cursor.zig");
const Writer = cursor.Writer;

const magic = "DS";
pub const version: u8 = 1;
pub const name_bytes_max = 48;
/// A path of a package with its scheme, the longest text there is.
pub const path_bytes_max = 192;
pub const package_read_bytes_max = 128;
/// A frame of the state store, either way.
pub const state_request_max = 256;
pub const state_reply_max = 512;
pub const request_bytes_max = 6 + state_request_max;
pub const reply_bytes_max = 7 + state_reply_max;

pub const Op = enum(u8) {
    malformed = 0,
    resolve = 1,
    bundle_list = 2,
    package_stat = 3,
    package_open = 4,
    package_read = 5,
    package_close = 6,
    state = 7,
    _,
};

/// Of the package operations it is that of `PK`, 9 (io) where there was no answer.
pub const Status = enum(u8) {
    ok = 0,
    fail = 1,
    unauthenticated = 2,
    path_traversal = 3,
    non_packagefs_scheme = 4,
    not_found = 5,
    badf = 6,
    oversized = 7,
    limit = 8,
    io = 9,
    _,
};

pub const PackageRead = struct { handle: u32, offset: u32, len: u16 };

pub const Request = union(enum) {
    resolve: []const u8,
    bundle_list,
    package_stat: []const u8,
    package_open: []const u8,
    package_read: PackageRead,
    package_close: u32,
    /// A frame of `SF`; whether it is a good one is for the node to say that is asked.
    state: []const u8,
};

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
        .package_stat => if (pathOf(frame)) |path| return .{ .request = .{ .package_stat = path } },
        .package_open => if (pathOf(frame)) |path| return .{ .request = .{ .package_open = path } },
        .package_read => if (frame.len == 14) return .{ .request = .{ .package_read = .{
            .handle = std.mem.readInt(u32, frame[4..8], .little),
            .offset = std.mem.readInt(u32, frame[8..12], .little),
            .len = std.mem.readInt(u16, frame[12..14], .little),
        } } },
        .package_close => if (frame.len == 8) {
            const handle = std.mem.readInt(u32, frame[4..8], .little);
            return .{ .request = .{ .package_close = handle } };
        },
        .state => if (frame.len >= 6) {
            const len: usize = std.mem.readInt(u16, frame[4..6], .little);
            if (len != 0 and len <= state_request_max and frame.len == 6 + len)
                return .{ .request = .{ .state = frame[6..] } };
        },
        else => {},
    }
    return .{ .refusal = op };
}

/// Whether a path is a good one is for the node to say that is asked.
fn pathOf(frame: []const u8) ?[]const u8 {
    if (frame.len < 5 or frame[4] > path_bytes_max) return null;
    return if (frame.len == 5 + @as(usize, frame[4])) frame[5..] else null;
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
        .package_stat => |path| return encodePath(buffer, .package_stat, path),
        .package_open => |path| return encodePath(buffer, .package_open, path),
        .package_read => |read| {
            const op = @intFromEnum(Op.package_read);
            var writer = try Writer.frame(buffer, magic, version, op);
            try writer.int(u32, read.handle);
            try writer.int(u32, read.offset);
            try writer.int(u16, read.len);
            return writer.done();
        },
        .state => |inner| {
            if (inner.len == 0 or inner.len > state_request_max) return error.NoRoom;
            var writer = try Writer.frame(buffer, magic, version, @intFromEnum(Op.state));
            try writer.int(u16, @intCast(inner.len));
            try writer.put(inner);
            return writer.done();
        },
        .package_close => |handle| {
            const op = @intFromEnum(Op.package_close);
            var writer = try Writer.frame(buffer, magic, version, op);
            try writer.int(u32, handle);
            return writer.done();
        },
    }
}

fn encodePath(buffer: []u8, op: Op, path: []const u8) cursor.Error![]u8 {
    if (path.len > path_bytes_max) return error.NoRoom;
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op));
    try writer.int(u8, @intCast(path.len));
    try writer.put(path);
    return writer.done();
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

/// A good answer to a package operation, with the fields that `PK` has in its own.
pub fn encodePackageReply(buffer: []u8, op: Op, tail: []const u8) cursor.Error![]u8 {
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op) | cursor.reply_bit);
    try writer.int(u8, @intFromEnum(Status.ok));
    try writer.put(tail);
    return writer.done();
}

/// A good answer to a state request: the other node's frame, whatever it says.
pub fn encodeStateReply(buffer: []u8, inner: []const u8) cursor.Error![]u8 {
    if (inner.len > state_reply_max) return error.NoRoom;
    const op = @intFromEnum(Op.state) | cursor.reply_bit;
    var writer = try Writer.frame(buffer, magic, version, op);
    try writer.int(u8, @intFromEnum(Status.ok));
    try writer.int(u16, @intCast(inner.len));
    try writer.put(inner);
    return writer.done();
}

/// The frame in a good answer to a state request, else null.
pub fn decodeState(frame: []const u8) ?[]const u8 {
    const status = decodeStatus(frame, .state) orelse return null;
    return if (status == .ok) frame[7..] else null;
}

/// The fields of a good answer to a package operation, else null.
pub fn decodePackageTail(frame: []const u8, op: Op) ?[]const u8 {
    const status = decodeStatus(frame, op) orelse return null;
    return if (status == .ok) frame[5..] else null;
}

/// Status of an answer to `op`; null if these bytes are none.
pub fn decodeStatus(frame: []const u8, op: Op) ?Status {
    if (!cursor.hasHeader(frame, magic, version, @intFromEnum(op) | cursor.reply_bit)) return null;
    if (frame.len < 5) return null;
    const status: Status = @enumFromInt(frame[4]);
    const expected: usize = if (status != .ok) 5 else switch (op) {
        .bundle_list => 7,
        .package_stat => 15,
        .package_open => 9,
        .package_read, .state => if (frame.len < 7)
            7
        else
            7 + std.mem.readInt(u16, frame[5..7], .little),
        else => 5,
    };
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
        .{ "", 0 },
        .{ "DS\x02\x01", 0 },
        .{ "SD\x01\x02", 0 },
        .{ "DS\x01\x01", 1 },
        .{ "DS\x01\x01\x00", 1 },
        .{ "DS\x01\x01\x02a", 1 },
        .{ "DS\x01\x01\x01ab", 1 },
        .{ "DS\x01\x02\x00", 2 },
        .{ "DS\x01\x09", 9 },
        .{ "DS\x01\x01\x31" ++ "n" ** 49, 1 },
        .{ "DS\x01\x03", 3 },
        .{ "DS\x01\x03\x02a", 3 },
        .{ "DS\x01\x04\x01ab", 4 },
        .{ "DS\x01\x03\xc1" ++ "p" ** 193, 3 },
        .{ "DS\x01\x05" ++ "\x00" ** 9, 5 },
        .{ "DS\x01\x05" ++ "\x00" ** 11, 5 },
        .{ "DS\x01\x06\x00\x00\x00", 6 },
    };
    for (table) |row| try testing.expectEqual(row[1], @intFromEnum(decodeRequest(row[0]).refusal));
}

test "package operations, both ways" {
    var buffer: [request_bytes_max]u8 = undefined;
    const path = "pkg:/system/build.prop";
    const stat = try encodeRequest(&buffer, .{ .package_stat = path });
    const stat_bytes = hex("4453010316706b673a2f73797374656d2f6275696c642e70726f70");
    try testing.expectEqualSlices(u8, &stat_bytes, stat);
    try testing.expectEqualStrings(path, decodeRequest(stat).request.package_stat);
    const open = try encodeRequest(&buffer, .{ .package_open = "p" ** 192 });
    try testing.expectEqualStrings("p" ** 192, decodeRequest(open).request.package_open);
    const what: PackageRead = .{ .handle = 1, .offset = 0, .len = 64 };
    const read = try encodeRequest(&buffer, .{ .package_read = what });
    try testing.expectEqualSlices(u8, &hex("4453010501000000000000004000"), read);
    try testing.expectEqual(what, decodeRequest(read).request.package_read);
    const close = try encodeRequest(&buffer, .{ .package_close = 7 });
    try testing.expectEqual(@as(u32, 7), decodeRequest(close).request.package_close);
    try testing.expectError(error.NoRoom, encodeRequest(&buffer, .{ .package_stat = "p" ** 193 }));
}

test "an answer has the length that its operation and status demand" {
    const Case = struct { []const u8, Op, ?Status };
    for ([_]Case{
        .{ "DS\x01\x83\x00" ++ "\x00" ** 10, .package_stat, .ok },
        .{ "DS\x01\x83\x00" ++ "\x00" ** 9, .package_stat, null },
        .{ "DS\x01\x83\x06", .package_stat, .badf },
        .{ "DS\x01\x84\x00\x01\x00\x00\x00", .package_open, .ok },
        .{ "DS\x01\x84\x09\x00\x00\x00\x00", .package_open, null },
        .{ "DS\x01\x85\x00\x02\x00ab", .package_read, .ok },
        .{ "DS\x01\x85\x00\x03\x00ab", .package_read, null },
        .{ "DS\x01\x85\x00\x00", .package_read, null },
        .{ "DS\x01\x86\x00", .package_close, .ok },
    }) |case| try testing.expectEqual(case[2], decodeStatus(case[0], case[1]));
    const tail = decodePackageTail("DS\x01\x85\x00\x02\x00ab", .package_read).?;
    try testing.expectEqualStrings("\x02\x00ab", tail);
}

test "state requests, both ways" {
    var buffer: [reply_bytes_max]u8 = undefined;
    const sync = try encodeRequest(&buffer, .{ .state = "SF\x01\x05" });
    try testing.expectEqualSlices(u8, &hex("44530107040053460105"), sync);
    try testing.expectEqualSlices(u8, "SF\x01\x05", decodeRequest(sync).request.state);
    try testing.expectError(error.NoRoom, encodeRequest(&buffer, .{ .state = "" }));
    try testing.expectError(error.NoRoom, encodeRequest(&buffer, .{ .state = "x" ** 257 }));
    for ([_][]const u8{
        "DS\x01\x07\x00\x00",
        "DS\x01\x07\x02\x00x",
        "DS\x01\x07\x01\x00xy",
        "DS\x01\x07\x01\x01" ++ "x" ** 257,
    }) |frame| try testing.expectEqual(Op.state, decodeRequest(frame).refusal);
    const reply = try encodeStateReply(&buffer, "SF\x01\x85\x00");
    try testing.expectEqualSlices(u8, "SF\x01\x85\x00", decodeState(reply).?);
    try testing.expect(decodeState("DS\x01\x87\x01") == null);
    try testing.expect(decodeState("DS\x01\x87\x00\x02\x00x") == null);
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
