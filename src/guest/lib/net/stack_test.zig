//! The stack below TCP: neighbours, echo, datagrams, and what is refused.

const std = @import("std");
const address = @import("address.zig");
const fake = @import("link_fake.zig");
const packet = @import("packet.zig");
const stack_module = @import("stack.zig");
const World = fake.World;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;
const ms = fake.ms;

test "a ping resolves its neighbour first and measures the way" {
    const world = try World.create(1, .{});
    defer world.destroy();
    const token = try world.a().sendPing(fake.ip_b, world.now, 1000 * ms);
    world.run(5000 * ms);
    const done = world.a().pings.nextDone().?;
    try expectEqual(token, done.token);
    // Two ways for ARP and two for the echo, a millisecond each.
    try expectEqual(@as(?u64, 4 * ms), done.rtt_ns);
    try expectEqual(@as(usize, 4), world.frames);
    _ = try world.b().sendPing(fake.ip_a, world.now, 1000 * ms);
    world.run(5000 * ms);
    // The answerer knows the asker already.
    try expectEqual(@as(?u64, 2 * ms), world.b().pings.nextDone().?.rtt_ns);
}

test "a neighbour that is not there ends the waiting" {
    const world = try World.create(2, .{});
    defer world.destroy();
    const nobody = address.fromBytes(.{ 10, 42, 0, 99 });
    _ = try world.a().sendPing(nobody, world.now, 20_000 * ms);
    const socket = try world.a().udpBind(0, 5000);
    try world.a().udpSend(socket, .{ .ip = nobody, .port = 1 }, "lost");
    world.run(60_000 * ms);
    try expectEqual(@as(?u64, null), world.a().pings.nextDone().?.rtt_ns);
    try expectEqual(@as(u32, 2), world.a().drops.unresolved);
    try expectEqual(@as(usize, 0), world.a().box.count);
    try expectEqual(@as(usize, 5), world.frames);
}

test "packets to a silent neighbour do not hold up the others" {
    const world = try World.create(3, .{});
    defer world.destroy();
    const from = try world.a().udpBind(0, 5000);
    const to = try world.b().udpBind(fake.ip_b, 37020);
    const nobody = address.fromBytes(.{ 10, 42, 0, 99 });
    try world.a().udpSend(from, .{ .ip = nobody, .port = 1 }, "lost");
    try world.a().udpSend(from, .{ .ip = fake.ip_b, .port = 37020 }, "found");
    world.run(100 * ms);
    var data: [16]u8 = undefined;
    const got = world.b().udp_sockets[to].pop(&data).?;
    try std.testing.expectEqualStrings("found", data[0..got.len]);
    try expectEqual(address.Endpoint{ .ip = fake.ip_a, .port = 5000 }, got.from);
}

test "multicast reaches sockets that listen to any address, and no others" {
    const world = try World.create(4, .{});
    defer world.destroy();
    const from = try world.a().udpBind(0, 5000);
    const any = try world.b().udpBind(0, 37020);
    const own = try world.b().udpBind(fake.ip_b, 37021);
    const other_group = address.fromBytes(.{ 239, 42, 0, 2 });
    try world.a().udpSend(from, .{ .ip = fake.group, .port = 37020 }, "hello");
    try world.a().udpSend(from, .{ .ip = fake.group, .port = 37021 }, "hello");
    try world.a().udpSend(from, .{ .ip = other_group, .port = 37020 }, "hello");
    world.run(100 * ms);
    try expectEqual(@as(usize, 1), world.b().udp_sockets[any].count);
    try expectEqual(@as(usize, 0), world.b().udp_sockets[own].count);
    try expectEqual(@as(u32, 1), world.b().drops.no_socket);
    try expectEqual(@as(u32, 1), world.b().drops.not_for_us);
}

test "a datagram to ourselves comes back without the wire" {
    const world = try World.create(5, .{});
    defer world.destroy();
    const from = try world.a().udpBind(0, 5000);
    const to = try world.a().udpBind(fake.ip_a, 5001);
    try world.a().udpSend(from, .{ .ip = fake.ip_a, .port = 5001 }, "me");
    world.run(100 * ms);
    try expectEqual(@as(usize, 1), world.a().udp_sockets[to].count);
    try expectEqual(@as(usize, 0), world.frames);
}

test "ports and addresses are checked, sockets are bounded" {
    const world = try World.create(6, .{});
    defer world.destroy();
    const a = world.a();
    _ = try a.udpBind(fake.ip_a, 1);
    try std.testing.expectError(error.InUse, a.udpBind(0, 1));
    try std.testing.expectError(error.BadAddress, a.udpBind(fake.ip_b, 2));
    try std.testing.expectError(error.BadAddress, a.udpBind(0, 0));
    const far = address.fromBytes(.{ 10, 43, 0, 1 });
    try std.testing.expectError(error.Unroutable, a.udpSend(0, .{ .ip = far, .port = 1 }, ""));
    var big: [packet.udp_data_bytes_max + 1]u8 = @splat(0);
    try std.testing.expectError(error.TooBig, a.udpSend(0, .{ .ip = fake.ip_b, .port = 1 }, &big));
    for (2..stack_module.udp_sockets_max + 1) |port| _ = try a.udpBind(0, @intCast(port));
    try std.testing.expectError(error.NoSocket, a.udpBind(0, 99));
    a.udpClose(3);
    _ = try a.udpBind(0, 99);
}

