//! Two servers on one wire, driven by requests alone.

const std = @import("std");
const net = @import("net");
const netstack = @import("netstack");
const core = @import("core.zig");
const handles = @import("handles.zig");
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

const ms = std.time.ns_per_ms;
const alice = 0xA11CE;
const mallory = 0xBAD;
const watcher_slot = 40;

const World = struct {
    servers: [2]core.Server = undefined,
    now: u64 = 1,
    /// Which life of the clients asks.
    pid: u32 = 3,

    fn create() !*World {
        const world = try std.testing.allocator.create(World);
        world.now = 1;
        world.pid = 3;
        for (&world.servers, 10..) |*server, host| {
            server.init();
            server.bringUp(.{
                .mac = .{ 0x52, 0x54, 0, 0, 0, @intCast(host) },
                .ip = net.address.fromBytes(.{ 10, 42, 0, @intCast(host) }),
                .prefix = 24,
                .secret = @splat(7),
                .port_seed = 0,
            });
        }
        return world;
    }

    fn destroy(world: *World) void {
        std.testing.allocator.destroy(world);
    }

    /// Carry frames both ways until there are none; a frame takes a millisecond.
    fn pump(world: *World) void {
        var frame: [net.packet.frame_bytes_max]u8 align(8) = undefined;
        var quiet: usize = 0;
        while (quiet < 2) for (0..2) |side| {
            quiet += 1;
            while (world.servers[side].stack.transmit(&frame, world.now)) |sent| {
                quiet = 0;
                world.now += ms;
                world.servers[side ^ 1].stack.receive(sent, world.now);
            }
        };
        for (&world.servers) |*server| server.notice();
    }

    /// A request of `client` to one of the servers; the reply behind its status.
    fn ask(world: *World, side: usize, client: u64, frame: []const u8) !Reply {
        const caller: core.Caller = .{
            .service = client,
            .pid = world.pid,
            .moved = 20,
            .sequence = 5,
        };
        const outcome = world.servers[side].handle(frame, caller, world.now);
        const reply = outcome.reply;
        try expectEqualSlices(u8, netstack.magic, reply[0..3]);
        try expectEqual(frame[3] | netstack.reply_bit, reply[3]);
        return .{ .status = @enumFromInt(reply[4]), .tail = reply[5..] };
    }

    fn open(world: *World, side: usize, client: u64, frame: []const u8) !u32 {
        const reply = try world.ask(side, client, frame);
        try expectEqual(netstack.Status.ok, reply.status);
        return std.mem.readInt(u32, reply.tail[0..4], .little);
    }

    fn watch(world: *World, side: usize, client: u64, id: u8, slot: u32) core.Outcome {
        const caller: core.Caller = .{ .service = client, .moved = slot, .sequence = 0 };
        const frame = withId(12, id, "");
        return world.servers[side].handle(frame.bytes(), caller, world.now);
    }

    /// All that is owed to a watcher of socket `id`, taken as delivered.
    fn events(world: *World, side: usize, id: u32) u8 {
        const server = &world.servers[side];
        server.notice();
        const what = server.nextNotice(id - 1) orelse return 0;
        if (what.id != id) return 0;
        server.sent(what);
        return what.events;
    }
};

const Reply = struct { status: netstack.Status, tail: []const u8 };

const Frame = struct {
    buffer: [64]u8 = undefined,
    len: usize,

    fn bytes(self: *const Frame) []const u8 {
        return self.buffer[0..self.len];
    }
};

fn withId(op: u8, id: u8, rest: []const u8) Frame {
    var frame: Frame = .{ .len = 8 + rest.len };
    frame.buffer[0..8].* = .{ 'N', 'S', 1, op, id, 0, 0, 0 };
    @memcpy(frame.buffer[8..][0..rest.len], rest);
    return frame;
}

const listen_7 = "NS\x01\x01\x07\x00";
const bind_9 = "NS\x01\x06\x09\x00";
const connect_b_7 = "NS\x01\x03\x0a\x2a\x00\x0b\x07\x00";
const read_all = "\xff\xff";

const readable = (netstack.Events{ .readable = true }).bits();
const writable = (netstack.Events{ .writable = true }).bits();
const peer_closed = (netstack.Events{ .peer_closed = true }).bits();
const failed = (netstack.Events{ .failed = true }).bits();
const connected = (netstack.Events{ .connected = true }).bits();

