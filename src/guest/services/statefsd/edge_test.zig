//! The store's answers at their bounds: the first instant, a disk that fails once, the byte at
//! which a begun transaction compacts the journal, shares of peers with the shortest names.

const std = @import("std");
const testing = std.testing;
const statefs = @import("statefs");
const wire = @import("wire");
const core = @import("core.zig");
const state = wire.state;
const behalf = wire.behalf;
const share = core.share;

const disk_sectors = 1024;

/// Of the next writes, so many fail.
const Disk = struct {
    bytes: [disk_sectors * 512]u8 = @splat(0),
    failures: u32 = 0,
    tried: u32 = 0,

    pub fn sectors(_: *const Disk) u64 {
        return disk_sectors;
    }

    pub fn read(self: *Disk, sector: u64, buffer: []u8) !void {
        @memcpy(buffer, self.bytes[@intCast(sector * 512)..][0..buffer.len]);
    }

    pub fn write(self: *Disk, sector: u64, bytes: []const u8) !void {
        self.tried += 1;
        if (self.failures != 0) {
            self.failures -= 1;
            return error.Failed;
        }
        @memcpy(self.bytes[@intCast(sector * 512)..][0..bytes.len], bytes);
    }

    pub fn flush(_: *Disk) !void {}
};

const Gate = struct {
    now_ns: u64 = 100,
    asked: u32 = 0,
    abandoned_count: u32 = 0,

    pub fn permits(_: *Gate, _: u64, _: []const u8) bool {
        return true;
    }

    pub fn denied(_: *Gate, _: u64, _: []const u8) void {}

    pub fn abandoned(self: *Gate, _: u64) void {
        self.abandoned_count += 1;
    }

    pub fn now(self: *Gate) u64 {
        self.asked += 1;
        return self.now_ns;
    }
};

const speaker = 0xD;
const local = 0xA;
const a = "/state/shared/a";

var pool: [512 * 1024]u8 = undefined;
var items: [64]statefs.Item = undefined;
var disk: Disk = undefined;
var server: core.Server(Disk) = undefined;
var gate: Gate = .{};
const value: [8_000]u8 = @splat('v');

fn reset() !void {
    disk = .{};
    gate = .{};
    server.pool = &pool;
    server.items = &items;
    server.versions = .{};
    server.speaker = speaker;
    server.settings = .{};
    server.keys_max = 32;
    try server.open(&disk);
}

fn ask(request: state.Request) !state.Reply {
    var buffer: [9000]u8 = undefined;
    const reply = server.handle(try state.encodeRequest(&buffer, request), local, &gate);
    return state.decodeReply(reply, request.op, request.nonce) orelse error.NotThisReply;
}

fn expectStatus(status: state.Status, request: state.Request) !void {
    try testing.expectEqual(status, (try ask(request)).status);
}

const Answer = struct { ending: behalf.Ending, status: state.Status };

fn askFor(peer: []const u8, deadline_ns: u64, request: state.Request) !Answer {
    var inner: [9000]u8 = undefined;
    var outer: [9200]u8 = undefined;
    const frame = try state.encodeRequest(&inner, request);
    const call: behalf.Call = .{ .peer = peer, .deadline_ns = deadline_ns, .frame = frame };
    const bytes = server.handle(try behalf.encodeCall(&outer, call), speaker, &gate);
    const reply = behalf.decodeReply(bytes) orelse return error.NoCallReply;
    const answer = state.decodeReply(reply.frame, request.op, null) orelse
        return error.NotThisReply;
    return .{ .ending = reply.ending, .status = answer.status };
}

fn beginFor(peer: []const u8) !u64 {
    var inner: [64]u8 = undefined;
    var outer: [256]u8 = undefined;
    const frame = try state.encodeRequest(&inner, .{ .op = .txn_begin });
    const call: behalf.Call = .{ .peer = peer, .frame = frame };
    const bytes = server.handle(try behalf.encodeCall(&outer, call), speaker, &gate);
    const reply = state.decodeReply(behalf.decodeReply(bytes).?.frame, .txn_begin, null).?;
    return std.mem.readInt(u64, reply.tail[0..8], .little);
}

