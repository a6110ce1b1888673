//! The store's answers: rights, what is kept, and that every request has one.

const std = @import("std");
const statefs = @import("statefs");
const state = @import("wire").state;
const core = @import("core.zig");
const rights = core.rights;
const testing = std.testing;

const Memory = @import("memory_fake.zig").Memory(64);

const alice = 0xA;
const bob = 0xB;
const carol = 0xC;

/// Alice and carol may read and write, bob may read.
const FakeGate = struct {
    asked: u32 = 0,
    told: u32 = 0,
    abandoned_count: u32 = 0,
    now_ns: u64 = 0,

    pub fn permits(self: *FakeGate, sender: u64, capability: []const u8) bool {
        self.asked += 1;
        if (std.mem.eql(u8, capability, rights.read)) return true;
        return (sender == alice or sender == carol) and std.mem.eql(u8, capability, rights.write);
    }

    pub fn denied(self: *FakeGate, _: u64, _: []const u8) void {
        self.told += 1;
    }

    pub fn abandoned(self: *FakeGate, _: u64) void {
        self.abandoned_count += 1;
    }

    pub fn now(self: *FakeGate) u64 {
        return self.now_ns;
    }
};

var test_pool: [16 * 1024]u8 = undefined;
var test_items: [32]statefs.Item = undefined;
var memory: Memory = undefined;
var server: core.Server(Memory) = undefined;
var fake_gate: FakeGate = undefined;

fn reset() !void {
    memory = .{};
    fake_gate = .{};
    server.pool = &test_pool;
    server.items = &test_items;
    server.versions = .{};
    server.speaker = 0;
    server.settings = .{};
    server.keys_max = 32;
    try server.open(&memory);
}

fn ask(sender: u64, request: state.Request) !state.Reply {
    var buffer: [9000]u8 = undefined;
    const frame = try state.encodeRequest(&buffer, request);
    const reply = server.handle(frame, sender, &fake_gate);
    return state.decodeReply(reply, request.op, request.nonce) orelse error.NotThisReply;
}

fn expectStatus(status: state.Status, sender: u64, request: state.Request) !void {
    try testing.expectEqual(status, (try ask(sender, request)).status);
}

test "put, get, delete, list, and again after opening anew" {
    try reset();
    try expectStatus(.ok, alice, .{ .op = .put, .key = "/state/b", .value = "2", .nonce = 7 });
    try expectStatus(.ok, alice, .{ .op = .put, .key = "/state/a", .value = "1" });
    try expectStatus(.ok, alice, .{ .op = .sync });
    try expectStatus(.ok, alice, .{ .op = .reopen });
    const got = try ask(bob, .{ .op = .get, .key = "/state/a", .nonce = 9 });
    try testing.expectEqualStrings("1", state.valueOf(got).?);
    const listed = try ask(bob, .{ .op = .list, .key = "/state", .limit = 0 });
    try testing.expectEqualSlices(u8, "\x01\x00\x08\x00/state/a", listed.tail);
    const all = try ask(bob, .{ .op = .list, .key = "/state/", .limit = 9 });
    try testing.expectEqualSlices(u8, "\x02\x00\x08\x00/state/a\x08\x00/state/b", all.tail);
    try expectStatus(.ok, alice, .{ .op = .delete, .key = "/state/a" });
    try expectStatus(.not_found, alice, .{ .op = .delete, .key = "/state/a" });
    try expectStatus(.not_found, bob, .{ .op = .get, .key = "/state/a" });
}

test "a sender without the right is refused, and nothing happens" {
    try reset();
    try expectStatus(.access_denied, bob, .{ .op = .put, .key = "/state/a", .value = "1" });
    try expectStatus(.access_denied, bob, .{ .op = .sync });
    try expectStatus(.access_denied, bob, .{ .op = .txn_begin });
    try expectStatus(.access_denied, alice, .{ .op = .get, .key = "/state/keystore/a" });
    try expectStatus(.access_denied, alice, .{ .op = .put, .key = "/state/statefsd/a" });
    try testing.expectEqual(@as(u32, 5), fake_gate.told);
    try testing.expectEqual(@as(u64, 0), server.store.journal.end);
}

