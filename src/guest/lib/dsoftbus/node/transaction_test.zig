//! Transactions of a peer at the store of another node, in both encodings: whose they are, and that
//! none outlives its session or its time.

const std = @import("std");
const state = @import("wire").state;
const calls = @import("calls.zig");
const client = @import("client_fake.zig");
const fake = @import("pair_fake.zig");
const gateway = @import("../gateway.zig");
const Mode = @import("../rpc.zig").Mode;
const Services = @import("service_fake.zig").Services;
const World = fake.World;
const expectEqual = std.testing.expectEqual;
const ms = fake.ms;

const callee = 1;
const key = "/state/shared/k";
const peer = "peer=node-a";

const Pair = struct {
    world: *World,
    services: Services = .{ .host = callee },
    asked: u16 = 0,

    fn init(mode: Mode) !Pair {
        const world = try World.create();
        for (0..2) |_| world.configs[world.add()].rpc = mode;
        world.know(0, callee, true);
        world.know(callee, 0, false);
        const config = &world.configs[callee];
        for ([_]state.Op{ .txn_begin, .txn_put, .txn_commit, .txn_abort }) |op| {
            const rule: gateway.Rule = .{ .peer = 0, .service = 4, .opcode = @intFromEnum(op) };
            config.rule_list[config.rule_count] = rule;
            config.rule_count += 1;
        }
        for (0..2) |host| try world.start(@intCast(host));
        world.run(500 * ms, fake.Nobody{});
        return .{ .world = world };
    }

    fn run(self: *Pair, for_ns: u64) void {
        self.world.run(self.world.now_ns + for_ns, &self.services);
    }

    fn ask(self: *Pair, request: state.Request) !state.Status {
        self.asked += 1;
        self.world.edges[0].answer_count = 0;
        try client.state(self.world, 0, callee, self.asked, request);
        // There may have to be another session first.
        for (0..50) |_| {
            self.run(100 * ms);
            const said = try client.statusOf(self.world, 0, self.asked, request.op);
            return said orelse continue;
        }
        return error.NotAnswered;
    }

    fn step(self: *Pair, op: state.Op, txn: u64) !state.Status {
        const is_put = op == .txn_put;
        return self.ask(.{
            .op = op,
            .txn = txn,
            .key = if (is_put) key else "",
            .value = if (is_put) "v" else "",
        });
    }

    fn recorded(self: *Pair, text: []const u8) usize {
        return self.world.edges[callee].recorded(text);
    }
};

test "begun, put, committed; and one at a time in a session" {
    for ([_]Mode{ .frames, .messages }) |mode| {
        var pair: Pair = try .init(mode);
        defer pair.world.destroy();
        try expectEqual(state.Status.not_found, try pair.step(.txn_put, 7));
        for (1..3) |round| {
            try expectEqual(state.Status.ok, try pair.step(.txn_begin, 0));
            try expectEqual(state.Status.txn_limit, try pair.step(.txn_begin, 0));
            // Another number is not this session's, even if another session has it.
            for ([_]state.Op{ .txn_put, .txn_commit, .txn_abort }) |op| {
                try expectEqual(state.Status.not_found, try pair.step(op, 8));
            }
            try expectEqual(state.Status.ok, try pair.step(.txn_put, 7));
            try expectEqual(state.Status.ok, try pair.step(.txn_commit, 7));
            try expectEqual(state.Status.not_found, try pair.step(.txn_commit, 7));
            try expectEqual(round, pair.services.puts);
        }
        try expectEqual(2, pair.recorded("audit remote statefs txn-put allow " ++ peer));
        try expectEqual(2, pair.recorded("audit remote statefs txn-commit allow " ++ peer));
        try expectEqual(1, pair.world.edges[callee].printed("remote statefs served"));
    }
}

test "an abort ends it, and its key has a verdict like any other" {
    var pair: Pair = try .init(.messages);
    defer pair.world.destroy();
    try expectEqual(state.Status.ok, try pair.step(.txn_begin, 0));
    const outside: state.Request = .{ .op = .txn_put, .txn = 7, .key = "/state/x", .value = "v" };
    try expectEqual(state.Status.access_denied, try pair.ask(outside));
    try expectEqual(1, pair.recorded("statefs txn-put reject outside_acl " ++ peer));
    try expectEqual(state.Status.ok, try pair.step(.txn_abort, 7));
    try expectEqual(1, pair.recorded("statefs txn-abort allow " ++ peer));
    try expectEqual(state.Status.not_found, try pair.step(.txn_commit, 7));
    try expectEqual(0, pair.services.puts);
}

