//! `SM` v1: the service registry, served by samgrd.

const std = @import("std");
const contract = @import("contract");
const cursor = @import("cursor.zig");
const Writer = cursor.Writer;

const magic = contract.samgr.magic;
pub const version: u8 = contract.samgr.version;
pub const register_name_bytes_max = contract.samgr.register_name_bytes_max;
pub const resolve_name_bytes_max = contract.samgr.resolve_name_bytes_max;
pub const request_bytes_max = 13 + register_name_bytes_max;
pub const reply_bytes_max = 13;

pub const Op = contract.samgr.Op;

pub const Status = contract.samgr.Status;

pub const Slots = struct { send: u32 = 0, recv: u32 = 0 };

pub const Request = union(enum) {
    register: struct { name: []const u8, slots: Slots },
    lookup: []const u8,
    sender_pid,
    sender_service_id,
    resolve_status: []const u8,
};

pub const Refusal = struct { op: Op, status: Status };

pub const Decoded = union(enum) { request: Request, refusal: Refusal };

pub fn decodeRequest(frame: []const u8) Decoded {
    if (frame.len < 4 or !std.mem.eql(u8, frame[0..2], magic)) return refuse(.lookup, .malformed);
    const op: Op = @enumFromInt(frame[3]);
    if (frame[2] != version) return refuse(op, .unsupported);
    return switch (op) {
        .sender_pid => if (frame.len == 4) .{ .request = .sender_pid } else refuse(op, .malformed),
        .sender_service_id => if (frame.len == 4)
            .{ .request = .sender_service_id }
        else
            refuse(op, .malformed),
        .register, .lookup, .resolve_status => decodeNamed(op, frame),
        _ => refuse(op, .unsupported),
    };
}

fn decodeNamed(op: Op, frame: []const u8) Decoded {
    if (frame.len < 5) return refuse(.lookup, .malformed);
    const limit: usize =
        if (op == .resolve_status) resolve_name_bytes_max else register_name_bytes_max;
    const fixed: usize = if (op == .register) 13 else 5;
    const len: usize = frame[4];
    if (len == 0 or len > limit or frame.len != fixed + len) return refuse(op, .malformed);
    const name = frame[fixed..];
    return .{ .request = switch (op) {
        .register => .{ .register = .{ .name = name, .slots = .{
            .send = std.mem.readInt(u32, frame[5..9], .little),
            .recv = std.mem.readInt(u32, frame[9..13], .little),
        } } },
        .lookup => .{ .lookup = name },
        else => .{ .resolve_status = name },
    } };
}

fn refuse(op: Op, status: Status) Decoded {
    return .{ .refusal = .{ .op = op, .status = status } };
}

pub fn encodeRequest(buffer: []u8, request: Request) cursor.Error![]u8 {
    const op: Op = switch (request) {
        .register => .register,
        .lookup => .lookup,
        .sender_pid => .sender_pid,
        .sender_service_id => .sender_service_id,
        .resolve_status => .resolve_status,
    };
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op));
    switch (request) {
        .register => |entry| {
            try putName(&writer, entry.name, entry.slots);
        },
        .lookup, .resolve_status => |name| try putName(&writer, name, null),
        .sender_pid, .sender_service_id => {},
    }
    return writer.done();
}

fn putName(writer: *Writer, name: []const u8, slots: ?Slots) cursor.Error!void {
    if (name.len == 0 or name.len > register_name_bytes_max) return error.NoRoom;
    try writer.int(u8, @intCast(name.len));
    if (slots) |value| {
        try writer.int(u32, value.send);
        try writer.int(u32, value.recv);
    }
    try writer.put(name);
}

/// The reply of 13 bytes: register, lookup, resolve-status, and every refusal but those of the
/// two sender operations, which keep their own shape.
pub fn encodeReply(buffer: []u8, op: Op, status: Status, slots: Slots) cursor.Error![]u8 {
    var writer = try replyHeader(buffer, op, status);
    try writer.int(u32, slots.send);
    try writer.int(u32, slots.recv);
    return writer.done();
}

pub fn encodePidReply(buffer: []u8, status: Status, pid: u32) cursor.Error![]u8 {
    var writer = try replyHeader(buffer, .sender_pid, status);
    try writer.int(u32, pid);
    return writer.done();
}

pub fn encodeServiceIdReply(buffer: []u8, status: Status, id: u64) cursor.Error![]u8 {
    var writer = try replyHeader(buffer, .sender_service_id, status);
    try writer.int(u64, id);
    return writer.done();
}

pub fn encodeRefusal(buffer: []u8, refusal: Refusal) cursor.Error![]u8 {
    return switch (refusal.op) {
        .sender_pid => encodePidReply(buffer, refusal.status, 0),
        .sender_service_id => encodeServiceIdReply(buffer, refusal.status, 0),
        else => encodeReply(buffer, refusal.op, refusal.status, .{}),
    };
}

fn replyHeader(buffer: []u8, op: Op, status: Status) cursor.Error!Writer {
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(op) | cursor.reply_bit);
    try writer.int(u8, @intFromEnum(status));
    return writer;
}

pub const Reply = struct { status: Status, slots: Slots };

/// Null if these bytes are not an answer of 13 bytes to `op`.
pub fn decodeReply(frame: []const u8, op: Op) ?Reply {
    const status = replyStatus(frame, op, 13) orelse return null;
    return .{ .status = status, .slots = .{
        .send = std.mem.readInt(u32, frame[5..9], .little),
        .recv = std.mem.readInt(u32, frame[9..13], .little),
    } };
}

