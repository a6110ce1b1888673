//! TCP end to end between two stacks, over good links and bad ones.

const std = @import("std");
const address = @import("address.zig");
const connection = @import("connection.zig");
const fake = @import("link_fake.zig");
const packet = @import("packet.zig");
const segment = @import("segment.zig");
const tcp = @import("stack_tcp.zig");
const Connection = connection.Connection;
const World = fake.World;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const ms = fake.ms;
const port = 34568;
const there: address.Endpoint = .{ .ip = fake.ip_b, .port = port };

/// A connection between A (side 0, which called) and B.
const Pair = struct {
    world: *World,
    index: [2]u8,
    listener: u8,

    fn open(world: *World) !Pair {
        const listener = try tcp.listen(world.b(), port);
        const a = try tcp.connect(world.a(), there, world.now);
        for (0..1000) |_| {
            _ = world.step();
            const b = tcp.accept(world.b(), listener) orelse continue;
            return .{ .world = world, .index = .{ a, b }, .listener = listener };
        }
        return error.TestNoConnection;
    }

    fn end(pair: Pair, side: usize) *Connection {
        return &pair.world.stacks[side].connections[pair.index[side]];
    }

    fn write(pair: Pair, side: usize, data: []const u8) connection.WriteError!usize {
        return tcp.write(&pair.world.stacks[side], pair.index[side], data);
    }

    fn read(pair: Pair, side: usize, out: []u8) connection.ReadError!usize {
        return tcp.read(&pair.world.stacks[side], pair.index[side], out);
    }

    fn close(pair: Pair, side: usize) void {
        tcp.close(&pair.world.stacks[side], pair.index[side], pair.world.now);
    }

    fn abort(pair: Pair, side: usize) void {
        tcp.abort(&pair.world.stacks[side], pair.index[side]);
    }
};

fn expectIdle(world: *World) !void {
    world.run(300_000 * ms);
    for (&world.stacks) |*one| for (&one.connections) |*c| try expect(!c.in_use);
}

fn pattern(side: usize, at: usize) u8 {
    return @truncate((at *% 2654435761 >> 7) +% side *% 91);
}

/// Send `total` bytes both ways at once, and check every one of them.
fn transfer(pair: Pair, total: usize, read_max: usize) !void {
    var sent: [2]usize = .{ 0, 0 };
    var got: [2]usize = .{ 0, 0 };
    var buffer: [3000]u8 = undefined;
    for (0..400_000) |_| {
        const got_before = got[0] + got[1];
        for (0..2) |side| {
            const want = @min(total - sent[side], buffer.len);
            for (buffer[0..want], 0..) |*byte, i| byte.* = pattern(side, sent[side] + i);
            if (want > 0) sent[side] += pair.write(side, buffer[0..want]) catch |err| switch (err) {
                error.WouldBlock => 0,
                else => return err,
            };
            const count = pair.read(side, buffer[0..read_max]) catch |err| switch (err) {
                error.WouldBlock => continue,
                else => return err,
            };
            for (buffer[0..count], 0..) |byte, i| {
                try expectEqual(pattern(side ^ 1, got[side] + i), byte);
            }
            got[side] += count;
        }
        if (got[0] == total and got[1] == total) return;
        const is_moving = pair.world.step() or got[0] + got[1] != got_before;
        if (!is_moving) return error.TestStuck;
    }
    return error.TestTooSlow;
}

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

test "nobody listens: refused at once" {
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

test "nobody there: unreachable; nobody answers: timed out" {
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
        const world = try World.create(900 + number * 8 + lossy, .{
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

/// A segment from A to B as an attacker on the link would forge it.
fn forge(pair: Pair, seq: u32, ack: u32, flags: segment.Flags) void {
    forgeData(pair, seq, ack, flags, 4096, "");
}

fn forgeData(
    pair: Pair,
    seq: u32,
    ack: u32,
    flags: segment.Flags,
    window: u16,
    data: []const u8,
) void {
    const b = pair.world.b();
    var storage: [128]u8 align(8) = undefined;
    const frame = storage[0 .. 54 + data.len];
    @memcpy(frame[54..], data);
    packet.putEthernet(frame, b.config.mac, pair.world.a().config.mac, packet.EtherType.ipv4);
    const out: segment.Segment = .{
        .source_port = pair.end(0).local_port,
        .target_port = port,
        .seq = seq,
        .ack = ack,
        .flags = flags,
        .window = window,
    };
    out.write(frame[34..], fake.ip_a, fake.ip_b);
    const len = segment.header_bytes + data.len;
    packet.Ipv4.write(frame[14..], fake.ip_a, fake.ip_b, packet.Protocol.tcp, len);
    b.receive(frame, pair.world.now);
}

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

/// B sends back what comes, and reads only as long as it can write: each direction waits for the
/// other. A checks.
fn echo(pair: Pair, total: usize) !void {
    var sent: usize = 0;
    var got: usize = 0;
    var held: [1472]u8 = undefined;
    var rest: []u8 = held[0..0];
    var buffer: [1400]u8 = undefined;
    for (0..100_000) |_| {
        if (rest.len > 0) rest = rest[pair.write(1, rest) catch 0 ..];
        if (rest.len == 0) rest = held[0 .. pair.read(1, &held) catch 0];
        const want = @min(total - sent, buffer.len);
        for (buffer[0..want], sent..) |*byte, at| byte.* = pattern(0, at);
        if (want > 0) sent += pair.write(0, buffer[0..want]) catch 0;
        const count = pair.read(0, buffer[0..900]) catch 0;
        for (buffer[0..count], got..) |byte, at| try expectEqual(pattern(0, at), byte);
        got += count;
        if (got == total) return;
        if (!pair.world.step() and count == 0 and rest.len == 0) return error.TestStuck;
        try expect(pair.world.now < 120_000 * ms);
    }
    return error.TestTooSlow;
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

test "who has filled the window stands at its edge, and is heard" {
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

test "nobody speaks from beyond a window that was taken back" {
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
    try expect(tcp.accept(world.b(), listener) != null);
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

test "stopping to listen resets who waits" {
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
