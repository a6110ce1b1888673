//! What peers ask through dsoftbusd: until when it may be begun, that a repetition takes effect
//! once, and how much of the store is whose.

const std = @import("std");
const testing = std.testing;
const statefs = @import("statefs");
const wire = @import("wire");
const state = wire.state;
const behalf = wire.behalf;
const core = @import("core.zig");

const Memory = @import("memory_fake.zig").Memory(256);

const Gate = struct {
    now_ns: u64 = 100,
    denied_count: u32 = 0,
    abandoned_count: u32 = 0,

    pub fn permits(_: *Gate, _: u64, _: []const u8) bool {
        return true;
    }

    pub fn denied(self: *Gate, _: u64, _: []const u8) void {
        self.denied_count += 1;
    }

    pub fn abandoned(self: *Gate, _: u64) void {
        self.abandoned_count += 1;
    }

    pub fn now(self: *Gate) u64 {
        return self.now_ns;
    }
};

const speaker = 0xD;
const local = 0xA;

var pool: [128 * 1024]u8 = undefined;
var items: [128]statefs.Item = undefined;
var memory: Memory = undefined;
var server: core.Server(Memory) = undefined;
var gate: Gate = .{};

fn reset() !void {
    memory = .{};
    gate = .{};
    server.pool = &pool;
    server.items = &items;
    server.versions = .{};
    server.speaker = speaker;
    server.settings = .{
        .peer_keys = 10,
        .peer_bytes = 20_000,
        .reserve_keys = 8,
        .reserve_bytes = 8_000,
        .peers = 2,
    };
    server.keys_max = 32;
    try server.open(&memory);
}

const Answer = struct { ending: behalf.Ending, status: state.Status, tail: []const u8 };

fn askFor(peer: []const u8, call: behalf.Call, request: state.Request) !Answer {
    var inner: [9000]u8 = undefined;
    var outer: [9200]u8 = undefined;
    var whole = call;
    whole.peer = peer;
    whole.frame = try state.encodeRequest(&inner, request);
    const bytes = server.handle(try behalf.encodeCall(&outer, whole), speaker, &gate);
    const reply = behalf.decodeReply(bytes) orelse return error.NoCallReply;
    const answer = state.decodeReply(reply.frame, request.op, request.nonce) orelse
        return error.NotThisReply;
    return .{ .ending = reply.ending, .status = answer.status, .tail = answer.tail };
}

fn callOf(id: u64) behalf.Call {
    var digest: behalf.Digest = @splat(0);
    std.mem.writeInt(u64, digest[0..8], id *% 0x9E37_79B9, .little);
    return .{ .peer = "", .id = id, .digest = digest, .frame = "" };
}

const epoch = 7 << 32;
const unnamed: behalf.Call = .{ .peer = "", .frame = "" };

fn expectAnswer(
    ending: behalf.Ending,
    status: state.Status,
    peer: []const u8,
    call: behalf.Call,
    request: state.Request,
) !void {
    const answer = try askFor(peer, call, request);
    try testing.expectEqual(status, answer.status);
    try testing.expectEqual(ending, answer.ending);
}

fn putOf(key: []const u8, value: []const u8) state.Request {
    return .{ .op = .put, .key = key, .value = value, .nonce = 3 };
}

fn askLocally(request: state.Request) !state.Status {
    return (try askAs(local, request)).status;
}

fn askAs(sender: u64, request: state.Request) !state.Reply {
    var buffer: [9000]u8 = undefined;
    const reply = server.handle(try state.encodeRequest(&buffer, request), sender, &gate);
    return state.decodeReply(reply, request.op, request.nonce) orelse error.NotThisReply;
}

fn expectValue(value: ?[]const u8, key: []const u8) !void {
    const found = try server.store.get(key);
    if (value) |wanted| {
        try testing.expectEqualStrings(wanted, found.?);
    } else try testing.expectEqual(null, found);
}

const a = "/state/shared/a";
const b = "/state/shared/b";

test "a request that was not begun by its deadline is not begun at all, and its name is free" {
    try reset();
    var call = callOf(epoch | 1);
    call.deadline_ns = 100;
    try expectAnswer(.withdrawn, .io_error, "host-1", call, putOf(a, "1"));
    try expectValue(null, a);
    call.deadline_ns = 101;
    try expectAnswer(.now, .ok, "host-1", call, putOf(a, "1"));
    try expectValue("1", a);
    // It was carried out; a repetition after its deadline does not get that answer any more.
    gate.now_ns = 200;
    try expectAnswer(.withdrawn, .io_error, "host-1", call, putOf(a, "1"));
    call.deadline_ns = 0;
    try expectAnswer(.repeated, .ok, "host-1", call, putOf(a, "1"));
}