fn putOf(key: []const u8, len: usize) state.Request {
    return .{ .op = .put, .key = key, .value = value[0..len] };
}

test "the first instant is a deadline like any other, and none is none" {
    try reset();
    const late = try askFor("host-1", 1, putOf(a, 1));
    try testing.expectEqual(Answer{ .ending = .withdrawn, .status = .io_error }, late);
    try testing.expectEqual(null, try server.store.get(a));
    gate.asked = 0;
    const unbounded = try askFor("host-1", 0, putOf(a, 1));
    try testing.expectEqual(Answer{ .ending = .now, .status = .ok }, unbounded);
    // Where time does not matter the service does not ask for it.
    try testing.expectEqual(0, gate.asked);
}

test "what the disk does not take is tried again only where a peer had to make room for it" {
    try reset();
    try expectStatus(.ok, putOf("/state/a", 1));
    for ([_]bool{ false, true }) |has_peer| {
        if (has_peer) {
            const begun = try askFor("host-1", 0, .{ .op = .txn_begin });
            try testing.expectEqual(state.Status.ok, begun.status);
        }
        disk.tried = 0;
        disk.failures = 1;
        try expectStatus(if (has_peer) .ok else .io_error, putOf("/state/a", 2));
        try testing.expectEqual(@intFromBool(has_peer), gate.abandoned_count);
        if (!has_peer) try testing.expectEqual(1, disk.tried);
        try expectStatus(.ok, putOf("/state/a", 3));
    }
}

test "whose transaction was aborted is never told that it was abandoned" {
    try reset();
    for ([_]state.Op{ .txn_abort, .txn_commit }) |ending| {
        const begun = try ask(.{ .op = .txn_begin });
        const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
        try expectStatus(.ok, .{ .op = ending, .txn = txn });
        gate.now_ns += core.idle_ns_max + 1;
        try expectStatus(.ok, .{ .op = .txn_begin });
        try testing.expectEqual(0, gate.abandoned_count);
        try server.open(&disk);
    }
}

/// Local puts of one key until the journal ends at this byte exactly.
fn growTo(end: u64) !void {
    const overhead = statefs.record.overhead_bytes + "/state/a".len;
    while (server.store.journal.end < end) {
        const left: usize = @intCast(end - server.store.journal.end);
        const is_far = left >= 2 * overhead + value.len;
        const len = if (is_far) value.len / 2 else left - overhead;
        if (len > value.len) {
            try server.store.put("/state/a", value[0 .. len / 2]);
        } else try server.store.put("/state/a", value[0..len]);
    }
    try testing.expectEqual(end, server.store.journal.end);
}

test "a transaction that begins compacts where the longest value has no room behind the journal" {
    // What a value of 64 KiB adds in small chunks.
    const longest = 72 * 1024;
    for ([_]u64{ 0, 1 }) |more| {
        try reset();
        // What is live must not be so little that a compaction pays by itself.
        for (0..16) |number| {
            const key = [_]u8{ '/', 's', '/', @intCast('a' + number) };
            try server.store.put(&key, &value);
        }
        // Version 1 has one journal over the whole disk, and half of it is a region.
        const room = server.store.journal.region.bytes() / 2;
        try growTo(room - longest + more);
        try testing.expectEqual(0, server.store.generation());
        try expectStatus(.ok, .{ .op = .txn_begin });
        try testing.expectEqual(more, server.store.generation());
    }
}

