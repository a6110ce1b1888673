//! Memory, on the host: copies from and to tasks, address spaces, frames, objects, capabilities.

const std = @import("std");
const testing = std.testing;
const abi = @import("abi");
const board = @import("board.zig");
const calls_cap = @import("calls_cap.zig");
const caps = @import("caps.zig");
const endpoints = @import("endpoints.zig");
const fake = @import("task_fake.zig");
const frames = @import("frames.zig");
const machine = @import("machine_fake.zig");
const regions = @import("regions.zig");
const task = @import("task.zig");
const usercopy = @import("usercopy.zig");
const vm = @import("vm.zig");
const vmo = @import("vmo.zig");

const page = board.page_bytes;

test "a copy crosses pages, and ends at the last byte that is mapped" {
    fake.begin();
    const who = try fake.spawn("who");
    var text: [2 * page]u8 = undefined;
    for (&text, 0..) |*byte, i| byte.* = @truncate(i *% 13);
    const ends = [_][2]u64{
        .{ 0, 0 },         .{ 0, 1 },            .{ page - 1, 1 },     .{ page - 1, 2 },
        .{ 0, 2 * page },  .{ 1, 2 * page - 1 }, .{ page, page },      .{ 2 * page, 0 },
        .{ page - 8, 16 }, .{ 5, page },         .{ 2 * page - 1, 1 },
    };
    for (ends) |case| {
        const at, const len = case;
        try usercopy.out(who.space, fake.data + at, text[0..len]);
        var back: [2 * page]u8 = undefined;
        try usercopy.in(who.space, back[0..len], fake.data + at);
        try testing.expectEqualSlices(u8, text[0..len], back[0..len]);
    }
    const last = 2 * page - 1;
    const beyond = [_][2]u64{ .{ last, 2 }, .{ 2 * page, 1 }, .{ 1, 2 * page }, .{ 3 * page, 1 } };
    for (beyond) |case| {
        const at, const len = case;
        try testing.expectError(error.Fault, usercopy.out(who.space, fake.data + at, text[0..len]));
        try testing.expectError(error.Fault, usercopy.in(who.space, text[0..len], fake.data + at));
    }
    try testing.expectError(error.Fault, usercopy.in(who.space, text[0..1], fake.data - 1));
}

test "a copy asks for the task's own rights, and never for a device" {
    fake.begin();
    const who = try fake.spawn("who");
    const frame = try frames.allocZeroed();
    try who.space.map(0x40000, frame, .{ .owned = true });
    var byte: [1]u8 = .{7};
    try usercopy.in(who.space, &byte, 0x40000);
    try testing.expectError(error.Fault, usercopy.out(who.space, 0x40000, &byte));
    try who.space.map(0x50000, 0x1000_1000, .{ .write = true });
    try testing.expectError(error.Fault, usercopy.in(who.space, &byte, 0x50000));
    try testing.expectError(error.Fault, usercopy.out(who.space, 0x50000, &byte));
    // A page of the kernel's own, as an entry that the user may not use.
    const wild = [_]u64{ 0, vm.user_end, vm.user_end - 1, board.ram_base, std.math.maxInt(u64) };
    for (wild) |address| {
        try testing.expectError(error.Fault, usercopy.in(who.space, &byte, address));
    }
    var two: [2]u8 = undefined;
    const last = std.math.maxInt(u64);
    try testing.expectError(error.Fault, usercopy.in(who.space, &two, last));
}

test "a page is mapped once, below the end, never to be written and run" {
    fake.begin();
    const space = try vm.Space.create();
    const frame = try frames.alloc();
    const both: vm.Access = .{ .write = true, .execute = true };
    try testing.expectError(error.WriteExecute, space.map(0, frame, both));
    try testing.expectError(error.OutOfRange, space.map(vm.user_end, frame, .{}));
    try space.map(vm.user_end - page, frame, .{ .write = true });
    try testing.expectError(error.AlreadyMapped, space.map(vm.user_end - page, frame, .{}));
    const last = vm.user_end - 1;
    try testing.expectEqual(frame + page - 1, space.translate(last, .write).?);
    try testing.expectEqual(null, space.translate(vm.user_end, .read));
    space.unmap(vm.user_end - page);
    try testing.expectEqual(null, space.translate(last, .read));
    space.unmap(vm.user_end - page);
    try space.map(vm.user_end - page, frame, .{});
    try testing.expectEqual(null, space.translate(last, .write));
    try testing.expectEqual(frame + page - 1, space.translate(last, .read).?);
    space.destroy();
    frames.free(frame);
}

