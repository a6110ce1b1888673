//! Each frame at its longest, one byte longer, and cut at every byte. `store_bounds_test.zig` has
//! those of packages, policy, names, state and usage.

const std = @import("std");
const testing = std.testing;
const cursor = @import("cursor.zig");
const behalf = @import("behalf.zig");
const bundle = @import("bundle.zig");
const entropy = @import("entropy.zig");
const front = @import("front.zig");
const log = @import("log.zig");
const state = @import("state.zig");

const long: [66_000]u8 = @splat('x');
const NoRoom = error.NoRoom;

var buffer: [66_500]u8 = undefined;

test "a header is four bytes, and all of them count" {
    try testing.expect(cursor.hasHeader("AB\x01\x02", "AB", 1, 2));
    try testing.expect(cursor.hasHeader("AB\x01\x02more", "AB", 1, 2));
    const others = [_][]const u8{
        "AB\x01", "XB\x01\x02", "AX\x01\x02", "AB\x02\x02", "AB\x01\x03",
    };
    for (others) |bytes| {
        try testing.expect(!cursor.hasHeader(bytes, "AB", 1, 2));
    }
}

test "calls on behalf of a peer: the peer's name, and whether it is a call" {
    for ([_]usize{ 1, behalf.peer_bytes_max }) |len| {
        const call: behalf.Call = .{ .peer = long[0..len], .frame = "SF" };
        const frame = try behalf.encodeCall(&buffer, call);
        try testing.expectEqual(49 + len + 2, frame.len);
        try testing.expectEqualStrings(long[0..len], behalf.decodeCall(frame).?.peer);
        for (0..frame.len) |cut| {
            try testing.expectEqual(cut >= 2, behalf.isCall(frame[0..cut]));
            const is_whole = cut >= 49 + len; // what is behind the head is another's to judge
            try testing.expectEqual(is_whole, behalf.decodeCall(frame[0..cut]) != null);
        }
        frame[48] = 0;
        try testing.expectEqual(null, behalf.decodeCall(frame));
    }
    for ([_]usize{ 0, behalf.peer_bytes_max + 1 }) |len| {
        const call: behalf.Call = .{ .peer = long[0..len], .frame = "SF" };
        try testing.expectError(NoRoom, behalf.encodeCall(&buffer, call));
    }
    var head: [behalf.reply_head_bytes]u8 = undefined;
    behalf.encodeReplyHead(&head, .forgotten);
    try testing.expectEqual(.forgotten, behalf.decodeReply(&head).?.ending);
    for (0..head.len) |cut| try testing.expectEqual(null, behalf.decodeReply(head[0..cut]));
}

test "bundles: requests are four bytes, an image may be empty" {
    for ([_]bundle.Op{ .list, .fetch_image }) |op| {
        const frame = try bundle.encodeRequest(&buffer, op);
        try testing.expectEqual(op, bundle.decodeRequest(frame).request);
        buffer[4] = 0;
        try testing.expectEqual(.malformed, bundle.decodeRequest(buffer[0..5]).refusal.status);
        try testing.expectEqual(.malformed, bundle.decodeRequest(buffer[0..3]).refusal.status);
    }
    const empty = try bundle.encodeImageHeader(&buffer, .unsupported, 0);
    const reply = bundle.decodeImageReply(empty).?;
    try testing.expectEqual(.unsupported, reply.status);
    try testing.expectEqual(0, reply.image.len);
    for (0..empty.len) |cut| try testing.expectEqual(null, bundle.decodeImageReply(empty[0..cut]));
    const list = try bundle.encodeListReply(&buffer, .list, .ok, 0x0102);
    try testing.expectEqual(0x0102, bundle.decodeListReply(list).?.count);
    list[7] = 1;
    try testing.expectEqual(null, bundle.decodeListReply(list));
    list[7] = 0;
    list[6] = 0;
    try testing.expectEqual(2, bundle.decodeListReply(list).?.count);
}

test "entropy: as much as fits, and none at all" {
    for ([_]usize{ 0, 1, entropy.bytes_max }) |len| {
        const frame = try entropy.encodeReply(&buffer, .ok, long[0..len]);
        const reply = entropy.decodeReply(frame).?;
        try testing.expectEqual(.ok, reply.status);
        try testing.expectEqual(len, reply.bytes.len);
        for (0..frame.len) |cut| try testing.expectEqual(null, entropy.decodeReply(frame[0..cut]));
    }
    const beyond = entropy.encodeReply(&buffer, .ok, long[0 .. entropy.bytes_max + 1]);
    try testing.expectError(NoRoom, beyond);
}

