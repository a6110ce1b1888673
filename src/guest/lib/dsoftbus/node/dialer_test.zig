//! When a node dials a peer that it has heard, at which address, and what is recorded of it.

const std = @import("std");
const testing = std.testing;
const backoff = @import("../backoff.zig");
const denials = @import("denials.zig");
const dialer = @import("dialer.zig");
const edge = @import("edge.zig");
const ms = std.time.ns_per_ms;
const never = edge.never;
const common = @import("beacon_scene.zig");
const key_b = common.key_b;
const outside = &common.outside;
const node = &common.node;
const at_b = common.at_b;
const at_c = common.at_c;
const begin = common.begin;
const announces = common.announces;

test "a peer is dialled if the configuration says so, once it was heard, and not twice at a time" {
    try begin(7);
    outside.is_deaf = true;
    dialer.tick(node);
    try testing.expectEqual(null, outside.dialled);
    try testing.expectEqual(never, dialer.deadline(node));
    try announces("node-b", 'b', at_b.ip, at_b.port);
    try announces("node-c", 'c', at_c.ip, at_c.port);
    _ = node.beacon.tick(node);
    outside.text_len = 0;
    try testing.expectEqual(0, dialer.deadline(node));
    // As a connection that is over may leave its place.
    node.lines.all[0] = .{ .is_awaiting = true, .busy = true, .is_unsent = true };
    dialer.tick(node);
    try testing.expectEqual(at_b, outside.dialled.?);
    try testing.expectEqual(1, node.told);
    const line = &node.lines.all[0];
    try testing.expectEqual(1, node.lines.used().len);
    try testing.expectEqual(.connecting, line.state);
    try testing.expectEqual(0, line.dialled.?);
    try testing.expectEqual(null, line.bound);
    try testing.expectEqual(5, line.socket);
    try testing.expectEqual(41, line.serial);
    try testing.expectEqual(at_b, line.address);
    try testing.expectEqual(7, line.opened_ns);
    try testing.expectEqual(never, line.await_ns);
    try testing.expect(!line.is_awaiting and !line.busy and !line.is_unsent);
    // There is a connection: nothing is due.
    try testing.expectEqual(never, dialer.deadline(node));
    outside.dialled = null;
    dialer.tick(node);
    try testing.expectEqual(null, outside.dialled);
    // It is over, and what was heard is too old.
    line.state = .free;
    line.dialled = null;
    node.now_ns = 7 + 1500 * ms;
    try testing.expectEqual(never, dialer.deadline(node));
    dialer.tick(node);
    try testing.expectEqual(null, outside.dialled);
}

test "an attempt that cannot begin is made again after the pause that a failure has" {
    try begin(7);
    outside.is_deaf = true;
    try announces("node-b", 'b', at_b.ip, at_b.port);
    _ = node.beacon.tick(node);
    outside.has_socket = false;
    dialer.tick(node);
    try testing.expectEqual(0, node.lines.used().len);
    try testing.expectEqual(7 + backoff.first_ns, dialer.deadline(node));
    outside.dialled = null;
    node.now_ns = 7 + backoff.first_ns - 1;
    dialer.tick(node);
    try testing.expectEqual(null, outside.dialled);
    node.now_ns += 1;
    dialer.tick(node);
    try testing.expectEqual(at_b, outside.dialled.?);
    try testing.expectEqual(node.now_ns + 2 * backoff.first_ns, dialer.deadline(node));
}

test "an address at which nothing was proven is dialled with a record and a line" {
    try begin(7);
    outside.is_deaf = true;
    outside.has_socket = false;
    try announces("node-b", 'b', .{ 10, 42, 0, 66 }, 9);
    _ = node.beacon.tick(node);
    outside.text_len = 0;
    for (0..2) |_| {
        dialer.tick(node);
        try testing.expectEqual(at_b, outside.dialled.?);
        node.now_ns = node.peers[0].backoff.at_ns;
    }
    try testing.expectEqual(0, node.journal.count);
    dialer.tick(node);
    try testing.expectEqual(edge.Address{ .ip = .{ 10, 42, 0, 66 }, .port = 9 }, outside.dialled.?);
    try testing.expectEqual(1, node.journal.count);
    try testing.expectEqual(.refusal, node.journal.room);
    try testing.expectEqualStrings(
        "audit address outcome=unproven peer=node-b address=10.42.0.66:9",
        node.journal.text[0..node.journal.len],
    );
    const printed = outside.text[0..outside.text_len];
    try testing.expect(std.mem.indexOf(u8, printed, "10.42.0.66:9") != null);
    // Of a flood only so many.
    node.peers[0].denials.records = denials.records_max;
    for (0..3) |_| {
        node.now_ns = node.peers[0].backoff.at_ns;
        _ = node.table.hear(
            &.{ .device_id = "node-b", .tcp_port = 9, .key = key_b },
            .{ 10, 42, 0, 66 },
            true,
            node.now_ns,
        ) catch unreachable; // its name is one
        dialer.tick(node);
    }
    try testing.expectEqual(1, node.journal.count);
    try testing.expectEqual(1, node.peers[0].denials.count);
}
