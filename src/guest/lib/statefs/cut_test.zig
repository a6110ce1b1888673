//! Cuts after every sector, on a disk that reorders and loses what was not flushed: a peer's change
//! and what is remembered of it are there both, or neither; what was synced is there.

const std = @import("std");
const testing = std.testing;
const root = @import("root.zig");
const fake = @import("disk_fake.zig");
const Disk = fake.Disk;

const Engine = root.Store(Disk);

var pool: [64 * 1024]u8 = undefined;
var items: [64]root.Item = undefined;
var engine: Engine = undefined;
var disk: Disk = undefined;
var after: Disk = undefined;
var again: Disk = undefined;

const keys = [_][]const u8{ "/state/shared/a", "/state/shared/b", "/state/shared/c" };
const peers = [_][]const u8{ "host-1", "host-2" };
const steps_max = 90;
const absent = 1;

/// One step of the workload: a change of a peer under a name of its own.
fn callOf(step: usize) root.Call {
    const id = (@as(u64, 7 + step / 40) << 32) | (step + 1);
    return .{ .peer = peers[step % peers.len], .id = id, .digest = @splat(@intCast(step)) };
}

const Model = [keys.len]?usize;

fn valueOf(step: usize, buffer: *[300]u8) []const u8 {
    @memset(buffer, @intCast(step));
    return buffer[0 .. step * 11 % 300];
}

fn run(step: usize) !void {
    var buffer: [300]u8 = undefined;
    const key = keys[step % keys.len];
    const call = callOf(step);
    switch (step % 7) {
        3 => _ = try engine.deleteFor(call, key, absent),
        5 => {
            const txn = try engine.begin();
            try engine.putChunk(txn, key, valueOf(step, &buffer));
            try engine.commitFor(call, txn);
        },
        else => try engine.putFor(call, key, valueOf(step, &buffer)),
    }
    if (step % 4 == 3) try engine.sync();
}

fn model(count: usize) Model {
    var state: Model = @splat(null);
    for (0..count) |step| state[step % keys.len] = if (step % 7 == 3) null else step;
    return state;
}

/// How many steps are remembered: all up to some one, and none behind it.
fn countRemembered() !usize {
    var count: usize = 0;
    for (0..steps_max) |step| {
        if (try engine.judge(callOf(step)) == .run) continue;
        try testing.expectEqual(count, step);
        count += 1;
    }
    return count;
}

/// The state is that after as many steps as are remembered.
fn expectWhole(least: usize, most: usize) !void {
    try testing.expectEqual(root.store.Damage.none, engine.damage);
    const count = try countRemembered();
    try testing.expect(least <= count and count <= most);
    const wanted = model(count);
    var buffer: [300]u8 = undefined;
    for (keys, wanted) |key, step| {
        const found = try engine.get(key);
        if (step) |number| {
            try testing.expectEqualStrings(valueOf(number, &buffer), found.?);
        } else try testing.expectEqual(null, found);
    }
}

/// What a start finds, and that it goes on from there: what is asked again is done once.
fn expectRecovers(kept: Disk.Kept, least: usize, most: usize) !void {
    disk.cut(kept, &after);
    try engine.open(&after, &pool, &items);
    try expectWhole(least, most);
    const count = try countRemembered();
    if (count == steps_max) return;
    try expectNoOtherLife(count);
    after.power = std.math.maxInt(usize);
    try engine.open(&after, &pool, &items);
    while (engine.contents.open_count > 0) try engine.abort(engine.contents.open[0]);
    try run(count);
    try engine.sync();
    after.cut(.none, &again);
    try engine.open(&again, &pool, &items);
    try expectWhole(count + 1, count + 1);
}

/// The first change after a cut is cut itself: records that the first cut left behind the end must
/// not go on behind it.
fn expectNoOtherLife(count: usize) !void {
    var kept = after;
    if (engine.contents.open_count > 0 or count % 4 == 3) return;
    // As long as the record that was lost: what follows it is where it was.
    try run(count);
    for ([_]Disk.Kept{ .all, .none, .{ .only = after.pending_len -| 1 } }) |what| {
        after.cut(what, &again);
        try engine.open(&again, &pool, &items);
        const found = try countRemembered();
        try testing.expect(found == count or found == count + 1);
    }
    std.mem.swap(Disk, &after, &kept);
}

test "a cut after every sector leaves a change and its memory both, or neither" {
    disk = .{};
    try engine.open(&disk, &pool, &items);
    for (0..steps_max) |step| try run(step);
    try testing.expect(engine.generation() >= 2);
    const writes = disk.writes;
    const flushes = disk.flushes;
    var source: std.Random.DefaultPrng = .init(1);
    var cuts: usize = 0;
    for (0..writes) |power| {
        disk = .{ .power = power };
        try engine.open(&disk, &pool, &items);
        var done: usize = 0;
        var synced: usize = 0;
        for (0..steps_max) |step| {
            run(step) catch break;
            done = step + 1;
            if (step % 4 == 3) synced = done;
        }
        const pending = disk.pending_len;
        for ([_]Disk.Kept{ .none, .all }) |kept| try expectRecovers(kept, synced, done + 1);
        for (0..3) |_| try expectRecovers(.{ .any = source.random() }, synced, done + 1);
        for (0..@min(pending, 4)) |back| {
            const index = pending - 1 - back;
            try expectRecovers(.{ .only = index }, synced, done + 1);
            try expectRecovers(.{ .but = index }, synced, done + 1);
            for ([_]usize{ 1, 43, 511 }) |len| {
                const torn: Disk.Kept = .{ .torn = .{ .index = index, .len = len } };
                try expectRecovers(torn, synced, done + 1);
            }
            cuts += 5;
        }
        cuts += 5;
    }
    try testing.expect(flushes > 20);
    try testing.expect(cuts > 2000);
}