/// The pid in a good answer to sender-pid, else null.
pub fn decodePidReply(frame: []const u8) ?u32 {
    const status = replyStatus(frame, .sender_pid, 9) orelse return null;
    return if (status == .ok) std.mem.readInt(u32, frame[5..9], .little) else null;
}

/// The id in a good answer to sender-service-id, else null.
pub fn decodeServiceIdReply(frame: []const u8) ?u64 {
    const status = replyStatus(frame, .sender_service_id, 13) orelse return null;
    return if (status == .ok) std.mem.readInt(u64, frame[5..13], .little) else null;
}

fn replyStatus(frame: []const u8, op: Op, len: usize) ?Status {
    if (frame.len != len) return null;
    if (!cursor.hasHeader(frame, magic, version, @intFromEnum(op) | cursor.reply_bit)) return null;
    return @enumFromInt(frame[4]);
}

const testing = std.testing;
const hex = cursor.fromHex;

test "golden bytes are read and written" {
    var buffer: [64]u8 = undefined;
    try testing.expectEqualSlices(
        u8,
        &hex("534d01060a62756e646c656d677264"),
        try encodeRequest(&buffer, .{ .resolve_status = "bundlemgrd" }),
    );
    try testing.expectEqualSlices(
        u8,
        &hex("534d0102096b657973746f726564"),
        try encodeRequest(&buffer, .{ .lookup = "keystored" }),
    );
    try testing.expectEqualSlices(
        u8,
        &hex("534d0186000000000000000000"),
        try encodeReply(&buffer, .resolve_status, .ok, .{}),
    );
    try testing.expectEqualSlices(
        u8,
        &hex("534d0186010000000000000000"),
        try encodeReply(&buffer, .resolve_status, .not_found, .{}),
    );
}

test "every request survives a round trip" {
    const requests = [_]Request{
        .{ .register = .{ .name = "x" ** 255, .slots = .{ .send = 5, .recv = 0xFFFF_FFFF } } },
        .{ .lookup = "logd" },
        .sender_pid,
        .sender_service_id,
        .{ .resolve_status = "n" ** 48 },
    };
    var buffer: [request_bytes_max]u8 = undefined;
    for (requests) |request| {
        const frame = try encodeRequest(&buffer, request);
        try testing.expectEqualDeep(request, decodeRequest(frame).request);
    }
}

test "what is refused, and as which operation" {
    const long_resolve = "SM\x01\x06\x31" ++ "n" ** 49;
    const table = [_]struct { []const u8, Op, Status }{
        .{ "", .lookup, .malformed },
        .{ "SM\x01", .lookup, .malformed },
        .{ "XM\x01\x02\x01a", .lookup, .malformed },
        .{ "SM\x01\x01", .lookup, .malformed },
        .{ "SM\x01\x06", .lookup, .malformed },
        .{ "SM\x02\x06\x01a", .resolve_status, .unsupported },
        .{ "SM\x01\x03", @enumFromInt(3), .unsupported },
        .{ "SM\x01\x7f", @enumFromInt(0x7f), .unsupported },
        .{ "SM\x01\x04\x00", .sender_pid, .malformed },
        .{ "SM\x01\x05\x00", .sender_service_id, .malformed },
        .{ "SM\x01\x02\x00", .lookup, .malformed },
        .{ "SM\x01\x02\x02a", .lookup, .malformed },
        .{ "SM\x01\x02\x01ab", .lookup, .malformed },
        .{ "SM\x01\x06\x00", .resolve_status, .malformed },
        .{ long_resolve, .resolve_status, .malformed },
        .{ "SM\x01\x01\x01" ++ "\x00" ** 8, .register, .malformed },
        .{ "SM\x01\x01\x01" ++ "\x00" ** 8 ++ "ab", .register, .malformed },
    };
    var buffer: [reply_bytes_max]u8 = undefined;
    for (table) |row| {
        const refusal = decodeRequest(row[0]).refusal;
        try testing.expectEqual(Refusal{ .op = row[1], .status = row[2] }, refusal);
        const reply = try encodeRefusal(&buffer, refusal);
        try testing.expectEqual(@intFromEnum(row[1]) | 0x80, reply[3]);
        try testing.expectEqual(@intFromEnum(row[2]), reply[4]);
    }
}

test "replies are recognised by length, header and status" {
    var buffer: [reply_bytes_max]u8 = undefined;
    const pid = try encodePidReply(&buffer, .ok, 7);
    try testing.expectEqual(@as(?u32, 7), decodePidReply(pid));
    try testing.expectEqual(@as(?u64, null), decodeServiceIdReply(pid));
    try testing.expectEqual(@as(?u32, null), decodePidReply(pid[0..8]));
    const id = try encodeServiceIdReply(&buffer, .ok, 1 << 63);
    try testing.expectEqual(@as(?u64, 1 << 63), decodeServiceIdReply(id));
    id[4] = 2;
    try testing.expectEqual(@as(?u64, null), decodeServiceIdReply(id));
    const found = try encodeReply(&buffer, .lookup, .ok, .{ .send = 5, .recv = 6 });
    try testing.expectEqual(Slots{ .send = 5, .recv = 6 }, decodeReply(found, .lookup).?.slots);
    try testing.expectEqual(@as(?Reply, null), decodeReply(found, .register));
}
