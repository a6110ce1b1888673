//! Discovery at a node: when it says that it is here, where it says so, and what it makes of what
//! it hears.

const std = @import("std");
const testing = std.testing;
const announce = @import("../announce.zig");
const backoff = @import("../backoff.zig");
const beacon_file = @import("beacon.zig");
const candidates = @import("../candidates.zig");
const discovery = @import("../discovery.zig");
const edge = @import("edge.zig");
const ms = std.time.ns_per_ms;
const never = edge.never;
const common = @import("beacon_scene.zig");
const outside = &common.outside;
const node = &common.node;
const at_b = common.at_b;
const at_c = common.at_c;
const begin = common.begin;
const arrives = common.arrives;
const announces = common.announces;
const other = common.other;

test "it says who it is and what it offers, to the group and to each peer, on a grid of its own" {
    try begin(1000 * ms);
    try testing.expectEqual(1000 * ms, node.beacon.next_ns);
    try testing.expect(!node.beacon.tick(node));
    try outside.expectSaid(&(.{announce.group} ++ .{ at_b.ip, at_c.ip }));
    const said = try announce.decode(outside.packet[0..outside.packet_len]);
    try testing.expectEqualStrings("node-a", said.device_id);
    try testing.expectEqual(34567, said.tcp_port);
    try testing.expectEqual(node.static.public, said.key);
    try testing.expectEqual(2, said.services().len);
    try testing.expectEqualStrings("samgrd", said.services()[0]);
    try testing.expectEqualStrings("logd", said.services()[1]);
    // The line is said once.
    try outside.expectPrinted("dsoftbusd: discovery announce sent\n");
    const every = node.config.announce_ns;
    try testing.expectEqual(250 * ms, every);
    try testing.expectEqual(1000 * ms + every, node.beacon.next_ns);
    node.now_ns = 1000 * ms + every - 1;
    _ = node.beacon.tick(node);
    try outside.expectSaid(&.{});
    // A turn that is late by two and a half says it once, and the grid stays.
    for ([_]u64{ 1000 * ms + every, 1000 * ms + 4 * every - every / 2 }, [_]u64{ 2, 4 }) |at, n| {
        node.now_ns = at;
        _ = node.beacon.tick(node);
        try testing.expectEqual(3, outside.said_count);
        outside.said_count = 0;
        try testing.expectEqual(1000 * ms + n * every, node.beacon.next_ns);
    }
    try outside.expectPrinted("");
}

test "before it is opened it has nothing to say, and no address is known" {
    const fresh: beacon_file.Beacon = .{};
    try testing.expect(!fresh.readable and !fresh.is_told);
    try testing.expectEqual(never, fresh.next_ns);
    try testing.expectEqual(0, fresh.packet_len);
    for (fresh.complained) |at| try testing.expectEqual(never, at);
    const unknown: candidates.Candidates = .{};
    try testing.expectEqual(0, unknown.count);
    try testing.expectEqual(0, unknown.attempts + unknown.in_a_row);
    const configured: candidates.Candidates = .init(at_b);
    try testing.expectEqual(1, configured.count);
    try testing.expectEqual(4, configured.list.len);
    try testing.expectEqual(at_b, configured.list[0].address);
    try testing.expect(configured.list[0].is_proven);
    try testing.expectEqual(0, configured.list[0].heard_ns + configured.list[0].tried_at);
    const calm: backoff.Backoff = .{};
    try testing.expectEqual(0, calm.at_ns);
    try testing.expectEqual(250 * ms, calm.step_ns);
}

test "the address that was heard longest ago makes room, and a proven one never" {
    var known: candidates.Candidates = .init(at_b);
    for ([_]u64{ 30, 10, 20 }, 0..) |heard_ns, n| known.hear(other(n), heard_ns);
    known.hear(other(3), 40);
    // The second was oldest.
    for ([_]usize{ 0, 3, 2 }, known.list[1..]) |n, place| {
        try testing.expectEqual(other(n), place.address);
    }
    // To be heard again is not to be new.
    known.hear(other(2), 50);
    known.hear(other(4), 60);
    for ([_]usize{ 4, 3, 2 }, known.list[1..]) |n, place| {
        try testing.expectEqual(other(n), place.address);
    }
    for (2..5) |n| known.succeeded(other(n));
    known.hear(other(9), 70);
    for ([_]usize{ 4, 3, 2 }, known.list[1..]) |n, place| {
        try testing.expectEqual(other(n), place.address);
    }
    // Each has its turn, the one that was tried longest ago first.
    try testing.expectEqual(at_b, known.next().address);
    for ([_]usize{ 4, 3, 2 }) |n| try testing.expectEqual(other(n), known.next().address);
    try testing.expectEqual(at_b, known.next().address);
    try testing.expectEqual(5, known.attempts);
}