test "a conversation, with its events as edges" {
    const world = try World.create();
    defer world.destroy();
    const listener = try world.open(1, alice, listen_7);
    _ = world.watch(1, alice, @intCast(listener), watcher_slot);
    const a = try world.open(0, alice, connect_b_7);
    _ = world.watch(0, alice, @intCast(a), watcher_slot);
    try expectEqual(@as(u8, 0), world.events(0, a));
    world.pump();
    try expectEqual(connected | writable, world.events(0, a));
    try expectEqual(@as(u8, 0), world.events(0, a));
    try expectEqual(readable, world.events(1, listener));
    const accepted = try world.ask(1, alice, withId(2, @intCast(listener), "").bytes());
    const b = std.mem.readInt(u32, accepted.tail[0..4], .little);
    try expectEqualSlices(u8, "\x0a\x2a\x00\x0a", accepted.tail[4..8]);
    // Watching reports at once what is true already.
    _ = world.watch(1, alice, @intCast(b), watcher_slot);
    try expectEqual(connected | writable, world.events(1, b));
    const wrote = try world.ask(0, alice, withId(5, @intCast(a), "\x03\x00abc").bytes());
    try expectEqualSlices(u8, "\x03\x00", wrote.tail);
    world.pump();
    try expectEqual(readable, world.events(1, b));
    // More of the same is not news, until it has been read.
    _ = try world.ask(0, alice, withId(5, @intCast(a), "\x01\x00d").bytes());
    world.pump();
    try expectEqual(@as(u8, 0), world.events(1, b));
    const got = try world.ask(1, alice, withId(4, @intCast(b), read_all).bytes());
    try expectEqualSlices(u8, "\x04\x00abcd", got.tail);
    const none = try world.ask(1, alice, withId(4, @intCast(b), read_all).bytes());
    try expectEqual(netstack.Status.would_block, none.status);
    try expectEqual(@as(u8, 0), world.events(1, b));
    _ = try world.ask(0, alice, withId(11, @intCast(a), "").bytes());
    try expectEqual(@as(?u32, watcher_slot), world.servers[0].nextReleased());
    world.pump();
    try expectEqual(peer_closed, world.events(1, b));
    const end = try world.ask(1, alice, withId(4, @intCast(b), read_all).bytes());
    try expectEqualSlices(u8, "\x00\x00", end.tail);
    const gone = try world.ask(0, alice, withId(4, @intCast(a), read_all).bytes());
    try expectEqual(netstack.Status.not_found, gone.status);
}

test "a full buffer blocks, and says when it is worth trying again" {
    const world = try World.create();
    defer world.destroy();
    _ = try world.open(1, alice, listen_7);
    const a: u8 = @intCast(try world.open(0, alice, connect_b_7));
    _ = world.watch(0, alice, a, watcher_slot);
    world.pump();
    _ = world.events(0, a);
    var big: [10 + 2000]u8 = @splat('x');
    big[0..10].* = .{ 'N', 'S', 1, 5, a, 0, 0, 0, 2000 & 0xFF, 2000 >> 8 };
    for ([_]u16{ 2000, 2000, 96 }) |taken| {
        const reply = try world.ask(0, alice, &big);
        try expectEqual(taken, std.mem.readInt(u16, reply.tail[0..2], .little));
    }
    try expectEqual(netstack.Status.would_block, (try world.ask(0, alice, &big)).status);
    try expectEqual(@as(u8, 0), world.events(0, a));
    world.pump();
    try expectEqual(writable, world.events(0, a));
}

test "a service that began anew has none of the sockets of its earlier life" {
    const world = try World.create();
    defer world.destroy();
    const listener: u8 = @intCast(try world.open(1, alice, listen_7));
    _ = world.watch(1, alice, listener, watcher_slot);
    const others = try world.open(1, mallory, bind_9);
    const a: u8 = @intCast(try world.open(0, alice, connect_b_7));
    _ = world.watch(0, alice, a, watcher_slot);
    world.pump();
    try expectEqual(connected | writable, world.events(0, a));
    const taken = try world.ask(1, alice, listen_7);
    try expectEqual(netstack.Status.io, taken.status);
    world.pid = 9;
    _ = try world.open(1, alice, listen_7);
    try expectEqual(@as(?u32, watcher_slot), world.servers[1].nextReleased());
    try expectEqual(null, world.servers[1].nextReleased());
    world.pid = 3;
    const still = try world.ask(1, mallory, withId(8, @intCast(others), read_all).bytes());
    try expectEqual(netstack.Status.would_block, still.status);
    // The peer that was connected to it learns so.
    world.pump();
    try expect(world.events(0, a) & failed != 0);
}

