//! `SO` v1: a request of dsoftbusd at statefsd on behalf of a peer. It holds an `SF` frame. Around
//! it stand the peer, the deadline until which the store may begin, and the name under which the
//! peer repeats the call after a lost session.
//!
//!      0  `SO`, version 1, op 1          32  digest of what was asked, 16 bytes
//!      4  deadline_ns u64, 0: none       48  peer_len u8, 1..64
//!     12  call id u64, 0: no name        49  peer, then the frame of `SF`
//!     20  reserved, 12 zeros
//!
//! The answer is `SO`, 1, 0x81, the ending u8, and the frame of `SF` that answers.

const std = @import("std");
const contract = @import("contract");
const cursor = @import("cursor.zig");
const Reader = cursor.Reader;
const Writer = cursor.Writer;

const magic = "SO";
const version: u8 = 1;
const op_ask: u8 = 1;

pub const peer_bytes_max = contract.bus.device_id_bytes_max;
pub const digest_bytes = contract.journal.digest_bytes;
/// The most bytes before the frame of `SF`.
pub const head_bytes_max = 49 + peer_bytes_max;
pub const reply_head_bytes = 5;
const reserved_bytes = 12;

pub const Digest = [digest_bytes]u8;

pub const Call = struct {
    peer: []const u8,
    /// An instant of the kernel's clock: a request that was not begun by then is not begun at all.
    /// 0: there is none.
    deadline_ns: u64 = 0,
    /// Epoch and number, as docs/spec/session.md has them under *Repeated calls*. The upper half 0:
    /// the call has no name, and nothing is kept of it.
    id: u64 = 0,
    /// The digest of the request, so that no other request counts as its repetition.
    digest: Digest = @splat(0),
    /// A frame of `SF`.
    frame: []const u8,
};

/// The ending of a call, beside the status of the store.
pub const Ending = enum(u8) {
    /// The store carried it out, or refused it, now.
    now = 0,
    /// It is a repetition, and has the answer of the first time. Nothing was done again.
    repeated = 1,
    /// It may have been carried out, and its answer is forgotten; or something else was asked under
    /// its name. Nothing was done.
    forgotten = 2,
    /// Its deadline had passed before it was begun. Nothing was done, and its name is free.
    withdrawn = 3,
    _,
};

/// True: these bytes are meant to be a call.
pub fn isCall(bytes: []const u8) bool {
    return bytes.len >= 2 and std.mem.eql(u8, bytes[0..2], magic);
}

/// The call in these bytes; null: they are not a call.
pub fn decodeCall(bytes: []const u8) ?Call {
    if (!cursor.hasHeader(bytes, magic, version, op_ask)) return null;
    return decodeTail(bytes[4..]) catch null;
}

fn decodeTail(bytes: []const u8) cursor.Error!?Call {
    var reader: Reader = .init(bytes);
    var call: Call = .{ .peer = "", .frame = "" };
    call.deadline_ns = try reader.int(u64);
    call.id = try reader.int(u64);
    const reserved = try reader.take(reserved_bytes);
    call.digest = (try reader.take(digest_bytes))[0..digest_bytes].*;
    const peer_len = try reader.int(u8);
    if (peer_len == 0 or peer_len > peer_bytes_max) return null;
    if (!std.mem.allEqual(u8, reserved, 0)) return null;
    call.peer = try reader.take(peer_len);
    if (!std.unicode.utf8ValidateSlice(call.peer)) return null;
    call.frame = reader.rest;
    return call;
}

pub fn encodeCall(buffer: []u8, call: Call) cursor.Error![]u8 {
    if (call.peer.len == 0 or call.peer.len > peer_bytes_max) return error.NoRoom;
    var writer = try Writer.frame(buffer, magic, version, op_ask);
    try writer.int(u64, call.deadline_ns);
    try writer.int(u64, call.id);
    try writer.put(&(.{0} ** reserved_bytes));
    try writer.put(&call.digest);
    try writer.int(u8, @intCast(call.peer.len));
    try writer.put(call.peer);
    try writer.put(call.frame);
    return writer.done();
}

