//! The stack's rules of addresses, ports and places, one at a time: where a packet goes, who may
//! bind what, which connection makes room, and what a stranger is answered.

const std = @import("std");
const testing = std.testing;
const address = @import("address.zig");
const connection = @import("connection.zig");
const outbox = @import("outbox.zig");
const packet = @import("packet.zig");
const segment = @import("segment.zig");
const stack_file = @import("stack.zig");
const tcp = @import("stack_tcp.zig");
const udp = @import("udp.zig");
const Ip = address.Ip;
const Stack = stack_file.Stack;

const ms = std.time.ns_per_ms;
const own = ipOf(10);
const mac: address.Mac = .{ 0x52, 0x54, 0, 0, 0, 10 };
const peer_mac: address.Mac = .{ 0x52, 0x54, 0, 0, 0, 11 };
const peer = ipOf(11);
const group = address.fromBytes(.{ 239, 42, 0, 1 });
const far = address.fromBytes(.{ 8, 8, 8, 8 });

var stack: Stack = undefined;
var out: [packet.frame_bytes_max]u8 align(8) = undefined;

fn ipOf(last: u8) Ip {
    return address.fromBytes(.{ 10, 42, 0, last });
}

fn begin() void {
    stack.init(.{
        .mac = mac,
        .ip = own,
        .prefix = 24,
        .group = group,
        .secret = @splat(7),
        .port_seed = 0,
    });
    stack.cache.learn(peer, peer_mac, true, 0);
}

/// A segment of the peer to us.
fn hear(source_port: u16, target_port: u16, seg: segment.Segment, now: u64) void {
    var frame: [200]u8 align(8) = @splat(0);
    var sent = seg;
    sent.source_port = source_port;
    sent.target_port = target_port;
    const len = sent.headerLen() + sent.data.len;
    @memcpy(frame[packet.payload_at + sent.headerLen() ..][0..sent.data.len], sent.data);
    packet.putEthernet(&frame, mac, peer_mac, packet.EtherType.ipv4);
    packet.Ipv4.write(frame[14..], peer, own, packet.Protocol.tcp, len);
    sent.write(frame[packet.payload_at..][0..len], peer, own);
    stack.receive(frame[0 .. packet.payload_at + len], now);
}

fn segmentOf(flags: segment.Flags, seq: u32, ack: u32) segment.Segment {
    return .{
        .source_port = 0,
        .target_port = 0,
        .seq = seq,
        .ack = ack,
        .flags = flags,
        .window = 4096,
    };
}

/// What is said next, if it is a segment.
fn said(now: u64) !?segment.Segment {
    const frame = stack.transmit(&out, now) orelse return null;
    try testing.expectEqual(peer_mac, frame[0..6].*);
    try testing.expectEqual(mac, frame[6..12].*);
    return try segment.Segment.parse(try packet.Ipv4.parse(frame[14..]));
}

const syn: segment.Flags = .{ .syn = true };

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
    const frame = stack.transmit(&out, 0).?;
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
    const first = stack.transmit(&out, 0).?;
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
    const frame = stack.transmit(&out, 0).?;
    const heard = try packet.Udp.parse(try packet.Ipv4.parse(frame[14..]));
    try testing.expectEqual(5000, heard.source_port);
    try testing.expectEqual(9, heard.target_port);
    try testing.expectEqualSlices(u8, &most, heard.data);
}

