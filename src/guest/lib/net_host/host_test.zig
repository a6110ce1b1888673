//! The library's functions, each for what it answers: a connection of a stack to itself from its
//! call to its end, datagrams, and every number of a refusal.

const std = @import("std");
const testing = std.testing;
const net = @import("net");
const host = @import("root.zig");
const Code = host.Code;
const Stack = net.Stack;

const own: u32 = 0x0A2A_000A;
const peer: u32 = 0x0A2A_000B;

var stack: Stack = undefined;
var now: u64 = 0;
var out: [net.packet.frame_bytes_max]u8 align(8) = undefined;

fn begin(gateway: u32) !void {
    now = 1;
    try testing.expectEqual(0, host.nexus_net_init(&stack, @sizeOf(Stack), &.{
        .ip = own,
        .gateway = gateway,
        .group = 0,
        .port_seed = 7,
        .prefix = 24,
        .mac = .{ 0x52, 0x54, 0, 0x12, 0x34, 0x0A },
        .secret = @splat(9),
    }));
}

fn expectCode(code: Code, answer: i32) !void {
    try testing.expectEqual(@intFromEnum(code), answer);
}

/// All that the stack has to say to itself.
fn pump() !void {
    try testing.expectEqual(0, host.nexus_net_transmit(&stack, &out, out.len, now));
}

fn statusOf(handle: i32) !host.Status {
    var status: host.Status = undefined;
    try testing.expectEqual(0, host.nexus_net_tcp_status(&stack, handle, &status));
    return status;
}

test "the numbers by which a program knows the library" {
    try testing.expectEqual(1, host.nexus_net_abi());
    try testing.expectEqual(@sizeOf(Stack), host.nexus_net_size());
    try testing.expectEqual(@alignOf(Stack), host.nexus_net_alignment());
    for ([_]Code{
        .would_block, .failed,  .bad_address, .in_use,       .no_socket,
        .unroutable,  .too_big, .bad_handle,  .bad_argument,
    }, 1..) |code, number| try testing.expectEqual(-@as(i32, @intCast(number)), @intFromEnum(code));
}

test "a connection from its call to its end, with a status at each step" {
    try begin(0);
    const listener = host.nexus_net_tcp_listen(&stack, 80);
    try testing.expectEqual(0, listener);
    try expectCode(.in_use, host.nexus_net_tcp_listen(&stack, 80));
    try expectCode(.bad_address, host.nexus_net_tcp_listen(&stack, 0));
    try expectCode(.would_block, host.nexus_net_tcp_accept(&stack, listener));
    const caller = host.nexus_net_tcp_connect(&stack, &.{ .ip = own, .port = 80 }, now);
    try testing.expect(caller >= 0);
    var status = try statusOf(caller);
    try testing.expectEqual(host.Endpoint{ .ip = own, .port = 80 }, status.remote);
    try testing.expectEqual(49152 + 7, status.local_port);
    try testing.expectEqual(@intFromEnum(net.connection.State.syn_sent), status.state);
    try testing.expectEqual(@intFromEnum(net.connection.Failure.none), status.failure);
    try testing.expectEqual(0, status.retransmissions);
    try expectCode(.would_block, host.nexus_net_tcp_write(&stack, caller, "x", 1));
    try pump();
    const taken = host.nexus_net_tcp_accept(&stack, listener);
    try testing.expect(taken >= 0 and taken != caller);
    status = try statusOf(caller);
    try testing.expectEqual(@intFromEnum(net.connection.State.established), status.state);
    var text: [8]u8 = undefined;
    try expectCode(.would_block, host.nexus_net_tcp_read(&stack, taken, &text, text.len));
    try expectCode(.bad_argument, host.nexus_net_tcp_read(&stack, taken, &text, 0));
    try testing.expectEqual(4, host.nexus_net_tcp_write(&stack, caller, "word", 4));
    try pump();
    try testing.expectEqual(3, host.nexus_net_tcp_read(&stack, taken, &text, 3));
    try testing.expectEqualStrings("wor", text[0..3]);
    try testing.expectEqual(1, host.nexus_net_tcp_read(&stack, taken, &text, text.len));
    try testing.expectEqual(0, host.nexus_net_tcp_close(&stack, caller, now));
    try expectCode(.bad_handle, host.nexus_net_tcp_write(&stack, caller, "x", 1));
    try pump();
    try testing.expectEqual(0, host.nexus_net_tcp_read(&stack, taken, &text, text.len));
    try testing.expectEqual(0, host.nexus_net_tcp_abort(&stack, taken));
    try expectCode(.bad_handle, host.nexus_net_tcp_abort(&stack, taken));
    try testing.expectEqual(0, host.nexus_net_tcp_unlisten(&stack, listener));
    try expectCode(.bad_handle, host.nexus_net_tcp_unlisten(&stack, listener));
    try expectCode(.bad_handle, host.nexus_net_tcp_accept(&stack, listener));
}

