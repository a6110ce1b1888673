//! TCP at its edges: forged segments, odd windows, and the bounds of everything.

const std = @import("std");
const address = @import("address.zig");
const connection = @import("connection.zig");
const fake = @import("link_fake.zig");
const packet = @import("packet.zig");
const tcp = @import("stack_tcp.zig");
const tcp_fake = @import("tcp_fake.zig");
const Pair = tcp_fake.Pair;
const World = fake.World;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const forge = tcp_fake.forge;
const forgeData = tcp_fake.forgeData;
const ms = fake.ms;
const port = tcp_fake.port;
const there = tcp_fake.there;
const transfer = tcp_fake.transfer;

test "a reset must name the very next number; others are asked about" {
    const world = try World.create(11, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    const next = pair.end(1).rcv_nxt;
    const frames = world.frames;
    for ([_]u32{ next -% 1, next +% 5000 }) |seq| forge(pair, seq, 0, .{ .rst = true });
    world.pump();
    try expectEqual(frames, world.frames);
    forge(pair, next +% 1, 0, .{ .rst = true });
    world.pump();
    try expectEqual(frames + 1, world.frames);
    try expectEqual(connection.State.established, pair.end(1).state);
    forge(pair, next +% 10, 0, .{ .syn = true });
    try expectEqual(connection.State.established, pair.end(1).state);
    forge(pair, next, 0, .{ .rst = true });
    try expectEqual(connection.State.closed, pair.end(1).state);
}

test "a dial that gives up early leaves the next a way past a damaged address" {
    // ARP has no checksum: a bit of the answer was another, or of the question.
    for (0..2) |side| {
        const world = try World.create(14, .{});
        defer world.destroy();
        _ = try tcp.listen(world.b(), port);
        const damaged: address.Mac = .{ 0x52, 0x54, 0, 0x12, 0x34, 0x4A };
        const peer = if (side == 0) fake.ip_b else fake.ip_a;
        world.stacks[side].cache.learn(peer, damaged, true, world.now);
        const first = try tcp.connect(world.a(), there, world.now);
        // dsoftbusd waits for two seconds when it dials, which is one repetition, and dials anew.
        if (side == 1) world.a().cache.learn(fake.ip_b, world.b().config.mac, true, world.now);
        world.run(1900 * ms);
        tcp.abort(world.a(), first);
        const second = try tcp.connect(world.a(), there, world.now);
        world.run(100 * ms);
        try expectEqual(connection.State.established, world.a().connections[second].state);
    }
}

test "two ends that disagree do not answer each other for ever" {
    const world = try World.create(12, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    const frames = world.frames;
    const b = pair.end(1);
    for (0..100) |_| {
        forge(pair, b.rcv_nxt -% 100_000, b.snd_una, .{ .ack = true });
        world.pump();
    }
    try expect(world.frames - frames <= 10);
}

test "an acknowledgement of what was never sent changes nothing" {
    const world = try World.create(13, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    _ = try pair.write(1, "data");
    world.pump();
    const una = pair.end(1).snd_una;
    forge(pair, pair.end(1).rcv_nxt, pair.end(1).snd_max +% 1, .{ .ack = true });
    forge(pair, pair.end(1).rcv_nxt, una -% 100_000, .{ .ack = true });
    try expectEqual(una, pair.end(1).snd_una);
    world.run(1000 * ms);
    var buffer: [8]u8 = undefined;
    try expectEqual(@as(usize, 4), try pair.read(0, &buffer));
    try transfer(pair, 100, 3000);
}

test "a new acknowledgement brings its window, however old its own number" {
    const world = try World.create(20, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    const b = pair.end(1);
    const next = b.rcv_nxt;
    const una = b.snd_una;
    _ = try pair.write(1, &@as([4096]u8, @splat('x')));
    world.is_cut = true;
    world.pump();
    try expectEqual(una +% 4096, b.snd_max);
    forgeData(pair, next, una, .{ .ack = true }, 4096, "0123456789");
    forgeData(pair, next +% 10, una +% 2000, .{ .ack = true }, 2096, "");
    // A repetition of the first, sent after the window had closed. Were its window ignored, the
    // old one would be taken to begin behind what it acknowledges.
    forgeData(pair, next, una +% 4096, .{ .ack = true }, 0, "0123456789+");
    try expectEqual(una +% 4096, b.snd_una);
    try expectEqual(@as(u32, 0), b.snd_wnd);
}

test "a repetition into a small window is sent, however small" {
    const world = try World.create(23, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    const b = pair.end(1);
    const una = b.snd_una;
    _ = try pair.write(1, &@as([1000]u8, @splat('x')));
    world.is_cut = true;
    world.pump();
    _ = try pair.write(1, &@as([3000]u8, @splat('y')));
    world.pump();
    // All of it is on its way and lost; the peer has the first part, and little room.
    forgeData(pair, b.rcv_nxt, una +% 1000, .{ .ack = true }, 100, "");
    world.is_cut = false;
    const frames = world.frames;
    b.retransmit_at = world.now;
    world.b().poll(world.now);
    world.pump();
    try expect(world.frames > frames);
    const flight = &world.flights[world.count - 1];
    try expectEqual(una +% 1000, packet.get32(&flight.bytes, 38));
    try expectEqual(@as(usize, 54 + 100), flight.len);
}

test "a peer that has filled the window stands at its edge, and is heard" {
    const world = try World.create(21, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    const b = pair.end(1);
    _ = try pair.write(1, "data");
    world.pump();
    const una = b.snd_una;
    forge(pair, b.rcv_edge +% 1, una +% 4, .{ .ack = true });
    try expectEqual(una, b.snd_una);
    forge(pair, b.rcv_edge, una +% 4, .{ .ack = true });
    try expectEqual(una +% 4, b.snd_una);
}

test "a peer does not send beyond a window that was taken back" {
    const world = try World.create(22, .{});
    defer world.destroy();
    const pair = try Pair.open(world);
    const b = pair.end(1);
    const una = b.snd_una;
    _ = try pair.write(1, "0123456789");
    world.is_cut = true;
    world.pump();
    forgeData(pair, b.rcv_nxt, una +% 4, .{ .ack = true }, 2, "?");
    world.is_cut = false;
    // The answer, seen at A: it must lie where A still listens.
    const frames = world.frames;
    b.ack_now = true;
    world.b().mark(pair.index[1]);
    world.pump();
    try expect(world.frames > frames);
    const flight = &world.flights[world.count - 1];
    try expectEqual(una +% 6, packet.get32(&flight.bytes, 38));
}

test "the backlog is bounded, and half-open strangers give way" {
    const world = try World.create(14, .{});
    defer world.destroy();
    const listener = try tcp.listen(world.b(), port);
    const pair: Pair = .{ .world = world, .index = .{ 0, 0 }, .listener = listener };
    for (0..20) |i| {
        world.a().connections[0].local_port = @intCast(1000 + i);
        forge(pair, 7, 0, .{ .syn = true });
    }
    var used: usize = 0;
    for (&world.b().connections) |*c| used += @intFromBool(c.in_use);
    try expectEqual(@as(usize, tcp.backlog_max), used);
    try expectEqual(@as(u32, 20 - tcp.backlog_max), world.b().drops.backlog_full);
    // A second later an honest caller gets in.
    world.a().connections[0].reset();
    world.run(1100 * ms);
    const index = try tcp.connect(world.a(), there, world.now);
    world.run(50 * ms);
    try expectEqual(connection.State.established, world.a().connections[index].state);
    const taken = tcp.accept(world.b(), listener).?;
    // Once, and then it is the user's: it outlives its listener.
    try expectEqual(@as(?u8, null), tcp.accept(world.b(), listener));
    tcp.unlisten(world.b(), listener);
    try expectEqual(connection.State.established, world.b().connections[taken].state);
}

test "listeners and connections are bounded and their ports are their own" {
    const world = try World.create(15, .{});
    defer world.destroy();
    _ = try tcp.listen(world.b(), port);
    try std.testing.expectError(error.InUse, tcp.listen(world.b(), port));
    try std.testing.expectError(error.BadAddress, tcp.listen(world.b(), 0));
    const a = world.a();
    for (a.connections, 0..) |_, i| {
        const index = try tcp.connect(a, there, world.now);
        for (0..i) |other| {
            try expect(a.connections[index].local_port != a.connections[other].local_port);
        }
    }
    try std.testing.expectError(error.NoSocket, tcp.connect(a, there, world.now));
    const far: address.Endpoint = .{ .ip = address.fromBytes(.{ 10, 43, 0, 1 }), .port = 1 };
    try std.testing.expectError(error.Unroutable, tcp.connect(a, far, world.now));
}

test "stopping to listen resets the connections that wait" {
    const world = try World.create(16, .{});
    defer world.destroy();
    const listener = try tcp.listen(world.b(), port);
    const index = try tcp.connect(world.a(), there, world.now);
    world.run(50 * ms);
    tcp.unlisten(world.b(), listener);
    world.run(50 * ms);
    try expectEqual(connection.Failure.reset, world.a().connections[index].failure);
    try expectEqual(@as(?u8, null), tcp.accept(world.b(), listener));
}

test "initial numbers depend on the secret and on the name" {
    const world = try World.create(17, .{});
    defer world.destroy();
    const first = try tcp.connect(world.a(), there, world.now);
    const second = try tcp.connect(world.a(), there, world.now);
    const iss = world.a().connections[first].iss;
    try expect(iss != world.a().connections[second].iss);
    const other = try World.create(18, .{});
    defer other.destroy();
    other.a().next_port = world.a().config.port_seed;
    const third = try tcp.connect(other.a(), there, world.now);
    const stranger = &other.a().connections[third];
    try expectEqual(world.a().connections[first].local_port, stranger.local_port);
    try expect(iss != stranger.iss);
}
