//! Connections of a stack: which one makes room, what a stranger is answered, and whose turn it is.

const std = @import("std");
const testing = std.testing;
const address = @import("address.zig");
const connection = @import("connection.zig");
const packet = @import("packet.zig");
const segment = @import("segment.zig");
const tcp = @import("stack_tcp.zig");
const udp = @import("udp.zig");
const ms = std.time.ns_per_ms;
const common = @import("stack_rule_scene.zig");
const peer = common.peer;
const stack = &common.stack;
const ipOf = common.ipOf;
const begin = common.begin;
const hear = common.hear;
const segmentOf = common.segmentOf;
const said = common.said;
const syn = common.syn;
const waitFor = common.waitFor;

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
    // A reset gets no answer, and port 0 has no owner.
    hear(7, 80, segmentOf(.{ .rst = true }, 100, 0), 0);
    hear(0, 80, segmentOf(syn, 100, 0), 0);
    try testing.expectEqual(null, try said(0));
    try testing.expectEqual(3, stack.drops.no_socket);
    try testing.expectEqual(1, stack.drops.malformed);
}

test "a listener takes a SYN alone; each of its connections waits until it stands" {
    begin();
    const listener = try tcp.listen(stack, 80);
    hear(7, 80, segmentOf(.{ .syn = true, .ack = true }, 100, 5), 0);
    try testing.expectEqual(5, (try said(0)).?.seq);
    hear(7, 80, segmentOf(.{}, 100, 0), 0);
    try testing.expectEqual(null, try said(0));
    hear(7, 80, segmentOf(syn, 100, 0), 5);
    hear(8, 80, segmentOf(syn, 200, 0), 6);
    try testing.expectEqual(null, tcp.firstWaiting(stack, listener));
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
    try testing.expectEqual(null, tcp.firstWaiting(stack, listener + 1));
    const first = tcp.accept(stack, listener).?;
    try testing.expectEqual(7, stack.connections[first].remote.port);
    try testing.expectEqual(8, stack.connections[tcp.accept(stack, listener).?].remote.port);
    try testing.expectEqual(null, tcp.accept(stack, listener));
}

test "of those that only wait for their end the first one makes room" {
    begin();
    for (0..24) |n| {
        const index = try waitFor(80, 1000 * ms - n % 5 * ms);
        try testing.expectEqual(n, index);
    }
    // 996 ms at 4, 9, 14 and 19: the first of them.
    try testing.expectEqual(4, try tcp.connect(stack, .{ .ip = peer, .port = 80 }, 0));
    try testing.expectEqual(9, try tcp.connect(stack, .{ .ip = peer, .port = 80 }, 0));
    stack.connections[20].in_use = false;
    stack.connections[20].state = .closed;
    try testing.expectEqual(20, try tcp.connect(stack, .{ .ip = peer, .port = 80 }, 0));
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
        const listener = try tcp.listen(stack, 80);
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
        const index = try tcp.connect(stack, .{ .ip = peer, .port = 7 }, 0);
        const c = &stack.connections[index];
        c.state = state;
        c.rcv_nxt = 600;
        c.rcv_edge = 600;
        c.snd_max +%= 3;
        const seq = c.snd_max;
        tcp.abort(stack, index);
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
    for (0..3) |_| _ = try tcp.connect(stack, .{ .ip = peer, .port = 7 }, 0);
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
    const lost = try tcp.connect(stack, .{ .ip = ipOf(12), .port = 7 }, 0);
    const other = try tcp.connect(stack, .{ .ip = peer, .port = 7 }, 0);
    tcp.neighbourFailed(stack, ipOf(12));
    try testing.expectEqual(connection.Failure.unreachable_peer, stack.connections[lost].failure);
    try testing.expectEqual(.syn_sent, stack.connections[other].state);
    stack.connections[other].state = .syn_received;
    tcp.neighbourFailed(stack, peer);
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

test "a reader's room is told when it is a segment's worth, and not before" {
    begin();
    const listener = try tcp.listen(stack, 80);
    hear(7, 80, segmentOf(syn, 100, 0), 0);
    const ours = (try said(0)).?.seq +% 1;
    hear(7, 80, segmentOf(.{ .ack = true }, 101, ours), 0);
    const index = tcp.accept(stack, listener).?;
    const words: [146]u8 = @splat('w');
    const count = segment.mss_ours / words.len;
    for (0..count) |n| {
        var text = segmentOf(.{ .ack = true }, @intCast(101 + n * words.len), ours);
        text.data = &words;
        hear(7, 80, text, 0);
        while (try said(0)) |_| {}
    }
    var out: [count * words.len - 1]u8 = undefined;
    try testing.expectEqual(out.len, try tcp.read(stack, index, &out));
    try testing.expectEqual(null, try said(0));
    try testing.expectEqual(1, try tcp.read(stack, index, &out));
    const told = (try said(0)).?;
    try testing.expectEqual(connection.buffer_bytes, told.window);
    try testing.expectEqual(101 + segment.mss_ours, told.ack);
    try testing.expectEqual(null, try said(0));
}

test "a datagram without room in its socket's queue is counted, and no other" {
    begin();
    const index = try stack.udpBind(0, 4096);
    for (0..udp.datagrams_max) |n| {
        hearDatagram("x");
        try testing.expectEqual(n + 1, stack.udp_sockets[index].count);
        try testing.expectEqual(0, stack.drops.queue_full);
    }
    for (1..3) |n| {
        hearDatagram("y");
        try testing.expectEqual(n, stack.drops.queue_full);
    }
    var text: [1]u8 = undefined;
    _ = stack.udp_sockets[index].pop(&text).?;
    hearDatagram("z");
    try testing.expectEqual(2, stack.drops.queue_full);
    try testing.expectEqual(0, stack.drops.no_socket);
}

/// A datagram of the peer to our port 4096, without a checksum.
fn hearDatagram(data: []const u8) void {
    var frame: [60]u8 = @splat(0);
    const len = 8 + data.len;
    packet.putEthernet(&frame, common.mac, common.peer_mac, packet.EtherType.ipv4);
    packet.Ipv4.write(frame[14..], peer, common.own, packet.Protocol.udp, len);
    const head = frame[packet.payload_at..];
    std.mem.writeInt(u16, head[0..2], 7, .big);
    std.mem.writeInt(u16, head[2..4], 4096, .big);
    std.mem.writeInt(u16, head[4..6], @intCast(len), .big);
    @memcpy(head[8..][0..data.len], data);
    stack.receive(frame[0 .. packet.payload_at + len], 0);
}
