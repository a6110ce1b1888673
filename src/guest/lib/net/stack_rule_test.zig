//! The stack's rules of addresses, ports and places, one at a time: where a packet goes, and what
//! may be bound.

const std = @import("std");
const testing = std.testing;
const address = @import("address.zig");
const connection = @import("connection.zig");
const outbox = @import("outbox.zig");
const packet = @import("packet.zig");
const stack_file = @import("stack.zig");
const tcp = @import("stack_tcp.zig");
const udp = @import("udp.zig");
const Ip = address.Ip;
const common = @import("stack_rule_scene.zig");
const own = common.own;
const mac = common.mac;
const peer_mac = common.peer_mac;
const peer = common.peer;
const group = common.group;
const far = common.far;
const stack = &common.stack;
const out = &common.out;
const ipOf = common.ipOf;
const begin = common.begin;
const said = common.said;

test "a stack that has just begun has dropped nothing, holds nothing and waits for nothing" {
    begin();
    stack.pending = 5;
    stack.drops.malformed = 5;
    stack.has_looped_out = true;
    stack.turn = 3;
    begin();
    inline for (@typeInfo(stack_file.Drops).@"struct".fields) |field| {
        try testing.expectEqual(0, @field(stack.drops, field.name));
    }
    try testing.expectEqual(0, stack.pending);
    try testing.expectEqual(0, stack.turn);
    try testing.expectEqual(0, stack.next_port);
    try testing.expectEqual(0, stack.box.count);
    try testing.expectEqual(connection.never, stack.nextDeadline());
    for (&stack.listeners) |*listener| {
        try testing.expect(!listener.in_use);
        try testing.expectEqual(0, listener.port);
    }
    for (&stack.udp_sockets) |*socket| try testing.expect(!socket.in_use);
    for (&stack.connections) |*c| try testing.expect(!c.in_use);
    try testing.expectEqual(null, try said(0));
    const socket: udp.Socket = .{};
    try testing.expect(!socket.in_use);
    try testing.expectEqual(0, socket.ip + socket.port + socket.dropped);
    try testing.expectEqual(0, socket.head + socket.count + socket.bytes.len);
}

test "the next hop is the target if it is near, else the gateway, if there is one" {
    const gateway = ipOf(1);
    const Case = struct { target: Ip, prefix: u6 = 24, near: bool };
    for ([_]Case{
        .{ .target = peer, .near = true },
        .{ .target = own, .near = true },
        .{ .target = address.fromBytes(.{ 10, 42, 1, 11 }), .near = false },
        .{ .target = address.fromBytes(.{ 10, 42, 1, 11 }), .prefix = 23, .near = true },
        .{ .target = address.fromBytes(.{ 10, 42, 2, 11 }), .prefix = 23, .near = false },
        .{ .target = ipOf(11), .prefix = 31, .near = true },
        .{ .target = ipOf(12), .prefix = 31, .near = false },
        .{ .target = ipOf(11), .prefix = 32, .near = false },
        .{ .target = far, .prefix = 0, .near = true },
        .{ .target = group, .near = true },
        .{ .target = address.fromBytes(.{ 224, 0, 0, 1 }), .near = true },
        .{ .target = 0xFFFF_FFFF, .near = true },
    }) |case| for ([_]?Ip{ null, gateway }) |way| {
        begin();
        stack.config.prefix = case.prefix;
        stack.config.gateway = way;
        try testing.expectEqual(if (case.near) case.target else way, stack.nextHop(case.target));
    };
}

