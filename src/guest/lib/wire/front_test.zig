//! `DS`: golden bytes, refusals, and every truncation.

const std = @import("std");
const cursor = @import("cursor.zig");
const front = @import("front.zig");
const testing = std.testing;
const hex = cursor.fromHex;

test "golden bytes are read and written" {
    var buffer: [front.request_bytes_max]u8 = undefined;
    const resolve = try front.encodeRequest(&buffer, .{ .resolve = "bundlemgrd" });
    try testing.expectEqualSlices(u8, &hex("445301010a62756e646c656d677264"), resolve);
    try testing.expectEqualSlices(u8, "bundlemgrd", front.decodeRequest(resolve).request.resolve);
    const list = try front.encodeRequest(&buffer, .bundle_list);
    try testing.expectEqualSlices(u8, &hex("44530102"), list);
    const reply = try front.encodeBundleListReply(&buffer, 1);
    try testing.expectEqualSlices(u8, &hex("44530182000100"), reply);
    try testing.expectEqual(@as(?u16, 1), front.decodeBundleCount(reply));
}

test "a request that names its peer is one of version 2, and no truncation of it is a request" {
    var buffer: [front.request_bytes_max]u8 = undefined;
    var plain_buffer: [front.request_bytes_max]u8 = undefined;
    const requests = [_]front.Request{
        .{ .resolve = "bundlemgrd" },
        .bundle_list,
        .{ .package_stat = "pkg:/a" },
        .{ .package_open = "pkg:/a" },
        .{ .package_read = .{ .handle = 1, .offset = 2, .len = 3 } },
        .{ .package_close = 7 },
        .{ .state = "SF\x01\x05" },
    };
    for (requests) |request| {
        const plain = try front.encodeRequest(&plain_buffer, request);
        try testing.expectEqualStrings("", front.peerOf(plain));
        const named = try front.encodeRequestTo(&buffer, "node-b", request);
        try testing.expectEqualSlices(u8, &.{ 'D', 'S', 2, plain[3], 6 }, named[0..5]);
        try testing.expectEqualSlices(u8, plain[4..], named[11..]);
        try testing.expectEqualStrings("node-b", front.peerOf(named));
        try testing.expectEqualDeep(front.decodeRequest(plain), front.decodeRequest(named));
        for (4..named.len) |len| {
            const refusal = front.decodeRequest(named[0..len]).refusal;
            try testing.expectEqual(plain[3], @intFromEnum(refusal));
        }
    }
    const longest = try front.encodeRequestTo(&buffer, "p" ** 64, .{ .state = "x" ** 256 });
    try testing.expectEqual(front.request_bytes_max, longest.len);
    try testing.expectError(error.NoRoom, front.encodeRequestTo(&buffer, "p" ** 65, .bundle_list));
    for ([_][]const u8{
        "DS\x02\x02",
        "DS\x02\x02\x00",
        "DS\x02\x02\x02a",
        "DS\x02\x02\x01ab",
        "DS\x02\x02\x41" ++ "p" ** 65,
    }) |frame| try testing.expectEqual(front.Op.bundle_list, front.decodeRequest(frame).refusal);
}

test "what is refused, and as which operation" {
    const table = [_]struct { []const u8, u8 }{
        .{ "", 0 },
        .{ "DS\x03\x01", 0 },
        .{ "DS\x00\x01", 0 },
        .{ "SD\x01\x02", 0 },
        .{ "DS\x01\x01", 1 },
        .{ "DS\x01\x01\x00", 1 },
        .{ "DS\x01\x01\x02a", 1 },
        .{ "DS\x01\x01\x01ab", 1 },
        .{ "DS\x01\x02\x00", 2 },
        .{ "DS\x01\x09", 9 },
        .{ "DS\x01\x01\x31" ++ "n" ** 49, 1 },
        .{ "DS\x01\x03", 3 },
        .{ "DS\x01\x03\x02a", 3 },
        .{ "DS\x01\x04\x01ab", 4 },
        .{ "DS\x01\x03\xc1" ++ "p" ** 193, 3 },
        .{ "DS\x01\x05" ++ "\x00" ** 9, 5 },
        .{ "DS\x01\x05" ++ "\x00" ** 11, 5 },
        .{ "DS\x01\x06\x00\x00\x00", 6 },
    };
    for (table) |row| {
        try testing.expectEqual(row[1], @intFromEnum(front.decodeRequest(row[0]).refusal));
    }
}

