//! `LO`: golden bytes, round trips, refusals.

const std = @import("std");
const cursor = @import("cursor.zig");
const log = @import("log.zig");
const testing = std.testing;
const hex = cursor.fromHex;

test "golden bytes are read and written" {
    var buffer: [log.append_bytes_max]u8 = undefined;
    const append: log.Append = .{
        .level = .info,
        .scope = "dsoftbusd",
        .message = "dsoftbusd: audit remote statefs put allow",
    };
    const golden = hex("4c4f0201010000000000000002092900000064736f66746275736464736f667462757364" ++
        "3a2061756469742072656d6f746520737461746566732070757420616c6c6f77");
    const frame = try log.encodeRequest(&buffer, 1, .{ .append = append });
    try testing.expectEqualSlices(u8, &golden, frame);
    const request = log.decodeRequest(&golden).request;
    try testing.expectEqual(@as(?u64, 1), request.header.nonce);
    try testing.expectEqualDeep(append, request.body.append);
}

test "a note: golden bytes, both ways, and every truncation" {
    var buffer: [64]u8 = undefined;
    const note: log.Note = .{
        .room = .audit,
        .source = "host-1",
        .append = .{ .level = .info, .scope = "s", .message = "put", .fields = "k" },
    };
    const golden = hex("4c4f0110" ++ "0106686f73742d31" ++ "020103000100" ++ "737075746b");
    const frame = try log.encodeRequest(&buffer, null, .{ .note = note });
    try testing.expectEqualSlices(u8, &golden, frame);
    try testing.expectEqualDeep(note, log.decodeRequest(&golden).request.body.note);
    for (4..golden.len) |len| {
        const refusal = log.decodeRequest(golden[0..len]).refusal;
        try testing.expectEqual(log.Op.note, refusal.header.op);
        try testing.expectEqual(log.Status.malformed, refusal.status);
    }
    try testing.expectEqual(log.Status.malformed, log.decodeRequest(golden ++ "x").refusal.status);
    var writer = try log.startReply(&buffer, .{ .op = .note, .nonce = 3 }, .ok);
    try writer.int(u64, 9);
    try writer.int(u64, 0);
    try testing.expectEqual(@as(?u64, 9), log.decodeNoteReply(writer.done(), 3));
    try testing.expectEqual(@as(?u64, null), log.decodeAppendReply(writer.done(), 3));
}

test "every request survives a round trip in both versions" {
    const bodies = [_]log.Body{
        .{ .append = .{
            .level = .trace,
            .scope = "s" ** 64,
            .message = "m" ** 256,
            .fields = "f" ** 512,
        } },
        .{ .append = .{ .level = .err, .scope = "", .message = "" } },
        .{ .query = .{ .since_ns = 1 << 40, .max = 9 } },
        .stats,
        .{ .note = .{
            .room = .refusal,
            .source = "a" ** 64,
            .append = .{
                .level = .warn,
                .scope = "s" ** 64,
                .message = "m" ** 256,
                .fields = "f" ** 512,
            },
        } },
        .{ .note = .{
            .room = .plain,
            .source = "",
            .append = .{ .level = .err, .scope = "", .message = "" },
        } },
    };
    var buffer: [log.note_bytes_max]u8 = undefined;
    for (bodies) |body| for ([_]?u64{ null, 0, 77 }) |nonce| {
        const request = log.decodeRequest(try log.encodeRequest(&buffer, nonce, body)).request;
        try testing.expectEqual(nonce, request.header.nonce);
        try testing.expectEqualDeep(body, request.body);
    };
}

