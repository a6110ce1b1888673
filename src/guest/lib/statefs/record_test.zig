//! Journal records: golden bytes, every fault in its order, and every length.

const std = @import("std");
const record = @import("record.zig");
const call = @import("call.zig");

const testing = std.testing;

fn hex(comptime text: []const u8) [text.len / 2]u8 {
    var bytes: [text.len / 2]u8 = undefined;
    _ = std.fmt.hexToBytes(&bytes, text) catch unreachable;
    return bytes;
}

test "the vectors are read and written" {
    try testing.expectEqual(@as(u32, 0xe3069283), record.crc32c("123456789"));
    const seven = "\x07" ++ "\x00" ** 7;
    const path = "/state/shared/selftest/remote-rw";
    const table = .{
        .{
            "4653584e012000140000002f73746174652f7368617265642f73656c66746573742f72656d6f74652d" ++
                "727772656d6f74652d737461746566732d72772d763176b69859",
            record.Record{ .op = .put, .key = path, .value = "remote-statefs-rw-v1" },
        },
        .{
            "4653584e022000000000002f73746174652f7368617265642f73656c66746573742f72656d6f74652d" ++
                "727773cf49f7",
            record.Record{ .op = .delete, .key = path },
        },
        .{
            "4653584e010800010000002f73746174652f6131e9f91fda",
            record.Record{ .op = .put, .key = "/state/a", .value = "1" },
        },
        .{
            "4653584e0300000800000001000000020000007d90885e",
            record.Record{ .op = .checkpoint, .value = "\x01\x00\x00\x00\x02\x00\x00\x00" },
        },
        .{
            "4653584e100000080000000700000000000000ea2a9f9e",
            record.Record{ .op = .prepare, .value = seven },
        },
        .{
            "4653584e1108000d0000002f73746174652f6107000000000000006368756e6bcee025c4",
            record.Record{ .op = .payload, .key = "/state/a", .value = seven ++ "chunk" },
        },
        .{
            "4653584e120000080000000700000000000000e8d08251",
            record.Record{ .op = .commit, .value = seven },
        },
        .{ "4653584e14000000000000d1d79c82", record.Record{ .op = .sync } },
    };
    inline for (table) |row| {
        const golden = hex(row[0]);
        var bytes: [golden.len]u8 = undefined;
        row[1].encode(&bytes);
        try testing.expectEqualSlices(u8, &golden, &bytes);
        try testing.expectEqualDeep(row[1], try record.decode(&golden));
        try testing.expectEqual(golden.len, record.claimedSize(&golden));
        for (0..golden.len * 8) |bit| {
            var bad = golden;
            bad[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
            if (record.decode(&bad)) |_| return error.TestUnexpectedResult else |_| {}
        }
    }
}

test "each damage has its name, and the first test that fails gives it" {
    const put = hex("4653584e010800010000002f73746174652f6131e9f91fda");
    const table = [_]struct { []const u8, record.Fault }{
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
    for (table) |row| try testing.expectError(row[1], record.decode(row[0]));
    var odd: [16]u8 = "FSXN\x01\x01\x00\x00\x00\x00\x00\xff\x00\x00\x00\x00".*;
    std.mem.writeInt(u32, odd[12..16], record.crc32c(odd[0..12]), .little);
    try testing.expectError(error.BadUtf8, record.decode(&odd));
}

test "a transaction has a number, and 0 is none" {
    for ([_]record.Op{ .prepare, .payload, .commit, .abort, .checkpoint, .put }) |op| {
        const key = if (op == .payload or op == .put) "k" else "";
        for ([_]usize{ 8, 0, 7 }) |place| {
            var value: [8]u8 = @splat(0);
            if (place < 8) value[place] = 1;
            const each: record.Record = .{ .op = op, .key = key, .value = &value };
            each.encode(raw[0..each.size()]);
            const is_refused = place == 8 and op != .checkpoint and op != .put;
            if (is_refused) {
                try testing.expectError(error.BadTransaction, record.decode(raw[0..each.size()]));
            } else try testing.expectEqualDeep(each, try record.decode(raw[0..each.size()]));
        }
    }
}

/// Bytes of a record of these lengths, whether or not a record may have them.
fn rawOf(out: []u8, op: record.Op, key_len: usize, value_len: usize) []const u8 {
    const body = record.header_bytes + key_len + value_len;
    @memset(out[0 .. body + 4], 'x');
    @memcpy(out[0..4], record.magic);
    out[4] = @intFromEnum(op);
    std.mem.writeInt(u16, out[5..7], @intCast(key_len), .little);
    std.mem.writeInt(u32, out[7..11], @intCast(value_len), .little);
    std.mem.writeInt(u32, out[body..][0..4], record.crc32c(out[0..body]), .little);
    return out[0 .. body + 4];
}

var raw: [record.record_bytes_max + 16]u8 = undefined;

test "each kind of record has its own least and most of key and value" {
    const Case = struct { op: record.Op, key: [2]usize, value: [2]usize };
    const longest = record.value_bytes_max;
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
                    try testing.expectEqual(len, (try record.decode(bytes)).value.len);
                } else {
                    const wanted = if (is_over) error.OverCaps else error.BadShape;
                    try testing.expectError(wanted, record.decode(bytes));
                }
                const claimed = if (is_over) record.overhead_bytes else bytes.len;
                try testing.expectEqual(claimed, record.claimedSize(bytes));
            }
        }
    }
}

test "a peer's change may be as long as a value with its head, and not a byte longer" {
    const least = call.head_bytes + 1;
    const most = record.call_value_bytes_max;
    for ([_]usize{ least - 1, least, most, most + 1 }) |len| {
        const bytes = rawOf(&raw, .call, 1, len);
        const is_over = len > record.call_value_bytes_max;
        // Its lengths may be right, what is in it is not.
        const shape = if (len < least) error.BadShape else error.BadCall;
        const wanted = if (is_over) error.OverCaps else shape;
        try testing.expectError(wanted, record.decode(bytes));
        const claimed = if (is_over) record.overhead_bytes else bytes.len;
        try testing.expectEqual(claimed, record.claimedSize(bytes));
    }
}
