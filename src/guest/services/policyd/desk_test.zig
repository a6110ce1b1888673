//! policyd as it runs, on a stand-in for the kernel: the answer to each caller, and the records for
//! logd.

const std = @import("std");
const os = @import("os");
const os_fake = @import("os_fake");
const wire = @import("wire");
const tally = @import("tally");
const service = @import("main.zig");
const testing = std.testing;
const Kernel = os_fake.Kernel;
const policy = wire.policy;

const alice = 0xA;
const bob = 0xB;
const grants = "\x01\x00\x14\x00\x0a\x00\x00\x00\x00\x00\x00\x00bundle.query" ++
    "\x01\x00\x17\x00\x0b\x00\x00\x00\x00\x00\x00\x00policy.delegate";
const samgrd = os_fake.route_slot;
const logd = os_fake.route_slot + 1;
const interval = tally.interval_ns;

fn check(buffer: []u8, op: policy.Op, subject: u64) []const u8 {
    return policy.encodeRequest(buffer, .{
        .op = op,
        .nonce = 7,
        .subject = subject,
        .capability = "bundle.query",
    }) catch unreachable;
}

fn start(script: []const os_fake.Step) Kernel {
    return .{
        .name = "policyd",
        .config = grants,
        .routes = &.{ "samgrd", "logd" },
        .script = script,
    };
}

fn run(kernel: *Kernel) !void {
    try kernel.play(service.main);
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
}

fn noteOf(sent: os_fake.Sent) wire.log.Note {
    return wire.log.decodeRequest(sent.bytes).request.body.note;
}

test "decisions are answered, and the audit hears of each kind once and of their number later" {
    var own: [policy.request_bytes_max]u8 = undefined;
    var other: [policy.request_bytes_max]u8 = undefined;
    const asked = check(&own, .check_cap, alice);
    const delegated = check(&other, .check_cap_delegated, alice);
    var kernel = start(&.{
        .{ .message = .{ .sender = alice, .payload = asked } },
        .{ .message = .{ .sender = bob, .payload = asked } },
        .{ .message = .{ .sender = bob, .payload = delegated } },
        .{ .message = .{ .sender = alice, .payload = asked } },
        .{ .message = .{ .sender = alice, .payload = "PO" } },
        .{ .message = .ofKernel(os.abi.KernelMsg.interrupt, asked) },
        .{ .until_ns = 3 * interval },
    });
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqualStrings("policyd: ready\n", kernel.said());
    const statuses = [_]policy.Status{ .allow, .deny, .allow, .allow };
    const ops = [_]policy.Op{ .check_cap, .check_cap, .check_cap_delegated, .check_cap };
    for (statuses, ops, 0..) |status, op, index| {
        const reply = try kernel.replyTo(@intCast(index));
        try testing.expectEqual(@as(?policy.Status, status), policy.decodeReply(reply, op, 7));
    }
    try testing.expectEqual(@as(u32, 6), kernel.messages_given);
    try testing.expectEqual(@as(usize, 0), kernel.sentTo(os_fake.client_slot + 5).len);
    try testing.expectEqual(@as(usize, 1), kernel.sentTo(samgrd).len);
    const subject = " subject=0x000000000000000a reason=policy";
    const Case = struct { wire.log.Level, []const u8 };
    const told = [_]Case{
        .{ .info, "audit v1 op=check_cap decision=allow" ++ subject },
        .{ .warn, "audit v1 op=check_cap decision=deny" ++ subject },
        .{ .info, "audit v1 op=check_cap_delegated decision=allow" ++ subject },
        .{ .info, "audit v1 op=check_cap decision=allow" ++ subject ++ " repeats=1" },
    };
    const notes = kernel.sentTo(logd);
    try testing.expectEqual(told.len, notes.len);
    for (told, notes) |case, sent| {
        const note = noteOf(sent);
        try testing.expectEqual(wire.log.Room.audit, note.room);
        try testing.expectEqual(case[0], note.append.level);
        try testing.expectEqualStrings("policyd.audit", note.append.scope);
        try testing.expectEqualStrings(case[1], note.append.message);
        try testing.expect(!sent.is_waiting);
    }
    try testing.expectEqual(1_000_000 + interval, notes[3].at_ns);
}

test "notes that logd has no room for are counted, and reported a second later" {
    var own: [policy.request_bytes_max]u8 = undefined;
    const asked = check(&own, .check_cap, alice);
    var kernel = start(&.{
        .{ .message = .{ .sender = alice, .payload = asked } },
        .{ .message = .{ .sender = bob, .payload = asked } },
        .{ .until_ns = 500_000_000 },
        .{ .does = hear },
        .{ .until_ns = 2_000_000_000 },
    });
    kernel.deaf = .{ .slot = logd, .errno = .again };
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqualStrings(
        "policyd: ready\npolicyd: audit unlogged=2\n",
        kernel.said(),
    );
    const notes = kernel.sentTo(logd);
    try testing.expectEqual(@as(usize, 1), notes.len);
    try testing.expectEqualStrings("audit unlogged=2", noteOf(notes[0]).append.message);
    try testing.expectEqual(wire.log.Level.warn, noteOf(notes[0]).append.level);
    try testing.expectEqual(wire.log.Room.audit, noteOf(notes[0]).room);
    try testing.expectEqual(@as(u64, 1_001_000_000), notes[0].at_ns);
}

fn hear(kernel: *Kernel) void {
    kernel.deaf = null;
}

test "without logd and samgrd it serves, and the console hears what was not logged" {
    var own: [policy.request_bytes_max]u8 = undefined;
    const asked = check(&own, .check_cap, alice);
    var kernel: Kernel = .{
        .name = "policyd",
        .config = grants,
        .script = &.{
            .{ .message = .{ .sender = alice, .payload = asked } },
            .{ .until_ns = 5_000_000_000 },
        },
    };
    defer kernel.deinit();
    try run(&kernel);
    _ = try kernel.replyTo(0);
    try testing.expectEqualStrings(
        "policyd: not registered: Denied\npolicyd: ready\npolicyd: audit unlogged=1\n",
        kernel.said(),
    );
}

test "a section that cannot be read stops it: no table, no decision" {
    var kernel: Kernel = .{ .name = "policyd", .config = "\x09\x00\x00\x00" };
    defer kernel.deinit();
    kernel.install();
    try testing.expectError(error.UnknownTag, service.main());
}
