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

const testing = std.testing;

fn hex(comptime text: []const u8) [text.len / 2]u8 {
    var bytes: [text.len / 2]u8 = undefined;
    _ = std.fmt.hexToBytes(&bytes, text) catch unreachable;
    return bytes;
}

test "the vectors are read and written" {
    try testing.expectEqual(@as(u32, 0xe3069283), crc32c("123456789"));
    const seven = "\x07" ++ "\x00" ** 7;
    const path = "/state/shared/selftest/remote-rw";
    const table = .{
        .{
            "4653584e012000140000002f73746174652f7368617265642f73656c66746573742f72656d6f74652d" ++
                "727772656d6f74652d737461746566732d72772d763176b69859",
            Record{ .op = .put, .key = path, .value = "remote-statefs-rw-v1" },
        },
        .{
            "4653584e022000000000002f73746174652f7368617265642f73656c66746573742f72656d6f74652d" ++
                "727773cf49f7",
            Record{ .op = .delete, .key = path },
        },
        .{
            "4653584e010800010000002f73746174652f6131e9f91fda",
            Record{ .op = .put, .key = "/state/a", .value = "1" },
        },
        .{
            "4653584e0300000800000001000000020000007d90885e",
            Record{ .op = .checkpoint, .value = "\x01\x00\x00\x00\x02\x00\x00\x00" },
        },
        .{
            "4653584e100000080000000700000000000000ea2a9f9e",
            Record{ .op = .prepare, .value = seven },
        },
        .{
            "4653584e1108000d0000002f73746174652f6107000000000000006368756e6bcee025c4",
            Record{ .op = .payload, .key = "/state/a", .value = seven ++ "chunk" },
        },
        .{
            "4653584e120000080000000700000000000000e8d08251",
            Record{ .op = .commit, .value = seven },
        },
        .{ "4653584e14000000000000d1d79c82", Record{ .op = .sync } },
    };
    inline for (table) |row| {
        const golden = hex(row[0]);
        var bytes: [golden.len]u8 = undefined;
        row[1].encode(&bytes);
        try testing.expectEqualSlices(u8, &golden, &bytes);
        try testing.expectEqualDeep(row[1], try decode(&golden));
        try testing.expectEqual(golden.len, claimedSize(&golden));
        for (0..golden.len * 8) |bit| {
            var bad = golden;
            bad[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
            if (decode(&bad)) |_| return error.TestUnexpectedResult else |_| {}
        }
    }
}

test "each damage has its name, and the first test that fails gives it" {
    const put = hex("4653584e010800010000002f73746174652f6131e9f91fda");
    const table = [_]struct { []const u8, Fault }{
        .{ "", error.ShortHeader },
        .{ put[0..14], error.ShortHeader },
        .{ &(.{0} ** 15), error.NoMagic },
        .{ "FSXN\x04" ++ "\x00" ** 10, error.UnknownOp },
        .{ "FSXN\x14\x00\x01" ++ "\x00" ** 8, error.OverCaps },
        .{ "FSXN\x01\x01\x00\x01\x00\x01\x00" ++ "\x00" ** 4, error.OverCaps },
        .{ "FSXN\x01\x00\x00" ++ "\x00" ** 8, error.BadShape },
        .{ &hex("4653584e03000000000000fe9d2203"), error.BadShape },
        // A call has a head and a peer of at least one byte.
        .{ "FSXN\x15\x00\x00" ++ .{call.head_bytes} ++ "\x00" ** 7, error.BadShape },
        .{ "FSXN\x15\x00\x00" ++ .{call.head_bytes + 1} ++ "\x00" ** 7, error.Short },
        .{ put[0 .. put.len - 1], error.Short },
        .{ put[0 .. put.len - 1] ++ "\x00", error.BadChecksum },
        .{ "FSXN\x01\x01\x00\x00\x00\x00\x00\xff\x00\x00\x00\x00", error.BadChecksum },
    };
    for (table) |row| try testing.expectError(row[1], decode(row[0]));
    var odd: [16]u8 = "FSXN\x01\x01\x00\x00\x00\x00\x00\xff\x00\x00\x00\x00".*;
    std.mem.writeInt(u32, odd[12..16], crc32c(odd[0..12]), .little);
    try testing.expectError(error.BadUtf8, decode(&odd));
}

test "a transaction has a number, and 0 is none" {
    for ([_]Op{ .prepare, .payload, .commit, .abort, .checkpoint, .put }) |op| {
        const key = if (op == .payload or op == .put) "k" else "";
        for ([_]usize{ 8, 0, 7 }) |place| {
            var value: [8]u8 = @splat(0);
            if (place < 8) value[place] = 1;
            const each: Record = .{ .op = op, .key = key, .value = &value };
            each.encode(raw[0..each.size()]);
            const is_refused = place == 8 and op != .checkpoint and op != .put;
            if (is_refused) {
                try testing.expectError(error.BadTransaction, decode(raw[0..each.size()]));
            } else try testing.expectEqualDeep(each, try decode(raw[0..each.size()]));
        }
    }
}

/// Bytes of a record of these lengths, whether or not a record may have them.
fn rawOf(out: []u8, op: Op, key_len: usize, value_len: usize) []const u8 {
    const body = header_bytes + key_len + value_len;
    @memset(out[0 .. body + 4], 'x');
    @memcpy(out[0..4], magic);
    out[4] = @intFromEnum(op);
    std.mem.writeInt(u16, out[5..7], @intCast(key_len), .little);
    std.mem.writeInt(u32, out[7..11], @intCast(value_len), .little);
    std.mem.writeInt(u32, out[body..][0..4], crc32c(out[0..body]), .little);
    return out[0 .. body + 4];
}

var raw: [record_bytes_max + 16]u8 = undefined;

test "each kind of record has its own least and most of key and value" {
    const Case = struct { op: Op, key: [2]usize, value: [2]usize };
    const longest = value_bytes_max;
    for ([_]Case{
        .{ .op = .put, .key = .{ 1, 255 }, .value = .{ 0, longest } },
        .{ .op = .delete, .key = .{ 1, 255 }, .value = .{ 0, 0 } },
        .{ .op = .payload, .key = .{ 1, 255 }, .value = .{ 8, 8 + 8192 } },
        .{ .op = .checkpoint, .key = .{ 0, 0 }, .value = .{ 8, 8 } },
        .{ .op = .prepare, .key = .{ 0, 0 }, .value = .{ 8, 8 } },
        .{ .op = .commit, .key = .{ 0, 0 }, .value = .{ 8, 8 } },
        .{ .op = .abort, .key = .{ 0, 0 }, .value = .{ 8, 8 } },
        .{ .op = .sync, .key = .{ 0, 0 }, .value = .{ 0, 0 } },
    }) |case| {
        for ([_]usize{ 0, 1, 2, 255, 256 }) |key_len| {
            const near = case.value;
            for ([_]usize{ near[0] -| 1, near[0], near[0] + 1, near[1], near[1] + 1 }) |len| {
                const is_one = key_len >= case.key[0] and key_len <= case.key[1] and
                    len >= near[0] and len <= near[1];
                const is_over = key_len > 255 or len > longest;
                const bytes = rawOf(&raw, case.op, key_len, len);
                if (is_one) {
                    try testing.expectEqual(len, (try decode(bytes)).value.len);
                } else {
                    const wanted = if (is_over) error.OverCaps else error.BadShape;
                    try testing.expectError(wanted, decode(bytes));
                }
                const claimed = if (is_over) overhead_bytes else bytes.len;
                try testing.expectEqual(claimed, claimedSize(bytes));
            }
        }
    }
}

test "a peer's change may be as long as a value with its head, and not a byte longer" {
    const least = call.head_bytes + 1;
    for ([_]usize{ least - 1, least, call_value_bytes_max, call_value_bytes_max + 1 }) |len| {
        const bytes = rawOf(&raw, .call, 1, len);
        const is_over = len > call_value_bytes_max;
        // Its lengths may be right, what is in it is not.
        const shape = if (len < least) error.BadShape else error.BadCall;
        const wanted = if (is_over) error.OverCaps else shape;
        try testing.expectError(wanted, decode(bytes));
        try testing.expectEqual(if (is_over) overhead_bytes else bytes.len, claimedSize(bytes));
    }
}
