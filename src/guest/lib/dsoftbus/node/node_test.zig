//! Nodes in a world of memory: sessions, the addresses they are dialled at, and admission.

const std = @import("std");
const announce = @import("../announce.zig");
const fake = @import("pair_fake.zig");
const lines = @import("lines.zig");
const World = fake.World;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const ms = fake.ms;
const second = 1000 * ms;

/// Node 0 dials node 1.
fn pair() !*World {
    const world = try World.create();
    const a = world.add();
    const b = world.add();
    world.know(a, b, true);
    world.know(b, a, false);
    try world.start(a);
    try world.start(b);
    return world;
}

fn sessions(world: *World, host: u8) usize {
    return world.edges[host].printed("cross-vm session ok");
}

test "two nodes find each other and hold one session" {
    const world = try pair();
    defer world.destroy();
    world.run(500 * ms, fake.Nobody{});
    try expectEqual(1, sessions(world, 0));
    try expectEqual(1, sessions(world, 1));
    world.run(20 * second, fake.Nobody{});
    try expectEqual(0, world.edges[0].printed("session lost"));
}

test "a session whose peer falls silent is lost after 3 s and dialled again" {
    const world = try pair();
    defer world.destroy();
    world.run(500 * ms, fake.Nobody{});
    // Nothing arrives any more, but the connections stand.
    world.net.is_cut = true;
    world.run(world.now_ns + 4 * second, fake.Nobody{});
    world.net.is_cut = false;
    try expectEqual(1, world.edges[0].printed("session lost peer=node-b"));
    try expectEqual(1, world.edges[1].printed("session lost peer=node-a"));
    world.run(world.now_ns + 10 * second, fake.Nobody{});
    try expectEqual(2, sessions(world, 0));
}

test "two nodes that dial each other keep one session, at any delay" {
    for ([_]u64{ 1, 5, 50, 200 }) |delay_ms| {
        const world = try World.create();
        defer world.destroy();
        world.net.delay_ns = delay_ms * ms;
        for (0..2) |_| _ = world.add();
        world.know(0, 1, true);
        world.know(1, 0, true);
        for (0..2) |host| try world.start(@intCast(host));
        world.run(5 * second, fake.Nobody{});
        const last = world.edges[0].lastPrinted("cross-vm session ok").?;
        try expect(last < 4 * second);
        for (0..2) |host| {
            try expect(world.nodes[host].lines.readyFor(0) != null);
            try expectEqual(null, world.edges[host].lastPrinted("session lost"));
        }
        world.run(10 * second, fake.Nobody{});
        try expectEqual(last, world.edges[0].lastPrinted("cross-vm session ok").?);
    }
}

test "announces may be lost: a session comes all the same" {
    const world = try World.create();
    defer world.destroy();
    world.net.loss = 700;
    for (0..2) |_| _ = world.add();
    world.know(0, 1, true);
    world.know(1, 0, false);
    for (0..2) |host| try world.start(@intCast(host));
    world.run(20 * second, fake.Nobody{});
    try expect(sessions(world, 0) > 0 and sessions(world, 1) > 0);
}

test "each of eight dialled peers has its session" {
    const world = try World.create();
    defer world.destroy();
    for (0..9) |_| _ = world.add();
    for (1..9) |peer| {
        world.know(0, @intCast(peer), true);
        world.know(@intCast(peer), 0, false);
    }
    for (0..9) |host| try world.start(@intCast(host));
    world.run(3 * second, fake.Nobody{});
    try expectEqual(8, sessions(world, 0));
    // And each comes back when it is lost.
    for (1..9) |peer| {
        const line = world.nodes[0].lines.readyFor(@intCast(peer - 1)).?;
        world.edges[0].sockets[line.socket].is_failed = true;
        world.nodes[0].onSocket(line.socket, .{ .failed = true });
    }
    world.run(8 * second, fake.Nobody{});
    try expectEqual(8, world.edges[0].printed("session lost"));
    try expectEqual(16, sessions(world, 0));
}

/// An announce in another's name, from an address of the sender's own.
fn spoof(world: *World, to: u8, whom: u8, ip: [4]u8) !void {
    var buffer: [announce.bytes_max]u8 = undefined;
    const id = fake.idOf(whom);
    const words: announce.Announce = .{
        .device_id = id.slice(),
        .tcp_port = fake.portOf(whom),
        .key = fake.keyOf(whom).public,
    };
    world.net.announce(to, ip, try announce.encode(&buffer, &words));
}