test "there are eight sockets for datagrams, eight listeners and twenty-four connections" {
    begin();
    for (0..8) |n| try testing.expectEqual(n, try stack.udpBind(0, @intCast(n + 1)));
    try testing.expectError(error.NoSocket, stack.udpBind(0, 9));
    for (0..8) |n| try testing.expectEqual(n, try tcp.listen(&stack, @intCast(n + 1)));
    try testing.expectError(error.NoSocket, tcp.listen(&stack, 9));
    tcp.unlisten(&stack, 3);
    try testing.expectEqual(3, try tcp.listen(&stack, 9));
    for (0..24) |n| {
        const index = try tcp.connect(&stack, .{ .ip = peer, .port = 80 }, 0);
        try testing.expectEqual(n, index);
        // The dynamic range begins there (RFC 6335), and each has a port of its own.
        try testing.expectEqual(49152 + n, stack.connections[index].local_port);
    }
    try testing.expectError(error.NoSocket, tcp.connect(&stack, .{ .ip = peer, .port = 80 }, 0));
    for ([_]address.Endpoint{
        .{ .ip = peer, .port = 0 },
        .{ .ip = 0, .port = 80 },
        .{ .ip = group, .port = 80 },
        .{ .ip = 0xFFFF_FFFF, .port = 80 },
    }) |to| try testing.expectError(error.BadAddress, tcp.connect(&stack, to, 0));
}

test "ports of calls go round in their range, past those that are taken" {
    begin();
    stack.next_port = 16383;
    _ = try tcp.listen(&stack, 49152);
    for ([_]u16{ 65535, 49153, 49154 }) |port| {
        const index = try tcp.connect(&stack, .{ .ip = peer, .port = 80 }, 0);
        try testing.expectEqual(port, stack.connections[index].local_port);
    }
    stack.next_port = 0;
    const index = try tcp.connect(&stack, .{ .ip = peer, .port = 80 }, 0);
    try testing.expectEqual(49155, stack.connections[index].local_port);
}

test "the first number grows by one in four microseconds" {
    begin();
    const to: address.Endpoint = .{ .ip = peer, .port = 80 };
    const first = try tcp.connect(&stack, to, 0);
    const iss = stack.connections[first].iss;
    const Row = struct { u64, u32 };
    const rows = [_]Row{ .{ 3999, 0 }, .{ 4000, 1 }, .{ 4_000_000_000, 1_000_000 } };
    for (rows) |row| {
        stack.next_port = 0;
        tcp.abort(&stack, first);
        const again = try tcp.connect(&stack, to, row[0]);
        try testing.expectEqual(iss +% row[1], stack.connections[again].iss);
    }
}

test "what belongs to no connection is refused with the number that its sender expects" {
    begin();
    hear(7, 80, segmentOf(syn, 100, 0), 0);
    var answer = (try said(0)).?;
    try testing.expectEqual(segment.Flags{ .rst = true, .ack = true }, answer.flags);
    try testing.expectEqual(0, answer.seq);
    try testing.expectEqual(101, answer.ack);
    try testing.expectEqual(80, answer.source_port);
    try testing.expectEqual(7, answer.target_port);
    var with_text = segmentOf(.{ .fin = true }, 100, 0);
    with_text.data = "abc";
    hear(7, 80, with_text, 0);
    try testing.expectEqual(104, (try said(0)).?.ack);
    hear(7, 80, segmentOf(.{ .ack = true }, 100, 555), 0);
    answer = (try said(0)).?;
    try testing.expectEqual(segment.Flags{ .rst = true }, answer.flags);
    try testing.expectEqual(555, answer.seq);
    try testing.expectEqual(0, answer.ack);
    try testing.expectEqual(3, stack.drops.no_socket);
    // A reset is answered by nobody, and port 0 is nobody's.
    hear(7, 80, segmentOf(.{ .rst = true }, 100, 0), 0);
    hear(0, 80, segmentOf(syn, 100, 0), 0);
    try testing.expectEqual(null, try said(0));
    try testing.expectEqual(3, stack.drops.no_socket);
    try testing.expectEqual(1, stack.drops.malformed);
}

