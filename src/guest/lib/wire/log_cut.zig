//! Cuts an answer of the log for a peer, which takes less than the log's own clients.

const std = @import("std");
const cursor = @import("cursor.zig");
const log = @import("log.zig");

/// Cut a good answer to query in place, to the first records that fit whole. Null: these bytes are
/// not such an answer, or not even one without records fits.
pub fn cutQueryReply(frame: []u8, bytes_max: usize) ?[]u8 {
    if (frame.len < 4 or frame[3] != @intFromEnum(log.Op.query) | cursor.reply_bit) return null;
    var header: log.Header = .{ .op = .query };
    if (frame[2] == 2) {
        if (frame.len < 13) return null;
        header.nonce = std.mem.readInt(u64, frame[5..13], .little);
    }
    const tail = log.replyTail(frame, header) orelse return null;
    const count_at = frame.len - tail.rest.len + 16;
    if (count_at + 2 > @min(frame.len, bytes_max)) return null;
    var records = log.decodeQueryReply(frame, header.nonce).?;
    var count: u16 = 0;
    var end = count_at + 2;
    while (records.next() catch return null) |record| {
        if (end + record.encodedLen() > bytes_max) break;
        end += record.encodedLen();
        count += 1;
    }
    std.debug.assert(end <= bytes_max and end <= frame.len);
    std.mem.writeInt(u16, frame[count_at..][0..2], count, .little);
    return frame[0..end];
}

test "a query reply is cut behind a whole record, at whatever length" {
    const record: log.Record = .{
        .id = 1,
        .time_ns = 2,
        .level = .info,
        .service = 3,
        .scope = "s",
        .message = "hello",
        .fields = "",
    };
    for ([_]?u64{ null, 7 }) |nonce| {
        const head: usize = if (nonce == null) 23 else 31;
        const each = record.encodedLen();
        var whole: [256]u8 = undefined;
        var writer = try log.startReply(&whole, .{ .op = .query, .nonce = nonce }, .ok);
        try writer.int(u64, 10);
        try writer.int(u64, 1);
        try writer.int(u16, 3);
        for (0..3) |_| try log.putRecord(&writer, record);
        const frame = writer.done();
        for (0..frame.len + 1) |most| {
            var copy = whole;
            const cut = cutQueryReply(copy[0..frame.len], most) orelse {
                try std.testing.expect(most < head);
                continue;
            };
            const fitting = @min(3, (most - head) / each);
            try std.testing.expectEqual(head + fitting * each, cut.len);
            var records = log.decodeQueryReply(cut, nonce).?;
            try std.testing.expectEqual(fitting, records.left);
            while (try records.next()) |found| try std.testing.expectEqualDeep(record, found);
            try std.testing.expect(records.reader.atEnd());
        }
        // Bytes that are not a whole answer to a query do not count as one.
        for (0..frame.len) |len| {
            var copy = whole;
            try std.testing.expectEqual(null, cutQueryReply(copy[0..len], 512));
        }
        for ([_]usize{ 0, 2, 3, 4 }) |at| {
            var copy = whole;
            copy[at] ^= 4;
            try std.testing.expectEqual(null, cutQueryReply(copy[0..frame.len], 512));
        }
    }
}

test "behind a record that does not fit nothing is taken, however short" {
    const texts = [_][]const u8{ "a", "a longer one", "b" };
    var whole: [256]u8 = undefined;
    var writer = try log.startReply(&whole, .{ .op = .query }, .ok);
    try writer.int(u64, 10);
    try writer.int(u64, 1);
    try writer.int(u16, texts.len);
    var lens: [texts.len]usize = undefined;
    for (texts, &lens) |text, *len| {
        const record: log.Record = .{
            .id = 1,
            .time_ns = 2,
            .level = .info,
            .service = 3,
            .scope = "s",
            .message = text,
            .fields = "",
        };
        len.* = record.encodedLen();
        try log.putRecord(&writer, record);
    }
    const frame = writer.done();
    const cut = cutQueryReply(frame, 23 + lens[0] + lens[2]).?;
    try std.testing.expectEqual(23 + lens[0], cut.len);
}
