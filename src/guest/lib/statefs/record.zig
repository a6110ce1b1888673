//! Journal records, to bytes and back. The order of the tests is part of the format.
//!
//!      0  magic   u32  `FSXN`        7  value_len u32
//!      4  op      u8                11  key, value
//!      5  key_len u16                   CRC-32C u32 of all before it

const std = @import("std");
const contract = @import("contract");
const call = @import("call.zig");
const Crc32c = std.hash.crc.Crc32Iscsi;

pub const magic = contract.journal.record_magic;
pub const key_bytes_max = contract.state.key_bytes_max;
pub const value_bytes_max = contract.state.value_bytes_max;
pub const chunk_bytes_max = contract.state.chunk_bytes_max;
pub const header_bytes = 11;
pub const overhead_bytes = 15;
pub const call_value_bytes_max = call.prefix_bytes_max + value_bytes_max;
pub const record_bytes_max = overhead_bytes + key_bytes_max + call_value_bytes_max;

pub const Op = contract.journal.RecordOp;

pub const Fault = error{
    ShortHeader,
    NoMagic,
    UnknownOp,
    OverCaps,
    BadShape,
    Short,
    BadChecksum,
    BadUtf8,
    BadCall,
    BadTransaction,
};

pub const Record = struct {
    op: Op,
    key: []const u8 = "",
    value: []const u8 = "",

    pub fn size(self: Record) usize {
        return overhead_bytes + self.key.len + self.value.len;
    }

    /// Write the record to `out`, which must have `size()` bytes.
    pub fn encode(self: Record, out: []u8) void {
        @memcpy(out[header_bytes + self.key.len ..][0..self.value.len], self.value);
        encodeAround(self.op, self.key, self.value.len, out);
    }
};

/// As `Record.encode`, of a value that already stands at its place in `out`.
pub fn encodeAround(op: Op, key: []const u8, value_len: usize, out: []u8) void {
    std.debug.assert(shapeOf(op).admits(key.len, value_len));
    std.debug.assert(out.len == overhead_bytes + key.len + value_len);
    @memcpy(out[0..4], magic);
    out[4] = @intFromEnum(op);
    std.mem.writeInt(u16, out[5..7], @intCast(key.len), .little);
    std.mem.writeInt(u32, out[7..11], @intCast(value_len), .little);
    @memcpy(out[header_bytes..][0..key.len], key);
    const body = out.len - 4;
    std.mem.writeInt(u32, out[body..][0..4], crc32c(out[0..body]), .little);
}

/// The mark that everything before it was durable when it was written.
pub const sync_bytes = blk: {
    @setEvalBranchQuota(10_000);
    var bytes: [overhead_bytes]u8 = undefined;
    (Record{ .op = .sync }).encode(&bytes);
    break :blk bytes;
};

/// The length of a record, from its header alone. Bytes that are not a header count as one.
pub fn claimedSize(header: []const u8) usize {
    const key_len: usize = std.mem.readInt(u16, header[5..7], .little);
    const value_len: usize = std.mem.readInt(u32, header[7..11], .little);
    const value_max = valueMax(header[4] == @intFromEnum(Op.call));
    if (key_len > key_bytes_max or value_len > value_max) return overhead_bytes;
    return overhead_bytes + key_len + value_len;
}

fn valueMax(is_call: bool) usize {
    return if (is_call) call_value_bytes_max else value_bytes_max;
}

/// Read the record at the start of `bytes`; it borrows from them.
pub fn decode(bytes: []const u8) Fault!Record {
    if (bytes.len < overhead_bytes) return error.ShortHeader;
    if (!std.mem.eql(u8, bytes[0..4], magic)) return error.NoMagic;
    const op = std.enums.fromInt(Op, bytes[4]) orelse return error.UnknownOp;
    const key_len: usize = std.mem.readInt(u16, bytes[5..7], .little);
    const value_len: usize = std.mem.readInt(u32, bytes[7..11], .little);
    if (key_len > key_bytes_max or value_len > valueMax(op == .call)) return error.OverCaps;
    if (!shapeOf(op).admits(key_len, value_len)) return error.BadShape;
    const body = header_bytes + key_len + value_len;
    if (body + 4 > bytes.len) return error.Short;
    if (std.mem.readInt(u32, bytes[body..][0..4], .little) != crc32c(bytes[0..body]))
        return error.BadChecksum;
    const key = bytes[header_bytes..][0..key_len];
    if (!std.unicode.utf8ValidateSlice(key)) return error.BadUtf8;
    const value = bytes[header_bytes + key_len .. body];
    if (op == .call and call.decode(key_len, value) == null) return error.BadCall;
    if (isStep(op) and std.mem.allEqual(u8, value[0..8], 0)) return error.BadTransaction;
    return .{ .op = op, .key = key, .value = value };
}

/// True: a record of this op is a step of a transaction, with whose number its value begins.
/// Entries have 0.
fn isStep(op: Op) bool {
    return switch (op) {
        .prepare, .payload, .commit, .abort => true,
        .put, .delete, .checkpoint, .sync, .call => false,
    };
}

pub fn crc32c(bytes: []const u8) u32 {
    return Crc32c.hash(bytes);
}

const Shape = struct {
    key: [2]usize,
    value: [2]usize,

    fn admits(self: Shape, key_len: usize, value_len: usize) bool {
        return key_len >= self.key[0] and key_len <= self.key[1] and
            value_len >= self.value[0] and value_len <= self.value[1];
    }
};

fn shapeOf(op: Op) Shape {
    return switch (op) {
        .put => .{ .key = .{ 1, key_bytes_max }, .value = .{ 0, value_bytes_max } },
        .call => .{
            .key = .{ 0, key_bytes_max },
            .value = .{ call.head_bytes + 1, call_value_bytes_max },
        },
        .delete => .{ .key = .{ 1, key_bytes_max }, .value = .{ 0, 0 } },
        .payload => .{ .key = .{ 1, key_bytes_max }, .value = .{ 8, 8 + chunk_bytes_max } },
        .checkpoint, .prepare, .commit, .abort => .{ .key = .{ 0, 0 }, .value = .{ 8, 8 } },
        .sync => .{ .key = .{ 0, 0 }, .value = .{ 0, 0 } },
    };
}

test {
    _ = @import("record_test.zig");
}