test "sockets are their maker's alone" {
    const world = try World.create();
    defer world.destroy();
    const listener: u8 = @intCast(try world.open(1, alice, listen_7));
    const udp: u8 = @intCast(try world.open(1, alice, bind_9));
    const a: u8 = @intCast(try world.open(0, alice, connect_b_7));
    world.pump();
    const attempts = [_]struct { side: usize, frame: Frame }{
        .{ .side = 1, .frame = withId(2, listener, "") },
        .{ .side = 0, .frame = withId(4, a, read_all) },
        .{ .side = 0, .frame = withId(5, a, "\x01\x00!") },
        .{ .side = 1, .frame = withId(7, udp, "\x0a\x2a\x00\x0a\x09\x00\x01\x00!") },
        .{ .side = 1, .frame = withId(8, udp, read_all) },
        .{ .side = 0, .frame = withId(11, a, "") },
        .{ .side = 0, .frame = withId(13, a, "") },
    };
    for (attempts) |attempt| {
        const reply = try world.ask(attempt.side, mallory, attempt.frame.bytes());
        try expectEqual(netstack.Status.not_found, reply.status);
    }
    const refused = world.watch(0, mallory, a, watcher_slot).no_socket_to_watch;
    try expectEqualSlices(u8, "NS\x01\x40\x01\x00\x00\x00\x80", &refused);
    // The right kind is needed, too.
    const wrong = try world.ask(1, alice, withId(4, udp, read_all).bytes());
    try expectEqual(netstack.Status.not_found, wrong.status);
    const fine = try world.ask(0, alice, withId(5, a, "\x01\x00!").bytes());
    try expectEqual(netstack.Status.ok, fine.status);
}

test "what a watcher could not take stays owed, and a new watcher replaces the old" {
    const world = try World.create();
    defer world.destroy();
    const listener = try world.open(1, alice, listen_7);
    _ = world.watch(1, alice, @intCast(listener), watcher_slot);
    _ = try world.open(0, alice, connect_b_7);
    world.pump();
    const server = &world.servers[1];
    for (0..3) |_| {
        server.notice();
        const what = server.nextNotice(0).?;
        try expectEqual(@as(u32, watcher_slot), what.watcher);
        try expectEqual(readable, what.events);
    }
    _ = world.watch(1, alice, @intCast(listener), watcher_slot + 1);
    try expectEqual(@as(?u32, watcher_slot), server.nextReleased());
    server.notice();
    const what = server.nextNotice(0).?;
    try expectEqual(@as(u32, watcher_slot + 1), what.watcher);
    server.abandon(what, world.now);
    try expectEqual(@as(?u32, watcher_slot + 1), server.nextReleased());
    server.notice();
    try expectEqual(@as(?core.Notice, null), server.nextNotice(0));
    // A service that crashed listens no more, and its callers get an answer.
    const again = try world.ask(1, alice, withId(2, @intCast(listener), "").bytes());
    try expectEqual(netstack.Status.not_found, again.status);
    world.pump();
    try expectEqual(net.connection.Failure.reset, world.servers[0].stack.connections[0].failure);
}

test "a refused connection fails by event, and then by status" {
    const world = try World.create();
    defer world.destroy();
    const a: u8 = @intCast(try world.open(0, alice, connect_b_7));
    _ = world.watch(0, alice, a, watcher_slot);
    world.pump();
    try expectEqual(failed, world.events(0, a));
    for ([_]Frame{ withId(4, a, read_all), withId(5, a, "\x01\x00!") }) |frame| {
        try expectEqual(netstack.Status.io, (try world.ask(0, alice, frame.bytes())).status);
    }
    try expectEqual(
        netstack.Status.ok,
        (try world.ask(0, alice, withId(11, a, "").bytes())).status,
    );
}

