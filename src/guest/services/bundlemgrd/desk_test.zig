//! bundlemgrd as it runs, on a stand-in for the kernel: policyd is asked anew for each request, and
//! whatever is not an answer of it denies.

const std = @import("std");
const os = @import("os");
const os_fake = @import("os_fake");
const wire = @import("wire");
const service = @import("main.zig");
const testing = std.testing;
const Kernel = os_fake.Kernel;
const bundle = wire.bundle;
const packages = wire.packages;
const policy = wire.policy;

const alice = 0xA;
const policyd = os_fake.route_slot;
const packagefsd = os_fake.route_slot + 1;
const routes: []const []const u8 = &.{ "policyd", "packagefsd" };
const list = "BN\x01\x01";
const ask: os_fake.Step = .{ .message = .{ .sender = alice, .payload = list } };

/// The next decisions of policyd; null is silence.
var decisions: []const ?policy.Status = &.{};
/// What is added to the nonce of its answers.
var nonce_off: u32 = 0;
var answered_op: policy.Op = .check_cap_delegated;

fn answer(_: *Kernel, slot: os.Slot, request: []const u8) ?[]const u8 {
    const Static = struct {
        var reply: [policy.reply_bytes]u8 = undefined;
    };
    // Five bytes.
    if (slot != policyd) return packages.encodeRefusal(&Static.reply, .list, .io) catch unreachable;
    const check = policy.decodeRequest(request).request;
    testing.expectEqual(policy.Op.check_cap_delegated, check.op) catch @panic("another question");
    testing.expectEqual(@as(u64, alice), check.subject) catch @panic("another subject");
    testing.expectEqualStrings("bundle.query", check.capability) catch @panic("another name");
    defer decisions = decisions[1..];
    const status = decisions[0] orelse return null;
    return policy.encodeReply(&Static.reply, answered_op, check.nonce +% nonce_off, status) catch
        unreachable;
}

fn start(script: []const os_fake.Step) Kernel {
    return .{ .name = "bundlemgrd", .routes = routes, .answer = answer, .script = script };
}

fn run(kernel: *Kernel) !void {
    try kernel.play(service.main);
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
}

fn expectStatus(kernel: *Kernel, index: u32, status: bundle.Status) !void {
    try testing.expectEqual(status, bundle.decodeListReply(try kernel.replyTo(index)).?.status);
}

test "policyd decides each time, and silence is no" {
    decisions = &.{ .allow, .deny, null, .allow };
    nonce_off = 0;
    var kernel = start(&.{ ask, ask, ask, ask });
    defer kernel.deinit();
    try run(&kernel);
    for ([_]bundle.Status{ .ok, .unsupported, .unsupported, .ok }, 0..) |status, index| {
        try expectStatus(&kernel, @intCast(index), status);
    }
    const told = "bundlemgrd: sender denied id=0x000000000000000a\n";
    try testing.expectEqualStrings(
        "bundlemgrd: not registered: Denied\nbundlemgrd: ready\n" ++ told ++ told,
        kernel.said(),
    );
    // The nonces differ, so that no answer can be taken for another's.
    const asked = kernel.sentTo(policyd);
    try testing.expectEqual(@as(usize, 4), asked.len);
    for (asked, 1..) |each, nonce| {
        try testing.expectEqual(nonce, policy.decodeRequest(each.bytes).request.nonce);
    }
    // Three tenths of a second are waited for one that does not answer.
    try testing.expectEqual(@as(u64, 301_000_000), kernel.now_ns);
}

test "an answer to another question is not a permission" {
    for ([_]u32{ 1, std.math.maxInt(u32) }) |off| {
        decisions = &.{.allow};
        nonce_off = off;
        var kernel = start(&.{ask});
        defer kernel.deinit();
        try run(&kernel);
        try expectStatus(&kernel, 0, .unsupported);
    }
    nonce_off = 0;
    answered_op = .check_cap;
    defer answered_op = .check_cap_delegated;
    decisions = &.{.allow};
    var kernel = start(&.{ask});
    defer kernel.deinit();
    try run(&kernel);
    try expectStatus(&kernel, 0, .unsupported);
}

test "without policyd every sender is denied" {
    var kernel: Kernel = .{ .name = "bundlemgrd", .script = &.{ask} };
    defer kernel.deinit();
    try run(&kernel);
    try expectStatus(&kernel, 0, .unsupported);
}

test "packagefsd is asked where it is, and a silent one is waited for a moment" {
    decisions = &.{.allow};
    var kernel = start(&.{ask});
    kernel.answer = silentFiles;
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqual(@as(u16, 1), bundle.decodeListReply(try kernel.replyTo(0)).?.count);
    try testing.expectEqual(@as(usize, 1), kernel.sentTo(packagefsd).len);
    try testing.expectEqual(@as(u64, 301_000_000), kernel.now_ns);
}

fn silentFiles(kernel: *Kernel, slot: os.Slot, request: []const u8) ?[]const u8 {
    return if (slot == policyd) answer(kernel, slot, request) else null;
}

test "the configuration's section is what the bundle has in it; a wrong one stops the service" {
    decisions = &.{.allow};
    var kernel = start(&.{.{ .message = .{ .sender = alice, .payload = "BN\x01\x03" } }});
    kernel.config = "\x01\x00\x03\x00a=b";
    defer kernel.deinit();
    try run(&kernel);
    const image = bundle.decodeImageReply(try kernel.replyTo(0)).?.image;
    var files = try wire.bundle_image.iterate(image);
    try testing.expectEqualStrings("a=b", (try files.next()).?.data);
    var wrong: Kernel = .{ .name = "bundlemgrd", .config = "\x02\x00\x00\x00" };
    defer wrong.deinit();
    wrong.install();
    try testing.expectError(error.UnknownTag, service.main());
}
