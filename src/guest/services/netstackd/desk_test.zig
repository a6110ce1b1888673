//! netstackd as it runs, on stand-ins for the kernel, rngd and the card: how the interface comes
//! up, or why it does not; frames in, frames out, and events to watchers.

const std = @import("std");
const os = @import("os");
const os_fake = @import("os_fake");
const netstack = @import("netstack");
const entropy_frames = @import("wire").entropy;
const net = @import("net");
const card_fake = @import("card_fake.zig");
const service = @import("main.zig");
const testing = std.testing;
const Kernel = os_fake.Kernel;
const Step = os_fake.Step;

const ms = std.time.ns_per_ms;
const alice = 0xA;
const rngd = os_fake.route_slot;
const address = "\x01\x00\x05\x00" ++ "\x0a\x2a\x00\x0a\x18";
const neighbour = [4]u8{ 10, 42, 0, 11 };
const neighbour_mac = [6]u8{ 0x52, 0x54, 0, 0, 0, 11 };
const interrupt: Step = .{ .message = .ofKernel(os.abi.KernelMsg.interrupt, "") };

var card: card_fake.Card = undefined;
var entropy: []const u8 = "";

fn work(kernel: *Kernel) void {
    card.work(kernel);
}

fn answer(_: *Kernel, slot: os.Slot, _: []const u8) ?[]const u8 {
    const Static = struct {
        var reply: [64]u8 = undefined;
    };
    if (slot != rngd) return null;
    // The buffer takes more than a test has rngd give.
    return entropy_frames.encodeReply(&Static.reply, .ok, entropy) catch unreachable;
}

fn start(script: []const Step) Kernel {
    card = .init();
    entropy = "r" ** 18;
    return .{
        .name = "netstackd",
        .config = address,
        .routes = &.{"rngd"},
        .registers = &card.registers,
        .idle = work,
        .answer = answer,
        .script = script,
    };
}

fn run(kernel: *Kernel) !void {
    try kernel.play(service.main);
    card.work(kernel);
}

const up = "net: virtio-net up\nnet: iface up 10.42.0.10/24\nSELFTEST: net iface ok\n" ++
    "netstackd: not registered: Denied\nnetstackd: ready\nnetstackd: facade up\n";

test "the interface comes up, and the link hears of its address" {
    var kernel = start(&.{});
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqualStrings(up, kernel.said());
    try testing.expectEqualSlices(u8, "RN\x01\x01\x12\x00", kernel.sentTo(rngd)[0].bytes);
    const announced = card.frames.items[0].bytes;
    try testing.expectEqualSlices(u8, &@as([6]u8, @splat(0xFF)), announced[0..6]);
    try testing.expectEqualSlices(u8, &card_fake.mac, announced[6..12]);
    const arp = "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" ++ card_fake.mac ++ "\x0a\x2a\x00\x0a" ++
        "\x00" ** 6 ++ "\x0a\x2a\x00\x0a";
    try testing.expectEqualSlices(u8, arp, announced[12..]);
    try testing.expectEqual(@as(usize, 1), kernel.countOf(.irq_bind));
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
}

/// What stops the interface, and the word for it. Every request is answered all the same.
fn expectFailure(kernel: *Kernel, comptime word: []const u8) !void {
    kernel.script = &.{
        .{ .message = .{ .sender = alice, .payload = "NS\x01\x0a" } },
        interrupt,
        .{ .until_ns = 100 * ms },
    };
    try run(kernel);
    const said = kernel.said();
    try testing.expect(std.mem.indexOf(u8, said, "netstackd: net FAIL " ++ word ++ "\n") != null);
    try testing.expect(std.mem.endsWith(u8, said, "netstackd: facade up\n"));
    try testing.expect(std.mem.indexOf(u8, said, "ready") == null);
    const reply = try kernel.replyTo(0);
    try testing.expectEqualSlices(u8, "NS\x01\x8a\x04", reply);
}

