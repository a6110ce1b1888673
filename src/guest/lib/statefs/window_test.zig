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

    pub fn sectors(_: *const Wide) u64 {
        return count;
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
