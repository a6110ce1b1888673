//! `PF`: golden bytes, refusals, and pages of a listing.

const std = @import("std");
const packages = @import("packages.zig");
const list_head_bytes = 12;

const testing = std.testing;

test "requests, both ways, and every truncation refused" {
    const requests = [_]packages.Request{
        .{ .stat = "system/build.prop" },
        .{ .open = "a@1/b" },
        .{ .read = .{ .file = 7, .offset = 1 << 33, .len = 4096 } },
        .{ .list = .{ .cursor = 3, .limit = 64, .path = "" } },
    };
    var buffer: [64]u8 = undefined;
    for (requests) |request| {
        const frame = try packages.encodeRequest(&buffer, request);
        const decoded: packages.Decoded = .{ .request = request };
        try testing.expectEqualDeep(decoded, packages.decodeRequest(frame));
        for (4..frame.len) |len| {
            const refusal = packages.decodeRequest(frame[0..len]).refusal;
            try testing.expectEqual(packages.Status.malformed, refusal.status);
        }
        buffer[frame.len] = 0;
        const longer = packages.decodeRequest(buffer[0 .. frame.len + 1]).refusal;
        try testing.expectEqual(packages.Status.malformed, longer.status);
    }
}

test "what is refused, and how" {
    const Case = struct { []const u8, u8, packages.Status };
    for ([_]Case{
        .{ "", 0, .malformed },
        .{ "PF\x01", 0, .malformed },
        .{ "PX\x01\x01", 0, .malformed },
        .{ "PF\x02\x01\x01\x00a", 1, .unsupported },
        .{ "PF\x01\x05", 5, .unsupported },
        .{ "PF\x01\x01\x00\x00", 1, .malformed },
        .{ "PF\x01\x03\x00\x00", 3, .malformed },
        .{ "PF\x01\x02" ++ "\x00" ** 14, 2, .malformed },
        .{ "PF\x01\x02" ++ "\x00" ** 12 ++ "\x01\x10", 2, .malformed },
    }) |case| {
        const refusal = packages.decodeRequest(case[0]).refusal;
        try testing.expectEqual(case[1], @intFromEnum(refusal.op));
        try testing.expectEqual(case[2], refusal.status);
    }
}

test "replies are written and read back" {
    var buffer: [128]u8 = undefined;
    const stat = packages.decodeReply(try packages.encodeStatReply(&buffer, 19, .file), .stat).?;
    const file: packages.Stat = .{ .size = 19, .kind = .file };
    try testing.expectEqual(file, packages.decodeStat(stat.tail).?);
    const opened = packages.decodeReply(try packages.encodeOpenReply(&buffer, 3, 1 << 40), .open).?;
    const handle: packages.Opened = .{ .file = 3, .size = 1 << 40 };
    try testing.expectEqual(handle, packages.decodeOpen(opened.tail).?);
    const read = packages.decodeReply(try packages.encodeReadReply(&buffer, "abc"), .read).?;
    try testing.expectEqualStrings("abc", packages.decodeRead(read.tail).?);
    const refused = try packages.encodeRefusal(&buffer, .open, .is_directory);
    try testing.expectEqualSlices(u8, "PF\x01\x83\x04", refused);
    const status = packages.decodeReply(refused, .open).?.status;
    try testing.expectEqual(packages.Status.is_directory, status);
    try testing.expectEqual(@as(?packages.Reply, null), packages.decodeReply(refused, .stat));
    try testing.expectEqual(@as(?packages.Stat, null), packages.decodeStat(read.tail));
}

test "a page holds what fits, and says where to go on" {
    var buffer: [list_head_bytes + 13 + 11]u8 = undefined;
    var page: packages.Page = try .begin(&buffer);
    try page.add(.directory, 0, &.{ "a", "@", "1" });
    try page.add(.file, 7, &.{"b"});
    try testing.expectError(error.NoRoom, page.add(.file, 8, &.{"c"}));
    var listing = packages.decodeList(packages.decodeReply(page.done(9, false), .list).?.tail).?;
    try testing.expectEqual(@as(u32, 9), listing.next_cursor);
    try testing.expect(!listing.is_last);
    try testing.expectEqualStrings("a@1", listing.next().?.name);
    const file = listing.next().?;
    try testing.expectEqual(packages.Kind.file, file.kind);
    try testing.expectEqual(@as(u64, 7), file.size);
    try testing.expectEqual(@as(?packages.Listing.Entry, null), listing.next());
}