test "no capability, no card, another card, and one without what we need" {
    var bare = start(&.{});
    defer bare.deinit();
    bare.registers = null;
    try expectFailure(&bare, "mmio-cap-missing");
    inline for (.{
        .{ 0, 0, "virtio-probe" },
        .{ 2, 4, "unsupported" },
        .{ 4, 0, "virtio-features" },
        .{ 0x34 / 4, 4, "unsupported" },
        // A group address belongs to no single node.
        .{ 0x100 / 4, 0x5453, "unsupported" },
    }) |case| {
        var kernel = start(&.{});
        defer kernel.deinit();
        card.registers[case[0]] = case[1];
        try expectFailure(&kernel, case[2]);
    }
}

test "a card that takes nothing, or breaks the rules" {
    var silent = start(&.{});
    defer silent.deinit();
    card.is_silent = true;
    try expectFailure(&silent, "device-silent");
    // A hundred times a millisecond.
    try testing.expect(silent.now_ns >= 101 * ms);
    var liar = start(&.{});
    defer liar.deinit();
    card.lie = 1;
    try expectFailure(&liar, "device-silent");
}

test "addresses that cannot be, and records of an unknown kind" {
    inline for (.{
        "\x01\x00\x04\x00\x0a\x2a\x00\x0a",
        "\x01\x00\x05\x00\x0a\x2a\x00\x0a\x21",
        "\x01\x00\x05\x00\xe0\x00\x00\x01\x18",
        address ++ "\x02\x00\x03\x00\x0a\x2a\x00",
        address ++ "\x63\x00\x00\x00",
        "\x01",
    }) |section| {
        var kernel = start(&.{});
        defer kernel.deinit();
        kernel.config = section;
        try expectFailure(&kernel, "configuration");
    }
}

test "without entropy there are no sequence numbers that a stranger could not guess" {
    var none = start(&.{});
    defer none.deinit();
    none.routes = &.{};
    try expectFailure(&none, "no-entropy");
    var short = start(&.{});
    defer short.deinit();
    entropy = "r" ** 17;
    try expectFailure(&short, "no-entropy");
}

test "a node without an address serves none, and says so" {
    var kernel = start(&.{.{ .message = .{ .sender = alice, .payload = "NS\x01\x0a" } }});
    defer kernel.deinit();
    kernel.config = "";
    try run(&kernel);
    try testing.expectEqualStrings(
        "net: virtio-net up\nnetstackd: no address configured, serving none\n" ++
            "netstackd: not registered: Denied\nnetstackd: ready\nnetstackd: facade up\n",
        kernel.said(),
    );
    try testing.expectEqualSlices(u8, "NS\x01\x8a\x04", try kernel.replyTo(0));
}

fn arpRequest() [42]u8 {
    var frame: [42]u8 = undefined;
    const packet = net.packet;
    packet.putEthernet(&frame, net.address.broadcast_mac, neighbour_mac, packet.EtherType.arp);
    const words: packet.Arp = .{
        .operation = packet.Arp.request,
        .sender_mac = neighbour_mac,
        .sender_ip = net.address.fromBytes(neighbour),
        .target_ip = net.address.fromBytes(.{ 10, 42, 0, 10 }),
    };
    words.write(frame[packet.ethernet_bytes..], @splat(0));
    return frame;
}

fn ask(kernel: *Kernel) void {
    _ = card.take(kernel, &arpRequest());
}

fn askOften(kernel: *Kernel) void {
    for (0..6) |_| ask(kernel);
}

test "a frame is answered when the card interrupts, and the interrupt is acknowledged" {
    var kernel = start(&.{
        .{ .does = work },
        .{ .does = ask },
        .{ .message = .ofKernel(os.abi.KernelMsg.child_exit, "") },
        .{ .does = work },
        .{ .does = expectNoAnswer },
        interrupt,
        .{ .does = work },
        .{ .does = askOften },
        interrupt,
        .{ .does = work },
        .{ .does = askOften },
        interrupt,
        .{ .does = work },
        .{ .does = askOften },
        interrupt,
    });
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqual(@as(usize, 4), kernel.countOf(.irq_ack));
    const frames = card.frames.items;
    // The announcement, an answer, and eighteen more: every buffer came back, some twice.
    try testing.expectEqual(@as(usize, 20), frames.len);
    try testing.expectEqualSlices(u8, &neighbour_mac, frames[1].bytes[0..6]);
    try testing.expectEqual(2, frames[1].bytes[21]);
    try testing.expect(card.take(&kernel, &arpRequest()));
}

