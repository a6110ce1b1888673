//! What a device sees of its initialisation, register by register, in the order of virtio 1.1,
//! section 3.1.1; and devices that refuse.

const std = @import("std");
const transport = @import("transport.zig");
const Transport = transport.Transport;
const testing = std.testing;

const magic = 0x000 / 4;
const version = 0x004 / 4;
const device_id = 0x008 / 4;
const device_features = 0x010 / 4;
const device_features_select = 0x014 / 4;
const queue_size_max = 0x034 / 4;
const queue_ready = 0x044 / 4;
const interrupt_status = 0x060 / 4;
const status = 0x070 / 4;
const config = 0x100 / 4;

const Write = struct { usize, u32 };
/// In the place of a register: what was written before it is seen before what follows.
const fence: Write = .{ 0x1000, 0 };

fn forget() void {
    transport.on_store = null;
    transport.on_load = null;
    transport.on_fence = null;
}

/// A device with these features, that notes what is written to it.
const Device = struct {
    registers: [0x80]u32 align(8) = @splat(0),
    features: u64,
    /// It takes FEATURES_OK back.
    refuses: bool = false,
    writes: [64]Write = undefined,
    count: usize = 0,

    var current: *Device = undefined;

    fn install(self: *Device) void {
        self.registers[magic] = 0x7472_6976;
        self.registers[version] = 2;
        self.registers[device_id] = transport.DeviceId.net;
        self.registers[queue_size_max] = 8;
        current = self;
        transport.on_store = react;
        transport.on_fence = noteFence;
    }

    fn noteFence() void {
        current.writes[current.count] = fence;
        current.count += 1;
    }

    fn react(registers: [*]volatile u32, register: usize) void {
        const self = current;
        self.writes[self.count] = .{ register * 4, registers[register] };
        self.count += 1;
        if (register == device_features_select) {
            const half: u6 = @intCast(32 * registers[register]);
            registers[device_features] = @truncate(self.features >> half);
        }
        if (register == status and self.refuses) registers[status] &= ~@as(u32, 8);
    }

    fn written(self: *const Device) []const Write {
        return self.writes[0..self.count];
    }
};

const mac = transport.Feature.net_mac;
const version_1 = transport.Feature.version_1;

test "the order of an initialisation, and each half of the features" {
    defer forget();
    var device: Device = .{ .features = version_1 | mac | 1 << 40 | 1 << 3 };
    device.install();
    const found: Transport = try .beginWith(&device.registers, 1, mac, 1 << 40 | 1 << 41);
    try testing.expectEqual(version_1 | mac | 1 << 40, found.features);
    const at: transport.QueueAddresses = .{
        .descriptors = 0x1_8000_0000,
        .available = 0x2_8000_0100,
        .used = 0x3_8000_0200,
    };
    try found.setQueue(1, 8, at);
    found.finish();
    found.notify(1);
    try testing.expectEqualSlices(Write, &.{
        .{ 0x70, 0 },
        fence,
        .{ 0x70, 1 },
        .{ 0x70, 3 },
        .{ 0x14, 0 },
        .{ 0x14, 1 },
        .{ 0x24, 0 },
        .{ 0x20, 1 << 5 },
        .{ 0x24, 1 },
        .{ 0x20, 1 | 1 << 8 },
        .{ 0x70, 11 },
        fence,
        .{ 0x30, 1 },
        .{ 0x38, 8 },
        .{ 0x80, 0x8000_0000 },
        .{ 0x84, 1 },
        .{ 0x90, 0x8000_0100 },
        .{ 0x94, 2 },
        .{ 0xA0, 0x8000_0200 },
        .{ 0xA4, 3 },
        fence,
        .{ 0x44, 1 },
        fence,
        .{ 0x70, 15 },
        fence,
        .{ 0x50, 1 },
    }, device.written());
}

test "a device that lacks a feature, or takes back what was agreed, gets the status failed" {
    defer forget();
    for ([_]Device{
        .{ .features = mac },
        .{ .features = version_1 },
        .{ .features = version_1 | mac, .refuses = true },
    }) |each| {
        var device = each;
        device.install();
        const begun = Transport.begin(&device.registers, 1, mac);
        try testing.expectError(error.FeaturesRefused, begun);
        try testing.expectEqual(Write{ 0x70, 128 }, device.written()[device.count - 1]);
    }
}

