//! A queue in host memory, with a test in the place of the device.

const std = @import("std");
const queue_module = @import("queue.zig");
const transport = @import("transport.zig");
const fence = transport.fence;
const next_flag = queue_module.next_flag;
const writable_flag = queue_module.writable_flag;
const Memory = queue_module.Memory;
const Used = queue_module.Used;
const Queue = queue_module.Queue;

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
