//! The stand-in for the kernel: routes, calls, and the script.

const std = @import("std");
const root = @import("root.zig");
const os = @import("os");
const abi = os.abi;
const route_slot = root.route_slot;
const Kernel = root.Kernel;

const testing = std.testing;

fn echo(_: *Kernel, _: os.Slot, request: []const u8) ?[]const u8 {
    return if (request.len > 0) request else null;
}

test "routes, calls, and a call without an answer" {
    var kernel: Kernel = .{ .name = "a", .routes = &.{"b"}, .answer = echo };
    defer kernel.deinit();
    kernel.install();
    try testing.expectError(error.Denied, os.route("c"));
    const slot = try os.route("b");
    try testing.expectEqual(route_slot, slot);
    var buffer: [8]u8 = undefined;
    try testing.expectEqualStrings("hi", try os.call(slot, "hi", &buffer, 5));
    const before = os.nsec();
    try testing.expectError(error.TimedOut, os.call(slot, "", &buffer, 5));
    try testing.expectEqual(before + 5, os.nsec());
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
}

test "an answer that is longer than the caller's buffer, and one to an earlier call" {
    var kernel: Kernel = .{ .name = "a", .routes = &.{"b"}, .answer = echo };
    defer kernel.deinit();
    kernel.install();
    var buffer: [2]u8 = undefined;
    try testing.expectError(error.TooBig, os.call(route_slot, "abc", &buffer, 5));
    kernel.deliver(0, "x");
    try testing.expectEqualStrings("hi", try os.call(route_slot, "hi", &buffer, 5));
}

test "the script: messages, time, and its end" {
    var kernel: Kernel = .{ .name = "a", .script = &.{
        .{ .message = .{ .sender = 9, .payload = "one", .type = 3 } },
        .{ .until_ns = 5_000_000 },
        .{ .message = .ofKernel(abi.KernelMsg.interrupt, "") },
    } };
    defer kernel.deinit();
    kernel.install();
    var buffer: [8]u8 = undefined;
    const first = try os.recv(abi.slot.server_recv, &buffer, 0);
    try testing.expectEqual(@as(u64, 9), first.sender);
    os.reply(first, "done");
    try testing.expectEqualStrings("done", try kernel.replyTo(0));
    try testing.expectError(error.TimedOut, os.recv(abi.slot.server_recv, &buffer, 2_000_000));
    try testing.expectEqual(@as(u64, 2_000_000), os.nsec());
    const second = try os.recv(abi.slot.server_recv, &buffer, 6_000_000);
    try testing.expectEqual(@as(u64, 5_000_000), os.nsec());
    try testing.expectEqual(@as(?os.Slot, null), second.moved);
    try testing.expectError(error.Broken, os.recv(abi.slot.server_recv, &buffer, 0));
}
