//! dsoftbusd as it runs, on stand-ins for kernel, netstackd and rngd: which message reaches what
//! part of the node, and which client is answered.

const std = @import("std");
const os = @import("os");
const os_fake = @import("os_fake");
const dsoftbus = @import("dsoftbus");
const sock = @import("sock");
const wire = @import("wire");
const fake = @import("netstackd_fake.zig");
const service = @import("main.zig");
const testing = std.testing;
const Kernel = os_fake.Kernel;
const Step = os_fake.Step;

test {
    _ = @import("edge_test.zig");
}

fn record(comptime tag: u8, comptime value: []const u8) []const u8 {
    return .{ tag, 0, value.len, 0 } ++ value;
}

/// Device id, secret, port 34567, a name; a peer that is waited for, and announces each 250 ms.
const section = record(1, "node-a") ++ record(2, "s" ** 32) ++ record(3, "\x07\x87") ++
    record(4, "samgrd") ++
    record(5, "\x00\x0a\x2a\x00\x0b\x08\x87" ++ "k" ** 32 ++ "node-b") ++
    record(7, "\x10\x00\x08\x00");

const client = 0xC;
const network = os.serviceId("netstackd");
const ms = std.time.ns_per_ms;

fn event(comptime id: u8, comptime bits: u8, comptime sender: u64) Step {
    return .{ .message = .{
        .sender = sender,
        .type = sock.netstack.event_type,
        .payload = "NS\x01\x40" ++ [_]u8{ id, 0, 0, 0, bits },
        .wants_reply = false,
    } };
}

/// A node with a peer that is waited for.
fn start(script: []const Step) Kernel {
    return .{
        .name = "dsoftbusd",
        .config = section,
        .routes = fake.routes,
        .answer = fake.answer,
        .script = script,
    };
}

fn run(kernel: *Kernel) !void {
    fake.reset();
    try kernel.play(service.main);
}

fn count(kernel: *Kernel, op: sock.netstack.Op) usize {
    var list: [128]os_fake.Sent = undefined;
    return fake.asked(kernel, op, &list).len;
}

test "a node without peers answers every request with a refusal, and opens no socket" {
    var request: [wire.front.request_bytes_max]u8 = undefined;
    const frame = try wire.front.encodeRequest(&request, .bundle_list);
    var kernel: Kernel = .{ .name = "dsoftbusd", .routes = fake.routes, .script = &.{
        .{ .message = .{ .sender = client, .type = 3, .payload = frame } },
        .{ .message = .{ .sender = client, .payload = "nonsense" } },
        .{ .message = .{ .sender = 0, .payload = frame } },
    } };
    defer kernel.deinit();
    try run(&kernel);
    const fail: ?wire.front.Status = .fail;
    try testing.expectEqual(fail, wire.front.decodeStatus(try kernel.replyTo(0), .bundle_list));
    try testing.expectEqual(@as(u16, 3), kernel.sentTo(os_fake.client_slot)[0].type);
    _ = try kernel.replyTo(1);
    try testing.expectEqual(@as(usize, 0), kernel.sentTo(os_fake.client_slot + 2).len);
    try testing.expectEqual(@as(usize, 0), kernel.sentTo(fake.netstackd).len);
    try testing.expect(std.mem.endsWith(u8, kernel.said(), "dsoftbusd: ready\n"));
}

test "announces go out on their schedule, to the group and to the peer" {
    var kernel = start(&.{.{ .until_ns = 1001 * ms + 1 }});
    defer kernel.deinit();
    try run(&kernel);
    var list: [16]os_fake.Sent = undefined;
    const said = fake.asked(&kernel, .udp_send_to, &list);
    try testing.expectEqual(@as(usize, 10), said.len);
    for (said, 0..) |each, index| {
        try testing.expectEqual((1 + 250 * (index / 2)) * ms, each.at_ns);
        const to: [4]u8 = if (index % 2 == 0) dsoftbus.announce.group else .{ 10, 42, 0, 11 };
        try testing.expectEqualSlices(u8, &to, each.bytes[8..12]);
    }
}

