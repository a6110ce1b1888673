//! virtio disk (virtio 1.1, section 5.2): one queue, one request at a time.
//!
//! A request has three buffers: a header that the device reads, the data, and a status byte that
//! the device writes. Data passes through one buffer of ours, so that no device has to reach a
//! caller's memory.

const std = @import("std");
const queue_module = @import("queue.zig");
const transport_module = @import("transport.zig");
const Feature = transport_module.Feature;
const Memory = queue_module.Memory;
const Transport = transport_module.Transport;

pub const sector_bytes = 512;
/// Longest transfer of one request; a longer one is several.
pub const data_bytes_max = 64 * 1024;

/// The longest chain is three.
const queue_size = 4;
const BlkQueue = queue_module.Queue(queue_size);
const header_at = 1024;
const header_bytes = 16;
const status_at = header_at + header_bytes;
const data_at = 4096;
/// The memory that `init` needs, zeroed and physically contiguous.
pub const memory_bytes = data_at + data_bytes_max;

comptime {
    std.debug.assert(BlkQueue.memory_bytes <= header_at);
}

pub const Kind = enum(u32) { read = 0, write = 1, flush = 4 };

pub const Error = transport_module.Error;
pub const Failure = error{
    /// The device says that it could not serve the request.
    Io,
    /// The device broke its own rules, so the driver believes nothing that it says any more.
    Broken,
};

const status_ok: u8 = 0;
const status_io: u8 = 1;
const status_unsupported: u8 = 2;
/// A status that no device writes. If it is still there, the device did not answer at all.
const status_unwritten: u8 = 0xFF;

pub const Blk = struct {
    transport: Transport,
    memory: Memory,
    queue: BlkQueue,
    sectors: u64,

    pub fn init(regs: [*]volatile u32, memory: Memory) Error!Blk {
        const transport = try Transport.beginWith(
            regs,
            transport_module.DeviceId.block,
            0,
            Feature.blk_read_only | Feature.blk_flush,
        );
        var self: Blk = .{
            .transport = transport,
            .memory = memory,
            .queue = .init(memory.part(0, header_at)),
            .sectors = undefined,
        };
        var capacity: [8]u8 = undefined;
        transport.readConfig(&capacity);
        self.sectors = std.mem.readInt(u64, &capacity, .little);
        try transport.setQueue(0, queue_size, self.queue.addresses());
        transport.finish();
        return self;
    }

    pub fn isReadOnly(self: *const Blk) bool {
        return self.transport.features & Feature.blk_read_only != 0;
    }

    /// Without it the device holds nothing back, and a flush has nothing to do.
    pub fn canFlush(self: *const Blk) bool {
        return self.transport.features & Feature.blk_flush != 0;
    }

    /// True: this run of sectors is on the disk, and not longer than one request takes.
    pub fn holds(self: *const Blk, sector: u64, len: usize) bool {
        const count = len / sector_bytes;
        return len > 0 and len % sector_bytes == 0 and len <= data_bytes_max and
            count <= self.sectors and sector <= self.sectors - count;
    }

    /// The place of data: those to be written before `start`, and those that were read after
    /// `finished`.
    pub fn data(self: *const Blk, len: usize) []u8 {
        return self.memory.virtual[data_at..][0..len];
    }

    /// Hand a request to the device, which must have none. `holds` must accept `sector` and `len`;
    /// they have no meaning for a flush.
    pub fn start(self: *Blk, kind: Kind, sector: u64, len: usize) void {
        std.debug.assert(kind == .flush or self.holds(sector, len));
        const header = self.memory.virtual[header_at..][0..header_bytes];
        std.mem.writeInt(u32, header[0..4], @intFromEnum(kind), .little);
        std.mem.writeInt(u32, header[4..8], 0, .little);
        std.mem.writeInt(u64, header[8..16], if (kind == .flush) 0 else sector, .little);
        self.status().* = status_unwritten;
        const at = self.memory.physical;
        const first: queue_module.Part =
            .{ .address = at + header_at, .len = header_bytes, .way = .to_device };
        const last: queue_module.Part =
            .{ .address = at + status_at, .len = 1, .way = .from_device };
        const middle: queue_module.Part = .{
            .address = at + data_at,
            .len = @intCast(len),
            .way = if (kind == .read) .from_device else .to_device,
        };
        const parts = [_]queue_module.Part{ first, middle, last };
        _ = self.queue.submitChain(if (kind == .flush) &.{ first, last } else &parts);
        if (self.queue.wantsNotify()) self.transport.notify(0);
    }

    /// True: the request is done. False: not yet, and an interrupt will come.
    pub fn finished(self: *Blk) Failure!bool {
        _ = try self.queue.take() orelse return false;
        return switch (self.status().*) {
            status_ok => true,
            status_io, status_unsupported => error.Io,
            else => error.Broken,
        };
    }

    fn status(self: *const Blk) *volatile u8 {
        return &self.memory.virtual[status_at];
    }
};

const testing = std.testing;

