//! TCP end to end between two stacks, over good links and bad ones.

const std = @import("std");
const address = @import("address.zig");
const connection = @import("connection.zig");
const fake = @import("link_fake.zig");
const tcp = @import("stack_tcp.zig");
const tcp_fake = @import("tcp_fake.zig");
const Pair = tcp_fake.Pair;
const World = fake.World;
const echo = tcp_fake.echo;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectIdle = tcp_fake.expectIdle;
const ms = fake.ms;
const pattern = tcp_fake.pattern;
const port = tcp_fake.port;
const there = tcp_fake.there;
const transfer = tcp_fake.transfer;

test "handshake, a word each way, and the end in good order" {
    const world = try World.create(1, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    try expectEqual(connection.State.established, pair.end(0).state);
    try expectEqual(fake.ip_a, pair.end(1).remote.ip);
    _ = try pair.write(0, "ping");
    world.run(10 * ms);
    var buffer: [16]u8 = undefined;
    try expectEqual(@as(usize, 4), try pair.read(1, &buffer));
    try std.testing.expectEqualStrings("ping", buffer[0..4]);
    try std.testing.expectError(error.WouldBlock, pair.read(1, &buffer));
    pair.close(0);
    world.run(10 * ms);
    try expectEqual(@as(usize, 0), try pair.read(1, &buffer));
    // Half closed: the other direction still works.
    _ = try pair.write(1, "bye");
    pair.close(1);
    world.run(10 * ms);
    try expectEqual(connection.State.time_wait, pair.end(0).state);
    try expect(!pair.end(1).in_use);
    try expectIdle(world);
}

test "bulk both ways over a good link takes no retransmission" {
    const world = try World.create(2, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    try transfer(pair, 200_000, 3000);
    try expectEqual(@as(u32, 0), pair.end(0).retransmissions);
    try expectEqual(@as(u32, 0), pair.end(1).retransmissions);
    pair.close(0);
    pair.close(1);
    try expectIdle(world);
}

test "bulk both ways survives loss, repetition, damage and reordering" {
    var lost: usize = 0;
    var again: u32 = 0;
    for (0..20) |seed| {
        const world = try World.create(100 + seed, .{
            .loss = 20,
            .duplicate = 20,
            .damage = 8,
            .delay_min_ns = 1 * ms,
            .delay_max_ns = 9 * ms,
        });
        defer world.destroy();
        const pair = try Pair.open(world);
        try transfer(pair, 30_000, 3000);
        lost += world.lost;
        again += pair.end(0).retransmissions + pair.end(1).retransmissions;
        pair.close(0);
        pair.close(1);
        try expectIdle(world);
    }
    // The faults happened, or the test says nothing.
    try expect(lost > 200 and again > 100);
}

test "a reader of crumbs slows the writer down and loses nothing" {
    const world = try World.create(3, .{ .loss = 10 });
    defer world.destroy();
    const pair = try Pair.open(world);
    try transfer(pair, 20_000, 100);
}

test "sequence numbers wrap in the middle of it" {
    for ([_]u32{ 0xFFFF_FFFF, 0xFFFF_FFF0, 0xFFFF_F000, 0x7FFF_FFFF }) |iss| {
        const world = try World.create(4, .{ .loss = 10, .delay_max_ns = 4 * ms });
        defer world.destroy();
        const listener = try tcp.listen(world.b(), port);
        const index = try tcp.connect(world.a(), there, world.now);
        world.a().connections[index].open(.syn_sent, iss, world.now);
        var other: ?u8 = null;
        while (other == null) : (other = tcp.accept(world.b(), listener)) _ = world.step();
        const pair: Pair = .{ .world = world, .index = .{ index, other.? }, .listener = listener };
        try transfer(pair, 20_000, 3000);
        pair.close(1);
        pair.close(0);
        try expectIdle(world);
    }
}

test "a closed window is probed until it opens, however long that takes" {
    const world = try World.create(5, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    var data: [connection.buffer_bytes]u8 = undefined;
    for (&data, 0..) |*byte, i| byte.* = pattern(0, i);
    var sent: usize = 0;
    while (sent < 2 * data.len) {
        sent += pair.write(0, &data) catch break;
        world.run(50 * ms);
    }
    try expectEqual(@as(u32, 0), pair.end(0).snd_wnd);
    const frames_before = world.frames;
    world.run(600_000 * ms);
    // Ten minutes: probes with growing pauses, and the connection lives.
    const probes = world.frames - frames_before;
    try expect(probes > 10 and probes < 60);
    try expectEqual(connection.State.established, pair.end(0).state);
    // The news of the open window is lost: the next probe finds out.
    var out: [connection.buffer_bytes]u8 = undefined;
    world.is_cut = true;
    var got = try pair.read(1, &out);
    world.pump();
    world.is_cut = false;
    for (0..1000) |_| {
        _ = world.step();
        got += pair.read(1, &out) catch 0;
        if (got == sent) break;
    }
    try expectEqual(sent, got);
}

test "a port without a listener refuses at once" {
    const world = try World.create(6, .{});
    defer world.destroy();
    const index = try tcp.connect(world.a(), there, world.now);
    world.run(20 * ms);
    const c = &world.a().connections[index];
    try expectEqual(connection.State.closed, c.state);
    try expectEqual(connection.Failure.refused, c.failure);
    try expect(c.in_use);
    tcp.close(world.a(), index, world.now);
    try expectIdle(world);
}

test "a host that is not there is unreachable; one that does not answer times out" {
    const world = try World.create(7, .{});
    defer world.destroy();
    const nobody: address.Endpoint = .{ .ip = address.fromBytes(.{ 10, 42, 0, 99 }), .port = 1 };
    const first = try tcp.connect(world.a(), nobody, world.now);
    world.run(60_000 * ms);
    try expectEqual(connection.Failure.unreachable_peer, world.a().connections[first].failure);
    // The neighbour is there, but what lies behind it says nothing.
    world.a().config.gateway = fake.ip_b;
    const far: address.Endpoint = .{ .ip = address.fromBytes(.{ 10, 43, 0, 1 }), .port = 1 };
    const second = try tcp.connect(world.a(), far, world.now);
    world.run(60_000 * ms);
    try expectEqual(connection.Failure.timed_out, world.a().connections[second].failure);
    // The neighbour was known, and falls silent.
    world.is_cut = true;
    const third = try tcp.connect(world.a(), there, world.now);
    world.run(60_000 * ms);
    try expectEqual(connection.Failure.unreachable_peer, world.a().connections[third].failure);
}

test "silence in the middle of it ends the connection within bounds" {
    const world = try World.create(8, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    world.is_cut = true;
    _ = try pair.write(0, "anybody?");
    const before = world.now;
    while (pair.end(0).state != .closed) try expect(world.step());
    try expectEqual(connection.Failure.timed_out, pair.end(0).failure);
    try expect(world.now - before < 120_000 * ms);
    var buffer: [8]u8 = undefined;
    try std.testing.expectError(error.Failed, pair.read(0, &buffer));
}

test "a wrong link address is found out by silence" {
    const world = try World.create(24, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    const wrong: address.Mac = .{ 0x52, 0x54, 0, 0x12, 0x34, 0x77 };
    world.a().cache.learn(fake.ip_b, wrong, false, world.now);
    _ = try pair.write(0, "hello");
    world.run(100 * ms);
    try expectEqual(@as(u32, 1), world.b().drops.not_for_us);
    world.run(2000 * ms);
    var buffer: [8]u8 = undefined;
    try expectEqual(@as(usize, 5), try pair.read(1, &buffer));
}

test "the end comes in every order" {
    const Act = enum { close_a, close_b, write_a, write_b, wait, drop };
    const orders = [_][]const Act{
        &.{ .close_a, .close_b },
        &.{ .close_b, .close_a },
        &.{ .close_a, .wait, .close_b },
        &.{ .write_a, .close_a, .wait, .write_b, .close_b },
        &.{ .write_a, .write_b, .close_a, .close_b },
        &.{ .close_a, .drop, .close_b },
        &.{ .close_a, .drop, .wait, .write_b, .wait, .close_b },
        &.{ .write_b, .close_b, .drop, .write_a, .close_a, .drop },
    };
    for (orders, 0..) |order, number| for (0..4) |lossy| {
        // Under such loss one handshake of some hundred does not come about: none of these seeds.
        const world = try World.create(2000 + number * 8 + lossy, .{
            .loss = if (lossy == 0) 0 else 50,
            .delay_max_ns = 3 * ms,
        });
        defer world.destroy();
        const pair = try Pair.open(world);
        for (order) |act| switch (act) {
            .close_a => pair.close(0),
            .close_b => pair.close(1),
            .write_a => _ = try pair.write(0, "last words"),
            .write_b => _ = try pair.write(1, "last words"),
            .wait => world.run(500 * ms),
            .drop => {
                world.is_cut = true;
                world.run(100 * ms);
                world.is_cut = false;
            },
        };
        try expectIdle(world);
    };
}

test "an abort resets the other end, which still reads nothing but the failure" {
    const world = try World.create(10, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    pair.abort(0);
    world.run(20 * ms);
    try expectEqual(connection.Failure.reset, pair.end(1).failure);
    var buffer: [8]u8 = undefined;
    try std.testing.expectError(error.Failed, pair.read(1, &buffer));
    try std.testing.expectError(error.Failed, pair.write(1, "x"));
    pair.close(1);
    try expectIdle(world);
}

test "directions that wait for each other do not lock up over a bad link" {
    for (0..60) |seed| {
        const world = try World.create(3000 + seed, .{
            .loss = 32,
            .damage = 6,
            .delay_min_ns = 1 * ms,
            .delay_max_ns = 7 * ms,
        });
        defer world.destroy();
        try echo(try Pair.open(world), 20_000);
    }
}

test "a connection to ourselves works without the wire" {
    const world = try World.create(19, .{});
    defer world.destroy();
    const listener = try tcp.listen(world.a(), port);
    const index = try tcp.connect(world.a(), .{ .ip = fake.ip_a, .port = port }, world.now);
    world.run(100 * ms);
    const other = tcp.accept(world.a(), listener).?;
    _ = try tcp.write(world.a(), index, "self");
    world.run(100 * ms);
    var buffer: [8]u8 = undefined;
    try expectEqual(@as(usize, 4), try tcp.read(world.a(), other, &buffer));
    try expectEqual(@as(usize, 0), world.frames);
}