fn expectNoAnswer(_: *Kernel) void {
    if (card.frames.items.len != 1) @panic("an answer without an interrupt");
}

const bind_frame = "NS\x01\x06\x00\x00\x00\x00\x00\x10";
const bind: Step = .{ .message = .{ .sender = alice, .type = 6, .payload = bind_frame } };

fn watch(comptime sender: u64) Step {
    return .{ .message = .{ .sender = sender, .payload = "NS\x01\x0c\x01\x00\x00\x00" } };
}

test "a request is answered under its own type, and what was written leaves first" {
    var kernel = start(&.{
        .{ .does = ask },
        interrupt,
        bind,
        .{ .message = .{
            .sender = alice,
            .type = 7,
            .payload = "NS\x01\x07\x01\x00\x00\x00\x0a\x2a\x00\x0b\x00\x10\x02\x00hi",
        } },
        .{ .does = work },
        .{ .message = .{ .sender = alice, .payload = "NS\x01\x0a", .wants_reply = false } },
        .{ .message = .{ .sender = alice, .payload = "nonsense" } },
    });
    defer kernel.deinit();
    try run(&kernel);
    const bound = kernel.sentTo(os_fake.client_slot + 1)[0];
    try testing.expectEqual(@as(u16, 6), bound.type);
    try testing.expectEqualSlices(u8, "NS\x01\x86\x00\x01\x00\x00\x00", bound.bytes);
    const sent = kernel.sentTo(os_fake.client_slot + 2)[0];
    try testing.expectEqualSlices(u8, "NS\x01\x87\x00", sent.bytes);
    const last = card.frames.items[card.frames.items.len - 1].bytes;
    try testing.expectEqualStrings("hi", last[42..44]);
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
}

fn datagram(kernel: *Kernel) void {
    // UDP from the neighbour, without a checksum, to port 4096.
    const head = card_fake.mac ++ neighbour_mac ++ "\x08\x00" ++
        "\x45\x00\x00\x1e\x00\x00\x00\x00" ++ "\x40\x11" ++
        "\x66\x67" ++ neighbour ++ "\x0a\x2a\x00\x0a" ++
        "\x10\x00\x10\x00\x00\x0a\x00\x00hi";
    _ = card.take(kernel, head);
}

/// The watcher is the moved capability of the message with this number.
fn watcher(number: u32) os.Slot {
    return os_fake.client_slot + number;
}

test "a watcher gets its event at once; one whose queue is full a little later" {
    var kernel = start(&.{
        bind,
        watch(alice),
        .{ .does = stuff },
        .{ .does = datagram },
        interrupt,
        .{ .until_ns = 6 * ms },
        .{ .does = unstuff },
        .{ .until_ns = 50 * ms },
    });
    defer kernel.deinit();
    try run(&kernel);
    const events = kernel.sentTo(watcher(1));
    try testing.expect(events.len > 0);
    const first = events[events.len - 1];
    try testing.expectEqual(netstack.event_type, first.type);
    try testing.expect(!first.is_waiting);
    const event = netstack.decodeEvent(first.bytes).?;
    try testing.expectEqual(@as(u32, 1), event.id);
    try testing.expect(event.events.readable);
    try testing.expect(first.at_ns > 6 * ms and first.at_ns <= 12 * ms);
    try testing.expectEqual(@as(usize, 1), kernel.open.items.len);
}

fn stuff(kernel: *Kernel) void {
    kernel.deaf = .{ .slot = watcher(1), .errno = .again };
}

fn unstuff(kernel: *Kernel) void {
    kernel.deaf = null;
}