test "package operations are read and written" {
    var buffer: [front.request_bytes_max]u8 = undefined;
    const path = "pkg:/system/build.prop";
    const stat = try front.encodeRequest(&buffer, .{ .package_stat = path });
    const stat_bytes = hex("4453010316706b673a2f73797374656d2f6275696c642e70726f70");
    try testing.expectEqualSlices(u8, &stat_bytes, stat);
    try testing.expectEqualStrings(path, front.decodeRequest(stat).request.package_stat);
    const open = try front.encodeRequest(&buffer, .{ .package_open = "p" ** 192 });
    try testing.expectEqualStrings("p" ** 192, front.decodeRequest(open).request.package_open);
    const what: front.PackageRead = .{ .handle = 1, .offset = 0, .len = 64 };
    const read = try front.encodeRequest(&buffer, .{ .package_read = what });
    try testing.expectEqualSlices(u8, &hex("4453010501000000000000004000"), read);
    try testing.expectEqual(what, front.decodeRequest(read).request.package_read);
    const close = try front.encodeRequest(&buffer, .{ .package_close = 7 });
    try testing.expectEqual(@as(u32, 7), front.decodeRequest(close).request.package_close);
    const long: front.Request = .{ .package_stat = "p" ** 193 };
    try testing.expectError(error.NoRoom, front.encodeRequest(&buffer, long));
}

test "an answer has the length that its operation and status demand" {
    const Case = struct { []const u8, front.Op, ?front.Status };
    for ([_]Case{
        .{ "DS\x01\x83\x00" ++ "\x00" ** 10, .package_stat, .ok },
        .{ "DS\x01\x83\x00" ++ "\x00" ** 9, .package_stat, null },
        .{ "DS\x01\x83\x06", .package_stat, .badf },
        .{ "DS\x01\x84\x00\x01\x00\x00\x00", .package_open, .ok },
        .{ "DS\x01\x84\x09\x00\x00\x00\x00", .package_open, null },
        .{ "DS\x01\x85\x00\x02\x00ab", .package_read, .ok },
        .{ "DS\x01\x85\x00\x03\x00ab", .package_read, null },
        .{ "DS\x01\x85\x00\x00", .package_read, null },
        .{ "DS\x01\x86\x00", .package_close, .ok },
    }) |case| try testing.expectEqual(case[2], front.decodeStatus(case[0], case[1]));
    const tail = front.decodePackageTail("DS\x01\x85\x00\x02\x00ab", .package_read).?;
    try testing.expectEqualStrings("\x02\x00ab", tail);
}

test "state requests are read and written" {
    var buffer: [front.reply_bytes_max]u8 = undefined;
    const sync = try front.encodeRequest(&buffer, .{ .state = "SF\x01\x05" });
    try testing.expectEqualSlices(u8, &hex("44530107040053460105"), sync);
    try testing.expectEqualSlices(u8, "SF\x01\x05", front.decodeRequest(sync).request.state);
    try testing.expectError(error.NoRoom, front.encodeRequest(&buffer, .{ .state = "" }));
    try testing.expectError(error.NoRoom, front.encodeRequest(&buffer, .{ .state = "x" ** 257 }));
    for ([_][]const u8{
        "DS\x01\x07\x00\x00",
        "DS\x01\x07\x02\x00x",
        "DS\x01\x07\x01\x00xy",
        "DS\x01\x07\x01\x01" ++ "x" ** 257,
    }) |frame| try testing.expectEqual(front.Op.state, front.decodeRequest(frame).refusal);
    const reply = try front.encodeStateReply(&buffer, "SF\x01\x85\x00");
    try testing.expectEqualSlices(u8, "SF\x01\x85\x00", front.decodeState(reply).?);
    try testing.expect(front.decodeState("DS\x01\x87\x01") == null);
    try testing.expect(front.decodeState("DS\x01\x87\x00\x02\x00x") == null);
}

test "a failed bundle list has no count" {
    var buffer: [front.reply_bytes_max]u8 = undefined;
    const failed = try front.encodeReply(&buffer, .bundle_list, .fail);
    try testing.expectEqual(@as(?front.Status, .fail), front.decodeStatus(failed, .bundle_list));
    try testing.expectEqual(@as(?u16, null), front.decodeBundleCount(failed));
    try testing.expectEqual(@as(?front.Status, null), front.decodeStatus(failed, .resolve));
    // "ok" without its count is not an answer.
    try testing.expectEqual(
        @as(?front.Status, null),
        front.decodeStatus("DS\x01\x82\x00", .bundle_list),
    );
}
