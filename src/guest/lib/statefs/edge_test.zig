//! A journal that ends exactly at its region's end, two snapshots, the most that is remembered of
//! peers, and what a store knows after a write that failed in part.

const std = @import("std");
const testing = std.testing;
const root = @import("root.zig");
const record = root.record;
const fake = @import("disk_fake.zig");
const Disk = fake.Disk;

var pool: [128 * 1024]u8 = undefined;
var items: [64]root.Item = undefined;
var engine: root.Store(Disk) = undefined;
var disk: Disk = undefined;

const value: [8192]u8 = @splat('v');

fn open() !void {
    try engine.open(&disk, &pool, &items);
}

/// A transaction is open, so nothing is compacted, until the region has room for exactly so much.
fn fillTo(room: u64) !void {
    const txn = try engine.begin();
    const overhead = record.overhead_bytes + 8 + 1;
    while (true) {
        const left = engine.journal.region.bytes() - engine.journal.end - room;
        if (left == 0) return;
        // Never so close to the end that no further chunk would fill the rest.
        const is_far = left >= 2 * overhead + 600;
        const len = if (is_far) @min(left - overhead - 300, 512) else left - overhead;
        try engine.putChunk(txn, "k", value[0..len]);
    }
}

test "a journal that ends exactly at its region's end writes nothing beyond it" {
    const size = record.overhead_bytes + 1 + 10;
    for ([_]u1{ 0, 1 }) |active| for ([_]u64{ 0, 1, size - 1, size, size + 1 }) |room| {
        disk = .{};
        try open();
        try engine.put("k", "v");
        while (engine.superblock == null or engine.superblock.?.active != active) {
            try testing.expect(try engine.compact());
        }
        const pair = root.superblock.regions(fake.disk_sectors).?;
        const other = pair[1 - active];
        const at: usize = @intCast(other.start * root.sector_bytes);
        const bytes = disk.bytes[at..][0..@intCast(other.bytes())];
        @memset(bytes, 0xA5);
        try fillTo(room);
        const is_taken = if (engine.put("x", "0123456789")) |_| true else |err| blk: {
            try testing.expectEqual(error.Io, err);
            break :blk false;
        };
        try testing.expectEqual(room >= size, is_taken);
        try testing.expect(std.mem.allEqual(u8, bytes, 0xA5));
        try testing.expect(engine.journal.end <= engine.journal.region.bytes());
        const end = engine.journal.end;
        @memset(bytes, 0);
        try open();
        try testing.expectEqual(end, engine.journal.end);
        try testing.expectEqual(is_taken, try engine.get("x") != null);
    };
}

test "a mark that ends exactly at the region's end is read again" {
    const size = record.sync_bytes.len;
    for ([_]u64{ size - 1, size, size + 1 }) |room| {
        disk = .{};
        try open();
        try engine.put("k", "v");
        try fillTo(room);
        const before = engine.journal.end;
        try engine.sync();
        const end = before + if (room >= size) size else 0;
        try testing.expectEqual(end, engine.journal.end);
        try open();
        try testing.expectEqual(end, engine.journal.end);
        try testing.expectEqual(root.store.Damage.none, engine.damage);
        try testing.expectEqualStrings("v", (try engine.get("k")).?);
    }
}

test "of two complete snapshots behind a torn superblock the newer is in force" {
    for (1..5) |compactions| {
        disk = .{};
        try open();
        var text: [8]u8 = undefined;
        for (0..compactions) |number| {
            try engine.put("/state/a", try std.fmt.bufPrint(&text, "{d}", .{number}));
            try testing.expect(try engine.compact());
        }
        const newest = engine.superblock.?;
        // The snapshot before it is complete too, in the other region.
        for (1..20) |torn| {
            var cut: Disk = .{ .bytes = disk.bytes };
            @memset(cut.bytes[torn..512], 0);
            try engine.open(&cut, &pool, &items);
            try testing.expectEqual(root.store.Damage.none, engine.damage);
            try testing.expectEqualDeep(newest, engine.superblock.?);
            const found = (try engine.get("/state/a")).?;
            const wanted = try std.fmt.bufPrint(&text, "{d}", .{compactions - 1});
            try testing.expectEqualStrings(wanted, found);
        }
    }
}

test "a peer's commit of a transaction that is not open means nothing" {
    disk = .{};
    try open();
    const call: root.Call = .{ .peer = "host-1", .id = 1 << 32 | 1 };
    var buffer: [root.call.prefix_bytes_max + 8]u8 = undefined;
    const head: root.call.Value = .{ .kind = .commit, .call = call };
    const prefix = head.encodePrefix(buffer[0..root.call.prefix_bytes_max]);
    @memset(buffer[prefix.len..][0..8], 9);
    try engine.contents.apply(.{ .op = .call, .value = buffer[0 .. prefix.len + 8] });
    try testing.expectEqual(root.Verdict.run, try engine.judge(call));
    try testing.expectError(error.NotFound, engine.commitFor(call, 77));
}

