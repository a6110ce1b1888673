//! The driver's side of a split virtqueue (virtio 1.1, section 2.6): requests of one buffer or a
//! chain of them, one buffer a descriptor.
//!
//! Layout within its memory (one page suffices up to 128 entries):
//!
//!     0            16 n              16 n + 6 + 2 n, rounded up to 4
//!     | descriptors | flags idx ring.. | flags idx {id, len}.. |
//!                     available (ours)   used (the device's)
//!
//! Rules of this file
//! ------------------
//! 1. A value that the device can write is read once, checked, and used from a local copy. An index
//!    that was never given out, or a length beyond the buffer, makes the queue `Broken` for good.
//! 2. Our own memory alone says which descriptors are free.

const std = @import("std");
const transport = @import("transport.zig");
const fence = transport.fence;

/// Memory that the device can reach: as we see it and as it does.
pub const Memory = struct {
    virtual: []u8,
    physical: u64,

    pub fn part(self: Memory, offset: usize, len: usize) Memory {
        return .{
            .virtual = self.virtual[offset..][0..len],
            .physical = self.physical + offset,
        };
    }
};

pub const Error = error{Broken};
pub const Used = struct { id: u16, len: u32 };
pub const Direction = enum { to_device, from_device };
pub const Part = struct { address: u64, len: u32, way: Direction };

const Descriptor = extern struct { address: u64, len: u32, flags: u16, next: u16 };
const UsedElement = extern struct { id: u32, len: u32 };
pub const next_flag: u16 = 1;
pub const writable_flag: u16 = 2;
const no_interrupt_flag: u16 = 1;
const no_notify_flag: u16 = 1;

pub fn Queue(comptime size: u16) type {
    comptime std.debug.assert(std.math.isPowerOfTwo(size) and size <= 64);
    return struct {
        const Self = @This();
        const available_at = @as(usize, size) * 16;
        const used_at = std.mem.alignForward(usize, available_at + 6 + 2 * @as(usize, size), 4);
        pub const memory_bytes = used_at + 6 + 8 * @as(usize, size);

        descriptors: [*]volatile Descriptor,
        /// flags, index, ring.
        available: [*]volatile u16,
        /// flags, index; the elements follow.
        used: [*]volatile u16,
        elements: [*]volatile UsedElement,
        physical: u64,
        available_index: u16 = 0,
        used_index: u16 = 0,
        /// Bit i: descriptor i is ours.
        free: u64,
        /// For each request that the device has, by its first descriptor: all of its descriptors
        /// (no bits: there is no such request), and the number of bytes that the device may write.
        held: [size]u64 = @splat(0),
        lens: [size]u32 = @splat(0),
        is_broken: bool = false,

        /// `memory` is zeroed, aligned to 16 and at least `memory_bytes` long.
        pub fn init(memory: Memory) Self {
            std.debug.assert(memory.virtual.len >= memory_bytes);
            const base = memory.virtual.ptr;
            return .{
                .descriptors = @ptrCast(@alignCast(base)),
                .available = @ptrCast(@alignCast(base + available_at)),
                .used = @ptrCast(@alignCast(base + used_at)),
                .elements = @ptrCast(@alignCast(base + used_at + 4)),
                .physical = memory.physical,
                .free = if (size == 64) ~@as(u64, 0) else (@as(u64, 1) << @intCast(size)) - 1,
            };
        }

        pub fn addresses(self: *const Self) transport.QueueAddresses {
            return .{
                .descriptors = self.physical,
                .available = self.physical + available_at,
                .used = self.physical + used_at,
            };
        }

        /// A free descriptor, which the device does not have.
        pub fn freeId(self: *const Self) ?u16 {
            return if (self.free == 0) null else @ctz(self.free);
        }

        /// Give descriptor `id` to the device with `len` bytes at `address`.
        pub fn submit(self: *Self, id: u16, address: u64, len: u32, way: Direction) void {
            self.fill(id, id, .{ .address = address, .len = len, .way = way });
            self.offer(id);
        }

        /// Give the device one request of several buffers, those that it reads before those that it
        /// writes. The result is the first descriptor. There must be enough free ones.
        pub fn submitChain(self: *Self, parts: []const Part) u16 {
            std.debug.assert(parts.len != 0 and parts.len <= @popCount(self.free));
            const head = self.freeId().?;
            var id = head;
            for (parts, 0..) |part, i| {
                self.fill(head, id, part);
                if (i + 1 == parts.len) break;
                const next = self.freeId().?;
                self.descriptors[id].flags |= next_flag;
                self.descriptors[id].next = next;
                id = next;
            }
            self.offer(head);
            return head;
        }

        /// Descriptor `id` becomes a part of the request that starts at `head`.
        fn fill(self: *Self, head: u16, id: u16, part: Part) void {
            const bit = @as(u64, 1) << @intCast(id);
            std.debug.assert(self.free & bit != 0);
            self.free &= ~bit;
            if (id == head) self.lens[head] = 0;
            self.held[head] |= bit;
            if (part.way == .from_device) self.lens[head] += part.len;
            self.descriptors[id] = .{
                .address = part.address,
                .len = part.len,
                .flags = if (part.way == .from_device) writable_flag else 0,
                .next = 0,
            };
        }

        fn offer(self: *Self, id: u16) void {
            self.available[2 + (self.available_index & (size - 1))] = id;
            self.available_index +%= 1;
            // The device may look as soon as it sees the index.
            fence();
            self.available[1] = self.available_index;
        }

        /// True: the device wants to be notified of what was submitted.
        pub fn wantsNotify(self: *const Self) bool {
            fence();
            return self.used[0] & no_notify_flag == 0;
        }

        pub fn wantInterrupts(self: *Self, wanted: bool) void {
            self.available[0] = if (wanted) 0 else no_interrupt_flag;
            fence();
        }

        /// A request that the device gave back, by its first descriptor, with the number of bytes
        /// it wrote.
        pub fn take(self: *Self) Error!?Used {
            if (self.is_broken) return error.Broken;
            const index = self.used[1];
            if (index == self.used_index) return null;
            const outstanding = size - @popCount(self.free);
            if (index -% self.used_index > outstanding) return self.breakDown();
            fence();
            const element = self.elements[self.used_index & (size - 1)];
            if (element.id >= size) return self.breakDown();
            const id: u16 = @intCast(element.id);
            if (self.held[id] == 0 or element.len > self.lens[id]) return self.breakDown();
            std.debug.assert(self.free & self.held[id] == 0); // a descriptor has one owner
            self.free |= self.held[id];
            self.held[id] = 0;
            self.used_index +%= 1;
            return .{ .id = id, .len = element.len };
        }

        fn breakDown(self: *Self) Error {
            self.is_broken = true;
            return error.Broken;
        }
    };
}

test {
    _ = @import("queue_test.zig");
}
