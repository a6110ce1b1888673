//! The device's side of a split virtqueue (virtio 1.1, section 2.6), for tests on the host, and the
//! registers of a device as a driver finds them. The driver writes the places of the queue's parts
//! into the registers; addresses are those of the host.

const std = @import("std");

const queue_size = 0x038 / 4;
const queue_desc = 0x080 / 4;
const queue_driver = 0x090 / 4;
const queue_device = 0x0A0 / 4;
const next_flag = 1;
const writable_flag = 2;

/// A virtio-mmio device of this kind with these features, in plain memory; see lib/virtio.
pub fn registersOf(kind: u32, features: u32) [0x80]u32 {
    var registers: [0x80]u32 = @splat(0);
    registers[0] = 0x7472_6976;
    registers[1] = 2;
    registers[2] = kind;
    // One register shows both halves; bit 0 of the upper half is VERSION_1.
    registers[4] = features | 1;
    registers[0x34 / 4] = 256;
    return registers;
}

pub const Part = struct { bytes: []u8, is_writable: bool };

/// A request: its first descriptor, and its buffers in order.
pub const Request = struct {
    id: u16,
    parts: [8]Part = undefined,
    count: usize = 0,

    pub fn slice(self: *const Request) []const Part {
        return self.parts[0..self.count];
    }
};

pub const Ring = struct {
    size: u16,
    descriptors: [*]const u8,
    available: [*]const u8,
    used: [*]u8,
    seen: u16 = 0,

    /// The queue that was set up last, from the registers of its device.
    pub fn of(registers: []const u32) Ring {
        return .{
            .size = @intCast(registers[queue_size]),
            .descriptors = @ptrFromInt(addressAt(registers, queue_desc)),
            .available = @ptrFromInt(addressAt(registers, queue_driver)),
            .used = @ptrFromInt(addressAt(registers, queue_device)),
        };
    }

    /// The queue of this many entries in memory that a driver lays out as lib/virtio does.
    pub fn at(memory: []u8, size: u16) Ring {
        const available = @as(usize, size) * 16;
        const used = std.mem.alignForward(usize, available + 6 + 2 * @as(usize, size), 4);
        return .{
            .size = size,
            .descriptors = memory.ptr,
            .available = memory.ptr + available,
            .used = memory.ptr + used,
        };
    }

    /// The next request that the driver has offered.
    pub fn next(self: *Ring) ?Request {
        if (read(u16, self.available + 2) == self.seen) return null;
        const place = 4 + 2 * @as(usize, self.seen % self.size);
        self.seen +%= 1;
        var id = read(u16, self.available + place);
        var request: Request = .{ .id = id };
        while (true) {
            const each = self.descriptors + @as(usize, id) * 16;
            const bytes: [*]u8 = @ptrFromInt(read(u64, each));
            const flags = read(u16, each + 12);
            request.parts[request.count] = .{
                .bytes = bytes[0..read(u32, each + 8)],
                .is_writable = flags & writable_flag != 0,
            };
            request.count += 1;
            if (flags & next_flag == 0) return request;
            id = read(u16, each + 14);
        }
    }

    /// Give a request back; the device wrote this many bytes.
    pub fn give(self: *Ring, request: Request, len: u32) void {
        const index = read(u16, self.used + 2);
        const element = self.used + 4 + 8 * @as(usize, index % self.size);
        std.mem.writeInt(u32, element[0..4], request.id, .little);
        std.mem.writeInt(u32, element[4..8], len, .little);
        std.mem.writeInt(u16, self.used[2..4], index +% 1, .little);
    }
};

fn addressAt(registers: []const u32, at: usize) usize {
    return @as(usize, registers[at]) | @as(usize, registers[at + 1]) << 32;
}

fn read(comptime T: type, from: [*]const u8) T {
    return std.mem.readInt(T, from[0..@sizeOf(T)], .little);
}
