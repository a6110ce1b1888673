//! A node by hand: what it draws and wipes at its start, when it has something to do, whose answers
//! it waits for, and the lines that it says once.

const std = @import("std");
const testing = std.testing;
const config_file = @import("../config.zig");
const denials = @import("denials.zig");
const discovery = @import("../discovery.zig");
const edge = @import("edge.zig");
const fake = @import("hand_fake.zig");
const front = @import("wire").front;
const noise = @import("noise");
const usage = @import("usage.zig");

const ms = std.time.ns_per_ms;
const second = 1000 * ms;

var hand: fake.Hand = undefined;

test "at its start it draws an epoch and a first number, and keeps no secret twice" {
    try hand.begin(.{});
    // Its first draw is a 1 and sevens.
    try testing.expectEqual(0x0707_0701, hand.node.call_epoch);
    try testing.expectEqual(0x0707_0707 >> 1, hand.node.lines.next_serial);
    try testing.expectEqual(1, hand.outside.drawn);
    try testing.expect(std.mem.allEqual(u8, &hand.node.config.secret, 0));
    const own = try noise.KeyPair.fromSecret(@splat('a'));
    try testing.expectEqual(own.public, hand.node.static.public);
    try testing.expectEqual(0, hand.node.nonce);
    try testing.expectEqual(1, hand.node.nextNonce());
    try testing.expectEqual(2, hand.node.nextNonce());
    const epoch = @as(u64, 0x0707_0701) << 32;
    for (1..4) |number| try testing.expectEqual(epoch | number, hand.node.nextCallId(0));
    // Each peer is counted for itself.
    try testing.expectEqual(epoch | 1, hand.node.nextCallId(1));
    // Without entropy it does not start.
    var config = hand.node.config;
    config.secret = @splat('a');
    hand.outside.has_entropy = false;
    const started = hand.node.init(&hand.outside, &config, 0);
    try testing.expectError(error.NoEntropy, started);
    try testing.expectEqual(null, hand.node.ephemeral());
}

test "it waits for callers unless it dials each of its peers" {
    for ([_]bool{ false, true }) |is_dialling| {
        try hand.begin(.{ .is_dialling = is_dialling });
        try testing.expectEqual(@intFromBool(!is_dialling), hand.printed("accept wait"));
        var config: config_file.Config = hand.node.config;
        config.secret = @splat('a');
        config.peer_count = 0;
        hand.outside.lines.len = 0;
        try hand.node.init(&hand.outside, &config, hand.now_ns);
        try testing.expectEqual(0, hand.printed("accept wait"));
    }
}

test "its next deadline is the first of all its parts" {
    try hand.begin(.{});
    const announce_at = hand.node.beacon.next_ns;
    try testing.expectEqual(announce_at, hand.node.deadline());
    try testing.expectEqual(announce_at, hand.node.due_ns);
    hand.node.beacon.next_ns = edge.never;
    try testing.expectEqual(edge.never, hand.node.deadline());
    hand.node.strangers.until_ns = 90;
    try testing.expectEqual(90, hand.node.deadline());
    hand.node.peers[0].denials.until_ns = 80;
    try testing.expectEqual(80, hand.node.deadline());
    const call = hand.node.calls.take(0, 1).?;
    call.ticket = hand.node.nextTicket();
    call.deadline_ns = 70;
    try testing.expectEqual(70, hand.node.deadline());
    const client: edge.Client = .{ .slot = 1, .sequence = 1 };
    hand.node.now_ns = 0;
    var buffer: [front.request_bytes_max]u8 = undefined;
    const request = try front.encodeRequest(&buffer, .bundle_list);
    hand.node.onRequest(client, request);
    call.deadline_ns = edge.never;
    hand.node.strangers.until_ns = edge.never;
    hand.node.peers[0].denials.until_ns = edge.never;
    try testing.expectEqual(4 * second, hand.node.deadline());
    hand.node.journal.add(&hand.node, .{}, .warn, "words");
    try testing.expectEqual(250 * ms, hand.node.deadline());
    // Of a peer that the configuration does not name nothing is due.
    hand.node.peers[1].denials.until_ns = 1;
    try testing.expectEqual(250 * ms, hand.node.deadline());
}

test "nothing is looked for before its deadline, but what was heard at once" {
    try hand.begin(.{});
    try testing.expect(!hand.node.isHot());
    const before = hand.node.beacon.next_ns;
    hand.now_ns = before - 1;
    hand.turn();
    try testing.expectEqual(before, hand.node.beacon.next_ns);
    hand.now_ns = before;
    hand.turn();
    try testing.expect(hand.node.beacon.next_ns > before);
    hand.node.onDatagram();
    try testing.expect(hand.node.isHot());
    hand.run();
    try testing.expect(!hand.node.isHot());
}

test "an answer is awaited from its own service, under a ticket that is used" {
    try hand.begin(.{});
    const call = hand.node.calls.take(0, 2).?;
    call.ticket = hand.node.nextTicket();
    try testing.expect(hand.node.awaits(.bundlemgrd, call.ticket));
    try testing.expect(!hand.node.awaits(.samgrd, call.ticket));
    try testing.expect(!hand.node.awaits(.bundlemgrd, call.ticket + 1));
    try testing.expect(!hand.node.awaits(.bundlemgrd, 0));
    hand.node.journal.add(&hand.node, .{}, .warn, "words");
    try testing.expect(hand.node.awaits(.logd, call.ticket + 1));
    try testing.expect(!hand.node.awaits(.samgrd, call.ticket + 1));
    // Its answer settles the record, and nothing else.
    var reply: [29]u8 = @splat(0);
    reply[0..5].* = "LO\x02\x90\x00".*;
    std.mem.writeInt(u64, reply[5..13], call.ticket + 1, .little);
    hand.node.onReply(.logd, call.ticket + 1, &reply);
    try testing.expect(!hand.node.awaits(.logd, call.ticket + 1));
    try testing.expect(hand.node.awaits(.bundlemgrd, call.ticket));
}