/// The same node, with two peers that it dials.
const dialling = record(1, "node-a") ++ record(2, "s" ** 32) ++ record(3, "\x07\x87") ++
    record(5, "\x01\x0a\x2a\x00\x0b\x08\x87" ++ "k" ** 32 ++ "node-b") ++
    record(5, "\x01\x0a\x2a\x00\x0c\x09\x87" ++ "l" ** 32 ++ "node-c");

/// Both say that they are there, from an address that is not proven.
fn announceBoth(kernel: *Kernel) void {
    const gpa = kernel.arena.allocator();
    const heard = gpa.alloc(fake.Chosen, 2) catch unreachable;
    for (heard, [_][]const u8{ "node-b", "node-c" }, "kl") |*each, id, letter| {
        const own: dsoftbus.announce.Announce =
            .{ .device_id = id, .tcp_port = 1, .key = @splat(letter), .count = 0 };
        var packet: [dsoftbus.announce.bytes_max]u8 = undefined;
        const bytes = dsoftbus.announce.encode(&packet, &own) catch unreachable;
        const head = [2]u8{ @intCast(bytes.len), 0 } ++ "\x0a\x2a\x00\x63" ++ "\x01\x00";
        const tail = std.mem.concat(gpa, u8, &.{ head, bytes }) catch unreachable;
        each.* = .{ .op = .udp_recv_from, .tail = tail };
    }
    fake.chosen = heard;
}

test "each peer is dialled where the configuration says that it is" {
    var kernel = start(&.{
        .{ .does = announceBoth },
        event(41, 1, network),
        .{ .until_ns = 500 * ms },
    });
    kernel.config = dialling;
    defer kernel.deinit();
    try run(&kernel);
    var list: [64]os_fake.Sent = undefined;
    const dialled = fake.asked(&kernel, .connect, &list);
    try testing.expect(dialled.len >= 2);
    var met = [_]bool{ false, false };
    for (dialled) |each| {
        const host = each.bytes[7];
        try testing.expect(host == 11 or host == 12);
        // The port says which of them it is.
        try testing.expectEqual(host - 3, each.bytes[8]);
        met[host - 11] = true;
    }
    try testing.expect(met[0] and met[1]);
}

test "sockets that netstackd does not know any more end this life of the service" {
    var kernel = start(&.{ .{ .does = forgetSockets }, .{ .until_ns = 2000 * ms } });
    defer kernel.deinit();
    fake.reset();
    kernel.install();
    try testing.expectError(error.BeginAnew, service.main());
    try testing.expect(std.mem.endsWith(u8, kernel.said(), ": network lost, beginning anew\n"));
    // With the first announcement that finds it so.
    try testing.expect(os.nsec() <= 252 * ms);
}

fn forgetSockets(_: *Kernel) void {
    fake.chosen = &.{.{ .op = .udp_send_to, .status = .not_found }};
}

test "events of netstackd reach what they are about; those of others reach nothing" {
    var kernel = start(&.{
        .{ .does = expectQuiet },
        event(41, 1, client),
        event(42, 1, client),
        .{ .does = expectQuiet },
        event(41, 1, network),
        .{ .does = expectHeard },
        event(42, 1, network),
        .{ .does = expectAccepted },
        event(99, 0xFF, network),
    });
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqual(@as(usize, 1), count(&kernel, .udp_recv_from));
}

fn expectQuiet(kernel: *Kernel) void {
    if (count(kernel, .udp_recv_from) + count(kernel, .accept) != 0) @panic("asked too early");
}

fn expectHeard(kernel: *Kernel) void {
    if (count(kernel, .udp_recv_from) != 1) @panic("the datagram is left lying");
    if (count(kernel, .accept) != 0) @panic("no host has come");
}

fn expectAccepted(kernel: *Kernel) void {
    if (count(kernel, .accept) == 0) @panic("no host is let in");
}

test "a stranger is let in, read from, and let go when the connection fails" {
    var kernel = start(&.{
        .{ .does = bringStranger },
        event(42, 1, network),
        .{ .until_ns = 20 * ms },
        .{ .does = expectReading },
        late(client),
        .{ .does = expectStillThere },
        late(network),
    });
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqual(@as(usize, 1), count(&kernel, .read_later));
    try testing.expect(count(&kernel, .abort) + count(&kernel, .close) == 1);
}

