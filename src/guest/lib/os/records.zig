//! Records of a section of the configuration: tag u16, length u16, value. docs/spec/node-config.md
//! describes them.

const std = @import("std");

pub const Record = struct { tag: u16, value: []const u8 };

pub const Iterator = struct {
    rest: []const u8,

    pub fn next(self: *Iterator) error{Malformed}!?Record {
        // No assert: a section comes from outside, and is judged.
        if (self.rest.len == 0) return null;
        if (self.rest.len < 4) return error.Malformed;
        const tag = std.mem.readInt(u16, self.rest[0..2], .little);
        const len = std.mem.readInt(u16, self.rest[2..4], .little);
        if (self.rest.len < 4 + @as(usize, len)) return error.Malformed;
        defer self.rest = self.rest[4 + @as(usize, len) ..];
        return .{ .tag = tag, .value = self.rest[4..][0..len] };
    }
};

pub fn iterate(section: []const u8) Iterator {
    return .{ .rest = section };
}

const testing = std.testing;

test "records come out in order, empty ones too" {
    var records = iterate("\x01\x00\x03\x00abc\x02\x01\x00\x00");
    const first = (try records.next()).?;
    try testing.expectEqual(@as(u16, 1), first.tag);
    try testing.expectEqualStrings("abc", first.value);
    const second = (try records.next()).?;
    try testing.expectEqual(@as(u16, 0x102), second.tag);
    try testing.expectEqual(@as(usize, 0), second.value.len);
    try testing.expectEqual(@as(?Record, null), try records.next());
}

test "an empty section has no record" {
    var records = iterate("");
    try testing.expectEqual(@as(?Record, null), try records.next());
}

test "every truncation of a record is malformed" {
    const whole = "\x01\x00\x03\x00abc";
    for (1..whole.len) |len| {
        var records = iterate(whole[0..len]);
        try testing.expectError(error.Malformed, records.next());
    }
}
