//! What a store refuses, under which name, and that a refused change writes nothing: keys and
//! values at their bounds, transactions that are not open, disks that are damaged or have failed.

const std = @import("std");
const testing = std.testing;
const root = @import("root.zig");
const record = root.record;
const fake = @import("disk_fake.zig");
const Call = root.store.Call;
const Disk = fake.Disk;

var pool: [128 * 1024]u8 = undefined;
var items: [64]root.Item = undefined;
var engine: root.Store(Disk) = undefined;
var disk: Disk = undefined;

fn begin() !void {
    disk = .{};
    try engine.open(&disk, &pool, &items);
}

fn callOf(number: u32) Call {
    return .{ .peer = "host-1", .id = 1 << 32 | @as(u64, number), .digest = @splat('d') };
}

/// Nothing was written since there were so many sectors.
fn expectUnwritten(writes: usize) !void {
    try testing.expectEqual(writes, disk.writes);
}

test "a key has 1 to 255 bytes of UTF-8, in each operation that has one" {
    const long = "k" ** 256;
    try begin();
    const txn = try engine.begin();
    const writes = disk.writes;
    const Bad = struct { key: []const u8, why: root.store.Error };
    for ([_]Bad{
        .{ .key = "", .why = error.InvalidKey },
        .{ .key = "\xff", .why = error.InvalidKey },
        .{ .key = long, .why = error.KeyTooLong },
    }) |bad| {
        try testing.expectError(bad.why, engine.put(bad.key, "v"));
        try testing.expectError(bad.why, engine.delete(bad.key));
        try testing.expectError(bad.why, engine.putChunk(txn, bad.key, "v"));
        try testing.expectError(bad.why, engine.putFor(callOf(1), bad.key, "v"));
        try testing.expectError(bad.why, engine.deleteFor(callOf(1), bad.key, 1));
        try testing.expectEqual(null, try engine.get(bad.key));
        try expectUnwritten(writes);
    }
    const most = long[0..255];
    try engine.put(most, "v");
    try testing.expect(try engine.delete(most));
    try engine.putChunk(txn, most, "w");
    try engine.commit(txn);
    try testing.expectEqualStrings("w", (try engine.get(most)).?);
    try engine.putFor(callOf(1), most, "x");
    try testing.expect(try engine.deleteFor(callOf(2), most, 1));
}

test "a value is at most 65,536 bytes, and one byte more is too large, in every way to set it" {
    const long: [record.value_bytes_max + 1]u8 = @splat('v');
    try begin();
    try testing.expectError(error.TooLarge, engine.put("k", &long));
    try testing.expectError(error.TooLarge, engine.putFor(callOf(1), "k", &long));
    try expectUnwritten(0);
    // It may be as long, and has no room on this disk.
    try testing.expectError(error.Io, engine.put("k", long[0..record.value_bytes_max]));
}

test "what is not there is not deleted, and a peer's own deletion is remembered all the same" {
    try begin();
    try testing.expect(!try engine.delete("k"));
    try expectUnwritten(0);
    try testing.expect(!try engine.deleteFor(callOf(1), "k", 77));
    try testing.expectEqual(77, (try engine.judge(callOf(1))).done);
    try testing.expectEqual(1, disk.writes);
    // Without an epoch there is nothing to remember.
    var unnamed = callOf(1);
    unnamed.id = 1;
    try testing.expect(!try engine.deleteFor(unnamed, "k", 77));
    try testing.expectEqual(1, disk.writes);
    try engine.open(&disk, &pool, &items);
    try testing.expectEqual(77, (try engine.judge(callOf(1))).done);
    try testing.expectEqual(.run, try engine.judge(callOf(2)));
}