test "a change that is asked for again takes effect once, also after a restart" {
    try reset();
    try expectAnswer(.now, .ok, "host-1", callOf(epoch | 1), putOf(a, "1"));
    try expectAnswer(.now, .ok, "host-2", callOf(epoch | 1), putOf(a, "2"));
    const delete: state.Request = .{ .op = .delete, .key = b, .nonce = 3 };
    try expectAnswer(.now, .not_found, "host-1", callOf(epoch | 2), delete);
    try testing.expectEqual(state.Status.ok, try askLocally(putOf(b, "local")));
    for (0..2) |_| {
        try expectAnswer(.repeated, .ok, "host-1", callOf(epoch | 1), putOf(a, "1"));
        try expectAnswer(.repeated, .not_found, "host-1", callOf(epoch | 2), delete);
        try expectValue("2", a);
        try expectValue("local", b);
        try server.open(&memory);
    }
    try testing.expect(try server.store.compact());
    try server.open(&memory);
    try expectAnswer(.repeated, .ok, "host-1", callOf(epoch | 1), putOf(a, "1"));
    // Of another peer it is another call, and so it is in another epoch.
    try expectAnswer(.now, .ok, "host-3", callOf(epoch | 1), putOf(a, "3"));
    try expectAnswer(.now, .ok, "host-1", callOf(8 << 32 | 1), putOf(a, "4"));
    try expectValue("4", a);
}

test "something else under a name that was used is not done" {
    try reset();
    try expectAnswer(.now, .ok, "host-1", callOf(epoch | 1), putOf(a, "1"));
    var other = callOf(epoch | 1);
    other.digest[0] +%= 1;
    try expectAnswer(.forgotten, .io_error, "host-1", other, putOf(a, "2"));
    try expectAnswer(.forgotten, .io_error, "host-1", callOf(epoch), putOf(a, "2"));
    try expectValue("1", a);
}

test "a call without a name, and one that was refused, leave nothing to remember" {
    try reset();
    for (0..2) |_| try expectAnswer(.now, .ok, "host-1", callOf(1), putOf(a, "1"));
    const value: [8_000]u8 = @splat('v');
    for (0..2) |number| {
        const key = numbered("/state/shared/large/", number);
        try expectAnswer(.now, .ok, "host-1", unnamed, putOf(key, &value));
    }
    const large = putOf(b, &value);
    try expectAnswer(.now, .over_share, "host-1", callOf(epoch | 2), large);
    try expectAnswer(.now, .ok, "host-1", unnamed, putOf("/state/shared/large/0", ""));
    try expectAnswer(.now, .ok, "host-1", callOf(epoch | 2), large);
}

test "what is forgotten is not run again: the oldest call, where there are most" {
    try reset();
    const calls_max = statefs.calls.calls_max;
    try expectAnswer(.now, .ok, "host-2", callOf(epoch | 1), putOf(b, "1"));
    for (1..calls_max + 10) |number| {
        try expectAnswer(.now, .ok, "host-1", callOf(epoch | number), putOf(a, "1"));
    }
    for (0..2) |_| {
        try expectAnswer(.forgotten, .io_error, "host-1", callOf(epoch | 10), putOf(a, "2"));
        try expectAnswer(.repeated, .ok, "host-1", callOf(epoch | 11), putOf(a, "2"));
        try expectAnswer(.repeated, .ok, "host-2", callOf(epoch | 1), putOf(b, "2"));
        try testing.expect(try server.store.compact());
        try server.open(&memory);
    }
    try expectValue("1", a);
}

fn begin(peer: []const u8, call: behalf.Call) !u64 {
    const answer = try askFor(peer, call, .{ .op = .txn_begin });
    if (answer.status != .ok) return error.NotBegun;
    return std.mem.readInt(u64, answer.tail[0..8], .little);
}

test "a transfer that is asked for again takes effect once, also after a restart" {
    try reset();
    const call = callOf(epoch | 1);
    const txn = try begin("host-1", call);
    const chunk: state.Request = .{ .op = .txn_put, .txn = txn, .key = a, .value = "first" };
    // Another peer's, or a service's, it is not.
    try expectAnswer(.now, .not_found, "host-2", call, chunk);
    try testing.expectEqual(state.Status.not_found, try askLocally(chunk));
    try expectAnswer(.now, .ok, "host-1", call, chunk);
    try expectAnswer(.now, .ok, "host-1", call, .{ .op = .txn_commit, .txn = txn });
    try testing.expectEqual(state.Status.ok, try askLocally(putOf(a, "second")));
    for (0..2) |_| {
        try expectAnswer(.repeated, .ok, "host-1", call, .{ .op = .txn_begin });
        // As dsoftbusd asks where the transaction is not of the session.
        try expectAnswer(.repeated, .ok, "host-1", call, .{ .op = .txn_commit });
        try server.open(&memory);
    }
    const another = callOf(epoch | 99);
    try expectAnswer(.now, .not_found, "host-1", another, .{ .op = .txn_commit });
    try expectValue("second", a);
}