test "a watcher that is gone is closed, and so is one of a socket that is not its own" {
    var kernel = start(&.{
        bind,
        watch(alice),
        .{ .does = lose },
        .{ .does = datagram },
        interrupt,
        watch(0xBAD),
        .{ .until_ns = 50 * ms },
    });
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
    const told = kernel.sentTo(watcher(3))[0];
    const event = netstack.decodeEvent(told.bytes).?;
    try testing.expect(event.events.invalid and !event.events.readable);
    try testing.expectEqual(netstack.event_type, told.type);
}

fn lose(kernel: *Kernel) void {
    kernel.deaf = .{ .slot = watcher(1), .errno = .pipe };
}

test "an echo to ourselves is answered when it comes, one that never comes when its time is up" {
    var kernel = start(&.{
        .{ .message = .{
            .sender = alice,
            .type = 8,
            .payload = "NS\x01\x09\x0a\x2a\x00\x0a\x64\x00",
        } },
        .{ .message = .{
            .sender = alice,
            .type = 9,
            .payload = "NS\x01\x09\x0a\x2a\x00\x63\x64\x00",
        } },
        .{ .until_ns = 3000 * ms },
    });
    defer kernel.deinit();
    try run(&kernel);
    const came = kernel.sentTo(os_fake.client_slot)[0];
    try testing.expectEqual(@as(u16, 8), came.type);
    try testing.expectEqualSlices(u8, "NS\x01\x89\x00", came.bytes[0..5]);
    const lost = kernel.sentTo(os_fake.client_slot + 1)[0];
    try testing.expectEqual(@as(u16, 9), lost.type);
    try testing.expectEqualSlices(u8, "NS\x01\x89\x05", lost.bytes[0..5]);
    try testing.expect(lost.at_ns >= came.at_ns + 100 * ms and lost.at_ns < 300 * ms);
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
}

/// This many frames come before the card interrupts; what it hears from here on is of them.
fn arrive(kernel: *Kernel, frames: usize) void {
    for (0..frames) |_| ask(kernel);
    card_fake.Card.refills = 0;
}

fn arriveNone(kernel: *Kernel) void {
    arrive(kernel, 0);
}

fn arriveOne(kernel: *Kernel) void {
    arrive(kernel, 1);
}

fn arriveTwo(kernel: *Kernel) void {
    arrive(kernel, 2);
}

fn arriveAll(kernel: *Kernel) void {
    arrive(kernel, 16);
}

test "the card hears once of the buffers of all frames that were taken, and not of none" {
    const Case = struct { does: *const fn (kernel: *Kernel) void, refills: usize };
    for ([_]Case{
        .{ .does = arriveNone, .refills = 0 },
        .{ .does = arriveOne, .refills = 1 },
        .{ .does = arriveTwo, .refills = 1 },
        .{ .does = arriveAll, .refills = 1 },
    }) |case| {
        const script = [_]Step{ .{ .does = work }, .{ .does = case.does }, interrupt };
        var kernel = start(&script);
        defer kernel.deinit();
        try run(&kernel);
        try testing.expectEqual(case.refills, card_fake.Card.refills);
    }
}

test "a card that breaks the rules later is not believed again, and the service stays" {
    var kernel = start(&.{
        .{ .does = work },
        .{ .does = breakRules },
        .{ .does = ask },
        interrupt,
        .{ .message = .{ .sender = alice, .payload = "NS\x01\x0a" } },
        .{ .does = ask },
        interrupt,
    });
    defer kernel.deinit();
    try run(&kernel);
    const said = kernel.said();
    const broken = "netstackd: net FAIL device broke the queue's rules\n";
    try testing.expect(std.mem.endsWith(u8, said, broken));
    try testing.expectEqual(@as(usize, 1), std.mem.count(u8, said, broken));
    _ = try kernel.replyTo(1);
}

fn breakRules(kernel: *Kernel) void {
    // An index that was never given out.
    var all = kernel.memory.valueIterator();
    const memory = all.next().?.*;
    const ring: os_fake.Ring = .at(memory, 16);
    std.mem.writeInt(u16, ring.used[2..4], 99, .little);
}
