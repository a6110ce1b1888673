//! System calls as a task makes them, on the host: registers in, registers out, and what is kept.

const std = @import("std");
const testing = std.testing;
const abi = @import("abi");
const board = @import("board.zig");
const endpoints = @import("endpoints.zig");
const fake = @import("task_fake.zig");
const irq = @import("irq.zig");
const machine = @import("machine_fake.zig");
const reaper = @import("reaper.zig");
const scene = @import("calls_scene.zig");
const sched = @import("sched.zig");
const task = @import("task.zig");
const vmo = @import("vmo.zig");

const page = board.page_bytes;
const pc = scene.pc;
const call = scene.call;
const expectError = scene.expectError;
const factory = scene.factory;

test "an answer comes once and the program goes on behind the call; one that waits repeats it" {
    const who = try factory();
    machine.now_ticks = 7;
    try testing.expectEqual(700, call(who, .nsec, &.{}));
    try testing.expectEqual(pc + 4, who.context.pc);
    try testing.expectEqual(who.pid, call(who, .getpid, &.{}));
    try expectError(.no_sys, call(who, @enumFromInt(3), &.{}));
    try testing.expectEqual(pc + 4, who.context.pc);
    const endpoint = try endpoints.create(1);
    const slot = try fake.give(who, endpoint, abi.Right.recv);
    _ = try fake.give(who, endpoint, abi.Right.send);
    fake.run(who);
    // The descriptor of a call that does not wait is laid; then the call is made by number.
    try testing.expectError(error.WouldBlock, fake.receive(who, slot, .{}));
    try expectError(.again, call(who, .ipc_recv, &.{fake.words + 64}));
    try testing.expectError(error.Blocked, fake.receive(who, slot, .{ .flags = 0 }));
    fake.run(who);
    const answer = call(who, .ipc_recv, &.{fake.words + 64});
    try testing.expectEqual(fake.words + 64, answer); // a0 is as it was
    try testing.expectEqual(pc, who.context.pc);
    try testing.expectEqual(.blocked, who.state);
}

test "every refusal has the number that it has in the ABI" {
    const who = try factory();
    try expectError(.bad_slot, call(who, .cap_close, &.{63}));
    try expectError(.perm, call(who, .cap_close, &.{abi.slot.factory}));
    try expectError(.invalid, call(who, .endpoint_create, &.{ abi.slot.factory, 0 }));
    try expectError(.fault, call(who, .ipc_recv, &.{8}));
    try expectError(.too_big, call(who, .ipc_send, &.{ 1, 0, 0, 8193 }));
    try expectError(.srch, call(who, .task_resume, &.{12345}));
    try expectError(.srch, call(who, .task_resume, &.{1 << 32}));
    while (who.caps.freeSlot()) |slot| {
        who.caps.put(slot, .{ .object = .{ .irq = 1 } });
        irq.retain(1);
    } else |_| {}
    try expectError(.no_space, call(who, .vmo_create, &.{1}));
    try expectError(.no_space, call(who, .endpoint_create, &.{ abi.slot.factory, 1 }));
}

test "endpoints: only the factory makes them, of any depth that is allowed" {
    const who = try factory();
    for ([_]u64{ 1, abi.endpoint_depth_max }) |depth| {
        const slot = call(who, .endpoint_create, &.{ abi.slot.factory, depth });
        const endpoint = try who.caps.endpoint(slot, abi.Right.send | abi.Right.recv);
        try testing.expectEqual(depth, endpoint.depth);
        try testing.expectEqual(1, endpoint.receivers);
    }
    const beyond = abi.endpoint_depth_max + 1;
    try expectError(.invalid, call(who, .endpoint_create, &.{ abi.slot.factory, beyond }));
    try expectError(.perm, call(who, .endpoint_create, &.{ 1, 1 }));
}