test "a gateway is asked for what is not near" {
    const world = try World.create(7, .{});
    defer world.destroy();
    world.a().config.gateway = fake.ip_b;
    const socket = try world.a().udpBind(0, 1);
    const far = address.fromBytes(.{ 8, 8, 8, 8 });
    try world.a().udpSend(socket, .{ .ip = far, .port = 53 }, "?");
    world.run(100 * ms);
    const frame = world.last_from_a[0..world.last_from_a_len];
    try expectEqual(world.b().config.mac, frame[0..6].*);
    try expectEqual(far, packet.get32(frame, 30));
    // B is a host: what is not for it, it does not pass on.
    try expectEqual(@as(u32, 1), world.b().drops.not_for_us);
}

test "damage, fragments and false senders are refused and counted" {
    const world = try World.create(8, .{});
    defer world.destroy();
    const from = try world.a().udpBind(0, 5000);
    const to = try world.b().udpBind(0, 37020);
    const target: address.Endpoint = .{ .ip = fake.ip_b, .port = 37020 };
    try world.a().udpSend(from, target, "plain");
    world.run(100 * ms);
    var frame: [60]u8 align(8) = @splat(0);
    const len = world.last_from_a_len;
    @memcpy(frame[0..len], world.last_from_a[0..len]);
    const drops = &world.b().drops;
    const Case = struct { at: usize, value: u8, counter: *u32, fix_header: bool = false };
    const table = [_]Case{
        .{ .at = 14 + 8, .value = 3, .counter = &drops.bad_checksum },
        .{ .at = len - 1, .value = 'X', .counter = &drops.bad_checksum },
        .{ .at = 14, .value = 0x46, .counter = &drops.bad_checksum, .fix_header = true },
        .{ .at = 14, .value = 0x65, .counter = &drops.malformed },
        .{ .at = 14, .value = 0x44, .counter = &drops.malformed },
        .{ .at = 14 + 2, .value = 0xFF, .counter = &drops.malformed },
        .{ .at = 14 + 6, .value = 0x20, .counter = &drops.fragment, .fix_header = true },
        .{ .at = 14 + 7, .value = 0x01, .counter = &drops.fragment, .fix_header = true },
        .{ .at = 14 + 12, .value = 127, .counter = &drops.bad_source, .fix_header = true },
        .{ .at = 14 + 12, .value = 239, .counter = &drops.bad_source, .fix_header = true },
        .{ .at = 14 + 15, .value = 11, .counter = &drops.bad_source, .fix_header = true },
        .{ .at = 14 + 15, .value = 255, .counter = &drops.bad_source, .fix_header = true },
        .{ .at = 14 + 19, .value = 12, .counter = &drops.not_for_us, .fix_header = true },
        .{ .at = 14 + 9, .value = 99, .counter = &drops.no_protocol, .fix_header = true },
        .{ .at = 12, .value = 0x86, .counter = &drops.no_protocol },
        .{ .at = 5, .value = 0x77, .counter = &drops.not_for_us },
    };
    for (table) |row| {
        var bad = frame;
        bad[row.at] = row.value;
        if (row.fix_header) {
            packet.put16(&bad, 24, 0);
            const sum = @import("checksum.zig").sum(bad[14..34]);
            packet.put16(&bad, 24, @import("checksum.zig").finish(sum));
        }
        const before = row.counter.*;
        const queued = world.b().udp_sockets[to].count;
        world.b().receive(&bad, world.now);
        try expectEqual(before + 1, row.counter.*);
        try expectEqual(queued, world.b().udp_sockets[to].count);
    }
    world.b().receive(&frame, world.now);
    try expectEqual(@as(usize, 2), world.b().udp_sockets[to].count);
}

test "our own address, claimed by another host, is not believed" {
    const world = try World.create(9, .{});
    defer world.destroy();
    var frame: [42]u8 align(8) = undefined;
    const liar: address.Mac = .{ 2, 0, 0, 0, 0, 66 };
    packet.putEthernet(&frame, address.broadcast_mac, liar, packet.EtherType.arp);
    const claim: packet.Arp = .{
        .operation = packet.Arp.reply,
        .sender_mac = liar,
        .sender_ip = fake.ip_a,
        .target_ip = fake.ip_a,
    };
    claim.write(frame[14..], liar);
    world.a().receive(&frame, world.now);
    world.b().receive(&frame, world.now);
    try expectEqual(@as(u32, 1), world.a().drops.bad_source);
    _ = try world.b().sendPing(fake.ip_a, world.now, 1000 * ms);
    world.run(100 * ms);
    try expect(world.b().pings.nextDone().?.rtt_ns != null);
}

test "a flood of echo requests leaves room for our own datagrams" {
    const world = try World.create(10, .{});
    defer world.destroy();
    _ = try world.a().sendPing(fake.ip_b, world.now, 1000 * ms);
    world.run(10 * ms);
    const request = world.last_from_a[0..world.last_from_a_len];
    for (0..50) |_| world.b().receive(request, world.now);
    try expect(world.b().drops.queue_full > 0);
    const socket = try world.b().udpBind(0, 1);
    try world.b().udpSend(socket, .{ .ip = fake.ip_a, .port = 1 }, "still here");
}
