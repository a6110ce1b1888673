//! Each frame at its longest, one byte longer, and cut at every byte: whatever its codec is.

const std = @import("std");
const testing = std.testing;
const cursor = @import("cursor.zig");
const behalf = @import("behalf.zig");
const bundle = @import("bundle.zig");
const entropy = @import("entropy.zig");
const front = @import("front.zig");
const log = @import("log.zig");
const packages = @import("packages.zig");
const policy = @import("policy.zig");
const samgr = @import("samgr.zig");
const state = @import("state.zig");
const usage = @import("usage.zig");

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

test "packages: paths and names at their longest, kinds, pages that end" {
    for ([_]usize{ 1, packages.path_bytes_max }) |len| {
        const path = long[0..len];
        for ([_]packages.Request{ .{ .stat = path }, .{ .open = path } }) |request| {
            const frame = try packages.encodeRequest(&buffer, request);
            try testing.expectEqualDeep(request, packages.decodeRequest(frame).request);
        }
    }
    const longer = long[0 .. packages.path_bytes_max + 1];
    try testing.expectError(NoRoom, packages.encodeRequest(&buffer, .{ .stat = longer }));
    for ([_]packages.Request{ .{ .stat = "" }, .{ .open = "" } }) |request| {
        const frame = try packages.encodeRequest(&buffer, request);
        try testing.expect(packages.decodeRequest(frame) == .refusal);
    }
    for ([_]bool{ false, true }) |is_last| {
        var page: packages.Page = try .begin(&buffer);
        const name = long[0..packages.name_bytes_max];
        try testing.expectError(NoRoom, page.add(.file, 1, &.{ name, "x" }));
        try page.add(.file, 5, &.{name});
        try page.add(.directory, 0, &.{ "a", "@", "b" });
        const reply = packages.decodeReply(page.done(9, is_last), .list).?;
        var listing = packages.decodeList(reply.tail).?;
        try testing.expectEqual(is_last, listing.is_last);
        try testing.expectEqual(9, listing.next_cursor);
        try testing.expectEqual(2, listing.left);
        try testing.expectEqualStrings(name, listing.next().?.name);
        const second = listing.next().?;
        try testing.expectEqualStrings("a@b", second.name);
        try testing.expectEqual(.directory, second.kind);
        try testing.expectEqual(0, listing.left);
        try testing.expectEqual(null, listing.next());
    }
    for (0..3) |kind| {
        const frame = try packages.encodeStatReply(&buffer, 7, .file);
        std.mem.writeInt(u16, frame[13..15], @intCast(kind), .little);
        const stat = packages.decodeStat(packages.decodeReply(frame, .stat).?.tail);
        try testing.expectEqual(kind < 2, stat != null);
        if (stat) |found| try testing.expectEqual(kind, @intFromEnum(found.kind));
    }
}

test "policy: the capability's name, and what is echoed of a request that is cut" {
    for ([_]usize{ 1, policy.capability_bytes_max }) |len| {
        const check: policy.Check = .{
            .op = .check_cap,
            .nonce = 0x0102_0304,
            .subject = 9,
            .capability = long[0..len],
        };
        const frame = try policy.encodeRequest(&buffer, check);
        try testing.expectEqualDeep(check, policy.decodeRequest(frame).request);
        for (0..frame.len) |cut| {
            const refusal = policy.decodeRequest(frame[0..cut]).refusal;
            try testing.expectEqual(.malformed, refusal.status);
            const want: u32 = if (cut < 8) 0 else check.nonce;
            try testing.expectEqual(want, refusal.nonce);
        }
        buffer[frame.len] = 'x';
        try testing.expect(policy.decodeRequest(buffer[0 .. frame.len + 1]) == .refusal);
    }
    for ([_]usize{ 0, policy.capability_bytes_max + 1 }) |len| {
        const made = policy.encodeRequest(&buffer, .{
            .op = .check_cap,
            .nonce = 1,
            .subject = 9,
            .capability = long[0..len],
        });
        try testing.expectError(NoRoom, made);
    }
}

test "names of services: one byte at least, and refusals that say nothing else" {
    for ([_]usize{ 1, samgr.register_name_bytes_max }) |len| {
        const frame = try samgr.encodeRequest(&buffer, .{ .lookup = long[0..len] });
        try testing.expectEqual(5 + len, frame.len);
    }
    for ([_]usize{ 0, samgr.register_name_bytes_max + 1 }) |len| {
        const made = samgr.encodeRequest(&buffer, .{ .lookup = long[0..len] });
        try testing.expectError(NoRoom, made);
    }
    for ([_]samgr.Op{ .sender_pid, .sender_service_id }, [_]usize{ 4, 8 }) |op, len| {
        const frame = try samgr.encodeRefusal(&buffer, .{ .op = op, .status = .malformed });
        try testing.expectEqual(5 + len, frame.len);
        try testing.expect(std.mem.allEqual(u8, frame[5..], 0));
    }
}

test "state: keys, values and chunks at their longest" {
    const key = "/" ++ "k" ** (state.key_bytes_max - 1);
    const Case = struct { op: state.Op, most: usize };
    for ([_]Case{
        .{ .op = .put, .most = state.value_bytes_max },
        .{ .op = .txn_put, .most = state.chunk_bytes_max },
    }) |case| for ([_]?u64{ null, 7 }) |nonce| {
        var request: state.Request =
            .{ .op = case.op, .key = key, .value = long[0..case.most], .nonce = nonce };
        if (case.op == .txn_put) request.txn = 3;
        const frame = try state.encodeRequest(&buffer, request);
        try testing.expectEqualDeep(request, state.decodeRequest(frame).request);
        request.value = long[0 .. case.most + 1];
        const longer = state.decodeRequest(try state.encodeRequest(&buffer, request));
        try testing.expectEqual(.value_too_large, longer.refusal.status);
    };
    for ([_]state.Op{ .get, .delete, .read, .list }) |op| {
        const request: state.Request = .{ .op = op, .key = key };
        const frame = try state.encodeRequest(&buffer, request);
        try testing.expectEqualDeep(request, state.decodeRequest(frame).request);
        const beyond: state.Request = .{ .op = op, .key = key ++ "k" };
        const longer = state.decodeRequest(try state.encodeRequest(&buffer, beyond));
        try testing.expectEqual(.key_too_long, longer.refusal.status);
    }
    // A value without a byte is a value; a tail without a length is not one.
    const zeros: [4]u8 = @splat(0);
    try testing.expectEqualStrings("", state.valueOf(.{ .status = .ok, .tail = &zeros }).?);
    try testing.expectEqual(null, state.valueOf(.{ .status = .ok, .tail = zeros[0..3] }));
    for ([_]state.Op{ .get, .list, .txn_begin }, [_]usize{ 4, 2, 8 }) |op, len| {
        const failed = try state.encodeFailure(&buffer, op, .io_error, null);
        try testing.expectEqual(5 + len, failed.len);
        try testing.expect(std.mem.allEqual(u8, failed[5..], 0));
    }
}

test "usage: as many numbers as there are places" {
    var reply: [usage.reply_bytes_max]u8 = undefined;
    var numbers: [usage.numbers_max]u16 = undefined;
    const own: [usage.numbers_max - 1]u16 = @splat(5);
    const full = usage.encodeReply(&reply, 9, &own);
    try testing.expectEqual(usage.reply_bytes_max, full.len);
    try testing.expectEqual(usage.numbers_max, usage.decodeReply(full, &numbers).?.len);
    const least = usage.encodeReply(&reply, 9, &.{});
    try testing.expectEqualSlices(u16, &.{9}, usage.decodeReply(least, &numbers).?);
}
