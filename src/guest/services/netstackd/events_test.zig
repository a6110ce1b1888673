//! What becomes true of a socket reaches its owner: by events that are edges, and by later reads.

const std = @import("std");
const net = @import("net");
const netstack = @import("netstack");
const core = @import("core.zig");
const fake = @import("servers_fake.zig");
const World = fake.World;
const Frame = fake.Frame;
const withId = fake.withId;
const listen_7 = fake.listen_7;
const connect_b_7 = fake.connect_b_7;
const read_all = fake.read_all;
const readable = fake.readable;
const writable = fake.writable;
const peer_closed = fake.peer_closed;
const failed = fake.failed;
const connected = fake.connected;
const alice = fake.alice;
const mallory = fake.mallory;
const watcher_slot = fake.watcher_slot;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

fn later(world: *World, side: usize, id: u8, slot: u32, nonce: []const u8) core.Outcome {
    var rest: [10]u8 = undefined;
    rest[0..2].* = "\xff\xff".*;
    @memcpy(rest[2..][0..nonce.len], nonce);
    const caller: core.Caller = .{ .service = alice, .moved = slot, .sequence = 9 };
    const frame = withId(15, id, rest[0 .. 2 + nonce.len]);
    return world.servers[side].handle(frame.bytes(), caller, world.now);
}

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