test "a listener takes a SYN alone; each of its connections waits until it stands" {
    begin();
    const listener = try tcp.listen(&stack, 80);
    hear(7, 80, segmentOf(.{ .syn = true, .ack = true }, 100, 5), 0);
    try testing.expectEqual(5, (try said(0)).?.seq);
    hear(7, 80, segmentOf(.{}, 100, 0), 0);
    try testing.expectEqual(null, try said(0));
    hear(7, 80, segmentOf(syn, 100, 0), 5);
    hear(8, 80, segmentOf(syn, 200, 0), 6);
    try testing.expectEqual(null, tcp.firstWaiting(&stack, listener));
    var answers: [2]segment.Segment = undefined;
    for (&answers) |*answer| answer.* = (try said(6)).?;
    std.mem.reverse(segment.Segment, &answers);
    for (answers, [_]u16{ 8, 7 }, [_]u32{ 201, 101 }) |answer, port, seq| {
        try testing.expectEqual(port, answer.target_port);
        try testing.expectEqual(segment.Flags{ .syn = true, .ack = true }, answer.flags);
        try testing.expectEqual(seq, answer.ack);
        hear(port, 80, segmentOf(.{ .ack = true }, seq, answer.seq +% 1), 7);
    }
    // The one that came first is the first, whenever it was answered; and of another there is none.
    try testing.expectEqual(null, tcp.firstWaiting(&stack, listener + 1));
    const first = tcp.accept(&stack, listener).?;
    try testing.expectEqual(7, stack.connections[first].remote.port);
    try testing.expectEqual(8, stack.connections[tcp.accept(&stack, listener).?].remote.port);
    try testing.expectEqual(null, tcp.accept(&stack, listener));
}

/// A connection that waits for its end until `end_at`.
fn waitFor(port: u16, end_at: u64) !u8 {
    const index = try tcp.connect(&stack, .{ .ip = peer, .port = port }, 0);
    const c = &stack.connections[index];
    c.state = .time_wait;
    c.rcv_nxt = 500;
    c.rcv_edge = 500;
    c.mss = 536;
    c.cwnd = 536;
    c.holder = .nobody;
    c.end_at = end_at;
    return index;
}

test "of those that only wait for their end the first one makes room" {
    begin();
    for (0..24) |n| {
        const index = try waitFor(80, 1000 * ms - n % 5 * ms);
        try testing.expectEqual(n, index);
    }
    // 996 ms at 4, 9, 14 and 19: the first of them.
    try testing.expectEqual(4, try tcp.connect(&stack, .{ .ip = peer, .port = 80 }, 0));
    try testing.expectEqual(9, try tcp.connect(&stack, .{ .ip = peer, .port = 80 }, 0));
    stack.connections[20].in_use = false;
    stack.connections[20].state = .closed;
    try testing.expectEqual(20, try tcp.connect(&stack, .{ .ip = peer, .port = 80 }, 0));
}

test "a new SYN beyond the old numbers reopens what waits for its end" {
    const Case = struct { flags: segment.Flags = syn, seq: u32, is_new: bool };
    for ([_]Case{
        .{ .seq = 501, .is_new = true },
        .{ .seq = 500, .is_new = false },
        .{ .seq = 499, .is_new = false },
        .{ .seq = 501, .flags = .{ .syn = true, .ack = true }, .is_new = false },
        .{ .seq = 501, .flags = .{ .syn = true, .rst = true }, .is_new = false },
        .{ .seq = 501, .flags = .{ .ack = true }, .is_new = false },
    }) |case| {
        begin();
        const index = try waitFor(7, 1000 * ms);
        stack.connections[index].local_port = 80;
        const listener = try tcp.listen(&stack, 80);
        hear(7, 80, segmentOf(case.flags, case.seq, 0), 0);
        const state = stack.connections[index].state;
        if (case.is_new) {
            try testing.expectEqual(.syn_received, state);
            try testing.expectEqual(.backlog, stack.connections[index].holder);
            try testing.expectEqual(listener, stack.connections[index].listener);
        } else try testing.expectEqual(.time_wait, state);
    }
}