test "a transaction of a service is not another's that may as much" {
    try reset();
    const begun = try askAs(local, .{ .op = .txn_begin });
    const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
    const chunk: state.Request = .{ .op = .txn_put, .txn = txn, .key = "/state/a", .value = "x" };
    for ([_]state.Request{
        chunk,
        .{ .op = .txn_commit, .txn = txn },
        .{ .op = .txn_abort, .txn = txn },
    }) |request| {
        try testing.expectEqual(state.Status.not_found, (try askAs(local + 1, request)).status);
        try expectAnswer(.now, .access_denied, "host-1", unnamed, chunk);
    }
    try testing.expectEqual(state.Status.ok, (try askAs(local, chunk)).status);
    const commit: state.Request = .{ .op = .txn_commit, .txn = txn };
    try testing.expectEqual(state.Status.ok, (try askAs(local, commit)).status);
    try expectValue("x", "/state/a");
}

test "only the service that speaks for peers may, and only below what is shared" {
    try reset();
    var inner: [64]u8 = undefined;
    var outer: [256]u8 = undefined;
    const frame = try state.encodeRequest(&inner, putOf(a, "1"));
    const call: behalf.Call = .{ .peer = "host-1", .frame = frame };
    const bytes = server.handle(try behalf.encodeCall(&outer, call), local, &gate);
    const reply = behalf.decodeReply(bytes).?;
    try testing.expectEqual(
        state.Status.access_denied,
        state.decodeReply(reply.frame, .put, 3).?.status,
    );
    try expectAnswer(.now, .access_denied, "host-1", unnamed, putOf("/state/a", "1"));
    try expectAnswer(.now, .access_denied, "host-1", unnamed, .{ .op = .reopen });
    try testing.expectEqual(@as(u32, 3), gate.denied_count);
    try expectValue(null, a);
    const malformed = server.handle("SO\x01\x01", speaker, &gate);
    try testing.expectEqualSlices(u8, "SF\x01\x85\x06", malformed);
    const empty = try askForRaw("");
    try testing.expectEqualSlices(u8, "SO\x01\x81\x00SF\x01\x85\x06", empty);
}

fn askForRaw(frame: []const u8) ![]const u8 {
    var outer: [256]u8 = undefined;
    const call: behalf.Call = .{ .peer = "host-1", .frame = frame };
    return server.handle(try behalf.encodeCall(&outer, call), speaker, &gate);
}

var name_buffer: [64]u8 = undefined;

fn numbered(prefix: []const u8, number: usize) []const u8 {
    return std.fmt.bufPrint(&name_buffer, "{s}{d}", .{ prefix, number }) catch unreachable;
}

test "a peer that fills its share leaves the others theirs, and services their reserve" {
    try reset();
    for (0..10) |number| {
        const request = putOf(numbered("/state/shared/one/", number), "v");
        try expectAnswer(.now, .ok, "host-1", unnamed, request);
    }
    for (0..2) |_| {
        const request = putOf("/state/shared/one/more", "v");
        try expectAnswer(.now, .over_share, "host-1", unnamed, request);
        // What it has it may change, and take away.
        try expectAnswer(.now, .ok, "host-1", unnamed, putOf("/state/shared/one/0", "w"));
        try server.open(&memory);
    }
    for (0..10) |number| {
        const request = putOf(numbered("/state/shared/two/", number), "v");
        try expectAnswer(.now, .ok, "host-2", unnamed, request);
    }
    // A third peer has what is left beside the reserve.
    for (0..4) |number| {
        const request = putOf(numbered("/state/shared/three/", number), "v");
        try expectAnswer(.now, .ok, "host-3", unnamed, request);
    }
    const request = putOf("/state/shared/three/more", "v");
    try expectAnswer(.now, .io_error, "host-3", unnamed, request);
    for (0..8) |number| {
        const own = putOf(numbered("/state/local/", number), "v");
        try testing.expectEqual(state.Status.ok, try askLocally(own));
    }
    const delete: state.Request = .{ .op = .delete, .key = "/state/shared/one/1" };
    try expectAnswer(.now, .ok, "host-1", unnamed, delete);
    try expectAnswer(.now, .ok, "host-1", unnamed, putOf("/state/shared/one/more", "v"));
}

