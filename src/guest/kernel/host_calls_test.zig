//! System calls of the factory and of devices, on the host: every bound, and what each is for.

const std = @import("std");
const testing = std.testing;
const abi = @import("abi");
const board = @import("board.zig");
const fake = @import("task_fake.zig");
const frames = @import("frames.zig");
const irq = @import("irq.zig");
const machine = @import("machine_fake.zig");
const scene = @import("calls_scene.zig");
const uart = @import("uart.zig");
const vmo = @import("vmo.zig");

const page = board.page_bytes;
const call = scene.call;
const expectError = scene.expectError;
const factory = scene.factory;

test "interrupt lines: of the factory alone, one to eight, bound and acknowledged by their slot" {
    const who = try factory();
    irq.init();
    for ([_]u64{ 0, 9, 1 << 32 }) |line| {
        try expectError(.invalid, call(who, .irq_create, &.{ abi.slot.factory, line }));
    }
    const inbox = call(who, .endpoint_create, &.{ abi.slot.factory, 4 });
    for ([_]u32{ 1, 8 }) |line| {
        const slot = call(who, .irq_create, &.{ abi.slot.factory, line });
        try expectError(.perm, call(who, .irq_create, &.{ slot, line }));
        try expectError(.bad_slot, call(who, .irq_bind, &.{ inbox, inbox }));
        try expectError(.bad_slot, call(who, .irq_ack, &.{inbox}));
        try expectError(.bad_slot, call(who, .mmio_map, &.{slot}));
        try testing.expectEqual(0, call(who, .irq_bind, &.{ slot, inbox }));
        try testing.expectEqual(@as(u32, 1) << @intCast(line), machine.enabled);
        machine.pending = @as(u32, 1) << @intCast(line);
        irq.dispatch();
        const endpoint = try who.caps.endpoint(inbox, abi.Right.recv);
        try testing.expectEqual(1, endpoint.queued);
        endpoint.pop().?.free();
        const done = machine.completions;
        try testing.expectEqual(0, call(who, .irq_ack, &.{slot}));
        try testing.expectEqual(done + 1, machine.completions);
        who.caps.slots[slot].rights = abi.Right.send;
        try expectError(.perm, call(who, .irq_ack, &.{slot}));
        try expectError(.perm, call(who, .irq_bind, &.{ slot, inbox }));
        try testing.expectEqual(0, call(who, .cap_close, &.{slot}));
        try testing.expectEqual(0, machine.enabled);
    }
}

test "a program is started by the factory alone, with a name and a stack within their bounds" {
    const who = try factory();
    const child = try fake.spawn("child");
    const make = [_]u64{ fake.data, 64, 1, 0, fake.data, 4 };
    try expectError(.perm, call(child, .exec, &make));
    child.caps.put(1, .{ .object = .{ .irq = 1 } });
    irq.retain(1);
    try expectError(.perm, call(child, .exec, &make));
    const Case = struct { at: usize, value: u64 };
    for ([_]Case{
        .{ .at = 2, .value = 0 },
        // The ABI names this number.
        .{ .at = 2, .value = 256 + 1 },
        .{ .at = 5, .value = 0 },
        .{ .at = 5, .value = abi.name_bytes_max + 1 },
    }) |case| {
        var wrong = make;
        // The name is what no program has: a call that came so far would say `fault`.
        wrong[4] = 8;
        try expectError(.fault, call(who, .exec, &wrong));
        wrong[case.at] = case.value;
        try expectError(.invalid, call(who, .exec, &wrong));
        wrong[case.at] = if (case.value == 0) 1 else case.value - 1;
        try expectError(.fault, call(who, .exec, &wrong));
    }
    // Two pages of zeros are not a program; nothing of it is left.
    const free = frames.freeCount();
    try expectError(.invalid, call(who, .exec, &make));
    try testing.expectEqual(free, frames.freeCount());
}