test "a broadcast address is the last one of a net that has more than two" {
    const Case = struct { ip: Ip, prefix: u6, is_one: bool };
    for ([_]Case{
        .{ .ip = 0xFFFF_FFFF, .prefix = 24, .is_one = true },
        .{ .ip = 0xFFFF_FFFF, .prefix = 32, .is_one = true },
        .{ .ip = ipOf(255), .prefix = 24, .is_one = true },
        .{ .ip = ipOf(254), .prefix = 24, .is_one = false },
        .{ .ip = ipOf(0), .prefix = 24, .is_one = false },
        .{ .ip = address.fromBytes(.{ 10, 42, 1, 255 }), .prefix = 24, .is_one = false },
        .{ .ip = address.fromBytes(.{ 10, 42, 1, 255 }), .prefix = 23, .is_one = true },
        .{ .ip = ipOf(255), .prefix = 23, .is_one = false },
        .{ .ip = ipOf(11), .prefix = 30, .is_one = true },
        .{ .ip = ipOf(11), .prefix = 31, .is_one = false },
        .{ .ip = ipOf(10), .prefix = 32, .is_one = false },
    }) |case| {
        begin();
        stack.config.prefix = case.prefix;
        try testing.expectEqual(case.is_one, stack.isBroadcast(case.ip));
    }
}

test "the link address of ourselves, of all, of a group, and of a neighbour that is known" {
    begin();
    try testing.expectEqual(mac, stack.linkAddress(own, 0).?);
    try testing.expectEqual(address.broadcast_mac, stack.linkAddress(ipOf(255), 0).?);
    const of_group: address.Mac = .{ 0x01, 0x00, 0x5E, 42, 0, 1 };
    try testing.expectEqual(of_group, stack.linkAddress(group, 0).?);
    try testing.expectEqual(peer_mac, stack.linkAddress(peer, 0).?);
    try testing.expectEqual(null, stack.linkAddress(ipOf(12), 0));
    // That one is asked for now.
    const frame = stack.transmit(out, 0).?;
    try testing.expectEqual(packet.EtherType.arp, packet.get16(frame, 12));
    try testing.expectEqual(address.broadcast_mac, frame[0..6].*);
    const asked = packet.Arp.parse(frame[14..]).?;
    try testing.expectEqual(packet.Arp.request, asked.operation);
    try testing.expectEqual(ipOf(12), asked.target_ip);
    try testing.expectEqual(own, asked.sender_ip);
    try testing.expectEqual(mac, asked.sender_mac);
    try testing.expectEqual(packet.ethernet_bytes + packet.arp_bytes, frame.len);
}

test "a packet is as long as the link allows, and not a byte longer" {
    begin();
    const most = packet.mtu - packet.ipv4_bytes;
    try testing.expectEqual(1480, most);
    try testing.expectEqual(most, (try stack.compose(peer, 17, most, false)).len);
    try testing.expectError(error.TooBig, stack.compose(peer, 17, most + 1, false));
    try testing.expectError(error.Unroutable, stack.compose(far, 17, 1, false));
    for (1..outbox.packets_max) |_| _ = try stack.compose(peer, 17, 1, false);
    try testing.expectError(error.WouldBlock, stack.compose(peer, 17, 1, false));
    try testing.expectError(error.WouldBlock, stack.sendPing(peer, 0, 1));
    // A ping that could not be said is not waited for.
    try testing.expectEqual(connection.never, stack.pings.nextDeadline());
    const first = stack.transmit(out, 0).?;
    try testing.expectEqual(packet.frame_bytes_max, first.len);
}