test "bytes are shared like keys, also those of a transaction, and after a compaction" {
    try reset();
    const value: [6_000]u8 = @splat('v');
    for (0..3) |number| {
        const request = putOf(numbered("/state/shared/one/", number), &value);
        try expectAnswer(.now, .ok, "host-1", unnamed, request);
    }
    try testing.expect(try server.store.compact());
    try server.open(&memory);
    const more = putOf("/state/shared/one/3", value[0..2000]);
    try expectAnswer(.now, .over_share, "host-1", unnamed, more);
    const txn = try begin("host-1", unnamed);
    const chunk: state.Request = .{ .op = .txn_put, .txn = txn, .key = a, .value = value[0..1000] };
    try expectAnswer(.now, .ok, "host-1", unnamed, chunk);
    try expectAnswer(.now, .over_share, "host-1", unnamed, chunk);
    // Another peer's key then belongs to the peer that sets it.
    try expectAnswer(.now, .ok, "host-2", unnamed, putOf("/state/shared/one/0", "small"));
    try expectAnswer(.now, .ok, "host-1", unnamed, chunk);
    try expectAnswer(.now, .ok, "host-1", unnamed, .{ .op = .txn_commit, .txn = txn });
    try testing.expectEqual(@as(u32, 3), server.store.contents.calls.of(
        server.store.contents.calls.ownerOf("host-1").?,
    ).keys);
}

test "a share and what all of them come to are counted to the byte and to the key" {
    try reset();
    try expectAnswer(.now, .ok, "host-1", unnamed, putOf(a, "1234"));
    const contents = &server.store.contents;
    const cost = statefs.record.overhead_bytes + b.len + 10;
    const spent = statefs.record.overhead_bytes + a.len + 4;
    const Case = struct { []const u8, core.share.Limits, ?core.share.Lack };
    const wide = 1 << 20;
    for ([_]Case{
        // A peer that has nothing yet, and one that has.
        .{ "host-2", limitsOf(1, cost, 2, spent + cost), null },
        .{ "host-2", limitsOf(0, wide, wide, wide), error.OverShare },
        .{ "host-2", limitsOf(wide, cost - 1, wide, wide), error.OverShare },
        .{ "host-2", limitsOf(wide, wide, 1, wide), error.Io },
        .{ "host-2", limitsOf(wide, wide, wide, spent + cost - 1), error.Io },
        .{ "host-1", limitsOf(2, spent + cost, 2, spent + cost), null },
        .{ "host-1", limitsOf(1, wide, wide, wide), error.OverShare },
        .{ "host-1", limitsOf(wide, spent + cost - 1, wide, wide), error.OverShare },
    }) |case| {
        const peer, const limits, const lack = case;
        const found = core.share.check(contents, limits, peer, .of(contents, peer, b, 10));
        if (lack) |err| try testing.expectError(err, found) else try found;
    }
}

fn limitsOf(peer_keys: u64, peer_bytes: u64, all_keys: u64, all_bytes: u64) core.share.Limits {
    return .{
        .peer_keys = peer_keys,
        .peer_bytes = peer_bytes,
        .all_keys = all_keys,
        .all_bytes = all_bytes,
    };
}

test "transactions of peers leave room for those of services" {
    try reset();
    for ([_][]const u8{ "host-1", "host-2", "host-3" }) |peer| {
        for (0..2) |_| _ = try begin(peer, unnamed);
        try expectAnswer(.now, .txn_limit, peer, unnamed, .{ .op = .txn_begin });
    }
    try expectAnswer(.now, .txn_limit, "host-4", unnamed, .{ .op = .txn_begin });
    for (0..2) |_| try testing.expectEqual(state.Status.ok, try askLocally(.{ .op = .txn_begin }));
    try testing.expectEqual(@as(u32, 0), gate.abandoned_count);
}

test "a service does not wait for room that a peer's open transaction keeps from it" {
    try reset();
    const value: [8_000]u8 = @splat('v');
    const txn = try begin("host-1", unnamed);
    for (0..40) |_| {
        try testing.expectEqual(state.Status.ok, try askLocally(putOf("/state/local", &value)));
    }
    try testing.expectEqual(@as(u32, 1), gate.abandoned_count);
    const chunk: state.Request = .{ .op = .txn_put, .txn = txn, .key = a, .value = "x" };
    try expectAnswer(.now, .not_found, "host-1", unnamed, chunk);
}