test "memory: lengths, offsets and rights at their bounds" {
    const who = try factory();
    const slot = call(who, .vmo_create, &.{2 * page});
    const read = abi.Prot.read;
    const both = abi.Prot.read | abi.Prot.write;
    const Case = struct { offset: u64, len: u64, prot: u64, is_right: bool };
    const cases = [_]Case{
        .{ .offset = 0, .len = 2 * page, .prot = both, .is_right = true },
        .{ .offset = 0, .len = 1, .prot = read, .is_right = true },
        .{ .offset = page, .len = page, .prot = read, .is_right = true },
        .{ .offset = 0, .len = 2 * page + 1, .prot = read, .is_right = false },
        .{ .offset = page, .len = page + 1, .prot = read, .is_right = false },
        .{ .offset = 2 * page, .len = 1, .prot = read, .is_right = false },
        .{ .offset = 3 * page, .len = 1, .prot = read, .is_right = false },
        .{ .offset = 1, .len = page, .prot = read, .is_right = false },
        .{ .offset = 0, .len = 0, .prot = read, .is_right = false },
        .{ .offset = 0, .len = page, .prot = abi.Prot.write, .is_right = false },
        .{ .offset = 0, .len = page, .prot = both | 4, .is_right = false },
        .{ .offset = 0, .len = vmo.bytes_max + 1, .prot = read, .is_right = false },
    };
    for (cases) |case| {
        const at = call(who, .vm_map, &.{ slot, case.offset, case.len, case.prot });
        if (!case.is_right) {
            try expectError(.invalid, at);
            continue;
        }
        try testing.expect(who.space.translate(at, .read) != null);
        const is_writable = who.space.translate(at, .write) != null;
        try testing.expectEqual(case.prot == both, is_writable);
        try testing.expectEqual(0, call(who, .vm_unmap, &.{ at, case.len }));
        try expectError(.invalid, call(who, .vm_unmap, &.{ at, case.len }));
    }
    for ([_]u64{ 0, vmo.bytes_max + 1 }) |len| {
        try expectError(.invalid, call(who, .vmo_create, &.{len}));
    }
    const without = call(who, .cap_clone, &.{ slot, abi.Right.map });
    who.caps.slots[without].rights = 0;
    try expectError(.perm, call(who, .vm_map, &.{ without, 0, page, read }));
    try expectError(.bad_slot, call(who, .mmio_map, &.{slot}));
    const device = board.user_devices[0];
    const mmio = call(who, .device_cap_create, &.{ abi.slot.factory, device.base, page });
    try expectError(.bad_slot, call(who, .vm_map, &.{ mmio, 0, page, read }));
    const mapped = call(who, .mmio_map, &.{mmio});
    try testing.expectEqual(device.base, who.space.translate(mapped, .write).?);
}

test "a child is resumed once, by its parent alone" {
    const who = try factory();
    const child = try task.create("child", who.pid);
    const other = try fake.spawn("other");
    try expectError(.srch, call(other, .task_resume, &.{child.pid}));
    try testing.expectEqual(0, call(who, .task_resume, &.{child.pid}));
    try testing.expectEqual(.ready, child.state);
    try expectError(.invalid, call(who, .task_resume, &.{child.pid}));
}

test "an exit and a crash are reported to init, each with what happened" {
    const who = try factory();
    const init = try fake.spawn("init");
    const control = try endpoints.create(1);
    const slot = try fake.give(init, control, abi.Right.recv);
    reaper.adoptControl(control);
    defer reaper.control = null;
    const crashing = try fake.spawn("crashing");
    fake.run(who);
    const pids = [_]u32{ who.pid, crashing.pid };
    _ = call(who, .exit, &.{7});
    try testing.expectEqual(.free, who.state);
    try testing.expectEqual(null, sched.current);
    fake.run(crashing);
    crashing.context.pc = 0x1234;
    machine.stval = 0xBAD0;
    reaper.crash(crashing, 13);
    // Two at once, though the endpoint holds one: no end is lost.
    for (pids, 0..) |pid, i| {
        try testing.expectEqual(@sizeOf(abi.ChildExit), try fake.receive(init, slot, .{}));
        const bytes = fake.bytes(init, fake.data)[0..@sizeOf(abi.ChildExit)];
        const report = std.mem.bytesToValue(abi.ChildExit, bytes);
        try testing.expectEqual(pid, report.pid);
        try testing.expectEqual(i, report.reason);
        try testing.expectEqual(([_]u64{ 7, 13 })[i], report.code);
        try testing.expectEqual(([_]u64{ 0, 0xBAD0 })[i], report.addr);
        try testing.expectEqual(([_]u64{ 0, 0x1234 })[i], report.pc);
        const name = ([_][]const u8{ "maker", "crashing" })[i];
        try testing.expectEqual(abi.serviceId(name), report.service_id);
        try testing.expectEqual(abi.KernelMsg.child_exit, fake.received(init)[0].type);
    }
}
