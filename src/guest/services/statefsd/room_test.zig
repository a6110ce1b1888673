//! A journal that transactions have filled: they end all the same, and the store goes on.

const std = @import("std");
const testing = std.testing;
const statefs = @import("statefs");
const state = @import("wire").state;
const core = @import("core.zig");

const Memory = @import("memory_fake.zig").Memory(64);

const AnyMay = struct {
    pub fn permits(_: *AnyMay, _: u64, _: []const u8) bool {
        return true;
    }

    pub fn denied(_: *AnyMay, _: u64, _: []const u8) void {}

    pub fn abandoned(_: *AnyMay, _: u64) void {}

    pub fn now(_: *AnyMay) u64 {
        return 0;
    }
};

var pool: [64 * 1024]u8 = undefined;
var items: [32]statefs.Item = undefined;
var memory: Memory = undefined;
var server: core.Server(Memory) = undefined;
var gate: AnyMay = .{};
const value: [1000]u8 = @splat('v');

fn reset() !void {
    memory = .{};
    server.pool = &pool;
    server.items = &items;
    server.versions = .{};
    server.speaker = 0;
    server.settings = .{};
    server.keys_max = 32;
    try server.open(&memory);
}

fn ask(request: state.Request) !state.Reply {
    var buffer: [9000]u8 = undefined;
    const reply = server.handle(try state.encodeRequest(&buffer, request), 1, &gate);
    return state.decodeReply(reply, request.op, request.nonce) orelse error.NotThisReply;
}

fn put(len: usize) !state.Status {
    return (try ask(.{ .op = .put, .key = "/state/a", .value = value[0..len] })).status;
}

/// Until not even a byte has room; the journal then ends wherever `pad` lets it.
fn fill(pad: usize) !u64 {
    const begun = try ask(.{ .op = .txn_begin });
    try testing.expectEqual(state.Status.ok, begun.status);
    const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
    var chunk: state.Request = .{ .op = .txn_put, .txn = txn, .key = "/state/b" };
    for ([_]usize{ pad, value.len, 1 }) |len| {
        chunk.value = value[0..len];
        while ((try ask(chunk)).status == .ok) if (len == pad) break;
    }
    return txn;
}

test "whatever room is left, a full journal's transaction ends, and there is room again" {
    for ([_]bool{ false, true }) |is_compacted| for (0..70) |pad| {
        try reset();
        if (is_compacted) while (server.store.generation() == 0) {
            try testing.expectEqual(state.Status.ok, try put(value.len));
        };
        try testing.expectEqual(state.Status.ok, try put(10));
        const txn = try fill(pad);
        const committed = (try ask(.{ .op = .txn_commit, .txn = txn })).status;
        if (committed != .ok) {
            const aborted = (try ask(.{ .op = .txn_abort, .txn = txn })).status;
            try testing.expectEqual(state.Status.ok, aborted);
        }
        try testing.expectEqual(state.Status.ok, try put(20));
        try testing.expectEqual(@as(usize, 0), server.store.contents.open_count);
    };
}

test "what is live is much, and is written again for ever" {
    try reset();
    for (0..200) |round| {
        var name: [16]u8 = undefined;
        const key = try std.fmt.bufPrint(&name, "/state/{d}", .{round % 9});
        const request: state.Request = .{ .op = .put, .key = key, .value = &value };
        try testing.expectEqual(state.Status.ok, (try ask(request)).status);
    }
    try testing.expect(server.store.generation() > 0);
}

/// A value in chunks, as a transfer sends it.
fn move(key: []const u8, len: usize) !state.Status {
    const begun = try ask(.{ .op = .txn_begin });
    if (begun.status != .ok) return begun.status;
    const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
    var left = len;
    while (left > 0) {
        const count = @min(left, value.len);
        const chunk: state.Request = .{
            .op = .txn_put,
            .txn = txn,
            .key = key,
            .value = value[0..count],
        };
        const status = (try ask(chunk)).status;
        if (status != .ok) {
            const abort = try ask(.{ .op = .txn_abort, .txn = txn });
            try testing.expectEqual(state.Status.ok, abort.status);
            return status;
        }
        left -= count;
    }
    return (try ask(.{ .op = .txn_commit, .txn = txn })).status;
}

test "a value that has room beside what is live is taken, whatever the journal holds besides" {
    for (0..40) |before| {
        try reset();
        for (0..before) |_| try testing.expectEqual(state.Status.ok, try put(value.len));
        // Live are 1000 bytes and 5000; a region has 15,872.
        for (0..20) |_| try testing.expectEqual(state.Status.ok, try move("/state/b", 5000));
        try testing.expectEqual(state.Status.ok, try put(20));
        // What has no room is refused, and leaves all as it was.
        try testing.expectEqual(state.Status.io_error, try move("/state/c", 15_000));
        try testing.expectEqual(state.Status.ok, try move("/state/b", 5000));
    }
}

test "a restart in the middle of it" {
    for (0..70) |pad| {
        try reset();
        while (server.store.generation() == 0) _ = try put(value.len);
        _ = try fill(pad);
        try server.open(&memory);
        try testing.expectEqual(@as(usize, 0), server.store.contents.open_count);
        try testing.expectEqual(state.Status.ok, try put(20));
        try server.open(&memory);
        try testing.expectEqual(@as(usize, 20), server.store.contents.get("/state/a").?.len);
    }
}