test "what is not a request or no path is answered without asking policyd" {
    try reset();
    try testing.expectEqualSlices(u8, "SF\x01\x85\x06", server.handle("SF", alice, &fake_gate));
    const answer = server.handle("SF\x01\x63", alice, &fake_gate);
    try testing.expectEqualSlices(u8, "SF\x01\x85\x08", answer);
    try expectStatus(.invalid_key, alice, .{ .op = .get, .key = "/state/../a" });
    try expectStatus(.invalid_key, alice, .{ .op = .list, .key = "" });
    const long = "v" ** (core.inline_value_max + 1);
    try expectStatus(.value_too_large, alice, .{ .op = .put, .key = "/state/a", .value = long });
    try testing.expectEqual(@as(u32, 0), fake_gate.asked);
    const most = long[0..core.inline_value_max];
    try expectStatus(.ok, alice, .{ .op = .put, .key = "/state/a", .value = most });
    const got = try ask(alice, .{ .op = .get, .key = "/state/a", .nonce = 1 });
    try testing.expectEqual(most.len, state.valueOf(got).?.len);
}

test "a list has no key that its reader may not read, nor more keys than fit" {
    try reset();
    try server.store.put("/state/keystore/secret", "1");
    var name: [64]u8 = undefined;
    for (0..20) |number| {
        const key = try std.fmt.bufPrint(&name, "/state/shared/{d:0>30}", .{number});
        try server.store.put(key, "");
    }
    const listed = try ask(bob, .{ .op = .list, .key = "/state/", .limit = 256 });
    try testing.expect(std.mem.indexOf(u8, listed.tail, "keystore") == null);
    try testing.expectEqual(@as(u16, 10), std.mem.readInt(u16, listed.tail[0..2], .little));
    try testing.expect(listed.tail.len + 5 <= core.list_reply_max);
}

test "a list that is exactly full, one byte longer, and nothing behind what did not fit" {
    for ([_]usize{ 0, 1 }) |more| {
        try reset();
        var names: [2][256]u8 = @splat(@splat('n'));
        const room = core.list_reply_max - 5 - 2 - 2 * 2;
        const lens = [_]usize{ room / 2, room - room / 2 + more };
        for (&names, lens, "ab") |*name, len, letter| {
            @memcpy(name[0..7], "/state/");
            name[7] = letter;
            try server.store.put(name[0..len], "");
        }
        try server.store.put("/state/c", "");
        const listed = try ask(bob, .{ .op = .list, .key = "/state/", .limit = 64 });
        const count = std.mem.readInt(u16, listed.tail[0..2], .little);
        try testing.expectEqual(2 - more, count);
        const wanted = if (more == 0) core.list_reply_max else 5 + 2 + 2 + lens[0];
        try testing.expectEqual(wanted, listed.tail.len + 5);
    }
}

test "a transaction that is over leaves its place, however it ended" {
    try reset();
    for ([_]state.Op{ .txn_commit, .txn_abort }) |end| {
        for (0..2 * statefs.contents.txns_max) |_| {
            const begun = try ask(alice, .{ .op = .txn_begin });
            try testing.expectEqual(state.Status.ok, begun.status);
            const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
            try expectStatus(.ok, alice, .{ .op = end, .txn = txn });
            try testing.expect(!server.owners.isAny());
        }
    }
}

test "a list goes on behind the last key, until there are no more" {
    try reset();
    var name: [64]u8 = undefined;
    for (0..25) |number| {
        const key = try std.fmt.bufPrint(&name, "/state/shared/{d:0>30}", .{number});
        try server.store.put(key, "");
    }
    var last: [64]u8 = undefined;
    var after: []const u8 = "";
    var found: u16 = 0;
    for ([_]u16{ 10, 10, 5, 0 }) |wanted| {
        const request: state.Request =
            .{ .op = .list, .key = "/state/shared/", .limit = 64, .after = after };
        const tail = (try ask(bob, request)).tail;
        try testing.expectEqual(wanted, std.mem.readInt(u16, tail[0..2], .little));
        for (0..wanted) |index| {
            const key = tail[2 + index * 46 ..][2..46];
            const expected = try std.fmt.bufPrint(&name, "/state/shared/{d:0>30}", .{found});
            try testing.expectEqualStrings(expected, key);
            @memcpy(last[0..44], key);
            found += 1;
        }
        after = last[0..44];
    }
}

