//! rngd as it runs, on a stand-in for the kernel and for the device: bytes in order, a device that
//! breaks rules or stays silent, and secrets that do not stay in memory.

const std = @import("std");
const os = @import("os");
const os_fake = @import("os_fake");
const entropy = @import("wire").entropy;
const service = @import("main.zig");
const testing = std.testing;
const Kernel = os_fake.Kernel;

const second = std.time.ns_per_s;
const interrupt: os_fake.Step =
    .{ .message = .ofKernel(os.abi.KernelMsg.interrupt, "") };

const entropy_device = 4;
const buffer_at = 512;
var registers: [0x80]u32 align(8) = undefined;
/// The device's side of the queue, from the first request on.
var ring: ?os_fake.Ring = null;
var answers: u8 = 0;
/// How much the device gives for each request, and with which byte.
var gives: u32 = 0;

fn memoryOf(kernel: *Kernel) []u8 {
    var all = kernel.memory.valueIterator();
    return all.next().?.*;
}

fn ringOf(kernel: *Kernel) *os_fake.Ring {
    if (ring == null) ring = .at(memoryOf(kernel), 2);
    return &ring.?;
}

/// The device puts `gives` bytes into the buffer that it was handed.
fn device(kernel: *Kernel) void {
    @memset(memoryOf(kernel)[buffer_at..][0..@min(gives, 256)], 'a' + answers);
    const own = ringOf(kernel);
    own.give(own.next().?, gives);
    answers += 1;
}

/// How much the driver asks for now; the request stays where it is.
fn requested(kernel: *Kernel) usize {
    var copy = ringOf(kernel).*;
    return copy.next().?.parts[0].bytes.len;
}

fn asking(comptime len: u16) os_fake.Step {
    const frame = [_]u8{ 'R', 'N', 1, 1, len & 0xFF, len >> 8 };
    return .{ .message = .{ .sender = 0xA, .type = len, .payload = &frame } };
}

fn start(script: []const os_fake.Step) Kernel {
    registers = os_fake.ring.registersOf(entropy_device, 0);
    return .{ .name = "rngd", .registers = &registers, .script = script };
}

fn run(kernel: *Kernel) !void {
    answers = 0;
    ring = null;
    try kernel.play(service.main);
}

fn reply(kernel: *Kernel, index: u32) !entropy.Reply {
    return entropy.decodeReply(try kernel.replyTo(index)).?;
}

/// A device that works: each request is answered with `gives` bytes, or all of them if that is 0.
fn works(kernel: *Kernel) void {
    const wanted = requested(kernel);
    const chosen = gives;
    defer gives = chosen;
    if (gives == 0) gives = @intCast(wanted);
    device(kernel);
}

test "the first request is served first, in pieces as the device gives them, and leaves no trace" {
    gives = 10;
    var kernel = start(&.{
        asking(16),
        asking(4),
        .{ .does = works },
        interrupt,
        .{ .does = expectSix },
        interrupt,
        .{ .does = worksWithSix },
        interrupt,
        .{ .does = expectFour },
        .{ .does = worksWithFour },
        interrupt,
        .{ .does = expectNoTrace },
        asking(0),
        asking(257),
    });
    defer kernel.deinit();
    try run(&kernel);
    const first = try reply(&kernel, 0);
    try testing.expectEqual(entropy.Status.ok, first.status);
    try testing.expectEqualStrings("aaaaaaaaaabbbbbb", first.bytes);
    const second_one = try reply(&kernel, 1);
    try testing.expectEqualStrings("cccc", second_one.bytes);
    for (6..8) |index| {
        const refused = try reply(&kernel, @intCast(index));
        try testing.expectEqual(entropy.Status.malformed, refused.status);
        try testing.expectEqual(@as(usize, 0), refused.bytes.len);
    }
    // The types of the answers are those of the requests.
    try testing.expectEqual(@as(u16, 16), kernel.sentTo(os_fake.client_slot)[0].type);
    try testing.expectEqual(@as(u16, 4), kernel.sentTo(os_fake.client_slot + 1)[0].type);
    try testing.expectEqual(@as(usize, 4), kernel.countOf(.irq_ack));
    try testing.expectEqual(@as(usize, 1), kernel.countOf(.irq_bind));
}

