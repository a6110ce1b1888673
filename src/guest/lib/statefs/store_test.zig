//! The store on a disk in memory: what is kept, what is refused, and cuts after every sector.

const std = @import("std");
const testing = std.testing;
const root = @import("root.zig");
const record = root.record;
pub const disk_sectors = 72;
pub const Engine = root.Store(Disk);

/// A disk that may stop taking sectors, without saying so: the power was cut.
pub const Disk = struct {
    bytes: [disk_sectors * 512]u8 = @splat(0),
    /// How many sectors are still taken.
    power: usize = std.math.maxInt(usize),
    writes: usize = 0,
    fails: bool = false,

    pub fn sectors(_: *const Disk) u64 {
        return disk_sectors;
    }

    pub fn read(self: *Disk, sector: u64, buffer: []u8) error{Broken}!void {
        if (self.fails) return error.Broken;
        @memcpy(buffer, self.bytes[@intCast(sector * 512)..][0..buffer.len]);
    }

    pub fn write(self: *Disk, sector: u64, bytes: []const u8) error{Broken}!void {
        if (self.fails) return error.Broken;
        for (0..bytes.len / 512) |index| {
            self.writes += 1;
            if (self.writes > self.power) continue;
            const at: usize = @intCast((sector + index) * 512);
            @memcpy(self.bytes[at..][0..512], bytes[index * 512 ..][0..512]);
        }
    }

    pub fn flush(self: *Disk) error{Broken}!void {
        if (self.fails) return error.Broken;
    }
};

pub var pool: [64 * 1024]u8 = undefined;
pub var items: [64]root.Item = undefined;
pub var engine: Engine = undefined;

test "kept over opening again; absent keys; limits" {
    var disk: Disk = .{};
    try engine.open(&disk, &pool, &items);
    try engine.put("/state/b", "2");
    try engine.put("/state/a", "1");
    try engine.put("/state/a", "");
    try testing.expect(!try engine.delete("/state/x"));
    try testing.expect(try engine.delete("/state/b"));
    try testing.expectError(error.InvalidKey, engine.put("", ""));
    try testing.expectError(error.InvalidKey, engine.put("\xff", ""));
    try testing.expectError(error.KeyTooLong, engine.put("k" ** 256, ""));
    // The disk and this memory are smaller than the longest value.
    try testing.expectError(error.Io, engine.put("/state/c", &(.{1} ** 60_000)));
    try engine.sync();
    try engine.open(&disk, &pool, &items);
    try testing.expectEqualStrings("", (try engine.get("/state/a")).?);
    try testing.expectEqual(@as(?[]const u8, null), try engine.get("/state/b"));
}

test "of a disk that cannot be read nothing is served, whatever an earlier one held" {
    var disk: Disk = .{};
    try engine.open(&disk, &pool, &items);
    try engine.put("/state/a", "1");
    disk.fails = true;
    try testing.expectError(error.Io, engine.open(&disk, &pool, &items));
    try testing.expectEqual(.no_device, engine.damage);
    try testing.expectError(error.Integrity, engine.get("/state/a"));
}

test "a transaction is visible at once or never" {
    var disk: Disk = .{};
    try engine.open(&disk, &pool, &items);
    const first = try engine.begin();
    const second = try engine.begin();
    try engine.putChunk(first, "/state/a", "12");
    try engine.putChunk(second, "/state/b", "x");
    try engine.putChunk(first, "/state/a", "34");
    try testing.expectEqual(@as(?[]const u8, null), try engine.get("/state/a"));
    try testing.expect(!try engine.compact());
    try engine.commit(first);
    try engine.abort(second);
    try testing.expectError(error.NotFound, engine.commit(first));
    try engine.open(&disk, &pool, &items);
    try testing.expectEqualStrings("1234", (try engine.get("/state/a")).?);
    try testing.expectEqual(second + 1, try engine.begin());
}

const rounds = 160;

fn put(round: usize) !void {
    var key: [16]u8 = undefined;
    var value: [200]u8 = undefined;
    @memset(&value, @intCast(round));
    const name = try std.fmt.bufPrint(&key, "/state/{d}", .{round % 5});
    try engine.put(name, value[0 .. (round * 7) % value.len]);
}

/// Do all keys hold what the first `count` rounds put there?
fn holdsRounds(count: usize) !bool {
    for (0..5) |name| {
        var key: [16]u8 = undefined;
        const value = try engine.get(try std.fmt.bufPrint(&key, "/state/{d}", .{name}));
        if (count <= name) {
            if (value != null) return false;
            continue;
        }
        const round = count - 1 - (count - 1 + 5 - name) % 5;
        const found = value orelse return false;
        if (found.len != (round * 7) % 200) return false;
        if (!std.mem.allEqual(u8, found, @intCast(round))) return false;
    }
    return true;
}

