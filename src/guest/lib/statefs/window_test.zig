//! On a disk of more than two windows: what lies behind the end of a journal, when a window is
//! flushed, and how long a peer's change may be. The host's `edge_test.py` asks the same.

const std = @import("std");
const testing = std.testing;
const root = @import("root.zig");
const record = root.record;

/// A disk that is wider than two windows.
const Wide = struct {
    const count = 2 * root.journal.window_sectors + 20;
    bytes: [count * 512]u8 = @splat(0),
    flushes: usize = 0,
    count_now: u64 = count,

    pub fn sectors(self: *const Wide) u64 {
        return self.count_now;
    }

    pub fn read(self: *Wide, sector: u64, buffer: []u8) error{Broken}!void {
        @memcpy(buffer, self.bytes[@intCast(sector * 512)..][0..buffer.len]);
    }

    pub fn write(self: *Wide, sector: u64, bytes: []const u8) error{Broken}!void {
        @memcpy(self.bytes[@intCast(sector * 512)..][0..bytes.len], bytes);
    }

    pub fn flush(self: *Wide) error{Broken}!void {
        self.flushes += 1;
    }
};

/// As long as a value may be, and a byte more.
const long: [record.value_bytes_max + 1]u8 = @splat('v');
var pool: [256 * 1024]u8 = undefined;
var items: [64]root.Item = undefined;
var disk: Wide = undefined;
var engine: root.Store(Wide) = undefined;
var image: [Wide.count * 512]u8 = undefined;
var clean: [Wide.count * 512]u8 = undefined;

test "what a cut left behind the end is cleared by the first change" {
    const window = root.journal.window_sectors;
    for ([_]bool{ false, true }) |compacted| for ([_]usize{ 1, 489, 600 }) |size| {
        disk = .{};
        try engine.open(&disk, &pool, &items);
        try engine.put("/state/a", long[0..size]);
        if (compacted) try testing.expect(try engine.compact());
        try engine.sync();
        const start = engine.journal.region.start * 512;
        const end = engine.journal.end;
        const limit = (end / 512 + window) * 512;
        image = disk.bytes;
        try engine.put("/state/b", "next");
        try engine.sync();
        clean = disk.bytes;
        for ([_]u64{ end, end + 1, end + 511, end + 512, limit - 1 }) |at| {
            disk = .{ .bytes = image };
            disk.bytes[@intCast(start + at)] = 0xA5;
            try engine.open(&disk, &pool, &items);
            try testing.expectEqualStrings(long[0..size], (try engine.get("/state/a")).?);
            try engine.put("/state/b", "next");
            // What was cleared is so before anything stands there.
            try testing.expectEqual(1, disk.flushes);
            try engine.sync();
            try testing.expect(std.mem.eql(u8, &clean, &disk.bytes));
        }
        if (compacted) continue;
        // What lies beyond is left alone.
        disk = .{ .bytes = image };
        disk.bytes[@intCast(start + limit)] = 0xA5;
        try engine.open(&disk, &pool, &items);
        try engine.put("/state/b", "next");
        try testing.expectEqual(0xA5, disk.bytes[@intCast(start + limit)]);
    };
}

test "between two flushes a window is written and not one byte more" {
    const first = 40_000;
    const rest = root.journal.window_bytes - first - 2 * (record.overhead_bytes + 1);
    for ([_]usize{ rest - 1, rest, rest + 1 }, [_]usize{ 0, 0, 1 }) |size, flushes| {
        disk = .{};
        try engine.open(&disk, &pool, &items);
        try engine.put("a", long[0..first]);
        try engine.put("b", long[0..size]);
        try testing.expectEqual(flushes, disk.flushes);
    }
    try testing.expectEqual(65_536, root.journal.window_bytes); // the host's as well
}

test "a peer's change has the limits of a node's own" {
    disk = .{};
    try engine.open(&disk, &pool, &items);
    const call: root.Call = .{ .peer = "node-b", .id = 7 << 32 | 1, .digest = @splat(0) };
    const most = record.value_bytes_max;
    const key = "k" ** (record.key_bytes_max + 1);
    try testing.expectError(error.TooLarge, engine.put("/state/a", long[0 .. most + 1]));
    try testing.expectError(
        error.TooLarge,
        engine.putFor(call, "/state/a", long[0 .. most + 1]),
    );
    try testing.expectError(error.KeyTooLong, engine.put(key, "v"));
    try testing.expectError(error.KeyTooLong, engine.putFor(call, key, "v"));
    try testing.expectError(error.KeyTooLong, engine.deleteFor(call, key, 1));
    try testing.expectEqual(0, engine.journal.records);
    try engine.putFor(call, "/state/a", long[0..most]);
    try testing.expectEqual(most, (try engine.get("/state/a")).?.len);
}

test "a record that ends on a boundary has a sector of zeros behind it, and no other has" {
    const overhead = record.overhead_bytes + 1;
    for ([_]usize{ 511, 512, 513, 1023, 1024, 1025 }) |end| {
        disk = .{};
        try engine.open(&disk, &pool, &items);
        try engine.put("k", "");
        @memset(disk.bytes[512..], 0xA5);
        try engine.put("k", long[0 .. end - 2 * overhead]);
        try testing.expectEqual(end, engine.journal.end);
        const zeros = if (end % 512 == 0) end + 512 else (end / 512 + 1) * 512;
        try testing.expect(std.mem.allEqual(u8, disk.bytes[end..zeros], 0));
        try testing.expect(std.mem.allEqual(u8, disk.bytes[zeros..], 0xA5));
    }
}

