//! Frames at their bounds: packages, policy, names of services, the state store, and use of places.
//! `bounds_test.zig` has the other frames.

const std = @import("std");
const testing = std.testing;
const packages = @import("packages.zig");
const policy = @import("policy.zig");
const samgr = @import("samgr.zig");
const state = @import("state.zig");
const usage = @import("usage.zig");

const long: [66_000]u8 = @splat('x');
const NoRoom = error.NoRoom;

var buffer: [66_500]u8 = undefined;

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