test "a transaction belongs to the sender that began it; what a cut left open is ended" {
    try reset();
    const begun = try ask(alice, .{ .op = .txn_begin });
    const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
    const chunk: state.Request = .{ .op = .txn_put, .txn = txn, .key = "/state/a", .value = "x" };
    try expectStatus(.ok, alice, chunk);
    try expectStatus(.access_denied, bob, chunk);
    // Another sender that may write has no such transaction, whatever is asked of it.
    try expectStatus(.not_found, carol, chunk);
    try expectStatus(.not_found, carol, .{ .op = .txn_commit, .txn = txn });
    try expectStatus(.not_found, carol, .{ .op = .txn_abort, .txn = txn });
    try expectStatus(.not_found, alice, .{ .op = .txn_commit, .txn = txn + 1 });
    try expectStatus(.ok, alice, .{ .op = .txn_commit, .txn = txn });
    try expectStatus(.not_found, alice, .{ .op = .txn_commit, .txn = txn });
    const got = try ask(bob, .{ .op = .get, .key = "/state/a" });
    try testing.expectEqualStrings("x", state.valueOf(got).?);
    for (0..statefs.contents.txns_max) |_| try expectStatus(.ok, alice, .{ .op = .txn_begin });
    try expectStatus(.txn_limit, alice, .{ .op = .txn_begin });
    try server.open(&memory);
    try expectStatus(.ok, alice, .{ .op = .txn_begin });
}

fn piece(key: []const u8, offset: u32, length: u16) !state.Piece {
    const reply = try ask(bob, .{ .op = .read, .key = key, .offset = offset, .length = length });
    return state.pieceOf(reply) orelse error.NoPiece;
}

test "pieces of a value that is longer than a message, and whether it changed meanwhile" {
    try reset();
    const long: [9000]u8 = @splat('a');
    const begun = try ask(alice, .{ .op = .txn_begin });
    const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
    for ([_][]const u8{ long[0..5000], long[5000..] }) |chunk| {
        const part: state.Request = .{
            .op = .txn_put,
            .txn = txn,
            .key = "/state/a",
            .value = chunk,
        };
        try expectStatus(.ok, alice, part);
    }
    try expectStatus(.not_found, bob, .{ .op = .read, .key = "/state/a", .length = 9 });
    try expectStatus(.ok, alice, .{ .op = .txn_commit, .txn = txn });
    try expectStatus(.value_too_large, bob, .{ .op = .get, .key = "/state/a" });
    const first = try piece("/state/a", 0, 0xFFFF);
    try testing.expectEqual(@as(u32, 9000), first.total);
    try testing.expectEqual(core.inline_value_max, first.bytes.len);
    const version = first.version;
    const rest = try piece("/state/a", core.inline_value_max, 0xFFFF);
    try testing.expectEqual(9000 - core.inline_value_max, rest.bytes.len);
    try testing.expectEqual(version, rest.version);
    for ([_]u32{ 9000, 9001, 0xFFFF_FFFF }) |offset| {
        try testing.expectEqual(@as(usize, 0), (try piece("/state/a", offset, 9)).bytes.len);
    }
    try testing.expectEqual(@as(usize, 1), (try piece("/state/a", 8999, 9)).bytes.len);
    try testing.expectEqual(@as(usize, 7), (try piece("/state/a", 1, 7)).bytes.len);
    // Another key is another matter.
    try expectStatus(.ok, alice, .{ .op = .put, .key = "/state/b", .value = "x" });
    try testing.expectEqual(version, (try piece("/state/a", 0, 9)).version);
}

test "every kind of change is another version, and so is reading the journal again" {
    try reset();
    var last: u64 = 0;
    const put: state.Request = .{ .op = .put, .key = "/state/a", .value = "x" };
    for (0..3) |_| {
        try expectStatus(.ok, alice, put);
        const found = try piece("/state/a", 0, 9);
        try testing.expect(found.version != last);
        last = found.version;
    }
    try expectStatus(.ok, alice, .{ .op = .delete, .key = "/state/a" });
    try expectStatus(.not_found, bob, .{ .op = .read, .key = "/state/a", .length = 9 });
    try expectStatus(.ok, alice, put);
    try testing.expect((try piece("/state/a", 0, 9)).version != last);
    last = (try piece("/state/a", 0, 9)).version;
    const begun = try ask(alice, .{ .op = .txn_begin });
    const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
    const chunk: state.Request = .{ .op = .txn_put, .txn = txn, .key = "/state/a", .value = "x" };
    try expectStatus(.ok, alice, chunk);
    try testing.expectEqual(last, (try piece("/state/a", 0, 9)).version);
    try expectStatus(.ok, alice, .{ .op = .txn_commit, .txn = txn });
    try testing.expect((try piece("/state/a", 0, 9)).version != last);
    last = (try piece("/state/a", 0, 9)).version;
    try expectStatus(.ok, alice, .{ .op = .reopen });
    try testing.expect((try piece("/state/a", 0, 9)).version != last);
}

