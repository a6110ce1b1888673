//! The three drivers against a device that finds everything where the driver said, and only there.

const std = @import("std");
const testing = std.testing;
const blk_file = @import("blk.zig");
const entropy_file = @import("entropy.zig");
const net_file = @import("net.zig");
const transport = @import("transport.zig");
const Device = @import("device_fake.zig").Device;
const physical = @import("device_fake.zig").physical;
const Feature = transport.Feature;

const version_1 = Feature.version_1;

test "a disk finds header, data and status of each request, and is notified once" {
    var memory: [blk_file.memory_bytes]u8 align(4096) = @splat(0);
    var device: Device = .{ .features = version_1 | Feature.blk_flush, .memory = &memory };
    device.install(transport.DeviceId.block);
    defer device.uninstall();
    device.config()[0] = 200;
    var blk: blk_file.Blk = try .init(
        &device.registers,
        .{ .virtual = &memory, .physical = physical },
    );
    try testing.expectEqual(4, device.queues[0].size);
    try testing.expectEqual(0, device.queues[0].notified);
    for (0..6) |round| { // over the end of the ring
        @memcpy(blk.data(512)[0..4], "sent");
        blk.start(if (round % 2 == 0) .write else .read, round, 512);
        try testing.expectEqual(round + 1, device.queues[0].notified);
        const request = device.next(0).?;
        const parts = request.slice();
        try testing.expectEqual(3, parts.len);
        try testing.expectEqual(16, parts[0].bytes.len);
        try testing.expectEqual(round, std.mem.readInt(u64, parts[0].bytes[8..16], .little));
        try testing.expectEqual(false, parts[0].is_writable);
        try testing.expectEqual(512, parts[1].bytes.len);
        try testing.expectEqual(round % 2 == 1, parts[1].is_writable);
        try testing.expectEqual(1, parts[2].bytes.len);
        try testing.expectEqual(true, parts[2].is_writable);
        try testing.expectEqual(null, device.next(0));
        if (round % 2 == 0) {
            try testing.expectEqualStrings("sent", parts[1].bytes[0..4]);
        } else @memcpy(parts[1].bytes[0..4], "read");
        parts[2].bytes[0] = 0;
        device.give(0, request.id, if (round % 2 == 0) 1 else 513);
        try testing.expectEqual(true, try blk.finished());
        if (round % 2 == 1) try testing.expectEqualStrings("read", blk.data(4));
    }
    device.wantNotify(0, false);
    blk.start(.flush, 0, 0);
    try testing.expectEqual(6, device.queues[0].notified);
    try testing.expectEqual(2, device.next(0).?.count);
}

test "a disk that gives a request back and wrote no status did not do it" {
    var memory: [blk_file.memory_bytes]u8 align(4096) = @splat(0);
    var device: Device = .{ .features = version_1, .memory = &memory };
    device.install(transport.DeviceId.block);
    defer device.uninstall();
    device.config()[0] = 200;
    var blk: blk_file.Blk = try .init(
        &device.registers,
        .{ .virtual = &memory, .physical = physical },
    );
    blk.start(.read, 0, 512);
    device.give(0, device.next(0).?.id, 0);
    try testing.expectError(error.Broken, blk.finished());
}

test "a request holds as many sectors as its buffer, and no more than the disk" {
    var memory: [blk_file.memory_bytes]u8 align(4096) = @splat(0);
    var device: Device = .{ .features = version_1, .memory = &memory };
    device.install(transport.DeviceId.block);
    defer device.uninstall();
    device.config()[0] = 200;
    const blk: blk_file.Blk = try .init(
        &device.registers,
        .{ .virtual = &memory, .physical = physical },
    );
    const most = blk_file.data_bytes_max;
    try testing.expectEqual(65536, most);
    try testing.expect(blk.holds(0, most) and blk.holds(200 - 128, most));
    try testing.expect(!blk.holds(0, most + 512) and !blk.holds(200 - 127, most));
    try testing.expectEqual(most, blk.data(most).len);
}

const Card = struct {
    memory: [net_file.memory_bytes]u8 align(4096) = @splat(0),
    device: Device = undefined,
    net: net_file.Net = undefined,

    fn setUp(self: *Card) !void {
        self.device = .{ .features = version_1 | Feature.net_mac, .memory = &self.memory };
        self.device.install(transport.DeviceId.net);
        @memcpy(self.device.config()[0..6], "\x52\x54\x00\x0A\x0B\x0C");
        self.net = try .init(
            &self.device.registers,
            .{ .virtual = &self.memory, .physical = physical },
        );
    }
};

test "a card has all of its buffers from the start, and is notified once it may work" {
    var card: Card = .{};
    try card.setUp();
    defer card.device.uninstall();
    const device = &card.device;
    try testing.expectEqualStrings("\x52\x54\x00\x0A\x0B\x0C", &card.net.mac);
    try testing.expectEqual(16, device.queues[0].size);
    try testing.expectEqual(8, device.queues[1].size);
    try testing.expectEqual(1, device.queues[0].notified);
    // Received frames interrupt, sent ones do not.
    try testing.expectEqual(true, device.interruptsWanted(0));
    try testing.expectEqual(false, device.interruptsWanted(1));
    var end: u64 = 4096; // behind the queues
    for (0..16) |_| {
        const request = device.next(0).?;
        const part = request.parts[0];
        try testing.expectEqual(1, request.count);
        try testing.expect(part.is_writable and part.bytes.len == 12 + 1514);
        // The frame's IPv4 header lies on a multiple of eight, and no buffer in another.
        try testing.expectEqual(0, (part.at + 12 + 14) % 8);
        try testing.expect(part.at >= end);
        end = part.at + part.bytes.len;
    }
    try testing.expectEqual(null, device.next(0));
}