test "a call that is not taken fails, and says so in its status" {
    try begin(0);
    const caller = host.nexus_net_tcp_connect(&stack, &.{ .ip = own, .port = 81 }, now);
    try pump();
    const status = try statusOf(caller);
    try testing.expectEqual(@intFromEnum(net.connection.State.closed), status.state);
    try testing.expectEqual(@intFromEnum(net.connection.Failure.refused), status.failure);
    var text: [8]u8 = undefined;
    try expectCode(.failed, host.nexus_net_tcp_read(&stack, caller, &text, text.len));
    try expectCode(.failed, host.nexus_net_tcp_write(&stack, caller, "x", 1));
    const far: host.Endpoint = .{ .ip = 0x0808_0808, .port = 80 };
    try expectCode(.unroutable, host.nexus_net_tcp_connect(&stack, &far, now));
    const nowhere: host.Endpoint = .{ .ip = 0, .port = 80 };
    try expectCode(.bad_address, host.nexus_net_tcp_connect(&stack, &nowhere, now));
    try begin(peer);
    try testing.expectEqual(0, host.nexus_net_tcp_connect(&stack, &far, now));
    for (1..net.stack.connections_max) |_| {
        try testing.expect(host.nexus_net_tcp_connect(&stack, &far, now) >= 0);
    }
    try expectCode(.no_socket, host.nexus_net_tcp_connect(&stack, &far, now));
}

test "each function knows the handles that name nothing" {
    try begin(0);
    var from: host.Endpoint = .{ .ip = own, .port = 9 };
    var status: host.Status = undefined;
    var text: [8]u8 = undefined;
    for ([_]i32{ -1, 0, 7, 8, 23, 24, 255, 256, 1 << 30 }) |handle| {
        for ([_]i32{
            host.nexus_net_udp_close(&stack, handle),
            host.nexus_net_udp_send(&stack, handle, &from, &text, 1),
            host.nexus_net_udp_receive(&stack, handle, &from, &text, 1),
            host.nexus_net_tcp_unlisten(&stack, handle),
            host.nexus_net_tcp_accept(&stack, handle),
            host.nexus_net_tcp_read(&stack, handle, &text, 1),
            host.nexus_net_tcp_write(&stack, handle, &text, 1),
            host.nexus_net_tcp_close(&stack, handle, now),
            host.nexus_net_tcp_abort(&stack, handle),
            host.nexus_net_tcp_status(&stack, handle, &status),
        }) |answer| try expectCode(.bad_handle, answer);
    }
    // The last of each kind is one, as long as it is open.
    for (0..8) |n| try testing.expectEqual(
        @as(i32, @intCast(n)),
        host.nexus_net_udp_bind(&stack, 0, @intCast(100 + n)),
    );
    try testing.expectEqual(0, host.nexus_net_udp_close(&stack, 7));
    try expectCode(.bad_handle, host.nexus_net_udp_close(&stack, 7));
    try testing.expectEqual(7, host.nexus_net_udp_bind(&stack, 0, 300));
    try expectCode(.no_socket, host.nexus_net_udp_bind(&stack, 0, 301));
    // A connection in a backlog is not the caller's yet.
    const listener = host.nexus_net_tcp_listen(&stack, 80);
    const caller = host.nexus_net_tcp_connect(&stack, &.{ .ip = own, .port = 80 }, now);
    try pump();
    try expectCode(.bad_handle, host.nexus_net_tcp_status(&stack, 1 - caller, &status));
    const taken = host.nexus_net_tcp_accept(&stack, listener);
    try testing.expectEqual(1 - caller, taken);
    try testing.expectEqual(0, host.nexus_net_tcp_status(&stack, taken, &status));
}

