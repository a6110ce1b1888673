//! Registers of a modern virtio-mmio device (virtio 1.1, section 4.2), and its initialisation.

const std = @import("std");
const builtin = @import("builtin");

/// Register numbers, in 32-bit words from the device's base.
const Reg = struct {
    const magic = 0x000 / 4;
    const version = 0x004 / 4;
    const device_id = 0x008 / 4;
    const device_features = 0x010 / 4;
    const device_features_select = 0x014 / 4;
    const driver_features = 0x020 / 4;
    const driver_features_select = 0x024 / 4;
    const queue_select = 0x030 / 4;
    const queue_size_max = 0x034 / 4;
    const queue_size = 0x038 / 4;
    const queue_ready = 0x044 / 4;
    const queue_notify = 0x050 / 4;
    const interrupt_status = 0x060 / 4;
    const interrupt_ack = 0x064 / 4;
    const status = 0x070 / 4;
    const queue_desc = 0x080 / 4;
    const queue_driver = 0x090 / 4;
    const queue_device = 0x0A0 / 4;
    const config_generation = 0x0FC / 4;
    const config = 0x100 / 4;
};

const Status = struct {
    const acknowledge: u32 = 1;
    const driver: u32 = 2;
    const driver_ok: u32 = 4;
    const features_ok: u32 = 8;
    const failed: u32 = 128;
};

pub const Feature = struct {
    pub const net_mac: u64 = 1 << 5;
    pub const blk_read_only: u64 = 1 << 5;
    pub const blk_flush: u64 = 1 << 9;
    pub const version_1: u64 = 1 << 32;
};

pub const DeviceId = struct {
    pub const net: u32 = 1;
    pub const block: u32 = 2;
    pub const entropy: u32 = 4;
};

const is_guest = builtin.cpu.arch == .riscv64;

/// Called for each register that is written on the host, where a test stands in for the device.
pub var on_store: ?*const fn (regs: [*]volatile u32, register: usize) void = null;

/// Called for each register that is read for what a device may change at any time.
pub var on_load: ?*const fn (regs: [*]volatile u32, register: usize) void = null;

/// Called at each fence on the host: what stands before it is there for a device to see.
pub var on_fence: ?*const fn () void = null;

/// A fence: the device and we see the accesses before it before those behind it.
pub fn fence() void {
    if (!is_guest) if (on_fence) |look| look();
    if (is_guest) {
        asm volatile ("fence iorw, iorw" ::: .{ .memory = true });
    } else asm volatile ("" ::: .{ .memory = true });
}

pub const Error = error{ NotVirtio, WrongDevice, FeaturesRefused, QueueUnavailable };

pub const Transport = struct {
    regs: [*]volatile u32,
    /// The features that were agreed upon.
    features: u64 = 0,

    /// Reset the device and agree on features: all of `required` or none at all.
    pub fn begin(regs: [*]volatile u32, device_id: u32, required: u64) Error!Transport {
        return beginWith(regs, device_id, required, 0);
    }

    /// The same, with those of `optional` that the device offers.
    pub fn beginWith(
        regs: [*]volatile u32,
        device_id: u32,
        required: u64,
        optional: u64,
    ) Error!Transport {
        std.debug.assert(required & optional == 0);
        var self: Transport = .{ .regs = regs };
        // "virt", and the version without the legacy layout.
        if (regs[Reg.magic] != 0x7472_6976 or regs[Reg.version] != 2) return error.NotVirtio;
        if (regs[Reg.device_id] != device_id) return error.WrongDevice;
        // The order of section 3.1.1.
        self.store(Reg.status, 0);
        fence();
        self.store(Reg.status, Status.acknowledge);
        self.store(Reg.status, Status.acknowledge | Status.driver);
        const offered = self.deviceFeatures();
        const needed = required | Feature.version_1;
        if (offered & needed != needed) return self.fail(error.FeaturesRefused);
        const wanted = needed | (optional & offered);
        for (0..2) |half| {
            self.store(Reg.driver_features_select, @intCast(half));
            self.store(Reg.driver_features, @truncate(wanted >> @intCast(32 * half)));
        }
        self.store(Reg.status, Status.acknowledge | Status.driver | Status.features_ok);
        fence();
        if (regs[Reg.status] & Status.features_ok == 0) return self.fail(error.FeaturesRefused);
        self.features = wanted;
        return self;
    }

    fn deviceFeatures(self: Transport) u64 {
        var features: u64 = 0;
        for (0..2) |half| {
            self.store(Reg.device_features_select, @intCast(half));
            features |= @as(u64, self.regs[Reg.device_features]) << @intCast(32 * half);
        }
        return features;
    }

    fn store(self: Transport, register: usize, value: u32) void {
        self.regs[register] = value;
        if (!is_guest) if (on_store) |tell| tell(self.regs, register);
    }

    fn load(self: Transport, register: usize) u32 {
        if (!is_guest) if (on_load) |look| look(self.regs, register);
        return self.regs[register];
    }

    fn fail(self: Transport, why: Error) Error {
        self.store(Reg.status, Status.failed);
        return why;
    }

    /// Tell the device where the parts of a queue lie in physical memory.
    pub fn setQueue(self: Transport, index: u32, size: u32, at: QueueAddresses) Error!void {
        std.debug.assert(std.math.isPowerOfTwo(size));
        std.debug.assert(at.descriptors % 16 == 0 and at.available % 2 == 0 and at.used % 4 == 0);
        const regs = self.regs;
        self.store(Reg.queue_select, index);
        if (regs[Reg.queue_ready] != 0) return self.fail(error.QueueUnavailable);
        if (regs[Reg.queue_size_max] < size) return self.fail(error.QueueUnavailable);
        self.store(Reg.queue_size, size);
        self.writeAddress(Reg.queue_desc, at.descriptors);
        self.writeAddress(Reg.queue_driver, at.available);
        self.writeAddress(Reg.queue_device, at.used);
        fence();
        self.store(Reg.queue_ready, 1);
    }

    fn writeAddress(self: Transport, register: usize, address: u64) void {
        self.store(register, @truncate(address));
        self.store(register + 1, @truncate(address >> 32));
    }

    /// The device may work from now on.
    pub fn finish(self: Transport) void {
        fence();
        const all = Status.acknowledge | Status.driver | Status.features_ok | Status.driver_ok;
        self.store(Reg.status, all);
    }

    pub fn notify(self: Transport, queue: u32) void {
        fence();
        self.store(Reg.queue_notify, queue);
    }

    /// Take the device's interrupt line down. The driver does this before it looks at the queues,
    /// so that a buffer after the look raises the line again.
    pub fn acknowledgeInterrupt(self: Transport) void {
        self.store(Reg.interrupt_ack, self.regs[Reg.interrupt_status] & 3);
        fence();
    }

    /// Bytes of the device's configuration, read anew until they belong together.
    pub fn readConfig(self: Transport, out: []u8) void {
        const bytes: [*]volatile u8 = @ptrCast(self.regs + Reg.config);
        // The configuration of our devices never changes. A device whose generation never settles
        // must not hang us.
        for (0..16) |_| {
            const before = self.load(Reg.config_generation);
            for (out, 0..) |*byte, i| byte.* = bytes[i];
            if (self.load(Reg.config_generation) == before) return;
        }
    }
};

pub const QueueAddresses = struct { descriptors: u64, available: u64, used: u64 };
