//! Whose transactions are whose: every field asked by itself, bounds at their last place, two that
//! are idle at once.

const std = @import("std");
const testing = std.testing;
const statefs = @import("statefs");
const owners = @import("owners.zig");
const Owners = owners.Owners;

const txns_max = statefs.contents.txns_max;
const none = "";

test "the transaction, the sender and the peer must all agree" {
    var all: Owners = .{};
    all.add(5, 1, "host-1", 0);
    all.add(6, 2, none, 0);
    try testing.expect(all.find(5, 1, "host-1") != null);
    try testing.expect(all.find(6, 2, none) != null);
    const others = [_]struct { u64, u64, []const u8 }{
        .{ 6, 1, "host-1" }, .{ 5, 2, "host-1" }, .{ 5, 1, "host-2" },  .{ 5, 1, none },
        .{ 6, 2, "host-1" }, .{ 6, 1, none },     .{ 5, 1, "host-12" }, .{ 5, 1, "host-" },
        .{ 7, 1, "host-1" }, .{ 0, 0, none },
    };
    for (others) |other| try testing.expectEqual(null, all.find(other[0], other[1], other[2]));
}

test "a place that was left is free, and has no owner" {
    var all: Owners = .{};
    try testing.expect(!all.isAny());
    all.add(5, 1, "host-1", 0);
    try testing.expect(all.isAny());
    all.find(5, 1, "host-1").?.* = .{};
    try testing.expect(!all.isAny());
    try testing.expectEqual(null, all.find(5, 1, "host-1"));
    all.add(6, 2, none, 7);
    const owner = all.find(6, 2, none).?;
    try testing.expectEqual(7, owner.used_ns);
    try testing.expectEqual(null, all.takePeers());
}

test "room: one peer, all peers, peers and node; and again after an end" {
    var all: Owners = .{};
    for (1..3) |txn| {
        try testing.expect(all.hasRoom("host-1"));
        all.add(txn, 1, "host-1", 0);
    }
    try testing.expect(!all.hasRoom("host-1"));
    try testing.expect(all.hasRoom("host-2"));
    var txn: u64 = 3;
    while (all.hasRoom(&.{ 'p', @intCast(txn) })) : (txn += 1) {
        all.add(txn, 1, &.{ 'p', @intCast(txn) }, 0);
    }
    try testing.expectEqual(txns_max - 2, txn - 1);
    while (all.hasRoom(none)) : (txn += 1) all.add(txn, 2, none, 0);
    try testing.expectEqual(txns_max, txn - 1);
    all.find(1, 1, "host-1").?.* = .{};
    try testing.expect(all.hasRoom("host-1"));
    try testing.expect(all.hasRoom(none));
    all.add(99, 3, none, 0);
    try testing.expect(!all.hasRoom("host-1")); // a peer of its own has room, but there is no place
}

test "what stands behind a free place is counted" {
    var all: Owners = .{};
    all.add(1, 1, "host-2", 0);
    all.add(2, 1, "host-1", 0);
    all.add(3, 1, "host-1", 0);
    all.find(1, 1, "host-2").?.* = .{};
    try testing.expect(!all.hasRoom("host-1"));
    try testing.expect(all.hasRoom("host-2"));
}

test "idle: an instant before, at, behind; and two at once" {
    const start = 1000;
    for ([_]struct { u64, bool }{ .{ 0, false }, .{ 1, true } }) |case| {
        var all: Owners = .{};
        all.add(1, 1, none, start);
        const taken = all.takeIdle(start + owners.idle_ns_max + case[0]);
        try testing.expectEqual(case[1], taken != null);
        try testing.expectEqual(!case[1], all.isAny());
    }
    var all: Owners = .{};
    all.add(1, 11, none, start);
    all.add(2, 12, "host-1", start);
    all.add(3, 13, none, start + 1);
    const now = start + owners.idle_ns_max + 1;
    try testing.expectEqual(11, all.takeIdle(now).?.sender);
    try testing.expectEqualStrings("host-1", all.takeIdle(now).?.peer());
    try testing.expectEqual(null, all.takeIdle(now));
    try testing.expect(all.find(3, 13, none) != null);
    // Time that is before the last use is not silence.
    try testing.expectEqual(null, all.takeIdle(0));
}

test "those of peers are taken one by one, and those of services stay" {
    var all: Owners = .{};
    all.add(1, 1, none, 0);
    all.add(2, 1, "host-1", 0);
    all.add(3, 1, "host-2", 0);
    try testing.expectEqual(2, all.takePeers().?.txn);
    try testing.expectEqual(3, all.takePeers().?.txn);
    try testing.expectEqual(null, all.takePeers());
    try testing.expect(all.find(1, 1, none) != null);
}