test "what is refused, and why" {
    const nonce = "\x07" ++ "\x00" ** 7;
    const table = [_]struct { []const u8, u8, ?u64, log.Status }{
        .{ "", 0, null, .malformed },
        .{ "OL\x01\x01", 0, null, .malformed },
        .{ "LO\x03\x01", 1, null, .unsupported },
        .{ "LO\x01\x04", 4, null, .unsupported },
        .{ "LO\x02\x04" ++ nonce, 4, 7, .unsupported },
        .{ "LO\x02\x03\x00", 3, null, .malformed },
        .{ "LO\x01\x03\x00", 3, null, .malformed },
        .{ "LO\x01\x02" ++ "\x00" ** 9, 2, null, .malformed },
        .{ "LO\x01\x02" ++ "\x00" ** 11, 2, null, .malformed },
        .{ "LO\x01\x01\x02\x00\x00\x00\x00", 1, null, .malformed },
        .{ "LO\x01\x01\x02\x01\x00\x00\x00\x00", 1, null, .malformed },
        .{ "LO\x01\x01\x02\x00\x00\x00\x00\x00x", 1, null, .malformed },
        .{ "LO\x01\x01\x05\x00\x00\x00\x00\x00", 1, null, .invalid },
        .{ "LO\x01\x01\x02\x41\x00\x00\x00\x00", 1, null, .too_large },
        .{ "LO\x01\x01\x02\x00\x01\x01\x00\x00", 1, null, .too_large },
        .{ "LO\x01\x10\x03\x00\x02\x00\x00\x00\x00\x00", 16, null, .invalid },
        .{ "LO\x01\x10\x00\x41", 16, null, .too_large },
        .{ "LO\x01\x10\x00\x00\x05\x00\x00\x00\x00\x00", 16, null, .invalid },
        .{ "LO\x02\x01" ++ nonce ++ "\x02\x00\x00\x00\x01\x02", 1, 7, .too_large },
    };
    for (table) |row| {
        const refusal = log.decodeRequest(row[0]).refusal;
        try testing.expectEqual(row[1], @intFromEnum(refusal.header.op));
        try testing.expectEqual(row[2], refusal.header.nonce);
        try testing.expectEqual(row[3], refusal.status);
    }
}

test "a query reply carries records whole" {
    var buffer: [128]u8 = undefined;
    const header: log.Header = .{ .op = .query, .nonce = 3 };
    var writer = try log.startReply(&buffer, header, .ok);
    try writer.int(u64, 10);
    try writer.int(u64, 1);
    try writer.int(u16, 1);
    const record: log.Record = .{
        .id = 10,
        .time_ns = 5,
        .level = .warn,
        .service = 0xAB,
        .scope = "s",
        .message = "hello",
        .fields = "k=v",
    };
    try log.putRecord(&writer, record);
    const len = writer.len;
    // A record that does not fit leaves nothing behind.
    try testing.expectError(error.NoRoom, log.putRecord(&writer, .{
        .id = 11,
        .time_ns = 6,
        .level = .warn,
        .service = 0xAB,
        .scope = "s",
        .message = "m" ** 60,
        .fields = "",
    }));
    try testing.expectEqual(len, writer.len);
    var records = log.decodeQueryReply(writer.done(), 3).?;
    try testing.expectEqual(log.Counters{ .total = 10, .dropped = 1 }, records.counters);
    try testing.expectEqualDeep(@as(?log.Record, record), try records.next());
    try testing.expectEqual(@as(?log.Record, null), try records.next());
    try testing.expect(log.decodeQueryReply(writer.done(), 4) == null);
    try testing.expect(log.decodeQueryReply(writer.done(), null) == null);
    var short = log.decodeQueryReply(buffer[0 .. len - 1], 3).?;
    try testing.expectError(error.Truncated, short.next());
}

test "an append reply gives the record's id only when the append was accepted" {
    var buffer: [64]u8 = undefined;
    var writer = try log.startReply(&buffer, .{ .op = .append }, .ok);
    try writer.int(u64, 4);
    try writer.int(u64, 0);
    try testing.expectEqual(@as(usize, 21), writer.len);
    try testing.expectEqual(@as(?u64, 4), log.decodeAppendReply(writer.done(), null));
    const refused = try log.startReply(&buffer, .{ .op = .append }, .rate_limited);
    try testing.expectEqualSlices(u8, "LO\x01\x81\x06", refused.done());
    try testing.expectEqual(@as(?u64, null), log.decodeAppendReply(refused.done(), null));
}
