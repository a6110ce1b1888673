//! `PO` v2, served by policyd: it asks whether a service may use a capability.

const std = @import("std");
const contract = @import("contract");
const cursor = @import("cursor.zig");
const Writer = cursor.Writer;

const magic = contract.policy.magic;
pub const version: u8 = contract.policy.version;
pub const capability_bytes_max = contract.policy.capability_bytes_max;
pub const request_bytes_max = 17 + capability_bytes_max;
pub const reply_bytes = 10;

pub const Op = contract.policy.Op;

pub const Status = contract.policy.Status;

pub const Check = struct {
    op: Op,
    nonce: u32,
    subject: u64,
    capability: []const u8,
};

pub const Refusal = struct { op: Op, nonce: u32, status: Status };

pub const Decoded = union(enum) { request: Check, refusal: Refusal };

pub fn decodeRequest(frame: []const u8) Decoded {
    var refusal: Refusal = .{ .op = .check_cap, .nonce = 0, .status = .malformed };
    if (frame.len < 4 or !std.mem.eql(u8, frame[0..2], magic)) return .{ .refusal = refusal };
    refusal.op = @enumFromInt(frame[3]);
    const known = refusal.op == .check_cap or refusal.op == .check_cap_delegated;
    if (frame[2] != version or !known) refusal.status = .unsupported;
    if (frame.len < 8) return .{ .refusal = refusal };
    // Other versions have no nonce here, so the reply echoes none.
    if (frame[2] == version) refusal.nonce = std.mem.readInt(u32, frame[4..8], .little);
    if (refusal.status == .unsupported or frame.len < 17) return .{ .refusal = refusal };
    const len: usize = frame[16];
    if (len == 0 or len > capability_bytes_max or frame.len != 17 + len)
        return .{ .refusal = refusal };
    return .{ .request = .{
        .op = refusal.op,
        .nonce = refusal.nonce,
        .subject = std.mem.readInt(u64, frame[8..16], .little),
        .capability = frame[17..],
    } };
}

pub fn encodeRequest(buffer: []u8, check: Check) cursor.Error![]u8 {
    if (check.capability.len == 0 or check.capability.len > capability_bytes_max)
        return error.NoRoom;
    var writer = try Writer.frame(buffer, magic, version, @intFromEnum(check.op));
    try writer.int(u32, check.nonce);
    try writer.int(u64, check.subject);
    try writer.int(u8, @intCast(check.capability.len));
    try writer.put(check.capability);
    return writer.done();
}

pub fn encodeReply(buffer: []u8, op: Op, nonce: u32, status: Status) cursor.Error![]u8 {
    const reply_op = @intFromEnum(op) | cursor.reply_bit;
    var writer = try Writer.frame(buffer, magic, version, reply_op);
    try writer.int(u32, nonce);
    try writer.int(u8, @intFromEnum(status));
    try writer.int(u8, 0);
    return writer.done();
}

/// Null if these bytes are not an answer to `op` with this nonce.
pub fn decodeReply(frame: []const u8, op: Op, nonce: u32) ?Status {
    if (frame.len != reply_bytes or frame[9] != 0) return null;
    if (!cursor.hasHeader(frame, magic, version, @intFromEnum(op) | cursor.reply_bit)) return null;
    if (std.mem.readInt(u32, frame[4..8], .little) != nonce) return null;
    return @enumFromInt(frame[8]);
}

const testing = std.testing;
const hex = cursor.fromHex;

test "golden bytes are read and written" {
    var buffer: [request_bytes_max]u8 = undefined;
    const check: Check = .{
        .op = .check_cap_delegated,
        .nonce = 1,
        .subject = 0x326680366b8c11f1,
        .capability = "statefs.write",
    };
    const golden = hex("504f020501000000f1118c6b368066320d737461746566732e7772697465");
    try testing.expectEqualSlices(u8, &golden, try encodeRequest(&buffer, check));
    try testing.expectEqualDeep(check, decodeRequest(&golden).request);
}

test "what is refused; the nonce is echoed wherever there is one" {
    const tail = "\x07\x00\x00\x00" ++ "\x01" ** 8;
    const refused: Refusal = .{ .op = .check_cap, .nonce = 7, .status = .malformed };
    const table = [_]struct { []const u8, Refusal }{
        .{ "", .{ .op = .check_cap, .nonce = 0, .status = .malformed } },
        .{ "OP\x02\x05", .{ .op = .check_cap, .nonce = 0, .status = .malformed } },
        .{ "PO\x02\x05", .{ .op = .check_cap_delegated, .nonce = 0, .status = .malformed } },
        .{ "PO\x02\x04" ++ tail, refused },
        .{ "PO\x02\x04" ++ tail ++ "\x00", refused },
        .{ "PO\x02\x04" ++ tail ++ "\x02a", refused },
        .{ "PO\x02\x04" ++ tail ++ "\x01ab", refused },
        .{ "PO\x02\x04" ++ tail ++ "\x31" ++ "c" ** 49, refused },
        .{
            "PO\x01\x04" ++ tail ++ "\x01a",
            .{ .op = .check_cap, .nonce = 0, .status = .unsupported },
        },
        .{
            "PO\x02\x01" ++ tail ++ "\x01a",
            .{ .op = @enumFromInt(1), .nonce = 7, .status = .unsupported },
        },
        .{ "PO\x02\x7f", .{ .op = @enumFromInt(0x7f), .nonce = 0, .status = .unsupported } },
    };
    for (table) |row| try testing.expectEqual(row[1], decodeRequest(row[0]).refusal);
}

test "an answer counts only for its own question" {
    var buffer: [reply_bytes]u8 = undefined;
    const reply = try encodeReply(&buffer, .check_cap, 9, .deny);
    try testing.expectEqualSlices(u8, "PO\x02\x84\x09\x00\x00\x00\x01\x00", reply);
    try testing.expectEqual(@as(?Status, .deny), decodeReply(reply, .check_cap, 9));
    try testing.expectEqual(@as(?Status, null), decodeReply(reply, .check_cap, 8));
    try testing.expectEqual(@as(?Status, null), decodeReply(reply, .check_cap_delegated, 9));
    try testing.expectEqual(@as(?Status, null), decodeReply(reply[0..9], .check_cap, 9));
}