test "where a region is in force it is all room, and too little gain is none" {
    const longest = 72 * 1024;
    for ([_]struct { room: u64, gain: u64, is_compacted: bool }{
        .{ .room = longest, .gain = 60_000, .is_compacted = false },
        .{ .room = longest - 1, .gain = 60_000, .is_compacted = true },
        .{ .room = longest - 1, .gain = 4096, .is_compacted = true },
        .{ .room = longest - 1, .gain = 4095, .is_compacted = false },
    }) |case| {
        try reset();
        try testing.expect(try server.store.compact());
        const region = server.store.journal.region.bytes();
        const live = region - case.room - case.gain;
        // Live are keys of their own, and the rest is what takes their place.
        var number: u8 = 0;
        while (server.store.contents.liveBytes() < live) : (number += 1) {
            const key = [_]u8{ '/', 's', '/', 'a' + number };
            const overhead = statefs.record.overhead_bytes + key.len;
            const left: usize = @intCast(live - server.store.contents.liveBytes());
            const len = if (left > 2 * value.len) value.len else if (left > value.len)
                left / 2 - overhead
            else
                left - overhead;
            try server.store.put(&key, value[0..len]);
        }
        try testing.expectEqual(live, server.store.contents.liveBytes());
        const before = server.store.generation();
        try waste(region - case.room);
        try testing.expectEqual(before, server.store.generation());
        const gained = server.store.journal.end - server.store.contents.liveBytes();
        try testing.expectEqual(case.gain, gained);
        try expectStatus(.ok, .{ .op = .txn_begin });
        try testing.expectEqual(case.is_compacted, server.store.generation() != before);
    }
}

/// Set the first key to what it is until the journal ends at this byte exactly.
fn waste(end: u64) !void {
    const key = "/s/a";
    const len = (try server.store.get(key)).?.len;
    const size = statefs.record.overhead_bytes + key.len + len;
    while (end - server.store.journal.end >= 2 * size) try server.store.put(key, value[0..len]);
    // A key that comes and goes fills the rest, and leaves nothing that is live.
    const left: usize = @intCast(end - server.store.journal.end);
    if (left == 0) return;
    const overhead = statefs.record.overhead_bytes + 1;
    var rest = left - overhead;
    while (rest > value.len + overhead) : (rest -= value.len / 2 + overhead) {
        try server.store.put("x", value[0 .. value.len / 2]);
    }
    try server.store.put("x", value[0 .. rest - overhead]);
    _ = try server.store.delete("x");
    try testing.expectEqual(end, server.store.journal.end);
}

fn limitsOf(peer: u64, all: u64) share.Limits {
    const wide = 1 << 20;
    return .{ .peer_keys = peer, .peer_bytes = wide, .all_keys = all, .all_bytes = wide };
}

test "a name of one letter has a share like any other, and counts with the others" {
    try reset();
    const keys = [_][]const u8{ "/state/shared/p", "/state/shared/q" };
    for ([_][]const u8{ "p", "q" }, keys) |peer, key| {
        try testing.expectEqual(state.Status.ok, (try askFor(peer, 0, putOf(key, 5))).status);
    }
    const contents = &server.store.contents;
    for ([_][]const u8{ "p", "q" }) |peer| {
        const added: share.Added = .of(contents, peer, a, 1);
        try share.check(contents, limitsOf(2, 3), peer, added);
        const over = share.check(contents, limitsOf(1, 3), peer, added);
        try testing.expectError(error.OverShare, over);
        try testing.expectError(error.Io, share.check(contents, limitsOf(2, 2), peer, added));
    }
}

test "a peer that has more than its share may replace a value by one as long, not by a longer one" {
    try reset();
    try testing.expectEqual(state.Status.ok, (try askFor("host-1", 0, putOf(a, 100))).status);
    const contents = &server.store.contents;
    var narrow = limitsOf(0, 0);
    narrow.peer_bytes = 1;
    narrow.all_bytes = 1;
    for ([_]usize{ 99, 100 }) |len| {
        try share.check(contents, narrow, "host-1", .of(contents, "host-1", a, len));
    }
    const longer: share.Added = .of(contents, "host-1", a, 101);
    try testing.expectError(error.OverShare, share.check(contents, narrow, "host-1", longer));
}

test "what takes the place of an entry frees exactly that, in keys and in bytes" {
    try reset();
    try testing.expectEqual(state.Status.ok, (try askFor("host-1", 0, putOf(a, 100))).status);
    const contents = &server.store.contents;
    const cost = statefs.record.overhead_bytes + a.len + 100;
    const wide = 1 << 20;
    for ([_]u64{ 0, 1 }) |less| {
        // A longer value in its place.
        const bytes: share.Limits = .{
            .peer_keys = 1,
            .peer_bytes = cost + 7 - less,
            .all_keys = 1,
            .all_bytes = wide,
        };
        const longer: share.Added = .of(contents, "host-1", a, 107);
        const found = share.check(contents, bytes, "host-1", longer);
        if (less == 0) try found else try testing.expectError(error.OverShare, found);
        // One in its place, and another one.
        var two = longer;
        two.set(contents, "host-1", "/state/shared/b", 1);
        const keys = limitsOf(2 - less, 2);
        const both = share.check(contents, keys, "host-1", two);
        if (less == 0) try both else try testing.expectError(error.OverShare, both);
        const all = share.check(contents, limitsOf(2, 2 - less), "host-1", two);
        if (less == 0) try all else try testing.expectError(error.Io, all);
    }
}

