//! Calls between nodes in a world of memory: slow services, late answers, repetitions, shares.

const std = @import("std");
const front = @import("wire").front;
const state_frames = @import("wire").state;
const calls = @import("calls.zig");
const client = @import("client_fake.zig");
const denials = @import("denials.zig");
const fake = @import("pair_fake.zig");
const Services = @import("service_fake.zig").Services;
const Mode = @import("../rpc.zig").Mode;
const World = fake.World;
const answerOf = client.answerOf;
const drop = client.drop;
const statusOf = client.statusOf;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const ms = fake.ms;
const second = 1000 * ms;

const callee = 2;

/// How calls are said: whatever it is, what comes of them is the same.
const modes = [_]Mode{ .frames, .messages };

/// Nodes 0 and 1 dial node 2, which has services.
fn three(mode: Mode) !*World {
    const world = try World.create();
    for (0..3) |_| world.configs[world.add()].rpc = mode;
    for (0..2) |caller| {
        world.know(@intCast(caller), callee, true);
        world.know(callee, @intCast(caller), false);
    }
    for (0..3) |host| try world.start(@intCast(host));
    world.run(500 * ms, fake.Nobody{});
    return world;
}

fn ask(world: *World, host: u8, number: u16, request: front.Request) !void {
    try client.ask(world, host, callee, number, request);
}

fn state(world: *World, host: u8, number: u16, request: state_frames.Request) !void {
    try client.state(world, host, callee, number, request);
}

fn put(world: *World, host: u8, number: u16, key: []const u8, value: []const u8) !void {
    try state(world, host, number, .{ .op = .put, .key = key, .value = value });
}

const list: state_frames.Request = .{ .op = .list, .key = "/state/shared/", .limit = 64 };

test "a slow store holds up neither another peer's session, nor its calls at other services" {
    for (modes) |mode| {
        const world = try three(mode);
        defer world.destroy();
        var services: Services = .{ .host = callee, .store_ns = 2600 * ms };
        for (0..8) |n| try state(world, 0, @intCast(n), list);
        const begun_ns = world.now_ns;
        while (world.now_ns < begun_ns + 20 * second) {
            const number: u16 = @intCast(100 + (world.now_ns - begun_ns) / (second / 2));
            world.edges[1].answer_count = 0;
            try ask(world, 1, number, .{ .resolve = "samgrd" });
            world.run(world.now_ns + 10 * ms, &services);
            try expectEqual(@as(u8, 0), answerOf(world, 1, number).?[4]);
            world.run(begun_ns + (@as(u64, number) - 99) * (second / 2), &services);
        }
        for (0..3) |host| try expectEqual(0, world.edges[host].printed("session lost"));
        // The store had a bounded number of this peer's requests at any time.
        try expectEqual(calls.peer_service_max, services.most_waiting);
    }
}

test "a store that is full of one peer's requests serves another in its turn" {
    for (modes) |mode| {
        const world = try three(mode);
        defer world.destroy();
        var services: Services = .{ .host = callee, .store_ns = 100 * ms };
        for (0..8) |n| try state(world, 0, @intCast(n), list);
        world.run(world.now_ns + 20 * ms, &services);
        try state(world, 1, 1, list);
        const begun_ns = world.now_ns;
        while (try statusOf(world, 1, 1, .list) == null) world.run(world.now_ns + ms, &services);
        // Behind the two requests that were there.
        try expect(world.now_ns - begun_ns < 310 * ms);
    }
}

test "a change that is answered late is recorded as made, once, and not as rejected" {
    for (modes) |mode| {
        const world = try three(mode);
        defer world.destroy();
        var services: Services = .{ .host = callee, .store_ns = 1500 * ms };
        const key = "/state/shared/late";
        try put(world, 0, 1, key, "v");
        world.run(world.now_ns + 1200 * ms, &services);
        // The peer had a deadline of a second.
        try expectEqual(state_frames.Status.io_error, (try statusOf(world, 0, 1, .put)).?);
        try expectEqual(0, world.edges[callee].recorded("statefs put"));
        world.run(world.now_ns + second, &services);
        try expect(services.find(key) != null);
        try expectEqual(1, world.edges[callee].recorded("statefs put"));
        try expectEqual(1, world.edges[callee].recorded("statefs put allow late peer=node-a key="));
    }
}