test "whatever a task held is free again when it ends" {
    fake.begin();
    const free = frames.freeCount();
    for (0..3) |_| {
        const who = try fake.spawn("who");
        const object = try vmo.create(3 * page + 1);
        who.caps.put(5, .{ .object = .{ .vmo = object }, .rights = abi.Right.map });
        const address = try who.regions.map(who.space, object.base, object.len, true, object);
        try testing.expectEqual(2, object.references);
        try testing.expectEqual(address % page, 0);
        who.caps.take(5).drop();
        try testing.expectEqual(free - frames.freeCount() > 4, true);
        task.release(who);
        try testing.expectEqual(free, frames.freeCount());
        try testing.expectEqual(null, task.find(who.pid));
    }
}

test "frames: all of them, one more, and adjacent ones" {
    fake.begin();
    const most = machine.ram_bytes / page;
    for ([_]u64{ 1, 63, 64, 65, 130 }) |count| {
        frames.init(board.ram_base, board.ram_base + count * page);
        try testing.expectEqual(count, frames.freeCount());
        try testing.expectError(error.NoMemory, frames.allocRun(count + 1));
        const run = try frames.allocRun(count);
        try testing.expectEqual(board.ram_base, run);
        try testing.expectEqual(0, frames.freeCount());
        try testing.expectError(error.NoMemory, frames.alloc());
        frames.free(run + (count - 1) * page);
        try testing.expectEqual(run + (count - 1) * page, try frames.alloc());
        frames.freeRun(run, count);
        for (0..count) |i| try testing.expectEqual(run + i * page, try frames.alloc());
        try testing.expectError(error.NoMemory, frames.alloc());
    }
    // A gap is too small by one, then just large enough.
    frames.init(board.ram_base, board.ram_base + most * page);
    const all = try frames.allocRun(most);
    frames.freeRun(all + 70 * page, 3);
    frames.freeRun(all + 80 * page, 4);
    try testing.expectEqual(all + 80 * page, try frames.allocRun(4));
    try testing.expectError(error.NoMemory, frames.allocRun(4));
    frames.bytes(all + 71 * page)[9] = 1;
    try testing.expectEqual(all + 70 * page, try frames.allocRun(3));
    try testing.expectEqual(0, frames.bytes(all + 71 * page)[9]);
    frames.init(board.ram_base + 1, board.ram_base + 3 * page);
    try testing.expectEqual(2, frames.freeCount());
    try testing.expectEqual(board.ram_base + page, try frames.alloc());
}

test "regions lie apart, are unmapped whole, and a place is used again" {
    fake.begin();
    const who = try fake.spawn("who");
    const object = try vmo.create(2 * page);
    const space = who.space;
    const first = try who.regions.map(space, object.base, object.len, true, object);
    const second = try who.regions.map(space, object.base, object.len, false, object);
    try testing.expectEqual(abi.layout.map_base, first);
    try testing.expectEqual(first + 3 * page, second); // a page between them is not mapped
    try testing.expectEqual(null, space.translate(first + 2 * page, .read));
    try testing.expectEqual(null, space.translate(second, .write));
    try testing.expectEqual(3, object.references);
    const no = error.NoSuchRegion;
    try testing.expectError(no, who.regions.unmap(space, first, page));
    try testing.expectError(no, who.regions.unmap(space, first + page, page));
    try who.regions.unmap(space, first, 2 * page);
    try testing.expectError(no, who.regions.unmap(space, first, 2 * page));
    try testing.expectEqual(null, space.translate(first, .read));
    const again = try who.regions.map(space, object.base, page, true, null);
    try testing.expectEqual(second - 3 * page, again);
    // A hole of one page is too small for two: they come behind.
    const behind = try who.regions.map(space, object.base, 2 * page, true, null);
    try testing.expectEqual(second + 3 * page, behind);
    while (who.regions.map(space, object.base, page, true, null)) |_| {} else |err| {
        try testing.expectEqual(error.NoMemory, err);
    }
    try testing.expectEqual(32, who.regions.count);
    object.release();
    try testing.expectEqual(1, object.references); // the second mapping of it
    task.release(who);
    try testing.expectEqual(0, object.references);
}

test "objects are rounded up to pages, and there are so many" {
    fake.begin();
    const who = try fake.spawn("who");
    for ([_][2]u64{ .{ 1, page }, .{ page, page }, .{ page + 1, 2 * page } }) |case| {
        const object = try vmo.create(case[0]);
        try testing.expectEqual(case[1], object.len);
        object.release();
    }
    try testing.expectError(error.NoMemory, vmo.create(vmo.bytes_max));
    const free = frames.freeCount();
    var list: [128]*vmo.Vmo = undefined;
    for (&list) |*object| object.* = try vmo.create(1);
    try testing.expectError(error.NoMemory, vmo.create(1));
    list[77].release();
    list[77] = try vmo.create(1);
    for (list) |object| object.release();
    try testing.expectEqual(free, frames.freeCount());
    _ = who;
}

