//! A virtio-mmio device for tests of its driver. It knows what the driver wrote into its registers
//! and finds everything else in the memory that it reaches, at its physical address.

const std = @import("std");
const transport = @import("transport.zig");

/// Both halves of an address count.
pub const physical: u64 = 0x1_8000_0000;

const Reg = struct {
    const device_features = 0x010 / 4;
    const device_features_select = 0x014 / 4;
    const queue_select = 0x030 / 4;
    const queue_size = 0x038 / 4;
    const queue_ready = 0x044 / 4;
    const queue_notify = 0x050 / 4;
    const status = 0x070 / 4;
    const queue_desc = 0x080 / 4;
    const queue_driver = 0x090 / 4;
    const queue_device = 0x0A0 / 4;
    pub const config = 0x100 / 4;
};
const driver_ok = 15;

pub const Part = struct { at: u64, bytes: []u8, is_writable: bool };

pub const Request = struct {
    id: u16,
    parts: [4]Part = undefined,
    count: usize = 0,

    pub fn slice(self: *const Request) []const Part {
        return self.parts[0..self.count];
    }
};

const Queue = struct {
    size: u32 = 0,
    descriptors: []u8 = &.{},
    available: []u8 = &.{},
    used: []u8 = &.{},
    seen: u16 = 0,
    notified: usize = 0,
};

pub const Device = struct {
    registers: [0x80]u32 align(8) = @splat(0),
    features: u64,
    memory: []u8,
    queues: [2]Queue = @splat(.{}),
    /// The driver has said that it may work.
    is_live: bool = false,

    var current: *Device = undefined;

    pub fn install(self: *Device, kind: u32) void {
        self.registers[0] = 0x7472_6976;
        self.registers[1] = 2;
        self.registers[2] = kind;
        self.registers[0x034 / 4] = 256;
        current = self;
        transport.on_store = react;
    }

    pub fn uninstall(_: *Device) void {
        transport.on_store = null;
    }

    pub fn config(self: *Device) []u8 {
        return std.mem.sliceAsBytes(self.registers[Reg.config..]);
    }

    fn react(registers: [*]volatile u32, register: usize) void {
        const self = current;
        const queue = &self.queues[registers[Reg.queue_select]];
        switch (register) {
            Reg.device_features_select => {
                const half: u6 = @intCast(32 * registers[register]);
                registers[Reg.device_features] = @truncate(self.features >> half);
            },
            Reg.queue_select => registers[Reg.queue_ready] = @intFromBool(queue.size != 0),
            Reg.queue_ready => queue.* = .{
                .size = registers[Reg.queue_size],
                .descriptors = self.from(addressAt(registers, Reg.queue_desc)),
                .available = self.from(addressAt(registers, Reg.queue_driver)),
                .used = self.from(addressAt(registers, Reg.queue_device)),
            },
            Reg.queue_notify => self.queues[registers[register]].notified += 1,
            Reg.status => self.is_live = registers[register] == driver_ok,
            else => {},
        }
    }

    fn from(self: *Device, address: u64) []u8 {
        return self.memory[address - physical ..];
    }

    /// The next request of a queue, once the device may work.
    pub fn next(self: *Device, number: usize) ?Request {
        const queue = &self.queues[number];
        std.debug.assert(self.is_live);
        if (read(u16, queue.available[2..]) == queue.seen) return null;
        const place = 4 + 2 * @as(usize, queue.seen % queue.size);
        queue.seen +%= 1;
        var id = read(u16, queue.available[place..]);
        var request: Request = .{ .id = id };
        while (true) {
            const each = queue.descriptors[@as(usize, id) * 16 ..][0..16];
            const flags = read(u16, each[12..]);
            const address = read(u64, each);
            request.parts[request.count] = .{
                .at = address - physical,
                .bytes = self.from(address)[0..read(u32, each[8..])],
                .is_writable = flags & 2 != 0,
            };
            request.count += 1;
            if (flags & 1 == 0) return request;
            id = read(u16, each[14..]);
        }
    }

    pub fn give(self: *Device, number: usize, id: u16, len: u32) void {
        const queue = &self.queues[number];
        const index = read(u16, queue.used[2..]);
        const element = queue.used[4 + 8 * @as(usize, index % @as(u16, @intCast(queue.size))) ..];
        std.mem.writeInt(u32, element[0..4], id, .little);
        std.mem.writeInt(u32, element[4..8], len, .little);
        std.mem.writeInt(u16, queue.used[2..4], index +% 1, .little);
    }

    /// Does the device ask to be notified?
    pub fn wantNotify(self: *Device, number: usize, wanted: bool) void {
        self.queues[number].used[0] = if (wanted) 0 else 1;
    }

    /// Does the driver ask for interrupts?
    pub fn interruptsWanted(self: *const Device, number: usize) bool {
        return self.queues[number].available[0] == 0;
    }
};

fn addressAt(registers: [*]volatile u32, at: usize) u64 {
    return @as(u64, registers[at]) | @as(u64, registers[at + 1]) << 32;
}

fn read(comptime T: type, from: []const u8) T {
    return std.mem.readInt(T, from[0..@sizeOf(T)], .little);
}
