//! Device ids: 1..64 bytes of UTF-8, chosen by their sender.

const std = @import("std");
const contract = @import("contract");

pub const bytes_max = contract.bus.device_id_bytes_max;

pub const Id = struct {
    bytes: [bytes_max]u8 = @splat(0),
    len: u8 = 0,

    pub fn from(text: []const u8) error{Invalid}!Id {
        if (text.len == 0 or text.len > bytes_max) return error.Invalid;
        if (!std.unicode.utf8ValidateSlice(text)) return error.Invalid;
        var id: Id = .{ .len = @intCast(text.len) };
        @memcpy(id.bytes[0..text.len], text);
        return id;
    }

    pub fn slice(self: *const Id) []const u8 {
        return self.bytes[0..self.len];
    }

    pub fn eql(self: *const Id, other: []const u8) bool {
        return std.mem.eql(u8, self.slice(), other);
    }

    /// The id, as it may appear in a log line. Until the session is bound an id is a stranger's
    /// text: a line break or an escape sequence in it must not write lines of the stranger's own.
    pub fn format(self: Id, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        for (self.bytes[0..self.len]) |byte| {
            // The same bytes that a configured id may have.
            try writer.writeByte(if (byte >= '!' and byte <= '~') byte else '?');
        }
    }
};

test "bounds are byte lengths" {
    try std.testing.expectError(error.Invalid, Id.from(""));
    try std.testing.expectError(error.Invalid, Id.from("x" ** 65));
    try std.testing.expectError(error.Invalid, Id.from("\xff"));
    try std.testing.expect((try Id.from("x" ** 64)).eql("x" ** 64));
}

test "a stranger's id cannot forge a log line" {
    var line: [64]u8 = undefined;
    const id = try Id.from("a\nSELFTEST: end\x1b");
    const text = try std.fmt.bufPrint(&line, "peer={f}", .{id});
    try std.testing.expectEqualStrings("peer=a?SELFTEST:?end?", text);
    // The first and the last byte that may be in a line, and their neighbours.
    const edges = try std.fmt.bufPrint(&line, "{f}", .{try Id.from(" !~\x7f")});
    try std.testing.expectEqualStrings("?!~?", edges);
}
