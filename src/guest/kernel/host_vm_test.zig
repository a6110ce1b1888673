//! The kernel's own map on the host: what each page of RAM and of devices may be used for, walked
//! as the hart would walk it.

const std = @import("std");
const testing = std.testing;
const board = @import("board.zig");
const fake = @import("task_fake.zig");
const frames = @import("frames.zig");
const machine = @import("machine_fake.zig");
const vm = @import("vm.zig");

const page = board.page_bytes;
const mega: u64 = 2 << 20;
const giga: u64 = 1 << 30;
const image: vm.Image = .{
    .rodata = board.ram_base + 3 * page,
    .data = board.ram_base + 5 * page,
    .guard = board.ram_base + 9 * page,
};

const read: u64 = 1 << 1;
const write: u64 = 1 << 2;
const execute: u64 = 1 << 3;
const user: u64 = 1 << 4;
const leaf = read | write | execute;

/// The entry that a walk from a root ends at, and how much it maps; null: there is none.
fn walk(root: u64, virtual: u64) ?struct { bits: u64, physical: u64, size: u64 } {
    var table = root;
    for ([_]u6{ 30, 21, 12 }) |shift| {
        const at: *const u64 = @ptrFromInt(table + 8 * (virtual >> shift & 511));
        if (at.* & 1 == 0) return null;
        const physical = (at.* >> 10 & (1 << 44) - 1) << 12;
        if (at.* & leaf != 0) {
            return .{ .bits = at.* & 0x3FF, .physical = physical, .size = @as(u64, 1) << shift };
        }
        table = physical;
    }
    return null;
}

const always: u64 = 1 << 0 | 1 << 5 | 1 << 6;
const text = always | read | execute;
const constants = always | read;
const writable = always | read | write | 1 << 7;

fn expectMapped(root: u64, virtual: u64, physical: u64, bits: u64, size: u64) !void {
    const found = walk(root, virtual) orelse return error.NotMapped;
    try testing.expectEqual(physical, found.physical);
    try testing.expectEqual(bits, found.bits);
    try testing.expectEqual(size, found.size);
}

test "text may be executed, constants read, all else written, and the guard is nothing" {
    for ([_]u64{ 1, 2, 3, 512 }) |megapages| {
        fake.begin();
        vm.init(megapages * mega, image);
        try testing.expectEqual(8, machine.satp >> 60);
        try testing.expectEqual(1, machine.fences);
        const root = machine.satp << 20 >> 8;
        for (0..512) |n| {
            const at = board.ram_base + n * page;
            if (at == image.guard) {
                try testing.expectEqual(null, walk(root, at));
                continue;
            }
            const bits = if (n < 3) text else if (n < 5) constants else writable;
            try expectMapped(root, at, at, bits, page);
        }
        for (1..megapages) |n| {
            const at = board.ram_base + n * mega;
            try expectMapped(root, at, at, writable, mega);
        }
        // Behind RAM there is nothing, and nothing in the tasks' part.
        if (megapages < 512) {
            try testing.expectEqual(null, walk(root, board.ram_base + megapages * mega));
        }
        for ([_]u64{ 0, giga - page, giga }) |at| try testing.expectEqual(null, walk(root, at));
        for (4..512) |n| try testing.expectEqual(null, walk(root, n * giga));
        // Devices, for the kernel alone.
        try expectMapped(root, board.device_window, 0, writable, giga);
    }
}

test "every space has the kernel's part, and no entry of it is a user's" {
    fake.begin();
    vm.init(2 * mega, image);
    const kernel = machine.satp << 20 >> 8;
    const before = frames.freeCount();
    const space = try vm.Space.create();
    for ([_]u64{ board.ram_base, board.ram_base + mega, board.device_window }) |at| {
        const own = walk(space.root, at).?;
        try testing.expectEqual(walk(kernel, at).?, own);
        try testing.expectEqual(0, own.bits & user);
    }
    const frame = try frames.allocZeroed();
    try space.map(0x5000, frame, .{ .execute = true });
    const bits: u64 = 1 << 0 | read | execute | user | 1 << 6;
    try expectMapped(space.root, 0x5000, frame, bits, page);
    try space.map(0x6000, frame, .{ .write = true, .owned = true });
    const owned: u64 = 1 << 0 | read | write | user | 1 << 6 | 1 << 7 | 1 << 8;
    try expectMapped(space.root, 0x6000, frame, owned, page);
    // Both ways lead to one frame, which belongs to the second.
    try testing.expectEqual(frame + 7, space.translate(0x5007, .read).?);
    try testing.expectEqual(null, space.translate(0x5007, .write));
    try testing.expectEqual(frame + 7, space.translate(0x6007, .write).?);
    space.destroy();
    try testing.expectEqual(before, frames.freeCount());
}
