//! Requests to a server and their answers: whose sockets are whose, datagrams, pings, and bounds.

const std = @import("std");
const net = @import("net");
const netstack = @import("netstack");
const core = @import("core.zig");
const handles = @import("handles.zig");
const fake = @import("servers_fake.zig");
const World = fake.World;
const Frame = fake.Frame;
const withId = fake.withId;
const listen_7 = fake.listen_7;
const bind_9 = fake.bind_9;
const connect_b_7 = fake.connect_b_7;
const read_all = fake.read_all;
const writable = fake.writable;
const failed = fake.failed;
const connected = fake.connected;
const ms = fake.ms;
const alice = fake.alice;
const mallory = fake.mallory;
const watcher_slot = fake.watcher_slot;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

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
