//! The side of services of the kernel ABI, on the stand-in for the kernel: what is asked of init,
//! what counts as its answer, and what is made of each error of a system call.

const std = @import("std");
const os = @import("os");
const os_fake = @import("root.zig");
const abi = os.abi;
const Kernel = os_fake.Kernel;
const testing = std.testing;

test "a route: what init may say, and what it may not" {
    const Case = struct { []const u8, os.Error!os.Slot };
    for ([_]Case{
        .{ "RT\x01\x41\x00\x07\x01\x00\x00", 0x107 },
        .{ "RT\x01\x41\x01\x07\x00\x00\x00", error.NotFound },
        .{ "RT\x01\x41\x02\x07\x00\x00\x00", error.Invalid },
        .{ "RT\x01\x41\x03\x07\x00\x00\x00", error.Denied },
        .{ "RT\x01\x41\x04\x07\x00\x00\x00", error.Invalid },
        .{ "RT\x01\x41\x00\x07\x00\x00", error.Unexpected },
        .{ "RT\x01\x41\x00\x07\x00\x00\x00\x00", error.Unexpected },
        .{ "RT\x01\x43\x00\x07\x00\x00\x00", error.Unexpected },
        .{ "", error.Unexpected },
    }) |case| {
        var kernel: Kernel = .{ .name = "a", .init_says = case[0] };
        defer kernel.deinit();
        kernel.install();
        try testing.expectEqual(case[1], os.route("b"));
    }
}

test "a name of a service has 1 to 48 bytes, and 48 of them arrive" {
    const long: [49]u8 = @splat('n');
    var kernel: Kernel = .{ .name = "a", .routes = &.{long[0..48]} };
    defer kernel.deinit();
    kernel.install();
    try testing.expectError(error.Invalid, os.route(""));
    try testing.expectError(error.Invalid, os.route(&long));
    try testing.expectEqual(os_fake.route_slot, try os.route(long[0..48]));
    try testing.expectError(error.Denied, os.route(long[0..47]));
}

test "a section: what init may say, and what it may not" {
    const Case = struct { []const u8, ?[]const u8 };
    for ([_]Case{
        .{ "RT\x01\x43\x00\x03\x00abc", "abc" },
        .{ "RT\x01\x43\x00\x00\x00", "" },
        .{ "RT\x01\x43\x01\x00\x00", "" },
        .{ "RT\x01\x43\x02\x00\x00", null },
        .{ "RT\x01\x41\x00\x03\x00abc", null },
        .{ "RT\x01\x43\x00\x04\x00abc", null },
        .{ "RT\x01\x43\x00\x02\x00abc", null },
        .{ "RT\x01\x43\x00\x00", null },
        .{ "RT\x01\x43", null },
    }) |case| {
        var kernel: Kernel = .{ .name = "a", .init_says = case[0] };
        defer kernel.deinit();
        kernel.install();
        var buffer: [64]u8 = undefined;
        if (case[1]) |section| {
            try testing.expectEqualStrings(section, try os.config(&buffer));
        } else try testing.expectError(error.Unexpected, os.config(&buffer));
    }
}

test "init is waited for as long as any other service" {
    var kernel: Kernel = .{ .name = "a", .deaf = .{ .slot = 1, .errno = .timed_out } };
    defer kernel.deinit();
    kernel.install();
    try testing.expectError(error.TimedOut, os.route("b"));
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
    var silent: Kernel = .{ .name = "a", .routes = &.{"b"} };
    defer silent.deinit();
    silent.install();
    const slot = try os.route("b");
    const before = silent.now_ns;
    var buffer: [8]u8 = undefined;
    const answer = os.call(slot, "x", &buffer, os.call_timeout_ns);
    try testing.expectError(error.TimedOut, answer);
    try testing.expectEqual(before + 2 * std.time.ns_per_s, silent.now_ns);
}