test "what is not a device of ours is not written to" {
    defer forget();
    for ([_]Write{ .{ magic, 0x7472_6977 }, .{ version, 1 }, .{ version, 3 } }) |fault| {
        var device: Device = .{ .features = version_1 };
        device.install();
        device.registers[fault[0]] = fault[1];
        try testing.expectError(error.NotVirtio, Transport.begin(&device.registers, 1, 0));
        try testing.expectEqual(@as(usize, 0), device.count);
    }
    var device: Device = .{ .features = version_1 };
    device.install();
    try testing.expectError(error.WrongDevice, Transport.begin(&device.registers, 2, 0));
    try testing.expectEqual(@as(usize, 0), device.count);
}

test "no feature is agreed upon that one of both did not name" {
    defer forget();
    var offering: Device = .{ .features = version_1 | 1 };
    offering.install();
    const plain: Transport = try .begin(&offering.registers, 1, 0);
    try testing.expectEqual(version_1, plain.features);
    var silent: Device = .{ .features = version_1 };
    silent.install();
    const hopeful: Transport = try .beginWith(&silent.registers, 1, 0, 1 | mac);
    try testing.expectEqual(version_1, hopeful.features);
}

test "a queue that is in use, or too small by one" {
    defer forget();
    const at: transport.QueueAddresses = .{ .descriptors = 0, .available = 0, .used = 0 };
    for ([_]Write{ .{ queue_ready, 1 }, .{ queue_size_max, 7 } }) |fault| {
        var device: Device = .{ .features = version_1 };
        device.install();
        const found: Transport = try .begin(&device.registers, 1, 0);
        device.registers[fault[0]] = fault[1];
        try testing.expectError(error.QueueUnavailable, found.setQueue(0, 8, at));
        try testing.expectEqual(Write{ 0x70, 128 }, device.written()[device.count - 1]);
    }
}

test "an interrupt is acknowledged as it was found, and no bit more" {
    defer forget();
    var device: Device = .{ .features = version_1 };
    device.install();
    const found: Transport = .{ .regs = &device.registers };
    device.registers[interrupt_status] = 0xFFFF_FFFD;
    found.acknowledgeInterrupt();
    try testing.expectEqualSlices(Write, &.{ .{ 0x64, 1 }, fence }, device.written());
}

test "the configuration's bytes, in their order" {
    var device: Device = .{ .features = version_1 };
    device.registers[config] = 0x0403_0201;
    device.registers[config + 1] = 0x0807_0605;
    const found: Transport = .{ .regs = &device.registers };
    var bytes: [6]u8 = undefined;
    found.readConfig(&bytes);
    try testing.expectEqualSlices(u8, "\x01\x02\x03\x04\x05\x06", &bytes);
}

/// A configuration that is another at each look until its generation stays.
const Restless = struct {
    const generation = 0x0FC / 4;
    var loads: usize = 0;
    var changes_left: usize = 0;

    fn look(registers: [*]volatile u32, register: usize) void {
        if (register != generation) return;
        loads += 1;
        // It changes between the bytes and the second look at the generation.
        if (loads % 2 != 0 or changes_left == 0) return;
        changes_left -= 1;
        registers[generation] += 1;
        registers[config] += 1;
    }
};

test "a configuration that changes is read anew, but not for ever" {
    defer forget();
    transport.on_load = Restless.look;
    const Case = struct { changes: usize, reads: usize, byte: u8 };
    for ([_]Case{
        .{ .changes = 0, .reads = 1, .byte = 0 },
        .{ .changes = 2, .reads = 3, .byte = 2 },
        .{ .changes = 15, .reads = 16, .byte = 15 },
        .{ .changes = 100, .reads = 16, .byte = 15 },
    }) |case| {
        var device: Device = .{ .features = version_1 };
        Restless.loads = 0;
        Restless.changes_left = case.changes;
        const found: Transport = .{ .regs = &device.registers };
        var bytes: [1]u8 = undefined;
        found.readConfig(&bytes);
        try testing.expectEqual(2 * case.reads, Restless.loads);
        try testing.expectEqual(case.byte, bytes[0]);
    }
}
