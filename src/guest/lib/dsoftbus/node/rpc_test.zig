//! Calls between nodes in a world of memory, in both encodings: which is chosen, and that nothing
//! else depends on it. What comes of calls is in `call_test`, for both.

const std = @import("std");
const wire = @import("wire");
const front = wire.front;
const state_frames = wire.state;
const client = @import("client_fake.zig");
const fake = @import("pair_fake.zig");
const Mode = @import("../rpc.zig").Mode;
const Services = @import("service_fake.zig").Services;
const World = fake.World;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;
const ms = fake.ms;

const callee = 1;
const by_schema = "calls by schema peer=node-b";

/// Node 0 dials node 1, which has services.
fn pair(caller: Mode, called: Mode) !*World {
    const world = try World.create();
    for ([_]Mode{ caller, called }) |mode| world.configs[world.add()].rpc = mode;
    world.know(0, callee, true);
    world.know(callee, 0, false);
    for (0..2) |host| try world.start(@intCast(host));
    world.run(500 * ms, fake.Nobody{});
    return world;
}

fn ask(world: *World, number: u16, request: front.Request) !void {
    try client.ask(world, 0, callee, number, request);
}

fn state(world: *World, number: u16, request: state_frames.Request) !void {
    try client.state(world, 0, callee, number, request);
}

fn answerOf(world: *World, number: u16) ?[]const u8 {
    return client.answerOf(world, 0, number);
}

test "which encoding a session has: the one both sides speak, and frames otherwise" {
    const Row = struct { Mode, Mode, ?bool };
    for ([_]Row{
        .{ .frames, .frames, false },  .{ .frames, .messages, false },  .{ .frames, .auto, false },
        .{ .auto, .frames, false },    .{ .auto, .messages, true },     .{ .auto, .auto, true },
        .{ .messages, .frames, null }, .{ .messages, .messages, true }, .{ .messages, .auto, true },
    }) |row| {
        const world = try pair(row[0], row[1]);
        defer world.destroy();
        var services: Services = .{ .host = callee };
        const outside = &world.edges[callee];
        for (1..4) |number| {
            try ask(world, @intCast(number), .{ .resolve = "samgrd" });
            world.run(world.now_ns + 20 * ms, &services);
            // Null: it cannot be said at all, which is known at once.
            const status: u8 = if (row[2] == null) 1 else 0;
            try expectEqual(status, answerOf(world, @intCast(number)).?[4]);
            const made = if (row[2] == null) 0 else number;
            const ok = "outcome=ok peer=node-a service=samgrd op=6";
            try expectEqual(made, outside.recorded(ok));
            try expectEqual(made, outside.printed("remote proxy ok (peer=node-a service=samgrd)"));
        }
        const is_schema = row[2] orelse false;
        try expectEqual(@intFromBool(is_schema), world.edges[0].printed(by_schema));
        // An earlier peer does not notice that it was asked for what it does not know.
        try expectEqual(0, outside.recorded("denied"));
        try expectEqual(0, outside.printed("rejected"));
        try expectEqual(0, world.edges[0].printed("session lost"));
    }
}

test "every operation has the same answer in both encodings" {
    const zero = "\x00" ** 7;
    const key = "/state/shared/k";
    const requests = [_]front.Request{
        .{ .resolve = "samgrd" },
        .bundle_list,
        .{ .state = "SF\x02\x01\x07" ++ zero ++ "\x0f\x00\x01\x00\x00\x00" ++ key ++ "v" },
        .{ .state = "SF\x01\x02\x0f\x00" ++ key },
        .{ .state = "SF\x02\x02\x08" ++ zero ++ "\x0f\x00" ++ key },
        .{ .state = "SF\x01\x03\x0f\x00" ++ key },
        .{ .state = "SF\x01\x02\x0f\x00" ++ key },
        .{ .state = "SF\x01\x04\x0e\x00\x40\x00/state/shared/" },
        .{ .state = "SF\x01\x05" },
        // Refused by the other side's store, or by its gateway for it.
        .{ .state = "SF\x01\x02\x0d\x00/state/secret" },
        .{ .state = "SF\x01\x01\x0f\x00\x00\x00\x00\x00" ++ key },
        .{ .state = "SF\x01\x04\x0e\x00\x41\x00/state/shared/" },
        .{ .state = "SF\x01\x02\x70\x00" ++ "/state/shared/" ++ "k" ** 98 },
    };
    var frames: [requests.len][]const u8 = undefined;
    var buffers: [requests.len][600]u8 = undefined;
    for ([_]Mode{ .frames, .auto, .messages }) |mode| {
        const world = try pair(mode, mode);
        defer world.destroy();
        var services: Services = .{ .host = callee };
        for (requests, 0..) |request, number| {
            try ask(world, @intCast(number), request);
            world.run(world.now_ns + 100 * ms, &services);
            const answer = answerOf(world, @intCast(number)).?;
            if (mode == .frames) {
                @memcpy(buffers[number][0..answer.len], answer);
                frames[number] = buffers[number][0..answer.len];
            } else try expectSame(frames[number], answer);
        }
        try expectEqual(0, world.edges[callee].recorded("denied"));
    }
}