test "as long as nothing can be sent it does not say that something was" {
    try begin(0);
    outside.is_deaf = true;
    _ = node.beacon.tick(node);
    try outside.expectPrinted("");
    outside.is_deaf = false;
    node.now_ns = node.beacon.next_ns;
    _ = node.beacon.tick(node);
    try outside.expectPrinted("dsoftbusd: discovery announce sent\n");
}

test "a configured peer is learned once, and where it was heard is where it may be dialled" {
    try begin(7);
    outside.is_deaf = true;
    try announces("node-b", 'b', .{ 10, 42, 0, 50 }, 700);
    try testing.expect(node.beacon.tick(node));
    try outside.expectPrinted("dsoftbusd: discovery peer learned\n");
    try testing.expect(node.peers[0].is_learned and !node.peers[1].is_learned);
    const known = node.table.find("node-b", 7).?;
    try testing.expect(known.configured);
    try testing.expectEqual([4]u8{ 10, 42, 0, 50 }, known.ip);
    try testing.expectEqual(2, node.peers[0].candidates.count);
    const where: edge.Address = .{ .ip = .{ 10, 42, 0, 50 }, .port = 700 };
    try testing.expectEqual(where, node.peers[0].candidates.list[1].address);
    try testing.expectEqual(7, node.peers[0].candidates.list[1].heard_ns);
    // It is heard again, and is news no more. Nothing to read is nothing heard.
    try announces("node-b", 'b', .{ 10, 42, 0, 50 }, 700);
    try testing.expect(node.beacon.tick(node));
    try outside.expectPrinted("");
    try testing.expect(!node.beacon.readable);
    try testing.expect(!node.beacon.tick(node));
    // Without a port there is nothing to dial.
    try announces("node-c", 'c', .{ 10, 42, 0, 51 }, 0);
    try testing.expect(node.beacon.tick(node));
    try testing.expectEqual(1, node.peers[1].candidates.count);
    try testing.expect(node.peers[1].is_learned);
}

test "strangers are entered and not learned; its own name and another's key are nothing" {
    try begin(7);
    outside.is_deaf = true;
    try announces("node-x", 'x', .{ 10, 42, 0, 60 }, 1);
    try announces("node-a", 'a', .{ 10, 42, 0, 61 }, 1);
    try announces("node-b", 'x', .{ 10, 42, 0, 62 }, 1);
    try testing.expect(!node.beacon.tick(node));
    try testing.expect(!node.table.find("node-x", 7).?.configured);
    try testing.expectEqual(null, node.table.find("node-a", 7));
    try testing.expectEqual(null, node.table.find("node-b", 7));
    try testing.expectEqual(1, node.peers[0].candidates.count);
    try testing.expect(!node.peers[0].is_learned);
    try outside.expectPrinted("dsoftbusd: announce ignored (key mismatch peer=node-b)\n");
}

test "of each kind of refused announce there is a line a second" {
    const second = 1000 * ms;
    const malformed = "dsoftbusd: announce ignored (malformed)\n";
    const mismatch = "dsoftbusd: announce ignored (key mismatch peer=node-b)\n";
    try begin(5);
    outside.is_deaf = true;
    for ([_]struct { u64, bool }{
        .{ 5, true },
        .{ 5, false },
        .{ 5 + second - 1, false },
        .{ 5 + second, true },
        .{ 5 + 2 * second - 1, false },
        .{ 5 + 4 * second, true },
    }) |row| {
        node.now_ns = row[0];
        arrives(at_b.ip, "NXSB");
        try announces("node-b", 'x', at_b.ip, 1);
        arrives(at_b.ip, "");
        try testing.expect(!node.beacon.tick(node));
        try outside.expectPrinted(if (row[1]) malformed ++ mismatch else "");
    }
}

test "of a flood sixteen datagrams are taken in a turn, and the rest in the next" {
    try begin(7);
    outside.is_deaf = true;
    for (0..20) |_| arrives(.{ 10, 42, 0, 60 }, "x");
    try announces("node-b", 'b', at_b.ip, 1);
    try testing.expect(!node.beacon.tick(node));
    try testing.expectEqual(16, outside.taken);
    try testing.expect(node.beacon.readable);
    try testing.expect(node.beacon.tick(node));
    try testing.expectEqual(21, outside.taken);
    try testing.expect(!node.beacon.readable);
    // One that was heard in the middle of others counts.
    try announces("node-b", 'b', at_b.ip, 1);
    arrives(.{ 10, 42, 0, 60 }, "x");
    try testing.expect(node.beacon.tick(node));
}