pub const Reply = struct { ending: Ending, frame: []const u8 };

/// The head of an answer; the frame of `SF` is the caller's to put behind it.
pub fn encodeReplyHead(buffer: *[reply_head_bytes]u8, ending: Ending) void {
    buffer.* = .{ magic[0], magic[1], version, op_ask | cursor.reply_bit, @intFromEnum(ending) };
}

/// The answer in these bytes; null: they are not an answer.
pub fn decodeReply(bytes: []const u8) ?Reply {
    if (bytes.len < reply_head_bytes) return null;
    if (!cursor.hasHeader(bytes, magic, version, op_ask | cursor.reply_bit)) return null;
    return .{ .ending = @enumFromInt(bytes[4]), .frame = bytes[reply_head_bytes..] };
}

const testing = std.testing;

test "golden bytes are read and written" {
    const golden = cursor.fromHex("534f0101" ++ "0203000000000000" ++ "0700000001000000" ++
        "00" ** 12 ++ "64" ** 16 ++ "06" ++ "6e6f64652d61" ++ "53460105");
    const call: Call = .{
        .peer = "node-a",
        .deadline_ns = 0x0302,
        .id = 0x1_0000_0007,
        .digest = @splat('d'),
        .frame = "SF\x01\x05",
    };
    var buffer: [128]u8 = undefined;
    try testing.expectEqualSlices(u8, &golden, try encodeCall(&buffer, call));
    try testing.expectEqualDeep(call, decodeCall(&golden).?);
    try testing.expect(isCall(&golden) and !isCall("SF\x01\x05") and !isCall("S"));
    for (0..55) |len| try testing.expect(decodeCall(golden[0..len]) == null);
    try testing.expectEqualStrings("", decodeCall(golden[0..55]).?.frame);
    for (0..32) |bit| {
        var bad = golden;
        bad[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
        try testing.expect(decodeCall(&bad) == null);
    }
    for (20..32) |at| {
        var bad = golden;
        bad[at] = 1;
        try testing.expect(decodeCall(&bad) == null);
    }
}

test "a call of a peer alone has no deadline, no name and no digest" {
    var buffer: [128]u8 = undefined;
    const bytes = try encodeCall(&buffer, .{ .peer = "p", .frame = "" });
    try testing.expectEqualStrings("SO\x01\x01" ++ "\x00" ** 44 ++ "\x01p", bytes);
}

test "a peer has 1 to 64 bytes of UTF-8" {
    var buffer: [256]u8 = undefined;
    const longest = try encodeCall(&buffer, .{ .peer = "p" ** 64, .frame = "" });
    try testing.expectEqual(head_bytes_max, longest.len);
    try testing.expectEqualStrings("p" ** 64, decodeCall(longest).?.peer);
    buffer[48] = 65;
    try testing.expect(decodeCall(buffer[0 .. head_bytes_max + 1]) == null);
    const odd = try encodeCall(&buffer, .{ .peer = "\xff", .frame = "" });
    try testing.expect(decodeCall(odd) == null);
    for ([_][]const u8{ "", "p" ** 65 }) |peer| {
        try testing.expectError(error.NoRoom, encodeCall(&buffer, .{ .peer = peer, .frame = "" }));
    }
}

test "an answer is written and read back" {
    var bytes: [9]u8 = undefined;
    encodeReplyHead(bytes[0..5], .withdrawn);
    bytes[5..9].* = "SF\x01\x85".*;
    try testing.expectEqualSlices(u8, "SO\x01\x81\x03SF\x01\x85", &bytes);
    const reply = decodeReply(&bytes).?;
    try testing.expectEqual(Ending.withdrawn, reply.ending);
    try testing.expectEqualStrings("SF\x01\x85", reply.frame);
    for (0..5) |len| try testing.expect(decodeReply(bytes[0..len]) == null);
    try testing.expect(decodeReply("SO\x01\x01\x00") == null);
}
