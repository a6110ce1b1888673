//! Two ends of a TCP connection over the fake link, and what tests do with them.

const std = @import("std");
const address = @import("address.zig");
const connection = @import("connection.zig");
const link = @import("link_fake.zig");
const packet = @import("packet.zig");
const segment = @import("segment.zig");
const tcp = @import("stack_tcp.zig");
const Connection = connection.Connection;
const World = link.World;
const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

pub const ms = link.ms;
pub const port = 34568;
pub const there: address.Endpoint = .{ .ip = link.ip_b, .port = port };

/// A connection between A (side 0, which called) and B.
pub const Pair = struct {
    world: *World,
    index: [2]u8,
    listener: u8,

    pub fn open(world: *World) !Pair {
        const listener = try tcp.listen(world.b(), port);
        const a = try tcp.connect(world.a(), there, world.now);
        for (0..1000) |_| {
            _ = world.step();
            const b = tcp.accept(world.b(), listener) orelse continue;
            return .{ .world = world, .index = .{ a, b }, .listener = listener };
        }
        return error.TestNoConnection;
    }

    pub fn end(pair: Pair, side: usize) *Connection {
        return &pair.world.stacks[side].connections[pair.index[side]];
    }

    pub fn write(pair: Pair, side: usize, data: []const u8) connection.WriteError!usize {
        return tcp.write(&pair.world.stacks[side], pair.index[side], data);
    }

    pub fn read(pair: Pair, side: usize, out: []u8) connection.ReadError!usize {
        return tcp.read(&pair.world.stacks[side], pair.index[side], out);
    }

    pub fn close(pair: Pair, side: usize) void {
        tcp.close(&pair.world.stacks[side], pair.index[side], pair.world.now);
    }

    pub fn abort(pair: Pair, side: usize) void {
        tcp.abort(&pair.world.stacks[side], pair.index[side]);
    }
};

pub fn expectIdle(world: *World) !void {
    world.run(300_000 * ms);
    for (&world.stacks) |*one| for (&one.connections) |*c| try expect(!c.in_use);
}

pub fn pattern(side: usize, at: usize) u8 {
    return @truncate((at *% 2654435761 >> 7) +% side *% 91);
}

/// Send `total` bytes both ways at once, and check every one of them.
pub fn transfer(pair: Pair, total: usize, read_max: usize) !void {
    var sent: [2]usize = .{ 0, 0 };
    var got: [2]usize = .{ 0, 0 };
    var buffer: [3000]u8 = undefined;
    for (0..400_000) |_| {
        const got_before = got[0] + got[1];
        for (0..2) |side| {
            const want = @min(total - sent[side], buffer.len);
            for (buffer[0..want], 0..) |*byte, i| byte.* = pattern(side, sent[side] + i);
            if (want > 0) sent[side] += pair.write(side, buffer[0..want]) catch |err| switch (err) {
                error.WouldBlock => 0,
                else => return err,
            };
            const count = pair.read(side, buffer[0..read_max]) catch |err| switch (err) {
                error.WouldBlock => continue,
                else => return err,
            };
            for (buffer[0..count], 0..) |byte, i| {
                try expectEqual(pattern(side ^ 1, got[side] + i), byte);
            }
            got[side] += count;
        }
        if (got[0] == total and got[1] == total) return;
        const is_moving = pair.world.step() or got[0] + got[1] != got_before;
        if (!is_moving) return error.TestStuck;
    }
    return error.TestTooSlow;
}

/// A segment from A to B as an attacker on the link would forge it.
pub fn forge(pair: Pair, seq: u32, ack: u32, flags: segment.Flags) void {
    forgeData(pair, seq, ack, flags, 4096, "");
}

pub fn forgeData(
    pair: Pair,
    seq: u32,
    ack: u32,
    flags: segment.Flags,
    window: u16,
    data: []const u8,
) void {
    const b = pair.world.b();
    var storage: [128]u8 align(8) = undefined;
    const frame = storage[0 .. 54 + data.len];
    @memcpy(frame[54..], data);
    packet.putEthernet(frame, b.config.mac, pair.world.a().config.mac, packet.EtherType.ipv4);
    const out: segment.Segment = .{
        .source_port = pair.end(0).local_port,
        .target_port = port,
        .seq = seq,
        .ack = ack,
        .flags = flags,
        .window = window,
    };
    out.write(frame[34..], link.ip_a, link.ip_b);
    const len = segment.header_bytes + data.len;
    packet.Ipv4.write(frame[14..], link.ip_a, link.ip_b, packet.Protocol.tcp, len);
    b.receive(frame, pair.world.now);
}

/// B sends back what comes, and reads only as long as it can write: each direction waits for the
/// other. A checks.
pub fn echo(pair: Pair, total: usize) !void {
    var sent: usize = 0;
    var got: usize = 0;
    var held: [1472]u8 = undefined;
    var rest: []u8 = held[0..0];
    var buffer: [1400]u8 = undefined;
    for (0..100_000) |_| {
        if (rest.len > 0) rest = rest[pair.write(1, rest) catch 0 ..];
        if (rest.len == 0) rest = held[0 .. pair.read(1, &held) catch 0];
        const want = @min(total - sent, buffer.len);
        for (buffer[0..want], sent..) |*byte, at| byte.* = pattern(0, at);
        if (want > 0) sent += pair.write(0, buffer[0..want]) catch 0;
        const count = pair.read(0, buffer[0..900]) catch 0;
        for (buffer[0..count], got..) |byte, at| try expectEqual(pattern(0, at), byte);
        got += count;
        if (got == total) return;
        if (!pair.world.step() and count == 0 and rest.len == 0) return error.TestStuck;
        try expect(pair.world.now < 120_000 * ms);
    }
    return error.TestTooSlow;
}