test "a change whose store never answers is recorded as unknown, and its place is given back" {
    for (modes) |mode| {
        const world = try three(mode);
        defer world.destroy();
        var services: Services = .{ .host = callee, .store_ns = null };
        try put(world, 0, 1, "/state/shared/never", "v");
        world.run(world.now_ns + 2 * second, &services);
        try expectEqual(0, world.edges[callee].recorded("statefs put"));
        try expectEqual(1, world.nodes[callee].calls.count(null, null));
        world.run(world.now_ns + calls.give_up_ns, &services);
        try expectEqual(1, world.edges[callee].recorded("statefs put unknown peer=node-a"));
        try expectEqual(0, world.nodes[callee].calls.count(null, null));
    }
}

test "a change whose peer is gone when it is made has its record" {
    for (modes) |mode| {
        const world = try three(mode);
        defer world.destroy();
        var services: Services = .{ .host = callee, .store_ns = 300 * ms };
        try put(world, 0, 1, "/state/shared/gone", "v");
        world.run(world.now_ns + 20 * ms, &services);
        const line = world.nodes[callee].lines.readyFor(0).?;
        world.edges[callee].sockets[line.socket].is_failed = true;
        world.nodes[callee].onSocket(line.socket, .{ .failed = true });
        world.run(world.now_ns + 500 * ms, &services);
        try expect(services.find("/state/shared/gone") != null);
        try expectEqual(1, world.edges[callee].recorded("statefs put allow peer=node-a"));
    }
}

test "a change that is asked again after a lost session is made once, at the peer that was asked" {
    for (modes) |mode| {
        const world = try three(mode);
        defer world.destroy();
        var services: Services = .{ .host = callee, .store_ns = 300 * ms };
        const key = "/state/shared/once";
        try put(world, 0, 1, key, "a");
        world.run(world.now_ns + 100 * ms, &services);
        drop(world, 0); // before it is answered
        world.run(world.now_ns + 250 * ms, &services);
        try expectEqual(1, services.puts);
        // Another writer comes in between: it is not overwritten.
        services.find(key).?.value = 'b';
        world.run(world.now_ns + 2 * second, &services);
        try expectEqual(state_frames.Status.ok, (try statusOf(world, 0, 1, .put)).?);
        try expectEqual(1, services.puts);
        try expectEqual(@as(u8, 'b'), services.find(key).?.value);
        try expectEqual(1, world.edges[callee].recorded("statefs put allow"));
    }
}

test "a repetition that comes while its change is being made waits for the same answer" {
    for (modes) |mode| {
        const world = try three(mode);
        defer world.destroy();
        var services: Services = .{ .host = callee, .store_ns = 900 * ms };
        try put(world, 0, 1, "/state/shared/twice", "a");
        world.run(world.now_ns + 50 * ms, &services);
        drop(world, 0);
        world.run(world.now_ns + 3 * second, &services);
        try expectEqual(1, services.puts);
        try expectEqual(1, services.asked);
        try expectEqual(state_frames.Status.ok, (try statusOf(world, 0, 1, .put)).?);
    }
}

test "what is asked of one peer is never asked of another, and no peer is guessed" {
    const world = try World.create();
    defer world.destroy();
    for (0..3) |_| _ = world.add();
    for (0..2) |peer| {
        world.know(2, @intCast(peer), true);
        world.know(@intCast(peer), 2, false);
    }
    for (0..3) |host| try world.start(@intCast(host));
    var stores: [2]Services = .{ .{ .host = 0 }, .{ .host = 1 } };
    const both: Both = .{ .stores = &stores };
    world.run(500 * ms, both);
    var buffer: [256]u8 = undefined;
    var frame: [front.request_bytes_max]u8 = undefined;
    const inner = try state_frames.encodeRequest(&buffer, .{
        .op = .put,
        .key = "/state/shared/k",
        .value = "v",
    });
    const node = &world.nodes[2];
    const second_peer = fake.idOf(1);
    node.onRequest(
        .{ .slot = 1, .sequence = 1 },
        try front.encodeRequestTo(&frame, second_peer.slice(), .{ .state = inner }),
    );
    node.onRequest(.{ .slot = 2, .sequence = 1 }, try front.encodeRequestTo(&frame, "", .{
        .state = inner,
    }));
    node.onRequest(.{ .slot = 3, .sequence = 1 }, try front.encodeRequestTo(&frame, "node-x", .{
        .state = inner,
    }));
    world.run(world.now_ns + 100 * ms, both);
    try expectEqual(0, stores[0].puts);
    try expectEqual(1, stores[1].puts);
    for ([_]u16{ 2, 3 }) |number| {
        try expectEqual(@as(u8, 1), answerOf(world, 2, number).?[4]);
    }
}

