//! `PK` v1: frames of the remote package file system, and the checks on them.
//! docs/spec/packagefs.md has the byte tables.
//!
//! The order of the checks is part of the contract, so that a refusal has one reason. A frame that
//! is refused here has an answer of five bytes. A request that fails later has an answer in the
//! shape of its operation.

const std = @import("std");
const cursor = @import("wire").cursor;
const contract = @import("contract");
const readInt = std.mem.readInt;
const writeInt = std.mem.writeInt;

pub const path_bytes_max = contract.packagefs.path_bytes_max;
pub const read_bytes_max = contract.packagefs.read_bytes_max;
pub const request_bytes_max = 6 + path_bytes_max;
pub const reply_bytes_max = 7 + read_bytes_max;
const frame_start = contract.packagefs.magic ++ [_]u8{contract.packagefs.version};
const schemes = [_][]const u8{ "pkg:/", "/packages/" };

pub const Op = contract.packagefs.Op;

pub const Status = contract.packagefs.Status;

pub const Read = struct { handle: u32, offset: u32, len: u16 };

/// Paths are without their scheme.
pub const Request = union(enum) { stat: []const u8, open: []const u8, read: Read, close: u32 };

pub const Refusal = struct { op: Op, status: Status };

pub const Parsed = union(enum) { request: Request, refusal: Refusal };

pub fn parse(frame: []const u8, is_authenticated: bool) Parsed {
    const op: Op = if (frame.len < 4) .stat else @enumFromInt(frame[3]);
    const request = parseRequest(frame, op, is_authenticated) catch |err| return .{ .refusal = .{
        .op = op,
        .status = switch (err) {
            error.BadRequest => .bad_request,
            error.Unauthenticated => .unauthenticated,
            error.PathTraversal => .path_traversal,
            error.Scheme => .non_packagefs_scheme,
            error.Oversized => .oversized,
        },
    } };
    return .{ .request = request };
}

const Error = error{ BadRequest, Unauthenticated, PathTraversal, Scheme, Oversized };

fn parseRequest(frame: []const u8, op: Op, is_authenticated: bool) Error!Request {
    if (!is_authenticated) return error.Unauthenticated;
    if (frame.len < 4 or !std.mem.eql(u8, frame[0..3], frame_start)) return error.BadRequest;
    switch (op) {
        .stat => return .{ .stat = try parsePath(frame) },
        .open => return .{ .open = try parsePath(frame) },
        .read => {
            if (frame.len != 14) return error.BadRequest;
            const len = readInt(u16, frame[12..14], .little);
            if (len == 0 or len > read_bytes_max) return error.Oversized;
            return .{ .read = .{
                .handle = readInt(u32, frame[4..8], .little),
                .offset = readInt(u32, frame[8..12], .little),
                .len = len,
            } };
        },
        .close => {
            if (frame.len != 8) return error.BadRequest;
            return .{ .close = readInt(u32, frame[4..8], .little) };
        },
        _ => return error.BadRequest,
    }
}

fn parsePath(frame: []const u8) Error![]const u8 {
    if (frame.len < 6) return error.BadRequest;
    const len = readInt(u16, frame[4..6], .little);
    if (len == 0 or len > path_bytes_max) return error.Oversized;
    if (frame.len != 6 + @as(usize, len)) return error.BadRequest;
    const path = frame[6..];
    if (!std.unicode.utf8ValidateSlice(path)) return error.BadRequest;
    const rest = for (schemes) |scheme| {
        if (std.mem.startsWith(u8, path, scheme)) break path[scheme.len..];
    } else return error.Scheme;
    if (rest.len == 0) return error.Oversized;
    var segments = std.mem.splitScalar(u8, rest, '/');
    while (segments.next()) |segment| if (!isSegment(segment)) return error.PathTraversal;
    return rest;
}

fn isSegment(text: []const u8) bool {
    if (text.len == 0 or std.mem.eql(u8, text, ".") or std.mem.eql(u8, text, "..")) return false;
    return std.mem.indexOfAny(u8, text, "\\\x00") == null;
}

/// The answer to a frame that was parsed; after a failure the fields are zero.
pub const Reply = union(enum) {
    stat: struct { size: u64 = 0, kind: u16 = 0 },
    open: u32,
    read: []const u8,
    close,
};

pub fn encodeReply(out: *[reply_bytes_max]u8, status: Status, reply: Reply) []u8 {
    const op: Op = switch (reply) {
        .stat => .stat,
        .open => .open,
        .read => .read,
        .close => .close,
    };
    const head = encodeRefusal(out, .{ .op = op, .status = status }).len;
    switch (reply) {
        .stat => |info| {
            writeInt(u64, out[5..13], info.size, .little);
            writeInt(u16, out[13..15], info.kind, .little);
            return out[0..15];
        },
        .open => |handle| {
            writeInt(u32, out[5..9], handle, .little);
            return out[0..9];
        },
        .read => |bytes| {
            writeInt(u16, out[5..7], @intCast(bytes.len), .little);
            @memcpy(out[7..][0..bytes.len], bytes);
            return out[0 .. 7 + bytes.len];
        },
        .close => return out[0..head],
    }
}

pub fn encodeRefusal(out: *[reply_bytes_max]u8, refusal: Refusal) []u8 {
    @memcpy(out[0..3], frame_start);
    out[3] = @intFromEnum(refusal.op) | cursor.reply_bit;
    out[4] = @intFromEnum(refusal.status);
    return out[0..5];
}

/// Encode a request, for the side that asks; `path` has its scheme.
pub fn encodePath(out: *[request_bytes_max]u8, op: Op, path: []const u8) []u8 {
    @memcpy(out[0..3], frame_start);
    out[3] = @intFromEnum(op);
    writeInt(u16, out[4..6], @intCast(path.len), .little);
    @memcpy(out[6..][0..path.len], path);
    return out[0 .. 6 + path.len];
}

pub fn encodeRead(out: *[request_bytes_max]u8, read: Read) []u8 {
    @memcpy(out[0..4], frame_start ++ [_]u8{@intFromEnum(Op.read)});
    writeInt(u32, out[4..8], read.handle, .little);
    writeInt(u32, out[8..12], read.offset, .little);
    writeInt(u16, out[12..14], read.len, .little);
    return out[0..14];
}

pub fn encodeClose(out: *[request_bytes_max]u8, handle: u32) []u8 {
    @memcpy(out[0..4], frame_start ++ [_]u8{@intFromEnum(Op.close)});
    writeInt(u32, out[4..8], handle, .little);
    return out[0..8];
}

pub const Answer = struct { status: Status, tail: []const u8 };

/// Status and fields of an answer to `op`; null if it is malformed. A good answer has a tail of the
/// length that the operation demands; any other has none.
pub fn decodeReply(frame: []const u8, op: Op) ?Answer {
    if (frame.len < 5 or !std.mem.eql(u8, frame[0..3], frame_start)) return null;
    if (frame[3] != @intFromEnum(op) | cursor.reply_bit) return null;
    const status: Status = @enumFromInt(frame[4]);
    if (status != .ok) return .{ .status = status, .tail = "" };
    const tail = frame[5..];
    const is_whole = switch (op) {
        .stat => tail.len == 10,
        .open => tail.len == 4,
        .read => tail.len >= 2 and tail.len - 2 <= read_bytes_max and
            readInt(u16, tail[0..2], .little) == tail.len - 2,
        .close => tail.len == 0,
        _ => false,
    };
    return if (is_whole) .{ .status = status, .tail = tail } else null;
}