test "slots: the last, one beyond, and never the first" {
    fake.begin();
    const who = try fake.spawn("who");
    for (1..abi.slots_per_task) |i| {
        try testing.expectEqual(i, try who.caps.freeSlot());
        who.caps.put(@intCast(i), .{ .object = .factory });
    }
    try testing.expectError(error.NoSpace, who.caps.freeSlot());
    _ = try who.caps.get(abi.slots_per_task - 1);
    try testing.expectError(error.BadSlot, who.caps.get(abi.slots_per_task));
    try testing.expectError(error.BadSlot, who.caps.get(0));
    try testing.expectError(error.BadSlot, who.caps.endpoint(1, abi.Right.send));
}

fn expectCounts(endpoint: *endpoints.Endpoint, senders: u32, receivers: u32, all: u32) !void {
    try testing.expectEqual(senders, endpoint.senders);
    try testing.expectEqual(receivers, endpoint.receivers);
    try testing.expectEqual(all, endpoint.references);
}

test "a clone has some of the rights, counts, and is closed by itself" {
    fake.begin();
    const who = try fake.spawn("who");
    const endpoint = try endpoints.create(1);
    const all = abi.Right.send | abi.Right.recv | abi.Right.manage;
    const slot = try fake.give(who, endpoint, all);
    try testing.expectError(error.Invalid, calls_cap.clone(who, slot, 0));
    try testing.expectError(error.Denied, calls_cap.clone(who, slot, all | abi.Right.map));
    const sends: u32 = @intCast(try calls_cap.clone(who, slot, abi.Right.send));
    try testing.expectError(error.Denied, calls_cap.clone(who, sends, abi.Right.recv));
    try expectCounts(endpoint, 2, 1, 2);
    _ = try calls_cap.close(who, slot);
    try expectCounts(endpoint, 1, 0, 1);
    try testing.expect(endpoint.isDead());
    _ = try calls_cap.close(who, sends);
    try testing.expectEqual(0, endpoint.references);
    try testing.expectError(error.BadSlot, calls_cap.close(who, sends));
}

test "only a child is given a capability, without the right to manage, in a free slot" {
    fake.begin();
    const parent = try fake.spawn("parent");
    const child = try task.create("child", parent.pid);
    const stranger = try task.create("stranger", child.pid);
    const endpoint = try endpoints.create(1);
    const slot = try fake.give(parent, endpoint, abi.Right.send | abi.Right.manage);
    const give = calls_cap.transfer;
    const right = abi.Right.send;
    try testing.expectError(error.NoSuchTask, give(parent, stranger.pid, slot, right, abi.no_slot));
    try testing.expectError(error.NoSuchTask, give(parent, parent.pid, slot, right, abi.no_slot));
    const manages = right | abi.Right.manage;
    try testing.expectError(error.Denied, give(parent, child.pid, slot, manages, abi.no_slot));
    try testing.expectError(error.BadSlot, give(parent, child.pid, slot, right, 0));
    try testing.expectError(error.BadSlot, give(parent, child.pid, slot, right, 64));
    try testing.expectEqual(63, try give(parent, child.pid, slot, right, 63));
    try testing.expectError(error.NoSpace, give(parent, child.pid, slot, right, 63));
    try testing.expectEqual(1, try give(parent, child.pid, slot, right, abi.no_slot));
    try testing.expectEqual(3, endpoint.senders);
    task.release(child);
    try testing.expectEqual(1, endpoint.senders);
}

test "devices: only whole ones that the user may drive" {
    const first = board.user_devices[0];
    const cases = [_]struct { u64, u64, bool }{
        .{ first.base, first.len, true },
        .{ first.base, page, true },
        .{ first.base + first.len - page, page, true },
        .{ first.base, first.len + page, false },
        .{ first.base + first.len, page, false },
        .{ first.base - page, page, false },
        .{ first.base + page, first.len, false },
        .{ first.base, 0, false },
        .{ first.base + 1, page, false },
        .{ first.base, page - 1, false },
        .{ board.uart, page, false },
        .{ board.plic, page, false },
        .{ board.ram_base, page, false },
        .{ first.base, 0 -% page, false },
    };
    for (cases) |case| try testing.expectEqual(case[2], board.userMayDrive(case[0], case[1]));
    board.has_flash = false;
    try testing.expect(!board.userMayDrive(board.flash, page));
    board.has_flash = true;
    try testing.expect(board.userMayDrive(board.flash, page));
    board.has_flash = false;
}