test "every errno is an error of its own, and any other number is a result" {
    const Case = struct { abi.Errno, os.Error };
    for ([_]Case{
        .{ .perm, error.Denied },
        .{ .srch, error.NotFound },
        .{ .too_big, error.TooBig },
        .{ .bad_slot, error.BadSlot },
        .{ .again, error.WouldBlock },
        .{ .no_memory, error.NoMemory },
        .{ .fault, error.Fault },
        .{ .invalid, error.Invalid },
        .{ .no_space, error.NoSpace },
        .{ .pipe, error.Broken },
        .{ .no_sys, error.Unsupported },
        .{ .timed_out, error.TimedOut },
        .{ @enumFromInt(4095), error.Unexpected },
    }) |case| {
        var kernel: Kernel = .{ .name = "a", .deaf = .{ .slot = 9, .errno = case[0] } };
        defer kernel.deinit();
        kernel.install();
        try testing.expectError(case[1], os.send(9, "", .{}));
    }
    os.sys.stand_in = mapsHigh;
    try testing.expectEqual(@as(u64, 1 << 63), try os.sys.mmioMap(3));
    try testing.expectEqual(std.math.maxInt(u64) - 4095, try os.sys.mmioMap(4));
    try testing.expectError(error.Unexpected, os.sys.mmioMap(5));
}

/// Addresses so high that they look negative; the last 4095 values alone are errors.
fn mapsHigh(_: abi.Syscall, args: [6]u64) u64 {
    return switch (args[0]) {
        3 => 1 << 63,
        4 => std.math.maxInt(u64) - 4095,
        else => std.math.maxInt(u64) - 4094,
    };
}

test "a message that is longer than the buffer is empty, and can still be answered" {
    var kernel: Kernel = .{ .name = "a", .script = &.{
        .{ .message = .{ .payload = "12345" } },
        .{ .message = .{ .payload = "1234", .wants_reply = false } },
    } };
    defer kernel.deinit();
    kernel.install();
    var buffer: [4]u8 = undefined;
    const long = try os.recv(abi.slot.server_recv, &buffer, 0);
    try testing.expect(long.truncated and long.payload.len == 0);
    os.reply(long, "too long");
    try testing.expectEqualStrings("too long", try kernel.replyTo(0));
    const short = (try os.poll(abi.slot.server_recv, &buffer)).?;
    try testing.expect(!short.truncated and short.payload.len == 4);
    os.reply(short, "nobody waits");
    try testing.expectEqual(@as(usize, 1), kernel.sent.items.len);
    try testing.expectEqual(null, try os.poll(abi.slot.inbox_recv, &buffer));
}

test "an answer to a client that is gone costs its capability and nothing else" {
    var kernel: Kernel = .{ .name = "a", .script = &.{.{ .message = .{ .payload = "1" } }} };
    defer kernel.deinit();
    kernel.install();
    var buffer: [4]u8 = undefined;
    const request = try os.recv(abi.slot.server_recv, &buffer, 0);
    kernel.deaf = .{ .slot = os_fake.client_slot, .errno = .again };
    os.reply(request, "done");
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
}

test "a message names the slot of the capability that it carries, and else none" {
    var kernel: Kernel = .{ .name = "a" };
    defer kernel.deinit();
    kernel.install();
    os.sys.stand_in = keepHeader;
    for ([_]?os.Slot{ null, 1, 7 }) |moved| {
        try os.send(5, "words", .{ .type = 3, .move = moved });
        try testing.expectEqual(moved orelse 0, header_sent.src);
        const flags: u16 = if (moved == null) 0 else os.abi.MsgFlag.cap_move;
        try testing.expectEqual(flags, header_sent.flags);
        try testing.expectEqual(3, header_sent.type);
        try testing.expectEqual(5, header_sent.len);
    }
}

var header_sent: os.abi.MsgHeader = undefined;

fn keepHeader(_: os.abi.Syscall, args: [6]u64) u64 {
    const header: *const os.abi.MsgHeader = @ptrFromInt(args[1]);
    header_sent = header.*;
    return 0;
}

test "a line is one call, and a long one is cut" {
    var kernel: Kernel = .{ .name = "a" };
    defer kernel.deinit();
    kernel.install();
    os.print("{s}{d}", .{ "x" ** 254, 1 });
    try testing.expectEqualStrings("x" ** 254 ++ "1\n", kernel.said());
    os.print("{s}{d}", .{ "x" ** 254, 23 });
    try testing.expectEqualStrings("x" ** 254 ++ "2\n", kernel.said());
}

test "memory is zeroed, and a device learns where it lies" {
    var kernel: Kernel = .{ .name = "a" };
    defer kernel.deinit();
    kernel.install();
    const place = try os.place([100]u8);
    try testing.expect(std.mem.allEqual(u8, place, 0));
    const dma: os.Dma = try .create(5000);
    try testing.expectEqual(@as(usize, 5000), dma.virtual.len);
    try testing.expectEqual(@intFromPtr(dma.virtual.ptr), dma.physical);
}