test "what transactions of a peer would add is counted, whichever place they have" {
    try reset();
    const contents = &server.store.contents;
    var txns: [3]u64 = undefined;
    const peers = [_][]const u8{ "host-2", "host-1", "host-1" };
    for (&txns, peers) |*txn, peer| txn.* = try beginFor(peer);
    for (txns, peers, "pqr") |txn, peer, letter| {
        const key = "/state/shared/".* ++ [1]u8{letter};
        const request: state.Request =
            .{ .op = .txn_put, .txn = txn, .key = &key, .value = value[0..10] };
        try testing.expectEqual(state.Status.ok, (try askFor(peer, 0, request)).status);
    }
    const cost = statefs.record.overhead_bytes + "/state/shared/q".len + 10;
    // The first place is another peer's, then free.
    for (0..2) |_| {
        const of = server.owners.find(txns[2], speaker, "host-1").?;
        const joined = server.owners.addedBy(of, contents, "/state/shared/r", 5);
        try testing.expectEqual(2, joined.new.keys);
        try testing.expectEqual(2 * cost + 5, joined.new.bytes);
        const another = server.owners.addedBy(of, contents, "/state/shared/z", 5);
        try testing.expectEqual(3, another.new.keys);
        try testing.expectEqual(3 * cost - 5, another.new.bytes);
        // The same key in the other transaction is one more.
        const both = server.owners.addedBy(of, contents, "/state/shared/q", 10);
        try testing.expectEqual(3, both.new.keys);
        const abort: state.Request = .{ .op = .txn_abort, .txn = txns[0] };
        const status = (try askFor("host-2", 0, abort)).status;
        try testing.expect(status == .ok or status == .not_found);
    }
}

test "what a peer set while its transaction was open counts when that is committed" {
    for ([_]u16{ 2, 3 }) |most| {
        try reset();
        server.settings.peer_keys = most;
        const txn = try beginFor("host-1");
        const chunk: state.Request =
            .{ .op = .txn_put, .txn = txn, .key = a, .value = value[0..10] };
        try testing.expectEqual(state.Status.ok, (try askFor("host-1", 0, chunk)).status);
        for ([_][]const u8{ "/state/shared/b", "/state/shared/c" }) |key| {
            const status = (try askFor("host-1", 0, putOf(key, 1))).status;
            try testing.expectEqual(state.Status.ok, status);
        }
        const commit: state.Request = .{ .op = .txn_commit, .txn = txn };
        const wanted: state.Status = if (most == 3) .ok else .over_share;
        try testing.expectEqual(wanted, (try askFor("host-1", 0, commit)).status);
        try testing.expectEqual(most == 3, try server.store.get(a) != null);
    }
}

test "what there is to be divided: the smaller of memory and disk, less what is not for entries" {
    try reset();
    const region = statefs.superblock.regions(disk_sectors).?[0].bytes();
    const spent = 512 + server.store.contents.memory().bytes;
    const wide = 1 << 30;
    try testing.expectEqual(region - spent, share.capacityIn(&server.store, wide, 7).bytes);
    try testing.expectEqual(7, share.capacityIn(&server.store, wide, 7).keys);
    // Half of the memory at most is for transactions.
    try testing.expectEqual(1000, share.capacityIn(&server.store, 2000, 7).bytes);
    const txns = statefs.contents.txns_bytes_max;
    const memory = txns + 1000;
    const halved = memory - @min(memory / 2, txns);
    const found = share.capacityIn(&server.store, memory, 7).bytes;
    try testing.expectEqual(@min(halved, region - spent), found);
}