test "a cut after every sector of a workload that compacts" {
    var whole: Disk = .{};
    try engine.open(&whole, &pool, &items);
    for (0..rounds) |round| {
        try put(round);
        try engine.sync();
    }
    try testing.expect(engine.generation() >= 2);
    for (0..whole.writes) |power| {
        var disk: Disk = .{ .power = power };
        try engine.open(&disk, &pool, &items);
        var done: usize = 0;
        for (0..rounds) |round| {
            try put(round);
            try engine.sync();
            if (disk.writes > power) break;
            done = round + 1;
        }
        disk.power = std.math.maxInt(usize);
        try engine.open(&disk, &pool, &items);
        try testing.expectEqual(root.store.Damage.none, engine.damage);
        // The round of the cut is there or not: it may have been its mark that was cut.
        try testing.expect(try holdsRounds(done) or try holdsRounds(done + 1));
        try engine.put("/state/after", "the cut");
        try engine.open(&disk, &pool, &items);
        try testing.expectEqualStrings("the cut", (try engine.get("/state/after")).?);
    }
}

test "every flipped bit of synced data is noticed, and a damaged disk is not written to" {
    for ([_]bool{ false, true }) |is_compacted| {
        var disk: Disk = .{};
        try engine.open(&disk, &pool, &items);
        try engine.put("/state/a", "one");
        try engine.sync();
        if (is_compacted) try testing.expect(try engine.compact());
        try engine.put("/state/b", "two");
        try engine.sync();
        const start: usize = @intCast(engine.journal.region.start * root.sector_bytes);
        const marked: usize = @intCast(engine.journal.end - record.sync_bytes.len);
        const good = disk.bytes;
        for (start * 8..(start + marked) * 8) |bit| {
            try flip(&disk, &good, bit);
            try testing.expect(engine.damage != .none);
            try testing.expectError(error.Integrity, engine.put("/state/c", ""));
            try testing.expectError(error.Integrity, engine.sync());
            try testing.expectEqual(@as(usize, 0), disk.writes);
        }
        if (!is_compacted) continue;
        // The snapshot shows the intended superblock, except for its first byte.
        for (8..root.superblock.bytes_len * 8) |bit| {
            try flip(&disk, &good, bit);
            try testing.expectEqual(root.store.Damage.none, engine.damage);
            try testing.expectEqualStrings("two", (try engine.get("/state/b")).?);
        }
        for (0..8) |bit| {
            try flip(&disk, &good, bit);
            try testing.expectError(error.Integrity, engine.get("/state/a"));
        }
    }
}

fn flip(disk: *Disk, good: *const [disk_sectors * 512]u8, bit: usize) !void {
    disk.* = .{ .bytes = good.* };
    disk.bytes[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
    try engine.open(disk, &pool, &items);
}

test "a superblock torn at any byte" {
    var disk: Disk = .{};
    try engine.open(&disk, &pool, &items);
    try engine.put("/state/a", "one");
    const before = disk.bytes[0..512].*;
    try testing.expect(try engine.compact());
    const after = disk.bytes;
    for (1..512) |torn| {
        disk = .{ .bytes = after };
        @memcpy(disk.bytes[torn..512], before[torn..]);
        try engine.open(&disk, &pool, &items);
        try testing.expectEqualStrings("one", (try engine.get("/state/a")).?);
        try engine.put("/state/b", "two");
        try testing.expectEqualSlices(u8, after[0..20], disk.bytes[0..20]);
    }
}

test "a disk that fails refuses changes until it is opened again" {
    var disk: Disk = .{};
    try engine.open(&disk, &pool, &items);
    try engine.put("/state/a", "one");
    disk.fails = true;
    try testing.expectError(error.Io, engine.put("/state/a", "two"));
    try testing.expectEqualStrings("one", (try engine.get("/state/a")).?);
    disk.fails = false;
    try engine.put("/state/b", "three");
    disk.fails = true;
    try testing.expectError(error.Io, engine.sync());
    disk.fails = false;
    try testing.expectError(error.Io, engine.put("/state/b", "four"));
    disk.fails = true;
    try testing.expectError(error.Io, engine.open(&disk, &pool, &items));
}

test "a disk that is not ours is left alone" {
    var disk: Disk = .{};
    disk.bytes[0] = 0xEB;
    try engine.open(&disk, &pool, &items);
    try testing.expectEqual(root.store.Damage.no_journal, engine.damage);
    try testing.expectError(error.Integrity, engine.get("/state/a"));
    @memcpy(disk.bytes[0..4], "NXS2");
    try engine.open(&disk, &pool, &items);
    try testing.expectEqual(root.store.Damage.invalid_superblock, engine.damage);
}