const Both = struct {
    stores: *[2]Services,

    pub fn run(self: Both, world: *World, host: u8) bool {
        return self.stores[0].run(world, host) or self.stores[1].run(world, host);
    }

    pub fn deadline(self: Both) u64 {
        return @min(self.stores[0].deadline(), self.stores[1].deadline());
    }
};

test "a change whose turn comes after its deadline is withdrawn, and recorded as not made" {
    for (modes) |mode| {
        const world = try three(mode);
        defer world.destroy();
        var services: Services = .{ .host = callee, .store_ns = 1200 * ms };
        try state(world, 0, 1, list);
        world.run(world.now_ns + 5 * ms, &services);
        try put(world, 0, 2, "/state/shared/withdrawn", "v");
        world.run(world.now_ns + 4 * second, &services);
        try expectEqual(state_frames.Status.io_error, (try statusOf(world, 0, 2, .put)).?);
        try expectEqual(0, services.puts);
        try expectEqual(1, world.edges[callee].recorded("statefs put"));
        const record = "statefs put reject withdrawn peer=node-a";
        try expectEqual(1, world.edges[callee].recorded(record));
    }
}

test "what a service refuses is recorded as failed, and no marker says that it was served" {
    for (modes) |mode| {
        for ([_]u8{ 0, 1, 2 }) |status| {
            const world = try three(mode);
            defer world.destroy();
            var services: Services = .{ .host = callee, .status = status };
            try ask(world, 0, 1, .bundle_list);
            world.run(world.now_ns + 50 * ms, &services);
            const is_ok: usize = @intFromBool(status == 0);
            const outside = &world.edges[callee];
            const line = "remote proxy ok (peer=node-a service=bundlemgrd)";
            try expectEqual(is_ok, outside.printed(line));
            try expectEqual(is_ok, outside.recorded("outcome=ok peer=node-a service=bundlemgrd"));
            const failed = outside.recorded("outcome=failed peer=node-a service=bundlemgrd");
            try expectEqual(1 - is_ok, failed);
            try expectEqual(@as(u8, if (status == 0) 0 else 1), answerOf(world, 0, 1).?[4]);
        }
    }
}

test "a service that is not there fails at once, and one that is full says so" {
    for (modes) |mode| {
        const world = try three(mode);
        defer world.destroy();
        var services: Services = .{ .host = callee };
        world.edges[callee].verdict.set(.samgrd, .absent);
        try ask(world, 0, 1, .{ .resolve = "samgrd" });
        world.run(world.now_ns + 20 * ms, &services);
        try expectEqual(@as(u8, 1), answerOf(world, 0, 1).?[4]);
        const failed = "outcome=failed peer=node-a service=samgrd";
        try expectEqual(1, world.edges[callee].recorded(failed));
        world.edges[callee].verdict.set(.samgrd, .full);
        try ask(world, 0, 2, .{ .resolve = "samgrd" });
        world.run(world.now_ns + 20 * ms, &services);
        try expectEqual(@as(u8, 1), answerOf(world, 0, 2).?[4]);
        const busy = "outcome=denied-busy peer=node-a service=samgrd";
        try expectEqual(1, world.edges[callee].recorded(busy));
    }
}

test "a flood beyond the rate has few records and lines, and the rest is counted" {
    for (modes) |mode| {
        const world = try three(mode);
        defer world.destroy();
        world.nodes[callee].peers[0].bucket = .init(.{ .burst = 1, .per_second = 0 }, 0);
        var services: Services = .{ .host = callee };
        for (0..200) |n| {
            try ask(world, 0, @intCast(n % 8), .bundle_list);
            world.edges[0].answer_count = 0;
            world.run(world.now_ns + 5 * ms, &services);
        }
        const outside = &world.edges[callee];
        try expectEqual(denials.records_max, outside.recorded("outcome=denied-rate peer=node-a"));
        try expectEqual(denials.records_max, outside.printed("remote proxy denied (rate)"));
        world.run(world.now_ns + 11 * second, &services);
        try expectEqual(1, outside.recorded("audit denials peer=node-a count="));
        try expectEqual(0, world.edges[1].printed("session lost"));
    }
}