test "where datagrams may go and come from" {
    begin();
    const all: Ip = 0;
    for ([_]Ip{ all, own, group }, 5000..) |ip, port| {
        try testing.expectEqual(port - 5000, try stack.udpBind(ip, @intCast(port)));
    }
    for ([_]Ip{ peer, address.fromBytes(.{ 239, 42, 0, 2 }), 0xFFFF_FFFF }) |ip| {
        try testing.expectError(error.BadAddress, stack.udpBind(ip, 6000));
    }
    try testing.expectError(error.BadAddress, stack.udpBind(all, 0));
    // A port of all addresses is that of each of them; two of two addresses are two.
    for ([_]struct { Ip, u16, bool }{
        .{ own, 5000, false }, .{ group, 5000, false }, .{ all, 5001, false },
        .{ own, 5001, false }, .{ group, 5001, true },  .{ own, 5002, true },
    }) |row| {
        if (row[2]) {
            _ = try stack.udpBind(row[0], row[1]);
        } else try testing.expectError(error.InUse, stack.udpBind(row[0], row[1]));
    }
    // One that was closed blocks no other.
    stack.udpClose(0);
    try testing.expectEqual(0, try stack.udpBind(all, 5000));
    stack.config.group = null;
    try testing.expectError(error.BadAddress, stack.udpBind(group, 7000));
    try testing.expectError(error.BadAddress, stack.udpSend(0, .{ .ip = peer, .port = 0 }, "x"));
    try testing.expectError(error.BadAddress, stack.udpSend(0, .{ .ip = 0, .port = 9 }, "x"));
    const most: [packet.udp_data_bytes_max]u8 = @splat('d');
    try testing.expectEqual(1472, most.len);
    try stack.udpSend(0, .{ .ip = peer, .port = 9 }, &most);
    const frame = stack.transmit(out, 0).?;
    const heard = try packet.Udp.parse(try packet.Ipv4.parse(frame[14..]));
    try testing.expectEqual(5000, heard.source_port);
    try testing.expectEqual(9, heard.target_port);
    try testing.expectEqualSlices(u8, &most, heard.data);
}

test "there are eight sockets for datagrams, eight listeners and twenty-four connections" {
    begin();
    for (0..8) |n| try testing.expectEqual(n, try stack.udpBind(0, @intCast(n + 1)));
    try testing.expectError(error.NoSocket, stack.udpBind(0, 9));
    for (0..8) |n| try testing.expectEqual(n, try tcp.listen(stack, @intCast(n + 1)));
    try testing.expectError(error.NoSocket, tcp.listen(stack, 9));
    tcp.unlisten(stack, 3);
    try testing.expectEqual(3, try tcp.listen(stack, 9));
    for (0..24) |n| {
        const index = try tcp.connect(stack, .{ .ip = peer, .port = 80 }, 0);
        try testing.expectEqual(n, index);
        // The dynamic range begins there (RFC 6335), and each has a port of its own.
        try testing.expectEqual(49152 + n, stack.connections[index].local_port);
    }
    try testing.expectError(error.NoSocket, tcp.connect(stack, .{ .ip = peer, .port = 80 }, 0));
    for ([_]address.Endpoint{
        .{ .ip = peer, .port = 0 },
        .{ .ip = 0, .port = 80 },
        .{ .ip = group, .port = 80 },
        .{ .ip = 0xFFFF_FFFF, .port = 80 },
    }) |to| try testing.expectError(error.BadAddress, tcp.connect(stack, to, 0));
}

test "ports of calls go round in their range, past those that are taken" {
    begin();
    stack.next_port = 16383;
    _ = try tcp.listen(stack, 49152);
    for ([_]u16{ 65535, 49153, 49154 }) |port| {
        const index = try tcp.connect(stack, .{ .ip = peer, .port = 80 }, 0);
        try testing.expectEqual(port, stack.connections[index].local_port);
    }
    stack.next_port = 0;
    const index = try tcp.connect(stack, .{ .ip = peer, .port = 80 }, 0);
    try testing.expectEqual(49155, stack.connections[index].local_port);
}

test "the first number grows by one in four microseconds" {
    begin();
    const to: address.Endpoint = .{ .ip = peer, .port = 80 };
    const first = try tcp.connect(stack, to, 0);
    const iss = stack.connections[first].iss;
    const Row = struct { u64, u32 };
    const rows = [_]Row{ .{ 3999, 0 }, .{ 4000, 1 }, .{ 4_000_000_000, 1_000_000 } };
    for (rows) |row| {
        stack.next_port = 0;
        tcp.abort(stack, first);
        const again = try tcp.connect(stack, to, row[0]);
        try testing.expectEqual(iss +% row[1], stack.connections[again].iss);
    }
}
