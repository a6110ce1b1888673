//! One workload whose disk is fixed, byte for byte, here and in the host's engine: the same
//! program and digest stand in src/python/nexus/remotefs/state/golden_test.py.

const std = @import("std");
const testing = std.testing;
const root = @import("root.zig");
const fake = @import("store_test.zig");

const digest = "1ce3be764f82f10f4609297dcf954834b03e2164146ef19ea99ffb88b91a83e5";

const peers_digest = "8c1ad239a97ac6e0cd2767487e5a3c554a64a8067f056e9ab8d5eb3c74b2f77a";

fn runPeers(disk: *fake.Disk) !void {
    const engine = &fake.engine;
    try engine.open(disk, &fake.pool, &fake.items);
    for (0..400) |turn| {
        var peer: [16]u8 = undefined;
        var name: [32]u8 = undefined;
        var value: [50]u8 = undefined;
        const byte: u8 = @intCast(turn % 256);
        @memset(&value, byte);
        // Every peer starts again now and then; some calls have no name.
        const epoch: u64 = 1 + turn / 90;
        const host = if (turn < 300) turn % 3 else turn % 19;
        const call: root.Call = .{
            .peer = try std.fmt.bufPrint(&peer, "host-{d}", .{host}),
            .id = if (turn % 17 == 16) 0 else epoch << 32 | (turn + 1),
            .digest = @splat(byte),
        };
        const key = try std.fmt.bufPrint(&name, "/state/shared/{d}", .{turn % 7});
        if (turn % 5 == 4) {
            _ = try engine.deleteFor(call, key, 1);
        } else if (turn % 11 == 10) {
            const txn = try engine.begin();
            try engine.putChunk(txn, key, value[0..40]);
            try engine.putChunk(txn, "/state/shared/t", "t");
            try engine.commitFor(call, txn);
        } else if (turn % 13 == 12) {
            try engine.put(key, "local");
        } else try engine.putFor(call, key, value[0 .. turn % 50]);
        if (turn % 3 == 2) try engine.sync();
    }
}

test "both engines remember the same calls" {
    var disk: fake.Disk = .{};
    try runPeers(&disk);
    var found: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(&disk.bytes, &found, .{});
    try testing.expectEqualStrings(peers_digest, &std.fmt.bytesToHex(found, .lower));
}

fn runWorkload(disk: *fake.Disk) !void {
    const engine = &fake.engine;
    try engine.open(disk, &fake.pool, &fake.items);
    for (0..200) |turn| {
        var name: [16]u8 = undefined;
        var value: [200]u8 = undefined;
        @memset(&value, @intCast(turn));
        const key = try std.fmt.bufPrint(&name, "/state/{d}", .{turn % 5});
        try engine.put(key, value[0 .. turn * 7 % 200]);
        if (turn % 11 == 10) {
            _ = try engine.delete(try std.fmt.bufPrint(&name, "/state/{d}", .{turn / 11 % 5}));
        }
        if (turn % 13 == 12) {
            const txn = try engine.begin();
            try engine.putChunk(txn, "/state/t", "first");
            try engine.putChunk(txn, "/state/u", &(.{0} ** 600));
            try engine.putChunk(txn, "/state/t", &.{@intCast(turn)});
            if (turn % 2 == 1) try engine.abort(txn) else try engine.commit(txn);
        }
        if (turn % 3 == 2) try engine.sync();
    }
    try engine.putChunk(try engine.begin(), "/state/never", "committed");
}

test "both engines write this disk" {
    var disk: fake.Disk = .{};
    try runWorkload(&disk);
    var found: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(&disk.bytes, &found, .{});
    try testing.expectEqualStrings(digest, &std.fmt.bytesToHex(found, .lower));
    try fake.engine.open(&disk, &fake.pool, &fake.items);
    try testing.expect(fake.engine.generation() > 2);
    try testing.expectEqual(@as(?[]const u8, null), try fake.engine.get("/state/never"));
}
