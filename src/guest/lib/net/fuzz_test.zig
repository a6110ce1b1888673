//! Malformed frames, by fixed seeds: whatever comes in, no bound is crossed (the language checks
//! them in this build), every queue stays bounded, and the honest neighbour is still served.

const std = @import("std");
const address = @import("address.zig");
const checksum = @import("checksum.zig");
const fake = @import("link_fake.zig");
const packet = @import("packet.zig");
const tcp = @import("stack_tcp.zig");
const World = fake.World;

const rounds = 4000;
const there: address.Endpoint = .{ .ip = fake.ip_b, .port = 34568 };

/// Make the checksums right again, so that the damage gets past them.
fn repair(frame: []u8) void {
    if (frame.len < 34 or packet.get16(frame, 12) != packet.EtherType.ipv4) return;
    const header_len = @as(usize, frame[14] & 0xF) * 4;
    if (header_len < 20 or 14 + header_len > frame.len) return;
    packet.put16(frame, 24, 0);
    packet.put16(frame, 24, checksum.finish(checksum.sum(frame[14..][0..header_len])));
    const total = packet.get16(frame, 16);
    if (total < header_len or 14 + @as(usize, total) > frame.len) return;
    const body = frame[14 + header_len .. 14 + @as(usize, total)];
    const at: usize = switch (frame[23]) {
        packet.Protocol.tcp => 16,
        packet.Protocol.udp => 6,
        packet.Protocol.icmp => 2,
        else => return,
    };
    if (body.len < at + 2) return;
    packet.put16(body, at, 0);
    const head = if (frame[23] == packet.Protocol.icmp)
        0
    else
        checksum.pseudo(packet.get32(frame, 26), packet.get32(frame, 30), frame[23], body.len);
    packet.put16(body, at, checksum.finish(head + checksum.sum(body)));
}

fn mutate(random: std.Random, frame: []u8) usize {
    for (0..random.uintLessThan(usize, 4)) |_| {
        frame[random.uintLessThan(usize, frame.len)] = random.int(u8);
    }
    const len = if (random.uintLessThan(u8, 4) == 0)
        random.uintLessThan(usize, frame.len + 1)
    else
        frame.len;
    if (random.boolean()) repair(frame[0..len]);
    return len;
}

test "mutated traffic and noise break no stack" {
    for ([_]u64{ 1, 2, 3 }) |seed| {
        const world = try World.create(seed, .{});
        defer world.destroy();
        const listener = try tcp.listen(world.b(), there.port);
        const socket = try world.b().udpBind(0, 37020);
        const sender = try world.a().udpBind(0, 37020);
        var index = try tcp.connect(world.a(), there, world.now);
        var prng: std.Random.DefaultPrng = .init(seed);
        const random = prng.random();
        var frame: [packet.frame_bytes_max]u8 align(8) = undefined;
        var buffer: [512]u8 = undefined;
        for (0..rounds) |round| {
            _ = world.step();
            _ = world.step();
            const a = world.a();
            if (tcp.write(a, index, "some payload to damage")) |_| {} else |_| {
                if (!a.connections[index].in_use or a.connections[index].state == .closed) {
                    tcp.close(a, index, world.now);
                    index = tcp.connect(a, there, world.now) catch index;
                }
            }
            a.udpSend(sender, .{ .ip = fake.group, .port = 37020 }, "announce") catch {};
            if (round % 16 == 0) _ = a.sendPing(fake.ip_b, world.now, 1) catch 0;
            _ = a.pings.nextDone();
            const len = world.last_from_a_len;
            if (len == 0) continue;
            @memcpy(frame[0..len], world.last_from_a[0..len]);
            world.b().receive(frame[0..mutate(random, frame[0..len])], world.now);
            random.bytes(frame[14..100]);
            world.b().receive(frame[0 .. 14 + random.uintLessThan(usize, 86)], world.now);
            if (tcp.accept(world.b(), listener)) |got| {
                _ = tcp.read(world.b(), got, &buffer) catch 0;
                if (random.boolean()) {
                    tcp.abort(world.b(), got);
                } else tcp.close(world.b(), got, world.now);
            }
            _ = world.b().udp_sockets[socket].pop(&buffer);
        }
        const drops = world.b().drops;
        try std.testing.expect(drops.malformed > 100 and drops.bad_checksum > 100);
        // After all that: an honest ping and an honest connection.
        tcp.abort(world.a(), index);
        world.run(120_000 * fake.ms);
        while (tcp.accept(world.b(), listener)) |got| tcp.abort(world.b(), got);
        while (world.a().pings.nextDone()) |_| {}
        _ = try world.a().sendPing(fake.ip_b, world.now, 10_000 * fake.ms);
        index = try tcp.connect(world.a(), there, world.now);
        world.run(15_000 * fake.ms);
        try std.testing.expect(world.a().pings.nextDone().?.rtt_ns != null);
        try std.testing.expect(world.a().connections[index].isConnected());
    }
}
