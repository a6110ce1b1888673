//! `DS` v1 and v2: requests of services at the dsoftbusd of their own node. Version 2 names the
//! peer to be asked. Version 1 names none, and is for nodes with one peer. Answers have the form of
//! version 1, which names no peer.

const std = @import("std");
const contract = @import("contract");
const cursor = @import("cursor.zig");
const Writer = cursor.Writer;

const magic = contract.front.magic;
pub const version: u8 = contract.front.version;
/// The version of requests that name their peer, between the header and the tail.
pub const version_to_peer: u8 = contract.front.version_to_peer;
/// A device id.
pub const peer_bytes_max = contract.bus.device_id_bytes_max;
pub const name_bytes_max = contract.front.name_bytes_max;
/// A path of a package with its scheme, which is the longest text.
pub const path_bytes_max = contract.front.path_bytes_max;
pub const package_read_bytes_max = contract.front.package_read_bytes_max;
/// A frame of the state store, either way.
pub const state_request_max = contract.front.state_request_max;
pub const state_reply_max = contract.front.state_reply_max;
pub const request_bytes_max = 1 + peer_bytes_max + 6 + state_request_max;
pub const reply_bytes_max = 7 + state_reply_max;

pub const Op = contract.front.Op;

/// Package operations have the status of `PK`, 9 (io) where there was no answer.
pub const Status = contract.front.Status;

pub const PackageRead = struct { handle: u32, offset: u32, len: u16 };

pub const Request = union(enum) {
    resolve: []const u8,
    bundle_list,
    package_stat: []const u8,
    package_open: []const u8,
    package_read: PackageRead,
    package_close: u32,
    /// A frame of `SF`. The node that is asked judges it.
    state: []const u8,
};

/// Either a request or the operation under which its failure is answered.
pub const Decoded = union(enum) { request: Request, refusal: Op };

/// Decode a request of either version; `peerOf` says which peer it names.
pub fn decodeRequest(frame: []const u8) Decoded {
    if (frame.len < 4 or !std.mem.eql(u8, frame[0..2], magic)) return .{ .refusal = .malformed };
    const op: Op = @enumFromInt(frame[3]);
    const tail = switch (frame[2]) {
        version => frame[4..],
        version_to_peer => frame[4 + peerField(frame).len ..],
        else => return .{ .refusal = .malformed },
    };
    const names_nobody = frame[2] == version_to_peer and peerOf(frame).len == 0;
    if (names_nobody) return .{ .refusal = op };
    return if (decodeTail(op, tail)) |request| .{ .request = request } else .{ .refusal = op };
}

/// The peer that a request names; empty where it names none, as in version 1.
pub fn peerOf(frame: []const u8) []const u8 {
    if (frame.len < 4 or frame[2] != version_to_peer) return "";
    const field = peerField(frame);
    return if (field.len == 0) "" else field[1..];
}

/// Length and text of the peer, where they are whole.
fn peerField(frame: []const u8) []const u8 {
    if (frame.len < 5 or frame[4] > peer_bytes_max) return "";
    const len = 1 + @as(usize, frame[4]);
    return if (frame.len < 4 + len) "" else frame[4..][0..len];
}

fn decodeTail(op: Op, tail: []const u8) ?Request {
    switch (op) {
        .resolve => {
            const len: usize = if (tail.len == 0) 0 else tail[0];
            if (len != 0 and len <= name_bytes_max and tail.len == 1 + len)
                return .{ .resolve = tail[1..] };
        },
        .bundle_list => if (tail.len == 0) return .bundle_list,
        .package_stat => if (pathOf(tail)) |path| return .{ .package_stat = path },
        .package_open => if (pathOf(tail)) |path| return .{ .package_open = path },
        .package_read => if (tail.len == 10) return .{ .package_read = .{
            .handle = std.mem.readInt(u32, tail[0..4], .little),
            .offset = std.mem.readInt(u32, tail[4..8], .little),
            .len = std.mem.readInt(u16, tail[8..10], .little),
        } },
        .package_close => if (tail.len == 4) {
            return .{ .package_close = std.mem.readInt(u32, tail[0..4], .little) };
        },
        .state => if (tail.len >= 2) {
            const len: usize = std.mem.readInt(u16, tail[0..2], .little);
            if (len != 0 and len <= state_request_max and tail.len == 2 + len)
                return .{ .state = tail[2..] };
        },
        else => {},
    }
    return null;
}

/// The node that is asked judges the path.
fn pathOf(tail: []const u8) ?[]const u8 {
    if (tail.len == 0 or tail[0] > path_bytes_max) return null;
    return if (tail.len == 1 + @as(usize, tail[0])) tail[1..] else null;
}

/// Encode a request for the one peer that the node has.
pub fn encodeRequest(buffer: []u8, request: Request) cursor.Error![]u8 {
    return encodeRequestTo(buffer, "", request);
}

/// Encode a request for the peer of this name; empty if the node has only one peer.
pub fn encodeRequestTo(buffer: []u8, peer: []const u8, request: Request) cursor.Error![]u8 {
    if (peer.len > peer_bytes_max) return error.NoRoom;
    const op = @intFromEnum(opOf(request));
    const which: u8 = if (peer.len == 0) version else version_to_peer;
    var writer = try Writer.frame(buffer, magic, which, op);
    if (peer.len != 0) {
        try writer.int(u8, @intCast(peer.len));
        try writer.put(peer);
    }
    switch (request) {
        .resolve => |name| {
            if (name.len == 0 or name.len > name_bytes_max) return error.NoRoom;
            try writer.int(u8, @intCast(name.len));
            try writer.put(name);
        },
        .bundle_list => {},
        .package_stat, .package_open => |path| {
            if (path.len > path_bytes_max) return error.NoRoom;
            try writer.int(u8, @intCast(path.len));
            try writer.put(path);
        },
        .package_read => |read| {
            try writer.int(u32, read.handle);
            try writer.int(u32, read.offset);
            try writer.int(u16, read.len);
        },
        .package_close => |handle| try writer.int(u32, handle),
        .state => |inner| {
            if (inner.len == 0 or inner.len > state_request_max) return error.NoRoom;
            try writer.int(u16, @intCast(inner.len));
            try writer.put(inner);
        },
    }
    return writer.done();
}

pub fn opOf(request: Request) Op {
    return switch (request) {
        .resolve => .resolve,
        .bundle_list => .bundle_list,
        .package_stat => .package_stat,
        .package_open => .package_open,
        .package_read => .package_read,
        .package_close => .package_close,
        .state => .state,
    };
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

/// A good answer to a state request: the frame of the other node, whatever it says.
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

/// Status of an answer to `op`; null if it is malformed.
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

test {
    _ = @import("front_test.zig");
}
