//! The names that a bundle, a version of it, and a file in it may have.

const std = @import("std");
const contract = @import("contract");

pub const name_bytes_max = contract.image.name_bytes_max;
pub const path_bytes_max = contract.image.path_bytes_max;

/// A bundle or a version: one segment, without the `@` that stands between the two.
pub fn isName(text: []const u8) bool {
    if (text.len == 0 or text.len > name_bytes_max) return false;
    if (std.mem.indexOfAny(u8, text, "/@") != null) return false;
    return isSegment(text) and std.unicode.utf8ValidateSlice(text);
}

/// A path below a bundle: segments between single slashes, none of which leads out of it.
pub fn isPath(text: []const u8) bool {
    if (text.len == 0 or text.len > path_bytes_max) return false;
    return areSegments(text) and std.unicode.utf8ValidateSlice(text);
}

pub fn areSegments(text: []const u8) bool {
    var segments = std.mem.splitScalar(u8, text, '/');
    while (segments.next()) |segment| if (!isSegment(segment)) return false;
    return true;
}

fn isSegment(text: []const u8) bool {
    if (text.len == 0 or std.mem.eql(u8, text, ".") or std.mem.eql(u8, text, "..")) return false;
    return std.mem.indexOfAny(u8, text, "\\\x00") == null;
}

test "names and paths are judged by their rules" {
    const expectEqual = std.testing.expectEqual;
    const Case = struct { []const u8, bool, bool };
    for ([_]Case{
        .{ "system", true, true },
        .{ "1.0.0-a", true, true },
        .{ "a/b", false, true },
        .{ "a@1", false, true },
        .{ "...", true, true },
        .{ "a b", true, true },
        .{ "\u{e9}", true, true },
        .{ "n" ** 256, true, true },
        .{ "n" ** 257, false, true },
        .{ "p" ** 1024, false, true },
        .{ "p" ** 1025, false, false },
        .{ "", false, false },
        .{ ".", false, false },
        .{ "..", false, false },
        .{ "a/../b", false, false },
        .{ "a//b", false, false },
        .{ "/a", false, false },
        .{ "a/", false, false },
        .{ "a\\b", false, false },
        .{ "a\x00b", false, false },
        .{ "\xff", false, false },
        .{ "\xc3", false, false },
    }) |case| {
        try expectEqual(case[1], isName(case[0]));
        try expectEqual(case[2], isPath(case[0]));
    }
}
