//! logd as it runs, on a stand-in for the kernel: its records' times and senders.

const std = @import("std");
const os_fake = @import("os_fake");
const log = @import("wire").log;
const service = @import("main.zig");
const testing = std.testing;

const alice = 0xA;

fn note(buffer: []u8, room: log.Room) []const u8 {
    return log.encodeRequest(buffer, 5, .{ .note = .{
        .room = room,
        .source = "peer",
        .append = .{ .level = .warn, .scope = "s", .message = "m" },
    } }) catch unreachable;
}

fn query(buffer: []u8) []const u8 {
    return log.encodeRequest(buffer, 6, .{ .query = .{ .since_ns = 0, .max = 9 } }) catch
        unreachable;
}

test "a record has the kernel's word for its sender, and the time at which it came" {
    var buffers: [2][512]u8 = undefined;
    var kernel: os_fake.Kernel = .{ .name = "logd", .script = &.{
        .{ .message = .{ .sender = 0, .payload = note(&buffers[0], .audit) } },
        .{ .until_ns = 70_000_000 },
        .{ .message = .{ .sender = alice, .payload = note(&buffers[0], .audit) } },
        .{ .message = .{ .sender = alice, .type = 4, .payload = query(&buffers[1]) } },
    } };
    defer kernel.deinit();
    try kernel.play(service.main);
    try testing.expectEqualStrings("logd: not registered: Denied\nlogd: ready\n", kernel.said());
    const answer = log.decodeQueryReply(try kernel.replyTo(2), 6).?;
    try testing.expectEqual(@as(usize, 0), kernel.sentTo(os_fake.client_slot).len);
    var records = answer;
    const record = (try records.next()).?;
    try testing.expectEqual(@as(u64, alice), record.service);
    try testing.expectEqual(@as(u64, 70_000_000), record.time_ns);
    try testing.expectEqualStrings("m", record.message);
    try testing.expectEqual(null, try records.next());
}

test "refusals of a source are counted, and the number becomes a record in time" {
    var buffers: [2][512]u8 = undefined;
    const refusal = note(&buffers[0], .refusal);
    var kernel: os_fake.Kernel = .{ .name = "logd", .script = &.{
        .{ .message = .{ .sender = alice, .payload = refusal, .wants_reply = false } },
        .{ .message = .{ .sender = alice, .payload = refusal, .wants_reply = false } },
        .{ .message = .{ .sender = alice, .payload = refusal, .wants_reply = false } },
        .{ .until_ns = 60_000_000_000 },
        .{ .message = .{ .sender = alice, .payload = query(&buffers[1]) } },
    } };
    defer kernel.deinit();
    try kernel.play(service.main);
    var records = log.decodeQueryReply(try kernel.replyTo(3), 6).?;
    const first = (try records.next()).?;
    try testing.expectEqual(@as(u64, 1_000_000), first.time_ns);
    const counted = (try records.next()).?;
    try testing.expectEqual(@as(u64, alice), counted.service);
    // Ten seconds after the first, and not only when a sender asks.
    try testing.expectEqual(@as(u64, 10_001_000_000), counted.time_ns);
    try testing.expect(std.mem.indexOf(u8, counted.message, "2") != null);
    try testing.expectEqual(null, try records.next());
}

test "the longest scopes are kept apart, and reported whole" {
    var buffers: [3][512]u8 = undefined;
    var refusals: [2][]const u8 = undefined;
    const scopes = [_][]const u8{ "s" ** 32, "s" ** 31 ++ "t" };
    for (scopes, &refusals, buffers[0..2]) |scope, *refusal, *buffer| {
        refusal.* = try log.encodeRequest(buffer, 5, .{ .note = .{
            .room = .refusal,
            .source = "peer",
            .append = .{ .level = .warn, .scope = scope, .message = "m" },
        } });
    }
    var kernel: os_fake.Kernel = .{ .name = "logd", .script = &.{
        .{ .message = .{ .sender = alice, .payload = refusals[0], .wants_reply = false } },
        .{ .message = .{ .sender = alice, .payload = refusals[1], .wants_reply = false } },
        .{ .message = .{ .sender = alice, .payload = refusals[1], .wants_reply = false } },
        .{ .until_ns = 60_000_000_000 },
        .{ .message = .{ .sender = alice, .payload = query(&buffers[2]) } },
    } };
    defer kernel.deinit();
    try kernel.play(service.main);
    var records = log.decodeQueryReply(try kernel.replyTo(3), 6).?;
    try testing.expectEqualStrings(scopes[0], (try records.next()).?.scope);
    try testing.expectEqualStrings(scopes[1], (try records.next()).?.scope);
    try testing.expectEqualStrings(scopes[1], (try records.next()).?.scope); // their number
    try testing.expectEqual(null, try records.next());
}

test "appends beyond the rate are counted where their sender does not wait for an answer" {
    var buffers: [2][512]u8 = undefined;
    const append = try log.encodeRequest(&buffers[0], 5, .{
        .append = .{ .level = .info, .scope = "s", .message = "m" },
    });
    for ([_]bool{ false, true }) |is_waiting| {
        const each: os_fake.Step =
            .{ .message = .{ .sender = alice, .payload = append, .wants_reply = is_waiting } };
        const since: log.Query = .{ .since_ns = 2_000_000, .max = 9 };
        const asked = try log.encodeRequest(&buffers[1], 6, .{ .query = since });
        var kernel: os_fake.Kernel = .{
            .name = "logd",
            .script = &(.{each} ** 27 ++ .{
                os_fake.Step{ .until_ns = 5_000_000_000 },
                os_fake.Step{ .message = .{ .sender = 0xB, .payload = asked } },
            }),
        };
        defer kernel.deinit();
        try kernel.play(service.main);
        var records = log.decodeQueryReply(try kernel.replyTo(27), 6).?;
        if (!is_waiting) {
            const told = (try records.next()).?;
            try testing.expectEqualStrings("logd", told.scope);
            try testing.expect(std.mem.indexOf(u8, told.message, "3") != null);
        }
        try testing.expectEqual(null, try records.next());
    }
}

test "every sender that asks gets numbers of what the service holds, and nothing is logged" {
    var buffer: [512]u8 = undefined;
    var kernel: os_fake.Kernel = .{ .name = "logd", .script = &.{
        .{ .message = .{ .sender = alice, .payload = "US\x01\x01" } },
        .{ .message = .{ .sender = alice, .payload = "US\x01\x01" } },
        .{ .message = .{ .sender = alice, .payload = query(&buffer) } },
    } };
    defer kernel.deinit();
    try kernel.play(service.main);
    for (0..2) |index| {
        const answer = try kernel.replyTo(@intCast(index));
        try testing.expect(std.mem.startsWith(u8, answer, "US\x01\x81\x01"));
    }
    var records = log.decodeQueryReply(try kernel.replyTo(2), 6).?;
    try testing.expectEqual(null, try records.next());
}
