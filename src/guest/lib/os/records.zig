//! Records of a configuration section: tag u16, length u16, value. See docs/spec/node-config.md.

const std = @import("std");

pub const Record = struct { tag: u16, value: []const u8 };

pub const Iterator = struct {
    rest: []const u8,

    pub fn next(self: *Iterator) error{Malformed}!?Record {
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
