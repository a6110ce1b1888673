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
const next_flag: u16 = 1;
const writable_flag: u16 = 2;
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

const testing = std.testing;

/// A queue in host memory, with the device's hand on it.
const Fake = struct {
    const Small = Queue(4);
    memory: [Small.memory_bytes]u8 align(16) = @splat(0),
    queue: Small = undefined,

    fn setUp(self: *Fake) void {
        const memory: Memory = .{ .virtual = &self.memory, .physical = 0x8000_0000 };
        self.queue = .init(memory);
    }

    fn use(self: *Fake, id: u32, len: u32) void {
        const index = self.queue.used[1];
        self.queue.elements[index & 3] = .{ .id = id, .len = len };
        self.queue.used[1] = index +% 1;
    }
};

test "buffers go round, over the wrap of both indices" {
    var fake: Fake = .{};
    fake.setUp();
    const queue = &fake.queue;
    queue.available_index = 0xFFFE;
    queue.used_index = 0xFFFE;
    queue.used[1] = 0xFFFE;
    for (0..10) |round| {
        const id = queue.freeId().?;
        queue.submit(id, 0x1000 * @as(u64, id), 100, .from_device);
        try testing.expectEqual(id, queue.available[2 + ((0xFFFE +% round) & 3)]);
        try testing.expectEqual(@as(?Used, null), try queue.take());
        fake.use(id, 60);
        try testing.expectEqual(@as(?Used, .{ .id = id, .len = 60 }), try queue.take());
    }
    for (0..4) |_| queue.submit(queue.freeId().?, 0, 1, .to_device);
    try testing.expectEqual(@as(?u16, null), queue.freeId());
}

test "a chain is linked in order, and comes back whole by its first descriptor" {
    var fake: Fake = .{};
    fake.setUp();
    const queue = &fake.queue;
    const head = queue.submitChain(&.{
        .{ .address = 0x100, .len = 16, .way = .to_device },
        .{ .address = 0x200, .len = 512, .way = .from_device },
        .{ .address = 0x300, .len = 1, .way = .from_device },
    });
    const flags = [_]u16{ next_flag, writable_flag | next_flag, writable_flag };
    const at = [_]u64{ 0x100, 0x200, 0x300 };
    var id = head;
    for (flags, at) |flag, address| {
        try testing.expectEqual(flag, queue.descriptors[id].flags);
        try testing.expectEqual(address, queue.descriptors[id].address);
        id = queue.descriptors[id].next;
    }
    try testing.expectEqual(@as(u6, 1), @popCount(queue.free));
    fake.use(head, 513);
    try testing.expectEqual(@as(?Used, .{ .id = head, .len = 513 }), try queue.take());
    try testing.expectEqual(@as(u6, 4), @popCount(queue.free));
}

test "a device cannot give back the middle of a chain, or more than the chain takes" {
    for ([_]Used{ .{ .id = 1, .len = 1 }, .{ .id = 0, .len = 514 } }) |lie| {
        var fake: Fake = .{};
        fake.setUp();
        const head = fake.queue.submitChain(&.{
            .{ .address = 0x100, .len = 16, .way = .to_device },
            .{ .address = 0x200, .len = 513, .way = .from_device },
        });
        try testing.expectEqual(@as(u16, 0), head);
        fake.use(lie.id, lie.len);
        try testing.expectError(error.Broken, fake.queue.take());
    }
}

test "parts lie where the device learns they are" {
    var fake: Fake = .{};
    fake.setUp();
    const at = fake.queue.addresses();
    try testing.expectEqual(@as(u64, 0x8000_0040), at.available);
    // 64 + 6 + 8 = 78, rounded up to a multiple of four.
    try testing.expectEqual(@as(u64, 0x8000_0050), at.used);
}

test "a device that lies about index, id or length breaks the queue and nothing else" {
    const Lie = struct { id: u32, len: u32, jump: u16 = 0 };
    for ([_]Lie{
        .{ .id = 4, .len = 1 },
        .{ .id = 0xFFFF_FFFF, .len = 1 },
        .{ .id = 1, .len = 1 },
        .{ .id = 0, .len = 101 },
        .{ .id = 0, .len = 1, .jump = 1 },
        .{ .id = 0, .len = 1, .jump = 0x8000 },
    }) |lie| {
        var fake: Fake = .{};
        fake.setUp();
        fake.queue.submit(0, 0, 100, .from_device);
        fake.use(lie.id, lie.len);
        fake.queue.used[1] +%= lie.jump;
        try testing.expectError(error.Broken, fake.queue.take());
        try testing.expectError(error.Broken, fake.queue.take());
    }
}

test "a device cannot give the same request back twice" {
    var fake: Fake = .{};
    fake.setUp();
    for (0..2) |_| fake.queue.submit(fake.queue.freeId().?, 0, 100, .from_device);
    fake.use(0, 1);
    try testing.expectEqual(@as(?Used, .{ .id = 0, .len = 1 }), try fake.queue.take());
    fake.use(0, 1);
    try testing.expectError(error.Broken, fake.queue.take());
}

test "a queue that is broken stays so, even if the device mends its ways" {
    var fake: Fake = .{};
    fake.setUp();
    fake.queue.submit(0, 0, 100, .from_device);
    fake.use(0, 101);
    try testing.expectError(error.Broken, fake.queue.take());
    fake.queue.elements[0].len = 1;
    try testing.expectError(error.Broken, fake.queue.take());
    fake.queue.used[1] = 0;
    try testing.expectError(error.Broken, fake.queue.take());
}

/// What a device would find at each fence: its index, and the newest place of the ring.
const Glance = struct {
    var of: *Fake = undefined;
    var seen: [4]struct { index: u16, first: u16, flags: u16 } = undefined;
    var count: usize = 0;

    fn look() void {
        const available = of.queue.available;
        const flags = of.queue.descriptors[0].flags;
        seen[count] = .{ .index = available[1], .first = available[2], .flags = flags };
        count += 1;
    }
};

test "a device sees what is offered before it sees that something is" {
    defer transport.on_fence = null;
    var fake: Fake = .{};
    fake.setUp();
    fake.queue.available[2] = 0xFFFF;
    Glance.of = &fake;
    transport.on_fence = Glance.look;
    fake.queue.submit(0, 0, 1, .from_device);
    try testing.expectEqual(1, Glance.count);
    const glance = Glance.seen[0];
    try testing.expectEqual(0, glance.index);
    try testing.expectEqual(0, glance.first);
    try testing.expectEqual(writable_flag, glance.flags);
    try testing.expectEqual(1, fake.queue.available[1]);
    // Wishes are seen before the next look, and what came is read behind the index.
    fake.queue.wantInterrupts(false);
    _ = fake.queue.wantsNotify();
    fake.use(0, 1);
    _ = try fake.queue.take();
    try testing.expectEqual(4, Glance.count);
}

test "no device writes into what it shall only read" {
    var fake: Fake = .{};
    fake.setUp();
    fake.queue.submit(0, 0, 100, .to_device);
    fake.use(0, 1);
    try testing.expectError(error.Broken, fake.queue.take());
}