test "transactions that are not open are not found, and no ninth is begun" {
    try begin();
    for ([_]u64{ 0, 1, 9 }) |txn| {
        try testing.expectError(error.NotFound, engine.commit(txn));
        try testing.expectError(error.NotFound, engine.abort(txn));
        try testing.expectError(error.NotFound, engine.putChunk(txn, "k", "v"));
        try testing.expectError(error.NotFound, engine.commitFor(callOf(1), txn));
    }
    try expectUnwritten(0);
    for (1..9) |txn| try testing.expectEqual(txn, try engine.begin());
    const writes = disk.writes;
    try testing.expectError(error.TxnLimit, engine.begin());
    try expectUnwritten(writes);
    try engine.abort(3);
    try testing.expectError(error.NotFound, engine.abort(3));
    try testing.expectEqual(9, try engine.begin());
    // The last number of all is never given out.
    try engine.abort(9);
    engine.contents.next_id = std.math.maxInt(u64) - 1;
    try testing.expectEqual(std.math.maxInt(u64) - 1, try engine.begin());
    try engine.abort(std.math.maxInt(u64) - 1);
    try testing.expectError(error.TxnLimit, engine.begin());
}

test "a damaged journal is read as far as it goes, and not written to" {
    try begin();
    try engine.put("a", "1");
    try engine.sync();
    try engine.put("b", "2");
    try engine.sync();
    // A byte of the first record, with a mark behind it.
    disk.bytes[12] ^= 1;
    try engine.open(&disk, &pool, &items);
    try testing.expectEqual(.torn_journal, engine.damage);
    try testing.expect(engine.is_served);
    try testing.expectEqual(null, try engine.get("a"));
    try testing.expectEqual(.run, try engine.judge(callOf(1)));
    const writes = disk.writes;
    const flushes = disk.flushes;
    try testing.expectError(error.Integrity, engine.put("c", "3"));
    try testing.expectError(error.Integrity, engine.begin());
    try testing.expectError(error.Integrity, engine.sync());
    try testing.expectError(error.Integrity, engine.compact());
    try testing.expectError(error.Integrity, engine.putFor(callOf(1), "c", "3"));
    try testing.expectError(error.Integrity, engine.deleteFor(callOf(1), "c", 1));
    try expectUnwritten(writes);
    try testing.expectEqual(flushes, disk.flushes);
    // Of a disk that holds something else nothing is read either.
    @memcpy(disk.bytes[0..4], "else");
    try engine.open(&disk, &pool, &items);
    try testing.expectEqual(.no_journal, engine.damage);
    try testing.expect(!engine.is_served);
    try testing.expectError(error.Integrity, engine.get("a"));
    try testing.expectError(error.Integrity, engine.judge(callOf(1)));
    try testing.expectError(error.Integrity, engine.delete("a"));
}

test "behind a flush that failed nothing is written any more, until it is opened again" {
    try begin();
    try engine.put("a", "1");
    disk.power = disk.writes;
    try testing.expectError(error.Io, engine.sync());
    disk.power = std.math.maxInt(usize);
    const writes = disk.writes;
    try testing.expectError(error.Io, engine.put("b", "2"));
    try testing.expectError(error.Io, engine.sync());
    try testing.expectError(error.Io, engine.compact());
    try expectUnwritten(writes);
    try testing.expectEqualStrings("1", (try engine.get("a")).?);
    try engine.open(&disk, &pool, &items);
    try engine.put("b", "2");
    try engine.sync();
    try testing.expectEqual(1, disk.flushes);
}

test "generations count up with each compaction, and a disk without one has the number 0" {
    try begin();
    try testing.expectEqual(0, engine.generation());
    for (1..5) |generation| {
        try engine.put("a", "1");
        try testing.expect(try engine.compact());
        try testing.expectEqual(generation, engine.generation());
        const active: u1 = @intCast(generation % 2);
        try testing.expectEqual(active, engine.superblock.?.active);
        try testing.expectEqual(1, engine.superblock.?.entries);
        try testing.expectEqual(2, engine.journal.records);
        try testing.expectEqual(engine.contents.liveBytes(), engine.journal.end);
        // It is durable, so there is nothing to sync.
        const flushes = disk.flushes;
        try engine.sync();
        try testing.expectEqual(flushes, disk.flushes);
        try engine.open(&disk, &pool, &items);
        try testing.expectEqual(.none, engine.damage);
        try testing.expectEqual(generation, engine.generation());
        try testing.expectEqualStrings("1", (try engine.get("a")).?);
    }
    _ = try engine.begin();
    try testing.expect(!try engine.compact());
}