const peers_max = root.calls.peers_max;

test "a peer too many displaces the one that was used longest ago, whose keys have no owner then" {
    // A name may be a letter alone.
    for ([_][]const u8{ "host-", "" }) |prefix| try displaceOne(prefix);
}

fn displaceOne(prefix: []const u8) !void {
    disk = .{};
    try open();
    var name: [16]u8 = undefined;
    for (0..peers_max + 1) |number| {
        const call: root.Call = .{
            .peer = try peerOf(&name, prefix, number),
            .id = 1 << 32 | 1,
        };
        var key: [16]u8 = undefined;
        try engine.putFor(call, try std.fmt.bufPrint(&key, "/{d}", .{number}), "v");
    }
    for (0..2) |_| {
        const calls = &engine.contents.calls;
        try testing.expectEqual(null, calls.ownerOf(try peerOf(&name, prefix, 0)));
        for (1..peers_max + 1) |number| {
            const owner = calls.ownerOf(try peerOf(&name, prefix, number)).?;
            try testing.expectEqual(@as(u32, 1), calls.of(owner).keys);
            const digits: usize = if (number < 10) 1 else 2;
            try testing.expectEqual("/v".len + digits, calls.of(owner).bytes);
            try testing.expectEqual(@as(usize, 1), calls.of(owner).calls);
        }
        try testing.expectEqual(@as(root.calls.Owner, 0), engine.contents.find("/0").?.peer);
        _ = try engine.compact();
        try open();
    }
}

fn peerOf(out: []u8, prefix: []const u8, number: usize) ![]const u8 {
    return std.fmt.bufPrint(out, "{s}{c}", .{ prefix, @as(u8, @intCast('a' + number)) });
}

test "the longest key and chunk are those of the specification, and not one byte longer" {
    disk = .{};
    try open();
    const key: [256]u8 = @splat('k');
    try engine.put(key[0..255], "v");
    try testing.expectError(error.KeyTooLong, engine.put(&key, "v"));
    const chunk: [8193]u8 = @splat('c');
    const txn = try engine.begin();
    try engine.putChunk(txn, "k", chunk[0..8192]);
    try testing.expectError(error.TooLarge, engine.putChunk(txn, "k", &chunk));
    try engine.commit(txn);
    try testing.expectEqual(8192, (try engine.get("k")).?.len);
    try testing.expectEqual(65536, record.value_bytes_max);
}

test "nothing is compacted where nothing may be written" {
    disk = .{};
    try open();
    try engine.put("k", "v");
    try engine.sync();
    try engine.put("l", "w");
    try engine.sync();
    disk.bytes[14] ^= 1; // in the first record, which a mark proves to have been durable
    try open();
    try testing.expect(engine.damage != .none);
    const before = disk.bytes;
    try testing.expectError(error.Integrity, engine.compact());
    try testing.expectError(error.Integrity, engine.put("m", "x"));
    try testing.expectEqualSlices(u8, &before, &disk.bytes);
}

test "behind a write that failed in part the store goes on as if nothing had been" {
    for ([_]bool{ false, true }) |compacted| {
        for ([_]?usize{ null, 0, 1, 2 }) |sectors_taken| {
            disk = .{};
            try open();
            try engine.put("/state/a", value[0..300]);
            try engine.sync();
            if (compacted) try testing.expect(try engine.compact());
            if (sectors_taken) |count| {
                const end = engine.journal.end;
                const records = engine.journal.records;
                disk.power = disk.writes + count;
                try testing.expectError(error.Io, engine.put("/state/b", value[0..1100]));
                disk.power = std.math.maxInt(usize);
                try testing.expectEqual(end, engine.journal.end);
                try testing.expectEqual(records, engine.journal.records);
                try testing.expectEqual(null, try engine.get("/state/b"));
            }
            try engine.put("/state/c", "next");
            try engine.sync();
            try engine.put("/state/d", "more");
            if (sectors_taken == null) untroubled = disk.bytes;
            try testing.expect(std.mem.eql(u8, &untroubled, &disk.bytes));
            const records = engine.journal.records;
            try open();
            try testing.expectEqual(records, engine.journal.records);
        }
    }
}

var untroubled: [fake.disk_sectors * 512]u8 = undefined;

test "a journal has no more records than a replay takes" {
    disk = .{};
    try open();
    const records_max = root.journal.records_max;
    for ([_]u32{ records_max - 3, records_max - 2 }, [_]bool{ true, false }) |records, is_taken| {
        engine.journal.records = records;
        try testing.expectEqual(is_taken, engine.journal.hasRoom(1));
    }
    engine.journal.records = records_max - 2;
    try engine.journal.countRecord();
    try testing.expectError(error.TooMany, engine.journal.countRecord());
}
