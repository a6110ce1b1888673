//! Where a snapshot goes and what it holds, to the byte; and what only looks like one.

const std = @import("std");
const testing = std.testing;
const root = @import("root.zig");
const compaction = @import("compaction.zig");
const mounting = @import("mount.zig");
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

test "what looks like a snapshot within the journal in force is not a stale one" {
    // A journal of version 1 reaches over both regions; a value of it may hold anything.
    const pair = root.superblock.regions(33).?;
    const Stand = struct {
        device: *Device,
        end: u64,

        const Device = struct {
            first: u64,

            pub fn sectors(_: *const Device) u64 {
                return 33;
            }

            /// A checkpoint of generation 9, at the beginning of a region.
            pub fn read(self: *Device, sector: u64, buffer: []u8) error{Broken}!void {
                @memset(buffer, 0);
                if (sector != self.first) return;
                const head = "\x09\x00\x00\x00\x00\x00\x00\x00";
                const each: record.Record = .{ .op = .checkpoint, .value = head };
                each.encode(buffer[0..each.size()]);
            }
        };
    };
    var device: Stand.Device = .{ .first = pair[1].start };
    const begin = pair[1].start * root.sector_bytes;
    for ([_]u64{ 0, begin - 1, begin, begin + 1 }) |end| {
        const stand: Stand = .{ .device = &device, .end = end };
        const found = try mounting.staleSector(&stand, null);
        const wanted: ?u64 = if (end > begin) null else pair[1].start;
        try testing.expectEqual(wanted, found);
        // With a superblock it is in the idle region, wherever the journal ends.
        for ([_]u32{ 8, 9, 10 }) |generation| {
            const chosen: root.superblock.Superblock =
                .{ .active = 0, .generation = generation, .entries = 0 };
            const stale = try mounting.staleSector(&stand, chosen);
            try testing.expectEqual(if (generation < 9) pair[1].start else null, stale);
        }
    }
    device.first = pair[0].start;
    const chosen: root.superblock.Superblock = .{ .active = 1, .generation = 8, .entries = 0 };
    const stand: Stand = .{ .device = &device, .end = 1 };
    try testing.expectEqual(pair[0].start, try mounting.staleSector(&stand, chosen));
    try testing.expectEqual(null, try mounting.staleSector(&stand, null));
}

/// One entry, so that a snapshot comes to exactly this.
fn liveTo(bytes: u64) !void {
    const overhead = root.contents.checkpoint_bytes + record.overhead_bytes + 1;
    try engine.put("k", value[0..@intCast(bytes - overhead)]);
    try testing.expectEqual(bytes, engine.contents.liveBytes());
}

test "a snapshot of any length is written to its last byte" {
    for ([_]u64{ 511, 512, 513, 514, 1023, 1024, 1025, 1535, 1536 }) |len| {
        disk = .{};
        try open();
        try liveTo(len);
        const wanted = (try engine.get("k")).?.len;
        try testing.expect(try engine.compact());
        try testing.expectEqual(len, engine.journal.end);
        try open();
        try testing.expectEqual(len, engine.journal.end);
        try testing.expectEqual(wanted, (try engine.get("k")).?.len);
        // It goes on where the snapshot ends.
        try engine.put("l", "next");
        try engine.sync();
        try open();
        try testing.expectEqualStrings("next", (try engine.get("l")).?);
        try testing.expectEqual(wanted, (try engine.get("k")).?.len);
    }
}

test "a compaction pays from its least length on, where half of the journal is dead" {
    const pays = compaction.pays;
    const least = compaction.bytes_min;
    try testing.expect(!pays(least - 1, 1));
    try testing.expect(pays(least, 1));
    try testing.expect(pays(least, least / 2));
    try testing.expect(!pays(least, least / 2 + 1));
    try testing.expect(!pays(2 * least - 1, least));
    try testing.expect(pays(2 * least, least));
}

test "a snapshot goes where it has a sector of zeros behind it, and what is in force is not" {
    const sectors = fake.disk_sectors;
    const pair = root.superblock.regions(sectors).?;
    const contents = &engine.contents;
    // As long as a region except a sector, and a byte more.
    const most = (pair[0].sectors - 1) * root.sector_bytes;
    for ([_]u64{ most - 1, most, most + 1 }) |len| {
        disk = .{};
        try open();
        // Longer than a chunk: several keys, and the last one to the byte.
        while (contents.liveBytes() + 9000 < len) {
            const key = [_]u8{@intCast('a' + contents.entries())};
            try engine.put(&key, value[0..4000]);
        }
        const left: usize = @intCast(len - contents.liveBytes());
        try engine.put("z", value[0 .. left - record.overhead_bytes - 1]);
        try testing.expectEqual(len, contents.liveBytes());
        const found = compaction.target(sectors, contents, null, 0);
        try testing.expectEqual(if (len <= most) @as(?u1, 1) else null, found);
    }
    try open();
    // The one journal of version 1 may end where the other region begins, and not behind that.
    disk = .{};
    try open();
    try liveTo(600);
    const begin = pair[1].start * root.sector_bytes;
    try testing.expectEqual(1, compaction.target(sectors, contents, null, begin).?);
    try testing.expectEqual(null, compaction.target(sectors, contents, null, begin + 1));
    for ([_]u1{ 0, 1 }) |active| {
        const chosen: root.superblock.Superblock =
            .{ .active = active, .generation = 1, .entries = 1 };
        for ([_]u64{ begin, begin + 1 }) |end| {
            const found = compaction.target(sectors, contents, chosen, end).?;
            try testing.expectEqual(1 - active, found);
        }
    }
    try testing.expectEqual(null, compaction.target(4, contents, null, 0));
    // A snapshot has no more entries than a replay has room for.
    const entries = contents.entry_count;
    defer contents.entry_count = entries;
    contents.entry_count = compaction.entries_max;
    try testing.expectEqual(1, compaction.target(sectors, contents, null, 0).?);
    contents.entry_count += 1;
    try testing.expectEqual(null, compaction.target(sectors, contents, null, 0));
}