test "a transaction without requests ends, and one that is used does not" {
    try reset();
    try expectStatus(.ok, alice, .{ .op = .txn_begin });
    const used = std.mem.readInt(u64, (try ask(alice, .{ .op = .txn_begin })).tail[0..8], .little);
    const chunk: state.Request = .{ .op = .txn_put, .txn = used, .key = "/state/a", .value = "x" };
    fake_gate.now_ns = core.idle_ns_max;
    try expectStatus(.ok, alice, chunk);
    try testing.expectEqual(@as(usize, 2), server.store.contents.open_count);
    fake_gate.now_ns += 1;
    try expectStatus(.not_found, bob, .{ .op = .get, .key = "/state/b" });
    try testing.expectEqual(@as(usize, 1), server.store.contents.open_count);
    try testing.expectEqual(@as(u32, 1), fake_gate.abandoned_count);
    try expectStatus(.ok, alice, .{ .op = .txn_commit, .txn = used });
    try testing.expectEqual(@as(usize, 0), server.store.contents.open_count);
    try expectStatus(.ok, bob, .{ .op = .get, .key = "/state/a" });
}

test "a caller that goes on with a transaction that was ended learns it" {
    try reset();
    const begun = try ask(alice, .{ .op = .txn_begin });
    const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
    fake_gate.now_ns = core.idle_ns_max + 1;
    try expectStatus(.not_found, alice, .{
        .op = .txn_put,
        .txn = txn,
        .key = "/state/a",
        .value = "x",
    });
    try expectStatus(.not_found, alice, .{ .op = .txn_commit, .txn = txn });
    // There is room for as many as ever.
    for (0..statefs.contents.txns_max) |_| try expectStatus(.ok, alice, .{ .op = .txn_begin });
    try expectStatus(.txn_limit, alice, .{ .op = .txn_begin });
}

test "reading a piece takes what reading takes" {
    try reset();
    const secret: state.Request = .{ .op = .read, .key = "/state/keystore/a", .length = 9 };
    try expectStatus(.access_denied, alice, secret);
    try expectStatus(.invalid_key, alice, .{ .op = .read, .key = "/state/../a", .length = 9 });
    try expectStatus(.not_found, bob, .{ .op = .read, .key = "/state/a", .length = 9 });
}

test "a disk that holds something else is not written to" {
    try reset();
    memory.bytes[0] = 0xEB;
    try server.open(&memory);
    try expectStatus(.integrity_violation, alice, .{ .op = .put, .key = "/state/a" });
    try expectStatus(.integrity_violation, alice, .{ .op = .get, .key = "/state/a" });
    try expectStatus(.integrity_violation, alice, .{ .op = .list, .key = "/state/", .limit = 1 });
    try expectStatus(.integrity_violation, alice, .{ .op = .txn_begin });
}

test "a disk that cannot be read has one answer, until it can be read" {
    try reset();
    try expectStatus(.ok, alice, .{ .op = .put, .key = "/state/a", .value = "1" });
    memory.is_silent = true;
    try expectStatus(.io_error, alice, .{ .op = .reopen });
    for ([_]state.Request{
        .{ .op = .get, .key = "/state/a" },
        .{ .op = .put, .key = "/state/a", .value = "2" },
        .{ .op = .delete, .key = "/state/a" },
        .{ .op = .list, .key = "/state/", .limit = 1 },
        .{ .op = .sync },
        .{ .op = .txn_begin },
    }) |request| try expectStatus(.io_error, alice, request);
    try expectStatus(.access_denied, bob, .{ .op = .put, .key = "/state/a", .value = "2" });
    memory.is_silent = false;
    try expectStatus(.ok, alice, .{ .op = .reopen });
    try testing.expectEqualStrings("1", state.valueOf(try ask(bob, .{
        .op = .get,
        .key = "/state/a",
    })).?);
}

test "a disk that cannot be written to is read, a transaction left open or not" {
    try reset();
    try expectStatus(.ok, alice, .{ .op = .put, .key = "/state/a", .value = "1" });
    try expectStatus(.ok, alice, .{ .op = .txn_begin });
    memory.is_read_only = true;
    const before = memory.bytes;
    try expectStatus(.ok, alice, .{ .op = .reopen });
    try expectStatus(.ok, bob, .{ .op = .get, .key = "/state/a" });
    try expectStatus(.io_error, alice, .{ .op = .put, .key = "/state/a", .value = "2" });
    try expectStatus(.io_error, alice, .{ .op = .delete, .key = "/state/a" });
    try expectStatus(.io_error, alice, .{ .op = .txn_begin });
    try testing.expectEqualStrings("1", state.valueOf(try ask(bob, .{
        .op = .get,
        .key = "/state/a",
    })).?);
    try testing.expectEqualSlices(u8, &before, &memory.bytes);
}