/// A refusal of the gateway is short, and one of the store has its operation's shape: by schema
/// they are the same.
fn expectSame(wanted: []const u8, found: []const u8) !void {
    const is_refusal = wanted.len > 11 and wanted[3] == 0x87 and wanted[11] != 0;
    if (!is_refusal) return expectEqualSlices(u8, wanted, found);
    try expectEqualSlices(u8, wanted[0..5], found[0..5]);
    try expectEqualSlices(u8, wanted[10..12], found[10..12]);
}

test "what no method says goes in a frame beside the messages, or not at all" {
    for ([_]Mode{ .auto, .messages }) |mode| {
        const world = try pair(mode, .auto);
        defer world.destroy();
        var services: Services = .{ .host = callee };
        try ask(world, 1, .{ .resolve = "samgrd" });
        try state(world, 2, .{ .op = .reopen });
        try ask(world, 3, .{ .resolve = "samgrd" });
        world.run(world.now_ns + 50 * ms, &services);
        try expectEqual(1, world.edges[0].printed(by_schema));
        for ([_]u16{ 1, 3 }) |number| try expectEqual(@as(u8, 0), answerOf(world, number).?[4]);
        // Its gateway refuses it, if it comes to that.
        try expectEqual(@as(u8, 1), answerOf(world, 2).?[4]);
        const denial = "outcome=denied-service peer=node-a service=statefsd op=6";
        const asked: usize = if (mode == .auto) 1 else 0;
        try expectEqual(asked, world.edges[callee].recorded(denial));
    }
}

test "a change that is repeated in the other encoding takes effect once" {
    for ([_][2]Mode{ .{ .frames, .messages }, .{ .messages, .frames } }) |order| {
        const world = try pair(order[0], .auto);
        defer world.destroy();
        var services: Services = .{ .host = callee, .store_ns = 300 * ms };
        try state(world, 1, .{ .op = .put, .key = "/state/shared/once", .value = "a" });
        world.run(world.now_ns + 100 * ms, &services);
        world.nodes[0].config.rpc = order[1];
        client.drop(world, 0); // before it is answered
        world.run(world.now_ns + 3000 * ms, &services);
        const inner = front.decodeState(answerOf(world, 1).?).?;
        try expectEqual(
            state_frames.Status.ok,
            state_frames.decodeReply(inner, .put, null).?.status,
        );
        try expectEqual(1, services.puts);
        try expectEqual(1, world.edges[callee].recorded("statefs put allow peer=node-a"));
        // And again when it is long over, from memory.
        try expectEqual(1, world.nodes[0].peers[0].calls);
        const wanted = [_]Mode{ .messages, .frames };
        for (wanted) |mode| {
            world.nodes[0].peers[0].calls = 0;
            world.nodes[0].config.rpc = mode;
            client.drop(world, 0);
            world.edges[0].answer_count = 0;
            try state(world, 1, .{ .op = .put, .key = "/state/shared/once", .value = "a" });
            world.run(world.now_ns + 3000 * ms, &services);
            const again = front.decodeState(answerOf(world, 1).?).?;
            try expectEqual(
                state_frames.Status.ok,
                state_frames.decodeReply(again, .put, null).?.status,
            );
            try expectEqual(1, services.puts);
        }
    }
}

test "what is denied has one record and one line, whichever way it was said" {
    for ([_]Mode{ .frames, .messages }) |mode| {
        const world = try pair(mode, .auto);
        defer world.destroy();
        var services: Services = .{ .host = callee };
        world.nodes[callee].config.rule_count = 0;
        const outside = &world.edges[callee];
        try ask(world, 1, .{ .resolve = "samgrd" });
        try ask(world, 2, .bundle_list);
        try state(world, 3, .{ .op = .put, .key = "/state/shared/k", .value = "v" });
        world.run(world.now_ns + 50 * ms, &services);
        for ([_]u16{ 1, 2, 3 }) |number| try expectEqual(@as(u8, 1), answerOf(world, number).?[4]);
        for ([_]struct { []const u8, []const u8 }{
            .{ "samgrd", "6" }, .{ "bundlemgrd", "1" }, .{ "statefsd", "1" },
        }) |row| {
            var buffer: [100]u8 = undefined;
            const record = try std.fmt.bufPrint(
                &buffer,
                "outcome=denied-service peer=node-a service={s} op={s}",
                .{ row[0], row[1] },
            );
            try expectEqual(1, outside.recorded(record));
            const line = try std.fmt.bufPrint(&buffer, "proxy denied (service={s})", .{row[0]});
            try expectEqual(1, outside.printed(line));
        }
        try expectEqual(0, world.edges[0].printed("session lost"));
    }
}