test "some lines are said once, that of a service whenever it has answered" {
    try hand.begin(.{});
    for (0..2) |_| {
        hand.node.tellOnce(.dial);
        hand.node.tellOnce(.rx);
        hand.node.tellUp();
        hand.node.tellServed(0, @intFromEnum(edge.Service.packagefsd));
        hand.node.tellServed(0, @intFromEnum(edge.Service.statefsd));
        hand.node.tellServed(0, @intFromEnum(edge.Service.logd));
    }
    for ([_][]const u8{
        "cross-vm dial start\n",
        "remote proxy rx\n",
        "remote proxy up\n",
        "remote packagefs served\n",
        "remote statefs served\n",
    }) |line| try testing.expectEqual(1, hand.printed(line));
    try testing.expectEqual(2, hand.printed("remote proxy ok (peer=node-b service=logd)\n"));
    // A node that permits nothing is not up for any peer.
    try hand.begin(.{});
    hand.node.config.rule_count = 0;
    hand.node.tellUp();
    try testing.expectEqual(0, hand.printed("remote proxy up"));
}

test "what was counted is reported at the end of its interval, of peers and of strangers" {
    try hand.begin(.{});
    for (0..denials.records_max + 3) |_| _ = hand.node.peers[0].denials.note(hand.now_ns);
    _ = hand.node.strangers.note(.{ 10, 42, 0, 99 }, .timeout, hand.now_ns);
    hand.pass(10 * second - 1);
    try testing.expectEqual(0, hand.outside.records.len);
    hand.pass(1);
    const of_peer = "audit denials peer=node-b count=3 ms=10000";
    const of_stranger = "audit strangers source=10.42.0.99 refused=0 evicted=0 timeout=1 ms=10000";
    for ([_][]const u8{ of_peer, of_stranger }) |text| {
        try testing.expectEqual(1, hand.recorded(text));
        try testing.expectEqual(1, hand.printed(text));
    }
    // The next interval is another.
    hand.pass(20 * second);
    try testing.expectEqual(1, hand.recorded(of_peer));
}

test "what a node holds is counted, each kind for itself" {
    try hand.begin(.{});
    try testing.expectEqual([6]u16{ 0, 0, 0, 0, 0, 1 }, usage.of(&hand.node));
    try hand.join(.{});
    try testing.expectEqual([6]u16{ 1, 0, 0, 0, 0, 1 }, usage.of(&hand.node));
    // A stranger's connection is one, and has no streams.
    hand.outside.arriving_ip = .{ 10, 42, 0, 99 };
    hand.arrive();
    try testing.expectEqual([6]u16{ 2, 0, 0, 0, 0, 1 }, usage.of(&hand.node));
    _ = hand.node.calls.take(0, 1);
    _ = hand.node.calls.take(0, 1);
    var buffer: [front.request_bytes_max]u8 = undefined;
    const request = try front.encodeRequest(&buffer, .bundle_list);
    for (0..3) |_| hand.node.onRequest(.{ .slot = 1, .sequence = 1 }, request);
    hand.node.talks[0].mux.streams.all[0].id = 2;
    hand.node.talks[0].mux.streams.all[7].id = 4;
    try testing.expectEqual([6]u16{ 2, 2, 3, 0, 2, 1 }, usage.of(&hand.node));
}

test "of two peers' entries and many strangers' the right one makes room" {
    var table: discovery.Table = .{ .ttl_ns = 1000 };
    const Words = struct { id: []const u8, is_configured: bool, at: u64 };
    const first = [_]Words{
        .{ .id = "node-b", .is_configured = true, .at = 0 },
        .{ .id = "node-c", .is_configured = true, .at = 1 },
    };
    for (first) |each| try testing.expect(try hear(&table, each.id, each.is_configured, each.at));
    var names: [15][3]u8 = undefined;
    for (&names, 0..) |*name, n| {
        name.* = "x00".*;
        name[1] += @intCast(n / 10);
        name[2] += @intCast(n % 10);
        // The third was heard first.
        try testing.expect(try hear(&table, name, false, if (n == 2) 5 else 10 + n));
    }
    // The fifteenth displaced it.
    try testing.expectEqual(16, table.count);
    try testing.expectEqual(null, table.find("x02", 30));
    for ([_][]const u8{ "node-b", "node-c", "x00", "x14" }) |id| {
        try testing.expect(table.find(id, 30) != null);
    }
    // One that is configured displaces a stranger, too.
    try testing.expect(try hear(&table, "node-d", true, 31));
    try testing.expectEqual(null, table.find("x00", 31));
    try testing.expect(table.find("node-d", 31).?.configured);
    // What is too old is absent, and its place is free.
    try testing.expectEqual(null, table.find("node-b", 1000));
    try testing.expect(table.find("node-c", 1000) != null);
    try testing.expect(try hear(&table, "node-b", true, 1000));
    try testing.expectEqual(16, table.count);
    table.expire(2031);
    try testing.expectEqual(0, table.count);
    try testing.expectError(error.Invalid, hear(&table, "", true, 0));
    try testing.expectError(error.Invalid, hear(&table, "\xff", true, 0));
}

fn hear(table: *discovery.Table, id: []const u8, is_configured: bool, at: u64) !bool {
    return table.hear(
        &.{ .device_id = id, .tcp_port = 1, .key = @splat(1) },
        .{ 10, 42, 0, 9 },
        is_configured,
        at,
    );
}