test "datagrams: cut to what is asked for, with their sender, and who is not there" {
    try begin(0);
    const socket = host.nexus_net_udp_bind(&stack, own, 700);
    try testing.expectEqual(0, socket);
    try expectCode(.bad_address, host.nexus_net_udp_bind(&stack, peer, 701));
    const to: host.Endpoint = .{ .ip = own, .port = 700 };
    try testing.expectEqual(0, host.nexus_net_udp_send(&stack, socket, &to, "words", 5));
    try pump();
    var from: host.Endpoint = undefined;
    var text: [8]u8 = undefined;
    try testing.expectEqual(3, host.nexus_net_udp_receive(&stack, socket, &from, &text, 3));
    try testing.expectEqual(to, from);
    try testing.expectEqualStrings("wor", text[0..3]);
    try expectCode(.would_block, host.nexus_net_udp_receive(&stack, socket, &from, &text, 3));
    const far: host.Endpoint = .{ .ip = 0x0808_0808, .port = 80 };
    try expectCode(.unroutable, host.nexus_net_udp_send(&stack, socket, &far, "x", 1));
    const none: host.Endpoint = .{ .ip = own, .port = 0 };
    try expectCode(.bad_address, host.nexus_net_udp_send(&stack, socket, &none, "x", 1));
    for (0..16) |_| {
        try testing.expectEqual(0, host.nexus_net_udp_send(&stack, socket, &to, "x", 1));
    }
    try expectCode(.would_block, host.nexus_net_udp_send(&stack, socket, &to, "x", 1));
}

test "time and frames go through: who is near is asked for, again after its pause" {
    try begin(peer);
    try testing.expectEqual(std.math.maxInt(u64), host.nexus_net_deadline(&stack));
    const to: host.Endpoint = .{ .ip = 0x0808_0808, .port = 53 };
    const socket = host.nexus_net_udp_bind(&stack, 0, 700);
    try testing.expectEqual(0, host.nexus_net_udp_send(&stack, socket, &to, "?", 1));
    for (0..2) |_| {
        try testing.expectEqual(42, host.nexus_net_transmit(&stack, &out, out.len, now));
        // The gateway is asked for.
        try testing.expectEqual(peer, std.mem.readInt(u32, out[38..42], .big));
        try pump();
        now = host.nexus_net_deadline(&stack);
        host.nexus_net_poll(&stack, now);
    }
    const answer: net.packet.Arp = .{
        .operation = net.packet.Arp.reply,
        .sender_mac = .{ 2, 0, 0, 0, 0, 1 },
        .sender_ip = peer,
        .target_ip = own,
    };
    var frame: [42]u8 align(8) = undefined;
    net.packet.putEthernet(&frame, stack.config.mac, answer.sender_mac, net.packet.EtherType.arp);
    answer.write(frame[14..], stack.config.mac);
    host.nexus_net_receive(&stack, &frame, frame.len, now);
    var len = host.nexus_net_transmit(&stack, &out, out.len, now);
    if (len == 42) len = host.nexus_net_transmit(&stack, &out, out.len, now);
    try testing.expectEqual(14 + 20 + 8 + 1, len);
    try testing.expectEqual(answer.sender_mac, out[0..6].*);
}
