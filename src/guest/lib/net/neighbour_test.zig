//! Neighbours, the packets that wait for them, and packets to ourselves: the instants of each
//! question, the entry that makes room in a full table, and a mailbox that is exactly full.

const std = @import("std");
const testing = std.testing;
const address = @import("address.zig");
const arp = @import("arp.zig");
const outbox = @import("outbox.zig");
const Cache = arp.Cache;
const Outbox = outbox.Outbox;

const ms = std.time.ns_per_ms;
const never = std.math.maxInt(u64);
const mac: address.Mac = .{ 2, 0, 0, 0, 0, 1 };
const other: address.Mac = .{ 2, 0, 0, 0, 0, 2 };

fn ipOf(last: u8) address.Ip {
    return address.fromBytes(.{ 10, 42, 0, last });
}

test "the questions of a search stand at their instants, each asked once" {
    var cache: Cache = .{};
    try testing.expectEqual(never, cache.nextDeadline());
    try testing.expectEqual(null, cache.nextRequest());
    try testing.expectEqual(null, cache.lookup(ipOf(9), 1000));
    var at: u64 = 1000;
    for ([_]u64{ 250, 500, 1000, 2000, 4000 }, 0..) |pause, n| {
        try testing.expectEqual(ipOf(9), cache.nextRequest().?);
        try testing.expectEqual(null, cache.nextRequest());
        try testing.expectEqual(at + pause * ms, cache.nextDeadline());
        at += pause * ms;
        cache.poll(at - 1);
        try testing.expectEqual(null, cache.nextRequest());
        try testing.expectEqual(null, cache.nextFailed());
        cache.poll(at);
        try testing.expectEqual(n == 4, cache.nextRequest() == null);
        if (n != 4) cache.entries[0].request_due = true;
    }
    // It has failed: nothing is asked before that was reported, then everything anew.
    try testing.expectEqual(never, cache.nextDeadline());
    try testing.expectEqual(null, cache.lookup(ipOf(9), at));
    try testing.expectEqual(null, cache.nextRequest());
    try testing.expectEqual(ipOf(9), cache.nextFailed().?);
    try testing.expectEqual(null, cache.nextFailed());
    try testing.expectEqual(null, cache.lookup(ipOf(9), at));
    try testing.expectEqual(ipOf(9), cache.nextRequest().?);
}

test "an answer counts for a minute, and ends a search" {
    var cache: Cache = .{};
    _ = cache.lookup(ipOf(9), 0);
    cache.learn(ipOf(9), mac, false, 5);
    try testing.expectEqual(never, cache.nextDeadline());
    try testing.expectEqual(null, cache.nextRequest());
    const end = 5 + 60_000 * ms;
    try testing.expectEqual(mac, cache.lookup(ipOf(9), end - 1).?);
    cache.poll(end - 1);
    try testing.expectEqual(mac, cache.lookup(ipOf(9), end - 1).?);
    // Heard again it counts from then on, and another address takes its place.
    cache.learn(ipOf(9), other, false, 10);
    try testing.expectEqual(other, cache.lookup(ipOf(9), end + 4).?);
    try testing.expectEqual(null, cache.lookup(ipOf(9), end + 5));
    try testing.expectEqual(ipOf(9), cache.nextRequest().?);
    cache = .{};
    cache.learn(ipOf(9), mac, true, 0);
    cache.poll(60_000 * ms);
    // It is over, and a reply without a question does not bring it back.
    cache.learn(ipOf(9), mac, false, 60_000 * ms);
    try testing.expectEqual(null, cache.lookup(ipOf(9), 60_000 * ms));
}

test "each entry has its own instant, wherever it stands" {
    var cache: Cache = .{};
    cache.learn(ipOf(1), mac, true, 100);
    _ = cache.lookup(ipOf(2), 0);
    _ = cache.lookup(ipOf(3), 50);
    for (0..2) |_| _ = cache.nextRequest();
    try testing.expectEqual(250 * ms, cache.nextDeadline());
    cache.poll(250 * ms);
    try testing.expectEqual(ipOf(2), cache.nextRequest().?);
    try testing.expectEqual(null, cache.nextRequest());
    try testing.expectEqual(250 * ms + 50, cache.nextDeadline());
    cache.poll(60_000 * ms + 100);
    try testing.expectEqual(ipOf(2), cache.nextRequest().?);
    try testing.expectEqual(ipOf(3), cache.nextRequest().?);
    try testing.expectEqual(.free, cache.entries[0].state);
}

