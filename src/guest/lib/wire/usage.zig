//! `US` v1, which every service answers with the numbers of things that it holds.
//! docs/spec/kernel-abi.md has the frames.

const std = @import("std");

pub const request = "US\x01\x01";
const reply_head = "US\x01\x81";
pub const numbers_max = 8;
pub const reply_bytes_max = reply_head.len + 1 + 2 * numbers_max;

/// The number of capabilities that the service holds, and its own numbers.
pub fn encodeReply(buffer: *[reply_bytes_max]u8, capabilities: u16, own: []const u16) []const u8 {
    std.debug.assert(own.len < numbers_max);
    var out: std.Io.Writer = .fixed(buffer);
    // No write fails: the buffer takes the longest reply.
    out.writeAll(reply_head) catch unreachable;
    out.writeByte(@intCast(own.len + 1)) catch unreachable;
    out.writeInt(u16, capabilities, .little) catch unreachable;
    for (own) |number| out.writeInt(u16, number, .little) catch unreachable;
    return out.buffered();
}

/// The numbers of a reply; null if it is malformed.
pub fn decodeReply(reply: []const u8, out: *[numbers_max]u16) ?[]const u16 {
    if (reply.len < reply_head.len + 1 or !std.mem.startsWith(u8, reply, reply_head)) return null;
    const count = reply[reply_head.len];
    const numbers = reply[reply_head.len + 1 ..];
    if (count == 0 or count > numbers_max or numbers.len != 2 * @as(usize, count)) return null;
    for (out[0..count], 0..) |*number, i| {
        number.* = std.mem.readInt(u16, numbers[2 * i ..][0..2], .little);
    }
    return out[0..count];
}

test "numbers travel, and every truncation is refused" {
    var buffer: [reply_bytes_max]u8 = undefined;
    var numbers: [numbers_max]u16 = undefined;
    const reply = encodeReply(&buffer, 9, &.{ 1, 0x1234 });
    try std.testing.expectEqualSlices(u8, "US\x01\x81\x03\x09\x00\x01\x00\x34\x12", reply);
    try std.testing.expectEqualSlices(u16, &.{ 9, 1, 0x1234 }, decodeReply(reply, &numbers).?);
    for (0..reply.len) |len| {
        try std.testing.expectEqual(null, decodeReply(reply[0..len], &numbers));
    }
    for ([_][]const u8{
        "US\x01\x81\x00",
        "US\x01\x81\x09" ++ "\x00" ** 18,
        "US\x01\x81\x01\x00\x00\x00",
        "US\x02\x81\x01\x00\x00",
    }) |other| try std.testing.expectEqual(null, decodeReply(other, &numbers));
}