test "datagrams with their sender, and a nonce given back" {
    const world = try World.create();
    defer world.destroy();
    const a: u8 = @intCast(try world.open(0, alice, bind_9));
    const b: u8 = @intCast(try world.open(1, alice, bind_9));
    const send = withId(7, a, "\x0a\x2a\x00\x0b\x09\x00\x02\x00hiNONCE-64");
    const sent = try world.ask(0, alice, send.bytes());
    try expectEqualSlices(u8, "NONCE-64", sent.tail);
    world.pump();
    const got = try world.ask(1, alice, withId(8, b, "\xff\xff" ++ "NONCE-64").bytes());
    try expectEqualSlices(u8, "\x02\x00\x0a\x2a\x00\x0a\x09\x00hiNONCE-64", got.tail);
    const none = try world.ask(1, alice, withId(8, b, "\xff\xff" ++ "NONCE-64").bytes());
    try expectEqual(netstack.Status.would_block, none.status);
    try expectEqualSlices(u8, "NONCE-64", none.tail);
}

test "a ping is answered when its echo comes, or when it does not" {
    const world = try World.create();
    defer world.destroy();
    const caller: core.Caller = .{ .service = alice, .moved = 21, .sequence = 77 };
    const there = "NS\x01\x09\x0a\x2a\x00\x0b\xe8\x03";
    const nobody = "NS\x01\x09\x0a\x2a\x00\x63\xe8\x03";
    const server = &world.servers[0];
    try expect(server.handle(there, caller, world.now) == .kept);
    try expect(server.handle(nobody, caller, world.now) == .kept);
    world.pump();
    const echo = server.nextPingReply().?;
    try expectEqual(@as(u32, 21), echo.reply_to);
    try expectEqual(@as(u16, 77), echo.sequence);
    try expectEqualSlices(u8, "NS\x01\x89\x00\x05\x00", echo.frame);
    try expectEqual(@as(?core.Server.LateReply, null), server.nextPingReply());
    server.stack.poll(world.now + 1000 * ms);
    try expectEqualSlices(u8, "NS\x01\x89\x05", server.nextPingReply().?.frame);
}

test "without an interface everything but nonsense is an io error" {
    const world = try World.create();
    defer world.destroy();
    world.servers[0].init();
    for ([_][]const u8{ listen_7, connect_b_7, "NS\x01\x0a", "NS\x01\x0e" }) |frame| {
        try expectEqual(netstack.Status.io, (try world.ask(0, alice, frame)).status);
    }
    try expectEqual(netstack.Status.malformed, (try world.ask(0, alice, "NS\x01\x63")).status);
}

test "a caller without a way to answer opens nothing" {
    const world = try World.create();
    defer world.destroy();
    const caller: core.Caller = .{ .service = alice, .moved = null, .sequence = 0 };
    for (0..100) |_| {
        try expect(world.servers[0].handle(listen_7, caller, world.now) == .nothing);
        try expect(world.servers[0].handle(bind_9, caller, world.now) == .nothing);
        try expect(world.servers[0].handle("", caller, world.now) == .nothing);
    }
    for (world.servers[0].table.handles) |handle| try expectEqual(handles.Kind.free, handle.kind);
}

test "address and MAC are answered, bounds are kept" {
    const world = try World.create();
    defer world.destroy();
    const own = try world.ask(0, alice, "NS\x01\x0a");
    try expectEqualSlices(u8, "\x0a\x2a\x00\x0a\x18", own.tail);
    const mac = try world.ask(0, alice, "NS\x01\x0e");
    try expectEqualSlices(u8, "\x52\x54\x00\x00\x00\x0a", mac.tail);
    for (0..net.stack.connections_max) |_| _ = try world.open(0, alice, connect_b_7);
    try expectEqual(netstack.Status.io, (try world.ask(0, alice, connect_b_7)).status);
    _ = try world.open(0, alice, bind_9);
    try expectEqual(netstack.Status.io, (try world.ask(0, alice, bind_9)).status);
    const foreign = try world.ask(0, alice, "NS\x01\x06\x0a\x2a\x00\x0b\x0a\x00");
    try expectEqual(netstack.Status.malformed, foreign.status);
}