test "a doubt forgets what is known; a check asks, and uses it meanwhile" {
    var cache: Cache = .{};
    cache.learn(ipOf(9), mac, true, 0);
    cache.check(ipOf(9));
    try testing.expectEqual(mac, cache.lookup(ipOf(9), 1).?);
    try testing.expectEqual(ipOf(9), cache.nextRequest().?);
    try testing.expectEqual(null, cache.nextRequest());
    cache.doubt(ipOf(9));
    try testing.expectEqual(null, cache.nextRequest());
    try testing.expectEqual(null, cache.lookup(ipOf(9), 2));
    _ = cache.nextRequest();
    // Of one that is being asked for there is nothing to doubt or to check.
    cache.doubt(ipOf(9));
    cache.check(ipOf(9));
    try testing.expectEqual(null, cache.nextRequest());
    try testing.expectEqual(2 + 250 * ms, cache.nextDeadline());
    cache.doubt(ipOf(8));
    cache.check(ipOf(8));
}

test "in a full table the known one that ends first makes room, and never one that is asked for" {
    var cache: Cache = .{};
    for (0..16) |n| cache.learn(ipOf(@intCast(n)), mac, true, 100 - n % 7);
    // 94 is the least: at 6, then at 13.
    _ = cache.lookup(ipOf(200), 100);
    try testing.expectEqual(ipOf(200), cache.entries[6].ip);
    cache.learn(ipOf(201), other, true, 100);
    try testing.expectEqual(ipOf(201), cache.entries[13].ip);
    cache = .{};
    for (0..16) |n| _ = cache.lookup(ipOf(@intCast(n)), 0);
    _ = cache.lookup(ipOf(200), 0);
    cache.learn(ipOf(201), other, true, 0);
    for (cache.entries, 0..) |entry, n| try testing.expectEqual(ipOf(@intCast(n)), entry.ip);
    // Each of them is asked for, and each fails, one report for each.
    for (0..16) |n| try testing.expectEqual(ipOf(@intCast(n)), cache.nextRequest().?);
    for (cache.entries[0..2]) |*entry| {
        entry.state = .failed;
        entry.at_ns = std.math.maxInt(u64);
    }
    try testing.expectEqual(ipOf(0), cache.nextFailed().?);
    try testing.expectEqual(ipOf(1), cache.nextFailed().?);
    try testing.expectEqual(null, cache.nextFailed());
    // A free place comes before any other.
    cache.learn(ipOf(202), other, true, 0);
    try testing.expectEqual(ipOf(202), cache.entries[0].ip);
}

var box: Outbox = undefined;

fn tagged(position: usize) u8 {
    return box.at(position).frame()[0];
}

test "sixteen packets wait, six of them answers, in the order of their coming" {
    box.reset();
    try testing.expectEqual(16, outbox.packets_max);
    try testing.expectEqual(6, outbox.answers_max);
    for (0..6) |n| {
        const entry = box.add(10, true).?;
        try testing.expectEqual(null, entry.next_hop);
        try testing.expectEqual(10, entry.frame().len);
        entry.frame()[0] = @intCast(n);
    }
    try testing.expectEqual(null, box.add(10, true));
    for (6..16) |n| box.add(10, false).?.frame()[0] = @intCast(n);
    try testing.expectEqual(null, box.add(10, false));
    for (0..16) |n| try testing.expectEqual(n, tagged(n));
    // One goes from the middle, and one from each end; those behind move up.
    box.remove(5);
    box.remove(0);
    box.remove(13);
    try testing.expectEqual(13, box.count);
    try testing.expectEqual(4, box.answers);
    for ([_]u8{ 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14 }, 0..) |tag, n| {
        try testing.expectEqual(tag, tagged(n));
    }
    for (0..2) |_| box.add(10, true).?.frame()[0] = 50;
    try testing.expectEqual(null, box.add(10, true));
    box.add(10, false).?.frame()[0] = 51;
    try testing.expectEqual(16, box.count);
    try testing.expectEqual(51, tagged(15));
    try testing.expectEqual(1, tagged(0));
}

test "what waits for a neighbour goes with it, wherever it stands" {
    box.reset();
    for ([_]u8{ 1, 2, 1, 1, 3, 1 }, 0..) |hop, n| {
        const entry = box.add(1, n % 2 == 0).?;
        entry.next_hop = hop;
        entry.frame()[0] = @intCast(n);
    }
    box.add(1, false).?.frame()[0] = 6; // ready
    try testing.expectEqual(0, box.dropFor(4));
    try testing.expectEqual(4, box.dropFor(1));
    try testing.expectEqual(3, box.count);
    try testing.expectEqual(1, box.answers);
    for ([_]u8{ 1, 4, 6 }, 0..) |tag, n| try testing.expectEqual(tag, tagged(n));
    try testing.expectEqual(0, box.dropFor(1));
}
