//! The selftest on the host: every check passes against the services' own cores, and a service
//! that answers wrongly fails exactly the checks that are about it.

const std = @import("std");
const checks = @import("selftest_checks");
const fake = @import("world_fake.zig");
const World = fake.World;
const grants = fake.grants;
const testing = std.testing;

const local_names = [_][]const u8{
    "ipc sender pid",
    "ipc sender service_id",
    "policy allow",
    "policy deny",
    "policy malformed",
    "samgrd v1 register",
    "samgrd v1 lookup",
    "samgrd v1 unknown",
    "samgrd v1 malformed",
    "bundlemgrd v1 list",
    "bundlemgrd v1 image",
    "bundlemgrd v1 malformed",
    "log query",
    "rng entropy",
    "net tcp listen",
};

/// Every local check as passed, except for those whose name starts with one of these.
fn expectLocal(told: []const u8, failing: []const []const u8) ![]const u8 {
    var rest = told;
    for (local_names) |name| {
        var sign: u8 = '+';
        for (failing) |prefix| {
            if (std.mem.startsWith(u8, name, prefix)) sign = '-';
        }
        const end = std.mem.indexOfScalar(u8, rest, '\n') orelse return error.TestMissingLine;
        try testing.expectEqualStrings(name, rest[1..end]);
        testing.expectEqual(sign, rest[0]) catch |err| {
            std.debug.print("{s}\n", .{name});
            return err;
        };
        rest = rest[end + 1 ..];
    }
    return rest;
}

var world: World = undefined;

test "all is well on a node alone, on the client and on the server" {
    const remote = "+remote resolve\n+remote query\n";
    const rows = [_]struct { checks.Mode, []const u8 }{
        .{ .single, "" }, .{ .server, "" }, .{ .client, remote },
    };
    for (rows) |row| {
        try world.init();
        try testing.expectEqualStrings(row[1], try expectLocal(world.run(row[0]), &.{}));
    }
}

test "a service that does not answer, or answers nonsense, fails the checks that need it" {
    const rows = [_]struct { checks.Service, []const []const u8 }{
        .{ .samgrd, &.{ "ipc", "samgrd" } },
        .{ .policyd, &.{"policy"} },
        .{ .logd, &.{"log"} },
        .{ .bundlemgrd, &.{"bundlemgrd"} },
        .{ .rngd, &.{"rng"} },
    };
    for (rows) |row| for ([_]?[]const u8{ null, "", "SM\x01\x82\x00" ++ "\x00" ** 9 }) |reply| {
        try world.init();
        world.broken = row[0];
        world.broken_reply = reply;
        _ = try expectLocal(world.run(.single), row[1]);
    };
}

test "each value is looked at, not only the shape of the reply" {
    try world.init();
    world.stuck_random = true;
    world.port_free = false;
    _ = try expectLocal(world.run(.single), &.{ "rng", "net" });

    try world.init();
    world.table.count = 0;
    _ = try expectLocal(world.run(.single), &.{"policy allow"});

    try world.init();
    world.table.grants[0].capability = "policy.delegate";
    _ = try expectLocal(world.run(.single), &.{ "policy allow", "policy deny" });

    try world.init();
    world.bundles.build = "";
    _ = try expectLocal(world.run(.single), &.{"bundlemgrd v1 image"});

    // samgrd that takes every sender for another one.
    try world.init();
    world.broken = .samgrd;
    world.broken_reply = "SM\x01\x84\x00\x07\x00\x00\x00";
    _ = try expectLocal(world.run(.single), &.{ "ipc", "samgrd" });
}

test "a remote proof is tried for four seconds and no longer" {
    const second = std.time.ns_per_s;
    const rows = [_]struct { u64, []const u8 }{
        .{ 3 * second, "+remote resolve\n+remote query\n" },
        .{ 6 * second, "-remote resolve\n+remote query\n" },
        .{ 60 * second, "-remote resolve\n-remote query\n" },
    };
    for (rows) |row| {
        try world.init();
        world.session_at_ns = row[0];
        try testing.expectEqualStrings(row[1], try expectLocal(world.run(.client), &.{}));
        try testing.expect(world.clock_ns < 9 * second);
    }
    // Even where dsoftbusd does not answer at all, the end comes.
    try world.init();
    world.broken = .dsoftbusd;
    _ = try expectLocal(world.run(.client), &.{});
    try testing.expect(world.clock_ns < 13 * second);
}

const package_lines = "+remote resolve\n+remote query\n+remote pkgfs stat\n+remote pkgfs open\n" ++
    "+remote pkgfs read step\n+remote pkgfs close\n+remote pkgfs read\n";

test "remote package files are proven where the configuration asks for it" {
    const plan: checks.Plan = .{ .mode = .client, .proofs = .initOne(.packages) };
    try world.init();
    try testing.expectEqualStrings(package_lines, try expectLocal(world.prove(plan), &.{}));
    // A session that is lost in the middle costs a second try, not the proof.
    try world.init();
    world.drops_handles = true;
    try testing.expectEqualStrings(package_lines, try expectLocal(world.prove(plan), &.{}));
    // Only a client proves anything about another node.
    try world.init();
    const server: checks.Plan = .{ .mode = .server, .proofs = .initOne(.packages) };
    try testing.expectEqualStrings("", try expectLocal(world.prove(server), &.{}));
}

const state_names = [_][]const u8{
    "statefs put",
    "statefs unauthorized access rejected",
    "statefs persist",
};

test "the other node's state store, where the configuration asks for it" {
    const plan: checks.Plan = .{ .mode = .client, .proofs = .initOne(.state) };
    const before = "+remote resolve\n+remote query\n";
    try fake.openState();
    try world.init();
    const good = try expectLocal(world.prove(plan), &.{});
    try testing.expectEqualStrings(before ++ "+remote statefs rw\n", good);
    try world.init();
    world.state_gate.permits_all = true;
    const open = try expectLocal(world.prove(plan), &.{});
    try testing.expectEqualStrings(before ++ "-remote statefs rw\n", open);
}

fn expectState(signs: []const u8, setup: World) !void {
    try fake.openState();
    world = setup;
    world.has_state = true;
    world.table = try .parse(grants);
    var rest = try expectLocal(world.run(.server), &.{});
    for (state_names, signs) |name, sign| {
        const end = std.mem.indexOfScalar(u8, rest, '\n') orelse return error.TestMissingLine;
        try testing.expectEqualStrings(name, rest[1..end]);
        try testing.expectEqual(sign, rest[0]);
        rest = rest[end + 1 ..];
    }
    try testing.expectEqualStrings("", rest);
}

test "the state store of the node, where there is one" {
    try expectState("+++", .{ .table = undefined });
    try expectState("---", .{ .table = undefined, .broken = .statefsd });
    try expectState("---", .{
        .table = undefined,
        .broken = .statefsd,
        .broken_reply = "SF\x01\x81\x00",
    });
    // A node that lets every service read keys fails the check that is about it.
    try expectState("+-+", .{ .table = undefined, .state_gate = .{ .permits_all = true } });
}

test "a key may be neither read nor written nor removed: each is asked for" {
    for (1..4) |one| {
        try expectState("+-+", .{ .table = undefined, .state_gate = .{ .permits_one = one } });
    }
    try expectState("+++", .{ .table = undefined, .state_gate = .{ .permits_one = 4 } });
    try testing.expectEqual(3, world.state_gate.asked);
}