fn later(world: *World, side: usize, id: u8, slot: u32, nonce: []const u8) core.Outcome {
    var rest: [10]u8 = undefined;
    rest[0..2].* = "\xff\xff".*;
    @memcpy(rest[2..][0..nonce.len], nonce);
    const caller: core.Caller = .{ .service = alice, .moved = slot, .sequence = 9 };
    const frame = withId(15, id, rest[0 .. 2 + nonce.len]);
    return world.servers[side].handle(frame.bytes(), caller, world.now);
}

test "a later read is answered when there is something, once, and then it is asked anew" {
    const world = try World.create();
    defer world.destroy();
    const listener: u8 = @intCast(try world.open(1, alice, listen_7));
    const a: u8 = @intCast(try world.open(0, alice, connect_b_7));
    world.pump();
    const accepted = try world.ask(1, alice, withId(2, listener, "").bytes());
    const b: u8 = @intCast(std.mem.readInt(u32, accepted.tail[0..4], .little));
    const server = &world.servers[1];
    try expectEqual(core.Outcome.kept, later(world, 1, b, 50, "nonce-01"));
    try expectEqual(@as(?core.Server.LateReply, null), server.nextRead());
    _ = try world.ask(0, alice, withId(5, a, "\x03\x00abc").bytes());
    world.pump();
    const first = server.nextRead().?;
    try expectEqual(@as(u32, 50), first.reply_to);
    try expectEqual(@as(u16, 9), first.sequence);
    try expectEqualSlices(u8, "NS\x01\x8f\x00\x03\x00abcnonce-01", first.frame);
    try expectEqual(@as(?core.Server.LateReply, null), server.nextRead());
    // What is there already is the answer at once.
    _ = try world.ask(0, alice, withId(5, a, "\x01\x00d").bytes());
    world.pump();
    try expectEqualSlices(u8, "NS\x01\x8f\x00\x01\x00d", later(world, 1, b, 51, "").reply);
    // A second one takes the place of the first, whose capability is given back.
    _ = later(world, 1, b, 52, "");
    try expectEqual(core.Outcome.kept, later(world, 1, b, 53, ""));
    try expectEqual(@as(?u32, 52), server.nextReleased());
    // The end is an answer too; and another service's socket is none.
    _ = try world.ask(0, alice, withId(11, a, "").bytes());
    world.pump();
    const last = server.nextRead().?;
    try expectEqual(@as(u32, 53), last.reply_to);
    try expectEqualSlices(u8, "NS\x01\x8f\x00\x00\x00", last.frame);
    const caller: core.Caller = .{ .service = mallory, .moved = 54, .sequence = 1 };
    const foreign = server.handle(withId(15, b, "\xff\xff").bytes(), caller, world.now);
    try expectEqualSlices(u8, "NS\x01\x8f\x01", foreign.reply);
}

test "bytes behind a read that took all are reported, though no reader looked in between" {
    const world = try World.create();
    defer world.destroy();
    const listener: u8 = @intCast(try world.open(1, alice, listen_7));
    const a: u8 = @intCast(try world.open(0, alice, connect_b_7));
    world.pump();
    const accepted = try world.ask(1, alice, withId(2, listener, "").bytes());
    const b: u8 = @intCast(std.mem.readInt(u32, accepted.tail[0..4], .little));
    _ = world.watch(1, alice, b, watcher_slot);
    _ = try world.ask(0, alice, withId(5, a, "\x01\x00x").bytes());
    world.pump();
    try expect(world.events(1, b) & readable != 0);
    const got = try world.ask(1, alice, withId(4, b, read_all).bytes());
    try expectEqualSlices(u8, "\x01\x00x", got.tail);
    // More comes before the server looks at its sockets again.
    _ = try world.ask(0, alice, withId(5, a, "\x01\x00y").bytes());
    world.pump();
    try expectEqual(readable, world.events(1, b));
}

test "two capabilities that are given back at once are both taken, each once" {
    const world = try World.create();
    defer world.destroy();
    const server = &world.servers[0];
    try expectEqual(null, server.nextReleased());
    for (0..2) |_| {
        server.release(7);
        server.release(null);
        server.release(9);
        try expectEqual(7, server.nextReleased().?);
        try expectEqual(9, server.nextReleased().?);
        try expectEqual(null, server.nextReleased());
    }
    server.release(7);
    try expectEqual(7, server.nextReleased().?);
    server.release(9);
    try expectEqual(9, server.nextReleased().?);
    try expectEqual(null, server.nextReleased());
}