test "it ends with its session, which another session does not go on with" {
    var pair: Pair = try .init(.messages);
    defer pair.world.destroy();
    try expectEqual(state.Status.ok, try pair.step(.txn_begin, 0));
    client.drop(pair.world, 0);
    pair.run(3000 * ms);
    try expectEqual(1, pair.recorded("statefs txn-abort allow " ++ peer ++ " key=-"));
    try expectEqual(1, pair.services.aborts);
    try expectEqual(state.Status.not_found, try pair.step(.txn_commit, 7));
    try expectEqual(state.Status.ok, try pair.step(.txn_begin, 0));
}

test "one that the store has ended is over, and another may be begun at once" {
    var pair: Pair = try .init(.messages);
    defer pair.world.destroy();
    try expectEqual(state.Status.ok, try pair.step(.txn_begin, 0));
    pair.services.has_ended = true;
    try expectEqual(state.Status.not_found, try pair.step(.txn_put, 7));
    try expectEqual(state.Status.ok, try pair.step(.txn_begin, 0));
}

test "a commit that was made before the node started again has its first answer" {
    for ([_]Mode{ .frames, .messages }) |mode| {
        var pair: Pair = try .init(mode);
        defer pair.world.destroy();
        pair.services.knows_commits = true;
        try expectEqual(state.Status.ok, try pair.step(.txn_commit, 9));
        try expectEqual(0, pair.services.puts);
        // It had its record when it was made.
        try expectEqual(0, pair.recorded("statefs txn-commit"));
    }
}

test "an abort for which the store has no room costs nothing for good" {
    var pair: Pair = try .init(.messages);
    defer pair.world.destroy();
    const outside = &pair.world.edges[callee];
    // Once more than there are places for calls of one service.
    for (0..calls.service_max + 1) |_| {
        try expectEqual(state.Status.ok, try pair.step(.txn_begin, 0));
        outside.verdict.set(.statefsd, .full);
        client.drop(pair.world, 0);
        pair.run(100 * ms);
        outside.verdict.set(.statefsd, .sent);
    }
    try expectEqual(0, pair.recorded("denied-busy"));
}

test "a session that is lost while it commits has an abort on record only if that is refused" {
    for ([_]bool{ false, true }) |is_refused| {
        var pair: Pair = try .init(.messages);
        defer pair.world.destroy();
        try expectEqual(state.Status.ok, try pair.step(.txn_begin, 0));
        pair.services.is_full = is_refused;
        pair.services.store_ns = 500 * ms;
        try client.state(pair.world, 0, callee, 99, .{ .op = .txn_commit, .txn = 7 });
        pair.run(100 * ms);
        client.drop(pair.world, 0);
        pair.run(5000 * ms);
        try expectEqual(@intFromBool(!is_refused), pair.services.puts);
        try expectEqual(1, pair.recorded("statefs txn-commit"));
        try expectEqual(@intFromBool(is_refused), pair.recorded("statefs txn-abort allow"));
    }
}

test "one that the store begins too late for its session is aborted" {
    var pair: Pair = try .init(.messages);
    defer pair.world.destroy();
    pair.services.store_ns = 1000 * ms;
    try client.state(pair.world, 0, callee, 1, .{ .op = .txn_begin });
    pair.run(200 * ms);
    client.drop(pair.world, 0);
    pair.services.store_ns = 300 * ms;
    pair.run(6000 * ms);
    // The first has no owner; the request was sent again, and has one of its own.
    try expectEqual(1, pair.services.aborts);
    try expectEqual(state.Status.ok, (try client.statusOf(pair.world, 0, 1, .txn_begin)).?);
}

test "a transaction without requests, or one that goes on for too long, is aborted" {
    for ([_]struct { u64, usize }{ .{ 31_000, 1 }, .{ 20_000, 4 } }) |row| {
        const pause_ms, const steps = row;
        var pair: Pair = try .init(.messages);
        defer pair.world.destroy();
        try expectEqual(state.Status.ok, try pair.step(.txn_begin, 0));
        for (1..steps) |_| {
            pair.run(pause_ms * ms);
            const status = try pair.step(.txn_put, 7);
            try expectEqual(pair.services.aborts == 0, status == .ok);
        }
        pair.run(pause_ms * ms);
        try expectEqual(1, pair.services.aborts);
        try expectEqual(state.Status.not_found, try pair.step(.txn_commit, 7));
    }
}
