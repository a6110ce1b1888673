//! Records of peers' changes: the peer, the name of its call, and the answer, in one record
//! with the change itself, so that a cut leaves both or neither.
//!
//!      0  kind     u8      4  id      u64: epoch and number      28  peer, 1..64 bytes
//!      1  status   u8     12  digest  16 bytes                       then the rest
//!      2  peer_len u8
//!      3  0
//!
//! The first four kinds stand in a journal, the last two only in a snapshot, behind its entries.

const std = @import("std");
const contract = @import("contract");

pub const peer_bytes_max = contract.bus.device_id_bytes_max;
pub const digest_bytes = contract.journal.digest_bytes;
pub const head_bytes = 28;
/// The bytes before the rest.
pub const prefix_bytes_max = head_bytes + peer_bytes_max;
/// A remembered call in a record of an epoch: number, status, digest.
pub const entry_bytes = 4 + 1 + digest_bytes;

pub const Digest = [digest_bytes]u8;

pub const Kind = contract.journal.CallKind;

/// The peer that asked, and the name of its call. The upper half of the id 0: it has no name.
pub const Call = struct {
    peer: []const u8,
    id: u64 = 0,
    digest: Digest = @splat(0),

    pub fn epoch(self: Call) u32 {
        return @intCast(self.id >> 32);
    }

    pub fn number(self: Call) u32 {
        return @truncate(self.id);
    }
};

pub const Value = struct {
    kind: Kind,
    /// The status that the store's client got.
    status: u8 = 0,
    call: Call,
    rest: []const u8 = "",

    /// The length of everything except the rest.
    pub fn encodePrefix(self: Value, out: *[prefix_bytes_max]u8) []const u8 {
        const peer = self.call.peer;
        out[0..4].* = .{ @intFromEnum(self.kind), self.status, @intCast(peer.len), 0 };
        std.mem.writeInt(u64, out[4..12], self.call.id, .little);
        out[12..28].* = self.call.digest;
        @memcpy(out[head_bytes..][0..peer.len], peer);
        return out[0 .. head_bytes + peer.len];
    }
};

/// Null: no such value stands beside a key of this length.
pub fn decode(key_len: usize, bytes: []const u8) ?Value {
    if (bytes.len < head_bytes + 1 or bytes[3] != 0) return null;
    const kind = std.enums.fromInt(Kind, bytes[0]) orelse return null;
    const peer_len = bytes[2];
    if (peer_len == 0 or peer_len > peer_bytes_max) return null;
    if (bytes.len < head_bytes + @as(usize, peer_len)) return null;
    const peer = bytes[head_bytes..][0..peer_len];
    if (!std.unicode.utf8ValidateSlice(peer)) return null;
    const rest = bytes[head_bytes + @as(usize, peer_len) ..];
    const has_key = kind == .put or kind == .delete;
    if (has_key != (key_len != 0)) return null;
    const fits = switch (kind) {
        .nothing, .delete => rest.len == 0,
        .put => rest.len <= value_bytes_max,
        .commit => rest.len == 8,
        .own => rest.len % 2 == 0,
        .epoch => rest.len % entry_bytes == 0,
    };
    if (!fits) return null;
    return .{
        .kind = kind,
        .status = bytes[1],
        .call = .{
            .peer = peer,
            .id = std.mem.readInt(u64, bytes[4..12], .little),
            .digest = bytes[12..28].*,
        },
        .rest = rest,
    };
}

const value_bytes_max = contract.state.value_bytes_max;

const testing = std.testing;

test "golden bytes, both ways, and what is no such value" {
    const golden = "\x01\x00\x06\x00" ++ "\x07\x00\x00\x00\x01\x00\x00\x00" ++ "d" ** 16 ++
        "host-1" ++ "value";
    const value: Value = .{
        .kind = .put,
        .call = .{ .peer = "host-1", .id = 0x1_0000_0007, .digest = @splat('d') },
        .rest = "value",
    };
    var buffer: [prefix_bytes_max]u8 = undefined;
    try testing.expectEqualStrings(golden[0..34], value.encodePrefix(&buffer));
    try testing.expectEqualDeep(value, decode(1, golden).?);
    try testing.expectEqual(@as(u32, 1), value.call.epoch());
    try testing.expectEqual(@as(u32, 7), value.call.number());
    try testing.expectEqual(null, decode(0, golden));
    for (0..34) |len| try testing.expectEqual(null, decode(1, golden[0..len]));
    const table = [_]struct { u8, usize, usize, bool }{
        .{ 0, 0, 0, true },      .{ 0, 1, 0, false },      .{ 0, 0, 1, false },
        .{ 1, 1, 65_536, true }, .{ 1, 1, 65_537, false }, .{ 2, 1, 0, true },
        .{ 2, 1, 1, false },     .{ 2, 0, 0, false },      .{ 3, 0, 8, true },
        .{ 3, 0, 7, false },     .{ 3, 1, 8, false },      .{ 4, 0, 6, true },
        .{ 4, 0, 5, false },     .{ 5, 0, 42, true },      .{ 5, 0, 41, false },
        .{ 6, 0, 0, false },
    };
    const bytes: [prefix_bytes_max + value_bytes_max]u8 = @splat('x');
    for (table) |row| {
        var odd = bytes;
        odd[0..4].* = .{ row[0], 0, 1, 0 };
        const found = decode(row[1], odd[0 .. head_bytes + 1 + row[2]]);
        try testing.expectEqual(row[3], found != null);
    }
    var odd = golden.*;
    odd[3] = 1;
    try testing.expectEqual(null, decode(1, &odd));
    odd = golden.*;
    odd[28] = 0xFF;
    try testing.expectEqual(null, decode(1, &odd));
}

test "a peer's name is as long as it says, and has its bounds" {
    var bytes: [head_bytes + 80]u8 = @splat('x');
    @memset(bytes[0..head_bytes], 0);
    bytes[0] = @intFromEnum(Kind.put);
    for ([_]u8{ 1, 63, peer_bytes_max }) |len| {
        bytes[2] = len;
        const found = decode(1, &bytes).?;
        try testing.expectEqual(len, found.call.peer.len);
        try testing.expectEqual(80 - @as(usize, len), found.rest.len);
        // All that there is may be the name.
        const exact = decode(1, bytes[0 .. head_bytes + @as(usize, len)]).?;
        try testing.expectEqual(0, exact.rest.len);
        try testing.expectEqual(null, decode(1, bytes[0 .. head_bytes + @as(usize, len) - 1]));
    }
    for ([_]u8{ 0, peer_bytes_max + 1, 255 }) |len| {
        bytes[2] = len;
        try testing.expectEqual(null, decode(1, &bytes));
    }
}