test "the front: names, paths and frames at their longest" {
    for ([_]usize{ 1, front.name_bytes_max }) |len| {
        const frame = try front.encodeRequestTo(&buffer, "", .{ .resolve = long[0..len] });
        try testing.expectEqualStrings(long[0..len], front.decodeRequest(frame).request.resolve);
        for (4..frame.len) |cut| try testing.expect(front.decodeRequest(frame[0..cut]) == .refusal);
    }
    for ([_]usize{ 0, front.name_bytes_max + 1 }) |len| {
        const made = front.encodeRequestTo(&buffer, "", .{ .resolve = long[0..len] });
        try testing.expectError(NoRoom, made);
    }
    for ([_]usize{ 1, front.state_request_max }) |len| {
        const frame = try front.encodeRequestTo(&buffer, "", .{ .state = long[0..len] });
        try testing.expectEqual(len, front.decodeRequest(frame).request.state.len);
        try testing.expect(front.decodeRequest(frame[0 .. frame.len - 1]) == .refusal);
        try testing.expect(front.decodeRequest(frame[0..5]) == .refusal);
        try testing.expect(front.decodeRequest(frame[0..6]) == .refusal);
    }
    for ([_]usize{ 0, front.state_request_max + 1 }) |len| {
        const made = front.encodeRequestTo(&buffer, "", .{ .state = long[0..len] });
        try testing.expectError(NoRoom, made);
    }
    for ([_]usize{ 1, front.peer_bytes_max }) |len| {
        const frame = try front.encodeRequestTo(&buffer, long[0..len], .bundle_list);
        try testing.expectEqualStrings(long[0..len], front.peerOf(frame));
        for (0..frame.len) |cut| try testing.expectEqual(0, front.peerOf(frame[0..cut]).len);
        frame[4] = front.peer_bytes_max + 1;
        try testing.expectEqual(0, front.peerOf(buffer[0..200]).len);
    }
    const longer = long[0 .. front.peer_bytes_max + 1];
    try testing.expectError(NoRoom, front.encodeRequestTo(&buffer, longer, .bundle_list));
}

test "the front: answers at their longest, and cut" {
    for ([_]usize{ 0, 1, front.state_reply_max }) |len| {
        const frame = try front.encodeStateReply(&buffer, long[0..len]);
        try testing.expectEqual(len, front.decodeState(frame).?.len);
        for (0..@min(frame.len, 9)) |cut| {
            if (cut < frame.len) try testing.expectEqual(null, front.decodeState(frame[0..cut]));
        }
    }
    const beyond = front.encodeStateReply(&buffer, long[0 .. front.state_reply_max + 1]);
    try testing.expectError(NoRoom, beyond);
    const count = try front.encodeBundleListReply(&buffer, 0x0102);
    try testing.expectEqual(0x0102, front.decodeBundleCount(count).?);
    for (0..count.len) |cut| try testing.expectEqual(null, front.decodeBundleCount(count[0..cut]));
    const stat = try front.encodePackageReply(&buffer, .package_stat, long[0..10]);
    try testing.expectEqualSlices(u8, "\x00" ++ "x" ** 10, stat[4..]);
    try testing.expectEqualStrings(long[0..10], front.decodePackageTail(stat, .package_stat).?);
    for (0..stat.len) |cut| {
        try testing.expectEqual(null, front.decodePackageTail(stat[0..cut], .package_stat));
    }
    const refused = try front.encodeReply(&buffer, .resolve, @enumFromInt(1));
    try testing.expectEqual(5, refused.len);
    try testing.expectEqual(1, @intFromEnum(front.decodeStatus(refused, .resolve).?));
    try testing.expectEqual(null, front.decodeStatus(refused[0..4], .resolve));
}

test "log: each text at its longest, and each by itself one byte longer" {
    const most = [_]usize{ log.scope_bytes_max, log.message_bytes_max, log.fields_bytes_max };
    for (0..4) |longer| {
        var lens = most;
        if (longer < 3) lens[longer] += 1;
        const made = log.encodeRequest(&buffer, null, .{ .append = .{
            .level = .info,
            .scope = long[0..lens[0]],
            .message = long[0..lens[1]],
            .fields = long[0..lens[2]],
        } });
        if (longer < 3) {
            try testing.expectError(NoRoom, made);
            continue;
        }
        try testing.expectEqual(log.append_bytes_max - 8, (try made).len);
        const append = log.decodeRequest(try made).request.body.append;
        try testing.expectEqual(most, [_]usize{
            append.scope.len, append.message.len, append.fields.len,
        });
    }
    const record: log.Record = .{
        .id = 1,
        .time_ns = 2,
        .level = .info,
        .service = 3,
        .scope = "scope",
        .message = "message",
        .fields = "a=1",
    };
    for ([_]bool{ true, false }) |is_enough| {
        var room: [log.Record.fixed_bytes + 15]u8 = undefined;
        var writer: cursor.Writer = .{ .buffer = room[0 .. room.len - @intFromBool(!is_enough)] };
        if (is_enough) {
            try log.putRecord(&writer, record);
            try testing.expectEqual(record.encodedLen(), writer.done().len);
        } else {
            try testing.expectError(NoRoom, log.putRecord(&writer, record));
            try testing.expectEqual(0, writer.done().len);
        }
    }
}
