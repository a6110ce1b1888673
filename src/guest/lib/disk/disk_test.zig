//! The disk of a service, on stand-ins for the kernel and for the device: long transfers, bounds,
//! failures, and what is durable when.

const std = @import("std");
const os_fake = @import("os_fake");
const disk = @import("root.zig");
const virtio = @import("virtio");
const testing = std.testing;
const Kernel = os_fake.Kernel;
const flush_feature = os_fake.disk.flush_feature;
const read_only_feature = os_fake.disk.read_only_feature;

const piece_bytes = virtio.blk.data_bytes_max;

var device: os_fake.Disk = undefined;

fn serve(kernel: *Kernel) void {
    device.serve(kernel);
}

const World = struct {
    kernel: Kernel = .{ .name = "statefsd", .idle = serve },
    drive: disk.Disk = undefined,

    fn setUp(self: *World, features: u32, sectors: usize) !void {
        device = .init(testing.allocator, features, sectors);
        self.kernel.registers = &device.registers;
        self.kernel.install();
        self.drive = try .open();
    }

    fn tearDown(self: *World) void {
        self.kernel.deinit();
        device.deinit();
    }
};

test "what was written is read again, in pieces that the device takes" {
    var world: World = .{};
    try world.setUp(flush_feature, 512);
    defer world.tearDown();
    const drive = &world.drive;
    try testing.expectEqual(@as(u64, 512), drive.sectors());
    try testing.expect(!drive.isReadOnly());
    const len = 2 * piece_bytes + 512;
    const bytes = try testing.allocator.alloc(u8, 2 * len);
    defer testing.allocator.free(bytes);
    for (bytes[0..len], 0..) |*byte, index| byte.* = @truncate(index / 512 +% index);
    try drive.write(3, bytes[0..len]);
    try drive.read(3, bytes[len..]);
    try testing.expectEqualSlices(u8, bytes[0..len], bytes[len..]);
    const sectors = piece_bytes / 512;
    for ([_]u64{ 3, 3 + sectors, 3 + 2 * sectors }, 0..) |sector, index| {
        for ([_]usize{ index, index + 3 }) |at| {
            try testing.expectEqual(sector, device.seen.items[at].sector);
        }
    }
    try testing.expectEqual(@as(usize, 6), device.seen.items.len);
    try testing.expectEqual(@as(usize, 512), device.seen.items[5].len);
    try testing.expectEqual(@as(usize, 1), world.kernel.countOf(.irq_bind));
    try testing.expect(world.kernel.countOf(.irq_ack) >= 6);
}

test "what is flushed survives a power cut, what is not does not" {
    var world: World = .{};
    try world.setUp(flush_feature, 8);
    defer world.tearDown();
    var sector: [512]u8 = @splat('a');
    try world.drive.write(0, &sector);
    try world.drive.flush();
    @memset(&sector, 'b');
    try world.drive.write(1, &sector);
    device.cutPower();
    world.drive = try .open();
    try world.drive.read(0, &sector);
    try testing.expectEqual('a', sector[511]);
    try world.drive.read(1, &sector);
    try testing.expectEqual(0, sector[0]);
}

test "a device that holds nothing back is not flushed" {
    var world: World = .{};
    try world.setUp(0, 8);
    defer world.tearDown();
    try world.drive.flush();
    try testing.expectEqual(@as(usize, 0), device.seen.items.len);
}

test "sectors that are not on the disk are not asked for" {
    var world: World = .{};
    try world.setUp(flush_feature, 4);
    defer world.tearDown();
    var buffer: [5 * 512]u8 = undefined;
    const Case = struct { u64, usize, bool };
    for ([_]Case{
        .{ 0, 2048, true },
        .{ 3, 512, true },
        .{ 0, 0, false },
        .{ 0, 511, false },
        .{ 0, 513, false },
        .{ 0, 5 * 512, false },
        .{ 4, 512, false },
        .{ 3, 1024, false },
        .{ std.math.maxInt(u64), 512, false },
    }) |case| {
        const sector, const len, const is_there = case;
        if (is_there) {
            try world.drive.read(sector, buffer[0..len]);
            try world.drive.write(sector, buffer[0..len]);
        } else {
            try testing.expectError(error.OutOfRange, world.drive.read(sector, buffer[0..len]));
            try testing.expectError(error.OutOfRange, world.drive.write(sector, buffer[0..len]));
        }
    }
    try testing.expectEqual(@as(usize, 4), device.seen.items.len);
}

test "a disk for reading takes no write" {
    var world: World = .{};
    try world.setUp(read_only_feature, 4);
    defer world.tearDown();
    var sector: [512]u8 = undefined;
    try testing.expect(world.drive.isReadOnly());
    try world.drive.read(0, &sector);
    try testing.expectError(error.ReadOnly, world.drive.write(0, &sector));
    try testing.expectEqual(@as(usize, 0), device.countOf(.write));
}

test "one failure is one failure" {
    var world: World = .{};
    try world.setUp(flush_feature, 4);
    defer world.tearDown();
    var sector: [512]u8 = undefined;
    for ([_]u8{ 1, 2 }) |status| {
        device.status = status;
        try testing.expectError(error.Io, world.drive.read(0, &sector));
        try testing.expectError(error.Io, world.drive.write(0, &sector));
        try testing.expectError(error.Io, world.drive.flush());
    }
    device.status = 0;
    try world.drive.read(0, &sector);
}

test "a device that breaks the rules, or is silent for a second, is not asked again" {
    for ([_]?u8{ 7, null }) |status| {
        var world: World = .{};
        try world.setUp(flush_feature, 4);
        defer world.tearDown();
        const before = world.kernel.now_ns;
        device.status = status;
        var sector: [512]u8 = @splat('x');
        if (status == null) {
            try testing.expectError(error.Silent, world.drive.read(0, &sector));
            try testing.expectEqual(before + std.time.ns_per_s, world.kernel.now_ns);
        } else {
            try testing.expectError(error.Broken, world.drive.read(0, &sector));
        }
        device.status = 0;
        try testing.expectError(error.Broken, world.drive.read(0, &sector));
        try testing.expectError(error.Broken, world.drive.write(0, &sector));
        try testing.expectError(error.Broken, world.drive.flush());
        try testing.expectEqual(@as(usize, 1), device.seen.items.len);
    }
}

test "a board without the disk says so; another device in its place is refused" {
    var kernel: Kernel = .{ .name = "statefsd" };
    defer kernel.deinit();
    kernel.install();
    try testing.expectError(error.NoDisk, disk.Disk.open());
    var registers: [0x80]u32 align(8) = @splat(0);
    kernel.registers = &registers;
    try testing.expectError(error.NotVirtio, disk.Disk.open());
}