test "a spoofer at any rate: the honest session is up within a second of its loss" {
    for ([_]u64{ 1, 50, 250 }) |every_ms| {
        const world = try pair();
        defer world.destroy();
        world.run(500 * ms, fake.Nobody{});
        const line = world.nodes[0].lines.readyFor(0).?;
        const lost_ns = world.now_ns;
        world.edges[0].sockets[line.socket].is_failed = true;
        world.nodes[0].onSocket(line.socket, .{ .failed = true });
        while (world.now_ns < lost_ns + 2 * second) {
            try spoof(world, 0, 1, .{ 10, 42, 0, 66 });
            world.run(world.now_ns + every_ms * ms, fake.Nobody{});
        }
        const up_ns = world.edges[0].lastPrinted("cross-vm session ok").?;
        try expect(up_ns > lost_ns and up_ns < lost_ns + second);
    }
}

test "a spoofer while the peer is away is dialled each third time and recorded; the peer is found" {
    const world = try pair();
    defer world.destroy();
    // It does not listen where it should, for ten seconds.
    world.edges[1].port = 1;
    while (world.now_ns < 10 * second) {
        try spoof(world, 0, 1, .{ 10, 42, 0, 66 });
        world.run(world.now_ns + 5 * ms, fake.Nobody{});
    }
    try expectEqual(0, sessions(world, 0));
    const text = "audit address outcome=unproven peer=node-b address=10.42.0.66:34568";
    const tried = world.edges[0].recorded(text);
    try expect(tried >= 1 and tried <= 3);
    world.edges[1].port = fake.portOf(1);
    const back_ns = world.now_ns;
    while (world.now_ns < back_ns + 8 * second) {
        try spoof(world, 0, 1, .{ 10, 42, 0, 66 });
        world.run(world.now_ns + 5 * ms, fake.Nobody{});
    }
    // An attempt at the spoofer's, and the longest wait between two.
    try expect(world.edges[0].lastPrinted("cross-vm session ok").? < back_ns + 5 * second);
}

test "announces move no session, and keep none alive" {
    const world = try pair();
    defer world.destroy();
    world.run(500 * ms, fake.Nobody{});
    const cut_ns = world.now_ns;
    world.net.is_cut = true;
    while (world.now_ns < cut_ns + 5 * second) {
        try spoof(world, 0, 1, .{ 10, 42, 0, 66 });
        world.run(world.now_ns + 10 * ms, fake.Nobody{});
    }
    const lost_ns = world.edges[0].lastPrinted("session lost peer=node-b").?;
    try expect(lost_ns < cut_ns + 3100 * ms);
}

test "an honest peer gets in while strangers hold every connection they can" {
    for ([_]u8{ 1, 12 }) |hosts| {
        const world = try pair();
        defer world.destroy();
        var strangers: [12]fake.Stranger = undefined;
        for (&strangers, 0..) |*stranger, n| {
            stranger.* = .{ .ip = .{ 10, 42, 0, @intCast(100 + n) } };
        }
        while (world.now_ns < 3 * second) {
            for (strangers[0..hosts]) |*stranger| stranger.press(world, 1, 16 / hosts + 1);
            world.run(world.now_ns + 2 * ms, fake.Nobody{});
        }
        try expectEqual(1, sessions(world, 1));
        try expect(world.edges[1].lastPrinted("cross-vm session ok").? < 500 * ms);
        try expectEqual(0, world.edges[1].printed("session lost"));
        // Each place that was taken was counted, and reported.
        while (world.now_ns < 12 * second) {
            for (strangers[0..hosts]) |*stranger| stranger.press(world, 1, 16 / hosts + 1);
            world.run(world.now_ns + 20 * ms, fake.Nobody{});
        }
        try expect(world.edges[1].recorded("audit strangers source=10.42.0.100 ") >= 1);
        try expect(world.edges[1].recorded("evicted=0 ") == 0);
    }
}

test "what strangers say that is not a handshake is recorded a few times, then counted" {
    const world = try pair();
    defer world.destroy();
    world.run(500 * ms, fake.Nobody{});
    var stranger: fake.Stranger = .{ .ip = .{ 10, 42, 0, 77 }, .says = "GET / HTTP/1.1\r\n\r\n" };
    const begun_ns = world.now_ns;
    while (world.now_ns < begun_ns + 10 * second) {
        stranger.press(world, 1, 4);
        world.run(world.now_ns + 5 * ms, fake.Nobody{});
    }
    try expect(stranger.opened > 600);
    try expect(world.edges[1].recorded("outcome=denied-unauthenticated peer=-") <= 4);
    try expect(world.edges[1].printed("remote proxy denied (unauthenticated)") <= 4);
    world.run(world.now_ns + second, fake.Nobody{});
    try expect(world.edges[1].recorded("audit strangers source=10.42.0.77 refused=") >= 1);
    try expectEqual(0, world.edges[1].printed("session lost"));
}
