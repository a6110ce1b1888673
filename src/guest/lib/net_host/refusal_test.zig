//! The library refuses what its caller may get wrong: a configuration, a handle, a length.

const std = @import("std");
const testing = std.testing;
const net = @import("net");
const host = @import("root.zig");
const Code = host.Code;
const Config = host.Config;
const Endpoint = host.Endpoint;
const Stack = net.Stack;

const own: Config = .{
    .ip = 0x0A2A_000A,
    .gateway = 0,
    .group = 0xEF2A_0001,
    .port_seed = 7,
    .prefix = 24,
    .mac = .{ 0x52, 0x54, 0, 0x12, 0x34, 0x0A },
    .secret = @splat(9),
};

test "a stack is not made of what cannot be one" {
    var stack: Stack = undefined;
    const bad = @intFromEnum(Code.bad_argument);
    try testing.expectEqual(0, host.nexus_net_init(&stack, @sizeOf(Stack), &own));
    try testing.expectEqual(bad, host.nexus_net_init(&stack, @sizeOf(Stack) - 1, &own));
    const odd: *anyopaque = @ptrFromInt(@intFromPtr(&stack) + 1);
    try testing.expectEqual(bad, host.nexus_net_init(odd, @sizeOf(Stack), &own));
    var wrong: [4]Config = @splat(own);
    wrong[0].ip = 0x7F00_0001;
    wrong[1].prefix = 33;
    wrong[2].mac[0] = 0xFF;
    wrong[3].group = 0x0A2A_0001;
    for (&wrong) |*c| try testing.expectEqual(bad, host.nexus_net_init(&stack, @sizeOf(Stack), c));
}

test "a handle that names nothing is refused" {
    var stack: Stack = undefined;
    try testing.expectEqual(0, host.nexus_net_init(&stack, @sizeOf(Stack), &own));
    const bad = @intFromEnum(Code.bad_handle);
    var bytes: [4]u8 = undefined;
    var from: Endpoint = undefined;
    for ([_]i32{ -1, 0, 15, 16, 255, 256, std.math.maxInt(i32), std.math.minInt(i32) }) |handle| {
        try testing.expectEqual(bad, host.nexus_net_tcp_read(&stack, handle, &bytes, 4));
        try testing.expectEqual(bad, host.nexus_net_tcp_close(&stack, handle, 0));
        try testing.expectEqual(bad, host.nexus_net_tcp_accept(&stack, handle));
        try testing.expectEqual(bad, host.nexus_net_udp_receive(&stack, handle, &from, &bytes, 4));
    }
}

test "a datagram to ourselves, and what is refused on the way" {
    var stack: Stack = undefined;
    try testing.expectEqual(0, host.nexus_net_init(&stack, @sizeOf(Stack), &own));
    const socket = host.nexus_net_udp_bind(&stack, 0, 700);
    try testing.expectEqual(0, socket);
    try testing.expectEqual(@intFromEnum(Code.in_use), host.nexus_net_udp_bind(&stack, 0, 700));
    const to: Endpoint = .{ .ip = own.ip, .port = 700 };
    var out: [net.packet.frame_bytes_max]u8 = undefined;
    const too_big = host.nexus_net_udp_send(&stack, socket, &to, &out, out.len);
    try testing.expectEqual(@intFromEnum(Code.too_big), too_big);
    try testing.expectEqual(0, host.nexus_net_udp_send(&stack, socket, &to, "word", 4));
    const too_small = host.nexus_net_transmit(&stack, &out, 64, 1);
    try testing.expectEqual(@intFromEnum(Code.bad_argument), too_small);
    try testing.expectEqual(0, host.nexus_net_transmit(&stack, &out, out.len, 1));
    var from: Endpoint = undefined;
    try testing.expectEqual(4, host.nexus_net_udp_receive(&stack, socket, &from, &out, out.len));
    try testing.expectEqual(to, from);
    try testing.expectEqualStrings("word", out[0..4]);
    const empty = host.nexus_net_udp_receive(&stack, socket, &from, &out, out.len);
    try testing.expectEqual(@intFromEnum(Code.would_block), empty);
}
