//! Frames and regions on the host: runs, holes and neighbours.

const std = @import("std");
const testing = std.testing;
const board = @import("board.zig");
const fake = @import("task_fake.zig");
const frames = @import("frames.zig");
const machine = @import("machine_fake.zig");
const usercopy = @import("usercopy.zig");
const vm = @import("vm.zig");
const vmo = @import("vmo.zig");

const page = board.page_bytes;

test "a run may begin anywhere, ends with the last frame, and is never of nothing" {
    fake.begin();
    try testing.expectError(error.NoMemory, frames.allocRun(0));
    frames.init(board.ram_base, board.ram_base + 130 * page);
    for (0..64) |_| _ = try frames.alloc();
    frames.free(try frames.alloc()); // from here on the first word is known to be full
    try testing.expectEqual(board.ram_base + 64 * page, try frames.allocRun(66));
    // As many are free as are wanted, but not side by side; behind the last one is nothing.
    frames.init(board.ram_base, board.ram_base + 256 * page);
    frames.init(board.ram_base, board.ram_base + 64 * page);
    const all = try frames.allocRun(64);
    frames.free(all);
    frames.freeRun(all + 2 * page, 62);
    try testing.expectError(error.NoMemory, frames.allocRun(63));
    try testing.expectEqual(all + 2 * page, try frames.allocRun(62));
    try testing.expectEqual(1, frames.freeCount());
    _ = try frames.alloc();
    try testing.expectEqual(0, frames.freeCount());
    frames.free(all);
    try testing.expectEqual(1, frames.freeCount());
}

test "each page of a region is its own, and is gone with it; the translations too" {
    fake.begin();
    const who = try fake.spawn("who");
    const object = try vmo.create(3 * page);
    const space = who.space;
    const first = try who.regions.map(space, object.base, 2 * page, true, null);
    const second = try who.regions.map(space, object.base, 3 * page, true, object);
    for (0..3) |i| {
        const want = object.base + i * page;
        try testing.expectEqual(want, space.translate(second + i * page, .write).?);
    }
    const fences = machine.fences;
    try who.regions.unmap(space, second, 3 * page); // not the first of the list
    try testing.expect(machine.fences > fences);
    for (0..3) |i| try testing.expectEqual(null, space.translate(second + i * page, .read));
    try testing.expectEqual(object.base + page, space.translate(first + page, .read).?);
    const third = try who.regions.map(space, object.base, page, true, null);
    try who.regions.unmap(space, first, 2 * page);
    // A hole that is exactly as large.
    try testing.expectEqual(first, try who.regions.map(space, object.base, 2 * page, true, null));
    try testing.expectEqual(second, third);
    const beyond = vm.user_end + page;
    try testing.expectError(error.NoMemory, who.regions.map(space, 0, beyond, true, null));
    try testing.expectEqual(1, object.references);
    object.retain();
    who.regions.list[0].object = object;
    who.regions.releaseAll();
    who.regions.releaseAll();
    try testing.expectEqual(1, object.references);
    object.release();
}

test "the first byte of memory is memory" {
    fake.begin();
    const who = try fake.spawn("who");
    try who.space.map(0x60000, board.ram_base, .{});
    var byte: [1]u8 = undefined;
    try usercopy.in(who.space, &byte, 0x60000);
}