fn expectSix(kernel: *Kernel) void {
    testing.expectEqual(@as(usize, 6), requested(kernel)) catch @panic("asks for another number");
    testing.expectEqual(@as(usize, 0), kernel.sentTo(os_fake.client_slot).len) catch
        @panic("a part was sent");
}

fn worksWithSix(kernel: *Kernel) void {
    gives = 6;
    device(kernel);
}

fn expectFour(kernel: *Kernel) void {
    testing.expectEqual(@as(usize, 4), requested(kernel)) catch @panic("asks for another number");
}

fn worksWithFour(kernel: *Kernel) void {
    gives = 4;
    device(kernel);
}

fn expectNoTrace(kernel: *Kernel) void {
    const left = memoryOf(kernel)[buffer_at..][0..4];
    testing.expectEqualSlices(u8, &@as([4]u8, @splat(0)), left) catch @panic("a secret is left");
    for ([_][]const u8{ &service.gathered, &service.reply_frame }) |bytes| {
        // The test's runner ends where this fails.
        if (!std.mem.allEqual(u8, bytes, 0)) @panic("an answer is still in memory");
    }
}

fn expectBroken(gave: u32) !void {
    gives = gave;
    var kernel = start(&.{ asking(16), asking(4), .{ .does = device }, interrupt, asking(1) });
    defer kernel.deinit();
    try run(&kernel);
    for ([_]u32{ 0, 1, 3 }) |index| {
        try testing.expectEqual(entropy.Status.io, (try reply(&kernel, index)).status);
    }
    const said = kernel.said();
    const last = "rngd: FAIL device does not answer\n";
    try testing.expect(std.mem.endsWith(u8, said, "rngd: ready\n" ++ last));
}

test "a device that gives nothing, or more than was asked for, is not believed again" {
    try expectBroken(0);
    try expectBroken(17);
    try expectBroken(300);
}

test "a device that is silent for a second makes every request fail" {
    var kernel = start(&.{
        asking(16),
        .{ .message = .ofKernel(os.abi.KernelMsg.child_exit, "") },
        asking(4),
        .{ .until_ns = 3 * second },
        asking(1),
    });
    defer kernel.deinit();
    try run(&kernel);
    for ([_]u32{ 0, 2, 3 }) |index| {
        try testing.expectEqual(entropy.Status.io, (try reply(&kernel, index)).status);
    }
    const late = kernel.sentTo(os_fake.client_slot)[0];
    try testing.expectEqual(second + 1_000_000, late.at_ns);
    try testing.expectEqual(@as(usize, 0), kernel.countOf(.irq_ack));
}

test "sixteen may wait, the next one is refused at once" {
    const steps: [18]os_fake.Step = @splat(asking(4));
    var kernel = start(&(steps ++ .{os_fake.Step{ .until_ns = 3 * second }}));
    defer kernel.deinit();
    try run(&kernel);
    for (0..18) |index| {
        const sent = kernel.sentTo(os_fake.client_slot + @as(u32, @intCast(index)))[0];
        const at: u64 = if (index < 16) second + 1_000_000 else 1_000_000;
        try testing.expectEqual(at, sent.at_ns);
    }
}

test "without a device every request is answered, and the console says why" {
    var kernel: Kernel = .{ .name = "rngd", .script = &.{asking(4)} };
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqual(entropy.Status.io, (try reply(&kernel, 0)).status);
    try testing.expectEqualStrings("rngd: FAIL BadSlot\n", kernel.said());
}

fn givesTen(kernel: *Kernel) void {
    gives = 10;
    device(kernel);
}

fn givesSeven(kernel: *Kernel) void {
    gives = 7;
    device(kernel);
}

test "a device that gives more than a request still lacks is not believed, either" {
    var kernel = start(&.{
        asking(16),
        .{ .does = givesTen },
        interrupt,
        .{ .does = givesSeven },
        interrupt,
        asking(1),
    });
    defer kernel.deinit();
    try run(&kernel);
    for ([_]u32{ 0, 3 }) |index| {
        try testing.expectEqual(entropy.Status.io, (try reply(&kernel, index)).status);
    }
}

const status_at = 0x60 / 4;
const acknowledged_at = 0x64 / 4;

fn raise(_: *Kernel) void {
    registers[status_at] = 1;
}

test "an interrupt is acknowledged to the device, so that the next one can come" {
    var kernel = start(&.{ asking(4), .{ .does = givesTen }, .{ .does = raise }, interrupt });
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqual(1, registers[acknowledged_at]);
}
