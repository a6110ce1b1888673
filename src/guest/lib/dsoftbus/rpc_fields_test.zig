//! Fields behind the head of a frame, read by their rows: each kind, each width, each bound, and
//! every byte that may be missing.

const std = @import("std");
const testing = std.testing;
const cursor = @import("wire").cursor;
const fields = @import("rpc_fields.zig");
const Field = fields.Field;

const number: Field = .{ .kind = .number, .at = 0, .width = 2, .bytes_max = 0, .items_max = 0 };
const member: Field = .{
    .kind = .number,
    .at = 1,
    .width = 1,
    .codes = "\x01\x05",
    .bytes_max = 0,
    .items_max = 0,
};
const text: Field = .{ .kind = .text, .at = 0, .width = 1, .bytes_max = 9, .items_max = 0 };
const data: Field = .{ .kind = .data, .at = 1, .width = 2, .bytes_max = 9, .items_max = 0 };
const rest: Field = .{ .kind = .rest, .at = 2, .bytes_max = 9, .items_max = 0 };
const texts: Field = .{ .kind = .texts, .at = 0, .bytes_max = 9, .items_max = 2 };

/// Read these fields; true if nothing is left behind them.
fn read(rows: []const Field, bytes: []const u8) fields.Error!bool {
    var in: cursor.Reader = .init(bytes);
    try fields.toMessage(&in, rows, null);
    return in.atEnd();
}

fn expectMalformed(rows: []const Field, bytes: []const u8) !void {
    try testing.expectError(error.Malformed, read(rows, bytes));
}

test "numbers first, then the bytes of texts, then what may be left out" {
    const rows = [_]Field{ number, text, member, data, rest };
    const whole = "\x34\x12" ++ "\x02" ++ "\x05" ++ "\x01\x00" ++ "hi" ++ "\xff";
    try testing.expect(try read(&rows, whole));
    try testing.expect(try read(&rows, whole ++ "\x03\x00abc"));
    for (0..whole.len) |cut| try testing.expectError(error.Truncated, read(&rows, whole[0..cut]));
    const more = whole ++ "\x03\x00abc";
    for (whole.len + 1..more.len) |cut| {
        try testing.expectError(error.Truncated, read(&rows, more[0..cut]));
    }
    try testing.expect(!try read(&rows, more ++ "d"));
    // A text that may be left out and has no byte is left out.
    try expectMalformed(&rows, whole ++ "\x00\x00");
    try expectMalformed(&rows, whole ++ "\x01\x00\xff");
}

test "a text is UTF-8, data is anything" {
    try expectMalformed(&.{text}, "\x01\xff");
    try testing.expect(try read(&.{data}, "\x01\x00\xff"));
    try testing.expect(try read(&.{text}, "\x00"));
    try testing.expect(try read(&.{text}, "\x02\xc3\xa4"));
}

test "a member of an enumeration has a number in the message and a code in the frame" {
    for ([_]u8{ 1, 5 }) |code| try testing.expect(try read(&.{member}, &.{code}));
    for ([_]u8{ 0, 2, 4, 6, 255 }) |code| try expectMalformed(&.{member}, &.{code});
    try testing.expectEqual(1, try fields.codeOf(member, 0));
    try testing.expectEqual(5, try fields.codeOf(member, 1));
    for ([_]u64{ 2, 3, 1 << 40 }) |later| {
        try testing.expectError(error.Malformed, fields.codeOf(member, later));
    }
    try testing.expectEqual(1 << 40, try fields.codeOf(number, 1 << 40));
    var wide = member;
    wide.width = 2;
    try testing.expect(try read(&.{wide}, "\x05\x00"));
    try expectMalformed(&.{wide}, "\x05\x01");
}

test "numbers of each width, the lowest byte first" {
    const bytes = "\x01\x02\x03\x04\x05\x06\x07\x08";
    const wanted = [_]u64{ 0x01, 0x0201, 0x0403_0201, 0x0807_0605_0403_0201 };
    for ([_]u8{ 1, 2, 4, 8 }, wanted) |width, want| {
        var in: cursor.Reader = .init(bytes);
        try testing.expectEqual(want, try fields.takeNumber(&in, width));
        try testing.expectEqual(8 - width, in.rest.len);
        var short: cursor.Reader = .init(bytes[0 .. width - 1]);
        try testing.expectError(error.Truncated, fields.takeNumber(&short, width));
    }
}

test "lists: as many items as are allowed, each with its own length" {
    try testing.expect(try read(&.{texts}, "\x00\x00"));
    try testing.expect(try read(&.{texts}, "\x02\x00" ++ "\x01\x00a" ++ "\x00\x00"));
    try expectMalformed(&.{texts}, "\x03\x00" ++ "\x00\x00" ** 3);
    try expectMalformed(&.{texts}, "\x01\x00" ++ "\x01\x00\xff");
    try testing.expectError(error.Truncated, read(&.{texts}, "\x02\x00" ++ "\x01\x00a"));
    const shape: fields.Shape = .{ .data_words = 1, .pointers = 1, .fields = &.{ number, text } };
    var records = texts;
    records.kind = .records;
    records.item = &shape;
    const two = "\x02\x00" ++ "\x07\x00\x01a" ++ "\x08\x00\x00";
    try testing.expect(try read(&.{records}, two));
    try testing.expect(!try read(&.{records}, two ++ "\x00"));
    for (0..two.len) |cut| {
        try testing.expectError(error.Truncated, read(&.{records}, two[0..cut]));
    }
}