/// Registers in plain memory: enough for an initialisation. Its one feature word is both halves.
const FakeRegisters = struct {
    words: [0x200 / 4]u32 align(8) = @splat(0),

    fn offering(features: u32, sectors: u64) FakeRegisters {
        var self: FakeRegisters = .{};
        self.words[0] = 0x7472_6976;
        self.words[1] = 2;
        self.words[2] = transport_module.DeviceId.block;
        self.words[4] = features | 1; // bit 0 of the upper half is VERSION_1
        self.words[0x34 / 4] = 256;
        self.words[0x100 / 4] = @truncate(sectors);
        self.words[0x104 / 4] = @truncate(sectors >> 32);
        return self;
    }
};

/// A disk of four sectors whose device is this test.
const Fake = struct {
    registers: FakeRegisters = .offering(Feature.blk_flush, 4),
    bytes: [memory_bytes]u8 align(4096) = @splat(0),
    blk: Blk = undefined,

    fn setUp(self: *Fake) !void {
        const memory: Memory = .{ .virtual = &self.bytes, .physical = 0x8000_0000 };
        self.blk = try .init(&self.registers.words, memory);
    }

    fn answer(self: *Fake, status: u8, len: u32) void {
        self.bytes[status_at] = status;
        const queue = &self.blk.queue;
        const index = queue.used[1];
        const last = queue.available[2 + ((queue.available_index -% 1) & (queue_size - 1))];
        queue.elements[index & (queue_size - 1)] = .{ .id = last, .len = len };
        queue.used[1] = index +% 1;
    }
};

test "capacity and features are what the device says" {
    const Case = struct { u32, bool, bool };
    for ([_]Case{
        .{ 0, false, false },
        .{ Feature.blk_read_only, true, false },
        .{ Feature.blk_flush, false, true },
        .{ Feature.blk_flush | Feature.blk_read_only | 1 << 2, true, true },
    }) |case| {
        var fake: Fake = .{ .registers = .offering(case[0], 1 << 40) };
        try fake.setUp();
        try testing.expectEqual(@as(u64, 1 << 40), fake.blk.sectors);
        try testing.expectEqual(case[1], fake.blk.isReadOnly());
        try testing.expectEqual(case[2], fake.blk.canFlush());
        // Only what was asked for is accepted.
        try testing.expectEqual(@as(u64, 0), fake.blk.transport.features & 1 << 2);
    }
}

test "another kind of device is not driven" {
    var fake: Fake = .{};
    fake.registers.words[2] = transport_module.DeviceId.net;
    try testing.expectError(error.WrongDevice, fake.setUp());
}

test "runs of sectors that are on the disk" {
    var fake: Fake = .{};
    try fake.setUp();
    const Case = struct { u64, usize, bool };
    for ([_]Case{
        .{ 0, 512, true },
        .{ 0, 2048, true },
        .{ 3, 512, true },
        .{ 0, 0, false },
        .{ 0, 2560, false },
        .{ 3, 1024, false },
        .{ 4, 512, false },
        .{ std.math.maxInt(u64), 512, false },
        .{ 0, 100, false },
        .{ 0, data_bytes_max + 512, false },
    }) |case| try testing.expectEqual(case[2], fake.blk.holds(case[0], case[1]));
}

test "a read, a write and a flush, as the device sees them" {
    var fake: Fake = .{};
    try fake.setUp();
    const blk = &fake.blk;
    const Case = struct { kind: Kind, len: usize, parts: u32, writes: u32 };
    for ([_]Case{
        .{ .kind = .read, .len = 1024, .parts = 3, .writes = 1025 },
        .{ .kind = .write, .len = 512, .parts = 3, .writes = 1 },
        .{ .kind = .flush, .len = 0, .parts = 2, .writes = 1 },
    }) |case| {
        blk.start(case.kind, 2, case.len);
        try testing.expectEqual(queue_size - case.parts, @popCount(blk.queue.free));
        const header = fake.bytes[header_at..][0..header_bytes];
        const sector: u64 = if (case.kind == .flush) 0 else 2;
        const kind = std.mem.readInt(u32, header[0..4], .little);
        try testing.expectEqual(@intFromEnum(case.kind), kind);
        try testing.expectEqual(sector, std.mem.readInt(u64, header[8..16], .little));
        try testing.expectEqual(false, try blk.finished());
        fake.answer(status_ok, case.writes);
        try testing.expectEqual(true, try blk.finished());
    }
}

test "what a device may answer" {
    const Case = struct { u8, Failure };
    for ([_]Case{
        .{ status_io, error.Io },
        .{ status_unsupported, error.Io },
        .{ 3, error.Broken },
        .{ status_unwritten, error.Broken },
    }) |case| {
        var fake: Fake = .{};
        try fake.setUp();
        fake.blk.start(.write, 0, 512);
        fake.answer(case[0], 1);
        try testing.expectError(case[1], fake.blk.finished());
    }
}

test "a device that claims to have written more than the request takes is broken" {
    var fake: Fake = .{};
    try fake.setUp();
    fake.blk.start(.read, 0, 512);
    fake.answer(status_ok, 514);
    try testing.expectError(error.Broken, fake.blk.finished());
}