test "an abort resets the peer of a connection that stands, and no other" {
    const State = connection.State;
    for (std.enums.values(State)) |state| {
        begin();
        const index = try tcp.connect(&stack, .{ .ip = peer, .port = 7 }, 0);
        const c = &stack.connections[index];
        c.state = state;
        c.rcv_nxt = 600;
        c.rcv_edge = 600;
        c.snd_max +%= 3;
        const seq = c.snd_max;
        tcp.abort(&stack, index);
        try testing.expect(!c.in_use);
        const answer = try said(0);
        switch (state) {
            .closed, .syn_sent, .time_wait => try testing.expectEqual(null, answer),
            else => {
                try testing.expectEqual(segment.Flags{ .rst = true, .ack = true }, answer.?.flags);
                try testing.expectEqual(seq, answer.?.seq);
                try testing.expectEqual(600, answer.?.ack);
            },
        }
    }
}

test "connections have their turns, each one segment at a time" {
    begin();
    for (0..3) |_| _ = try tcp.connect(&stack, .{ .ip = peer, .port = 7 }, 0);
    for ([_]u16{ 49152, 49153, 49154 }) |port| {
        try testing.expectEqual(port, (try said(0)).?.source_port);
    }
    try testing.expectEqual(null, try said(0));
    try testing.expectEqual(0, stack.pending);
    try testing.expectEqual(1000 * ms, stack.nextDeadline());
    stack.poll(1000 * ms);
    try testing.expectEqual(7, stack.pending);
}

test "a connection through a neighbour that does not answer will not come about, others may" {
    begin();
    const lost = try tcp.connect(&stack, .{ .ip = ipOf(12), .port = 7 }, 0);
    const other = try tcp.connect(&stack, .{ .ip = peer, .port = 7 }, 0);
    tcp.neighbourFailed(&stack, ipOf(12));
    try testing.expectEqual(connection.Failure.unreachable_peer, stack.connections[lost].failure);
    try testing.expectEqual(.syn_sent, stack.connections[other].state);
    stack.connections[other].state = .syn_received;
    tcp.neighbourFailed(&stack, peer);
    try testing.expectEqual(.syn_received, stack.connections[other].state);
}

test "datagrams wait in order, are cut to what is asked for, and go with their socket" {
    var socket: udp.Socket = .{};
    socket.open(5, 9);
    try testing.expect(socket.matches(5, 9));
    try testing.expect(!socket.matches(6, 9) and !socket.matches(5, 8));
    try testing.expect(socket.push(.{ .ip = 1, .port = 2 }, "abcdef"));
    try testing.expect(socket.push(.{ .ip = 3, .port = 4 }, "xyz"));
    var text: [4]u8 = undefined;
    const first = socket.pop(&text).?;
    try testing.expectEqual(address.Endpoint{ .ip = 1, .port = 2 }, first.from);
    try testing.expectEqual(4, first.len);
    try testing.expectEqual(6, first.full_len);
    try testing.expectEqualStrings("abcd", text[0..4]);
    const second = socket.pop(&text).?;
    try testing.expectEqual(3, second.len);
    try testing.expectEqual(3, second.full_len);
    try testing.expectEqualStrings("xyz", text[0..3]);
    // Exactly full, and a byte more.
    const most: [udp.queue_bytes]u8 = @splat('m');
    try testing.expect(socket.push(.{ .ip = 1, .port = 2 }, &most));
    try testing.expect(!socket.push(.{ .ip = 1, .port = 2 }, "x"));
    try testing.expectEqual(1, socket.dropped);
    socket.open(0, 10);
    try testing.expectEqual(null, socket.pop(&text));
    try testing.expectEqual(0, socket.dropped);
    try testing.expect(socket.matches(5, 10) and socket.matches(6, 10));
    try testing.expect(socket.push(.{ .ip = 1, .port = 2 }, &most));
    socket.in_use = false;
    try testing.expect(!socket.matches(5, 10));
}