test "a line for the console: as long as the ABI says, no longer, and from the task's own memory" {
    const who = try factory();
    uart.init();
    const most = abi.debug_write_bytes_max;
    try testing.expectEqual(1024, most);
    @memset(fake.bytes(who, fake.data)[0..most], 'x');
    for ([_]u64{ 0, 1, most }) |len| {
        const before = machine.console().len;
        try testing.expectEqual(len, call(who, .debug_write, &.{ fake.data, len }));
        const said = machine.console()[before..];
        try testing.expectEqual(len, said.len);
        for (said) |byte| try testing.expectEqual('x', byte);
    }
    try expectError(.too_big, call(who, .debug_write, &.{ fake.data, most + 1 }));
    try expectError(.fault, call(who, .debug_write, &.{ 8, 1 }));
    try testing.expectEqual(most + 1, machine.console().len);
}

test "what a capability stands for is said to its holder, of memory and devices alone" {
    const who = try factory();
    const memory = call(who, .vmo_create, &.{page + 1});
    const device = board.user_devices[0];
    const mmio = call(who, .device_cap_create, &.{ abi.slot.factory, device.base, 2 * page });
    try expectError(.perm, call(who, .device_cap_create, &.{ memory, device.base, page }));
    try expectError(.invalid, call(who, .device_cap_create, &.{ abi.slot.factory, 0, page }));
    const object = who.caps.slots[memory].object.vmo;
    for ([_]u64{ memory, mmio }, [_]abi.CapInfo{
        .{ .kind = @intFromEnum(abi.CapKind.vmo), .base = object.base, .len = 2 * page },
        .{ .kind = @intFromEnum(abi.CapKind.mmio), .base = device.base, .len = 2 * page },
    }) |slot, want| {
        try testing.expectEqual(0, call(who, .cap_query, &.{ slot, fake.data }));
        const bytes = fake.bytes(who, fake.data)[0..@sizeOf(abi.CapInfo)];
        try testing.expectEqual(want, std.mem.bytesToValue(abi.CapInfo, bytes));
        try expectError(.fault, call(who, .cap_query, &.{ slot, 8 }));
        who.caps.slots[slot].rights = 0;
        try expectError(.perm, call(who, .cap_query, &.{ slot, fake.data }));
    }
    try expectError(.perm, call(who, .cap_query, &.{ abi.slot.factory, fake.data }));
    const inbox = call(who, .endpoint_create, &.{ abi.slot.factory, 1 });
    try expectError(.perm, call(who, .cap_query, &.{ inbox, fake.data }));
}

test "the largest object is a matter of memory, one byte more of the rules" {
    const who = try factory();
    try expectError(.no_memory, call(who, .vmo_create, &.{vmo.bytes_max}));
    try expectError(.invalid, call(who, .vmo_create, &.{vmo.bytes_max + 1}));
    try testing.expectEqual(16 << 20, vmo.bytes_max);
    // A piece of an object is the piece that was asked for.
    const slot = call(who, .vmo_create, &.{3 * page});
    const object = who.caps.slots[slot].object.vmo;
    const at = call(who, .vm_map, &.{ slot, page, 2 * page, abi.Prot.read });
    try testing.expectEqual(object.base + page, who.space.translate(at, .read).?);
    try testing.expectEqual(object.base + 2 * page, who.space.translate(at + page, .read).?);
}

test "a task that yields or closes has 0 for an answer" {
    const who = try factory();
    fake.run(who);
    try testing.expectEqual(0, call(who, .yield, &.{}));
    const inbox = call(who, .endpoint_create, &.{ abi.slot.factory, 1 });
    try testing.expectEqual(0, call(who, .cap_close, &.{inbox}));
}

test "children's ends go to the endpoint of init, and to no other" {
    const who = try factory();
    const other = try fake.spawn("other");
    const slot = call(who, .endpoint_create, &.{ abi.slot.factory, 4 });
    const endpoint = try who.caps.endpoint(slot, abi.Right.recv);
    fake.run(other);
    _ = call(other, .exit, &.{0});
    try testing.expectEqual(0, endpoint.queued);
}