/// The connection failed, under the token of the first one: tokens go on from half of what rngd
/// gave, "eeee".
fn late(comptime sender: u64) Step {
    return .{ .message = .{
        .sender = sender,
        .type = sock.netstack.later_type,
        .payload = "NS\x01\x8f\x04" ++ "\xb3\xb2\xb2\x32\x00\x00\x00\x00",
        .wants_reply = false,
    } };
}

fn expectStillThere(kernel: *Kernel) void {
    if (count(kernel, .abort) + count(kernel, .close) != 0) @panic("a stranger ends a connection");
}

fn bringStranger(_: *Kernel) void {
    fake.chosen =
        &.{.{ .op = .accept, .tail = "\x50\x00\x00\x00" ++ "\x0a\x2a\x00\x63" ++ "\x39\x30" }};
}

fn expectReading(kernel: *Kernel) void {
    if (count(kernel, .read_later) != 1) @panic("what it says is not asked for");
}

test "a stranger that says nothing is let go in time, and the log hears of it" {
    var kernel = start(&.{
        .{ .does = bringStranger },
        event(42, 1, network),
        .{ .until_ns = 30_000 * ms },
    });
    kernel.routes = fake.routes ++ .{"logd"};
    defer kernel.deinit();
    try run(&kernel);
    try testing.expectEqual(@as(usize, 1), count(&kernel, .abort) + count(&kernel, .close));
    const logd = os_fake.route_slot + fake.routes.len;
    var is_told = false;
    for (kernel.sentTo(@intCast(logd))) |sent| {
        is_told = is_told or std.mem.indexOf(u8, sent.bytes, "timeout") != null;
    }
    try testing.expect(is_told);
}

test "a local request without a session is answered in the end; what is not a request at once" {
    var request: [wire.front.request_bytes_max]u8 = undefined;
    const frame = try wire.front.encodeRequest(&request, .bundle_list);
    var kernel = start(&.{
        .{ .message = .{ .sender = client, .type = 3, .payload = frame } },
        .{ .message = .{ .sender = client, .type = 4, .payload = "nonsense" } },
        // A way back, but from the kernel, which waits for no answer.
        .{ .message = .{ .sender = 0, .payload = frame } },
        // An answer without a question.
        .{ .message = .{
            .sender = os.serviceId("samgrd"),
            .type = 1,
            .payload = "SM",
            .wants_reply = false,
        } },
        .{ .until_ns = 10_000 * ms },
    });
    defer kernel.deinit();
    try run(&kernel);
    const answered = kernel.sentTo(os_fake.client_slot)[0];
    try testing.expectEqual(@as(u16, 3), answered.type);
    try testing.expect(answered.at_ns > 1000 * ms);
    try testing.expectEqual(
        @as(?wire.front.Status, .fail),
        wire.front.decodeStatus(try kernel.replyTo(0), .bundle_list),
    );
    const refused = kernel.sentTo(os_fake.client_slot + 1)[0];
    try testing.expectEqual(@as(u64, 1 * ms), refused.at_ns);
    try testing.expectEqual(@as(u16, 4), refused.type);
    // A caller that was answered gets its turn before anything else is done.
    try testing.expectEqual(@as(usize, 2), kernel.countOf(.yield));
    try testing.expectEqual(@as(usize, 0), kernel.sentTo(os_fake.client_slot + 2).len);
    try testing.expectEqual(@as(usize, 0), kernel.open.items.len);
}

test "a section that cannot be read stops it, and a node without entropy does not start" {
    var wrong: Kernel = .{ .name = "dsoftbusd", .config = "\x63\x00\x00\x00" };
    defer wrong.deinit();
    wrong.install();
    try testing.expectError(error.Malformed, service.main());
    fake.reset();
    fake.entropy_status = .io;
    var kernel = start(&.{});
    defer kernel.deinit();
    kernel.install();
    try testing.expectError(error.NoEntropy, service.main());
}