test "the longest records are read again, wherever they begin" {
    const most = record.value_bytes_max;
    const key = "k" ** record.key_bytes_max;
    const peer = "p" ** 64;
    const call: root.Call = .{ .peer = peer, .id = 7 << 32 | 1, .digest = @splat(1) };
    // How far a mount reads ahead, and where a header or a record may lie across it.
    const ahead = 8192;
    const near = [_]usize{ ahead - 16, ahead - 15, ahead - 14, ahead - 1, ahead };
    const places = [_]usize{ 0, 16, 511, 512, 4000 } ++ near;
    for (places) |place| for ([_]bool{ false, true }) |is_peers| {
        for ([_]usize{ 1, 300, most - 1, most }) |len| {
            disk = .{};
            try engine.open(&disk, &pool, &items);
            if (place != 0) try engine.put("f", long[0 .. place - record.overhead_bytes - 1]);
            try testing.expectEqual(place, engine.journal.end);
            if (is_peers) {
                try engine.putFor(call, key, long[0..len]);
            } else try engine.put(key, long[0..len]);
            try engine.put("g", "behind");
            const end = engine.journal.end;
            try engine.open(&disk, &pool, &items);
            try testing.expectEqual(end, engine.journal.end);
            try testing.expectEqual(len, (try engine.get(key)).?.len);
            try testing.expectEqualStrings("behind", (try engine.get("g")).?);
        }
    };
}

test "what claims to be longer than any record is not read as one" {
    const Claim = struct { op: u8, key: u16, value: u32 };
    for ([_]Claim{
        .{ .op = 1, .key = 1, .value = std.math.maxInt(u32) },
        .{ .op = 1, .key = std.math.maxInt(u16), .value = 1 },
        .{ .op = 1, .key = std.math.maxInt(u16), .value = std.math.maxInt(u32) },
        .{ .op = 1, .key = std.math.maxInt(u16), .value = record.value_bytes_max },
        .{ .op = 1, .key = record.key_bytes_max, .value = record.value_bytes_max + 1 },
        .{ .op = 0x15, .key = record.key_bytes_max, .value = record.call_value_bytes_max + 1 },
        .{ .op = 0xFF, .key = 0, .value = std.math.maxInt(u32) },
    }) |claim| {
        disk = .{};
        try engine.open(&disk, &pool, &items);
        try engine.put("k", "v");
        const end: usize = @intCast(engine.journal.end);
        const header = disk.bytes[end..];
        header[0..5].* = record.magic.* ++ .{claim.op};
        std.mem.writeInt(u16, header[5..7], claim.key, .little);
        std.mem.writeInt(u32, header[7..11], claim.value, .little);
        try engine.open(&disk, &pool, &items);
        try testing.expectEqual(root.store.Damage.none, engine.damage);
        try testing.expectEqual(end, engine.journal.end);
        try testing.expectEqualStrings("v", (try engine.get("k")).?);
    }
}

test "of two long snapshots behind a torn superblock both are read from their beginnings" {
    disk = .{};
    try engine.open(&disk, &pool, &items);
    for ([_]usize{ 30_000, 20_000, 25_000 }) |len| {
        try engine.put("k", long[0..len]);
        try testing.expect(try engine.compact());
        // A checkpoint and an entry, as the next start counts them.
        try testing.expectEqual(2, engine.journal.records);
        const chosen = engine.superblock.?;
        image = disk.bytes;
        @memset(image[3..512], 0);
        disk.bytes = image;
        try engine.open(&disk, &pool, &items);
        try testing.expectEqualDeep(chosen, engine.superblock.?);
        try testing.expectEqual(len, (try engine.get("k")).?.len);
        try testing.expectEqual(2, engine.journal.records);
    }
}

test "a disk without sectors leaves nothing of the one that was open before" {
    disk = .{};
    try engine.open(&disk, &pool, &items);
    try engine.put("k", "v");
    try testing.expect(try engine.compact());
    try testing.expectEqual(1, engine.generation());
    disk.count_now = 0;
    try engine.open(&disk, &pool, &items);
    try testing.expectEqual(root.store.Damage.no_device, engine.damage);
    try testing.expectEqual(0, engine.generation());
    try testing.expectEqual(0, engine.journal.end);
    try testing.expectEqual(0, engine.journal.records);
    try testing.expect(!engine.journal.hasRoom(1));
    try testing.expectError(error.Integrity, engine.get("k"));
}

test "zeros are zeros at any length, and one other byte anywhere is seen" {
    var bytes: [40]u8 = @splat(0);
    for (0..bytes.len + 1) |len| {
        try testing.expect(root.journal.isZero(bytes[0..len]));
        for (0..len) |at| {
            bytes[at] = 1;
            defer bytes[at] = 0;
            try testing.expect(!root.journal.isZero(bytes[0..len]));
            try testing.expect(root.journal.isZero(bytes[0..at]));
        }
    }
}