test "a frame comes whole, one without a byte is counted and its buffer used again" {
    var card: Card = .{};
    try card.setUp();
    defer card.device.uninstall();
    const device = &card.device;
    const net = &card.net;
    try testing.expectEqual(null, try net.receive());
    for ([_]u32{ 0, 11, 12 }) |len| device.give(0, device.next(0).?.id, len);
    const request = device.next(0).?;
    @memcpy(request.parts[0].bytes[12..15], "abc");
    device.give(0, request.id, 15);
    const frame = (try net.receive()).?;
    try testing.expectEqualStrings("abc", frame.bytes);
    try testing.expectEqual(3, net.runts);
    const longest = device.next(0).?;
    device.give(0, longest.id, 12 + 1514);
    const whole = (try net.receive()).?;
    try testing.expectEqual(1514, whole.bytes.len);
    try testing.expectEqual(longest.parts[0].bytes[12..].ptr, whole.bytes.ptr);
    const shortest = device.next(0).?;
    device.give(0, shortest.id, 13);
    try testing.expectEqual(1, (try net.receive()).?.bytes.len);
    try testing.expectEqual(null, try net.receive());
    // Of the sixteen, three runts are back and three frames are held.
    for (0..10 + 3) |_| try testing.expect(device.next(0) != null);
    try testing.expectEqual(null, device.next(0));
    net.recycle(frame.id);
    net.kickReceive();
    try testing.expectEqual(2, device.queues[0].notified);
    try testing.expectEqual(frame.id, device.next(0).?.id);
    device.wantNotify(0, false);
    net.kickReceive();
    try testing.expectEqual(2, device.queues[0].notified);
}

test "eight frames are under way at once, and a sender that waits for room is interrupted" {
    var card: Card = .{};
    try card.setUp();
    defer card.device.uninstall();
    const device = &card.device;
    const net = &card.net;
    for (0..8) |i| {
        const room = (try net.room()).?;
        try testing.expectEqual(1514, room.bytes.len);
        @memset(room.bytes, @intCast('a' + i));
        net.send(room, 60 + i);
    }
    net.kickTransmit();
    try testing.expectEqual(1, device.queues[1].notified);
    try testing.expectEqual(false, device.interruptsWanted(1));
    try testing.expectEqual(null, try net.room());
    try testing.expectEqual(true, device.interruptsWanted(1));
    for (0..8) |i| {
        const request = device.next(1).?;
        const part = request.parts[0];
        try testing.expect(!part.is_writable and part.bytes.len == 12 + 60 + i);
        try testing.expect(std.mem.allEqual(u8, part.bytes[0..12], 0));
        try testing.expect(std.mem.allEqual(u8, part.bytes[12..], @intCast('a' + i)));
        device.give(1, request.id, 0);
    }
    try testing.expectEqual(null, device.next(1));
    try testing.expect(try net.room() != null);
    try testing.expectEqual(false, device.interruptsWanted(1));
    device.wantNotify(1, false);
    net.kickTransmit();
    try testing.expectEqual(1, device.queues[1].notified);
}

/// Gives a sent frame back between the driver's look and its wish to be interrupted.
const Late = struct {
    var device: *Device = undefined;
    var id: ?u16 = null;

    fn look() void {
        const sent = id orelse return;
        if (!device.interruptsWanted(1)) return;
        id = null;
        device.give(1, sent, 0);
    }
};

test "a frame that is done between the look and the wish makes room at once" {
    var card: Card = .{};
    try card.setUp();
    defer card.device.uninstall();
    for (0..8) |_| card.net.send((try card.net.room()).?, 60);
    Late.device = &card.device;
    Late.id = card.device.next(1).?.id;
    transport.on_fence = Late.look;
    defer transport.on_fence = null;
    try testing.expect(try card.net.room() != null);
}

test "entropy is asked for once, and may come shorter" {
    var memory: [entropy_file.memory_bytes]u8 align(4096) = @splat(0);
    var device: Device = .{ .features = version_1 | 1, .memory = &memory };
    device.install(transport.DeviceId.entropy);
    defer device.uninstall();
    var entropy: entropy_file.Entropy = try .init(
        &device.registers,
        .{ .virtual = &memory, .physical = physical },
    );
    try testing.expectEqual(version_1, entropy.transport.features);
    try testing.expectEqual(2, device.queues[0].size);
    for (1..4) |round| {
        entropy.request(entropy_file.bytes_max);
        try testing.expectEqual(round, device.queues[0].notified);
        try testing.expectEqual(null, try entropy.take());
        const request = device.next(0).?;
        try testing.expect(request.parts[0].is_writable);
        try testing.expectEqual(256, request.parts[0].bytes.len);
        @memcpy(request.parts[0].bytes[0..6], "random");
        device.give(0, request.id, 6);
        try testing.expectEqualStrings("random", (try entropy.take()).?);
    }
    device.wantNotify(0, false);
    entropy.request(1);
    try testing.expectEqual(3, device.queues[0].notified);
    try testing.expectEqual(1, device.next(0).?.parts[0].bytes.len);
}
