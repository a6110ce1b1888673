//! System calls on capabilities: close, clone, hand to a child, and the three kinds only the
//! factory makes.

const abi = @import("abi");
const board = @import("board.zig");
const caps = @import("caps.zig");
const calls_task = @import("calls_task.zig");
const irq = @import("irq.zig");
const Error = @import("call_error.zig").Error;
const task = @import("task.zig");
const usercopy = @import("usercopy.zig");

pub fn close(caller: *task.Task, slot: u64) Error!u64 {
    const cap = try caller.caps.get(slot);
    if (cap.object == .factory) return error.Denied;
    caller.caps.take(slot).drop();
    return 0;
}

pub fn clone(caller: *task.Task, slot: u64, rights: u64) Error!u64 {
    const cap = try caller.caps.get(slot);
    const subset = try checkSubset(cap, rights);
    const target = try caller.caps.freeSlot();
    caller.caps.put(target, cap.copy(subset));
    return target;
}

pub fn query(caller: *task.Task, slot: u64, out: u64) Error!u64 {
    const cap = try caller.caps.get(slot);
    if (!cap.has(abi.Right.map)) return error.Denied;
    const info: abi.CapInfo = switch (cap.object) {
        .vmo => |object| .{
            .kind = @intFromEnum(abi.CapKind.vmo),
            .base = object.base,
            .len = object.len,
        },
        .mmio => |range| .{
            .kind = @intFromEnum(abi.CapKind.mmio),
            .base = range.base,
            .len = range.len,
        },
        else => return error.Denied,
    };
    try usercopy.outValue(caller.space, out, info);
    return 0;
}

/// Copy a capability into a child's table. MANAGE never travels.
pub fn transfer(caller: *task.Task, pid: u64, slot: u64, rights: u64, child_slot: u64) Error!u64 {
    const child = calls_task.childOf(caller, pid) orelse return error.NoSuchTask;
    const cap = try caller.caps.get(slot);
    const subset = try checkSubset(cap, rights);
    if (subset & abi.Right.manage != 0) return error.Denied;
    const target: u32 = if (child_slot == abi.no_slot) try child.caps.freeSlot() else target: {
        if (child_slot == 0 or child_slot >= abi.slots_per_task) return error.BadSlot;
        if (child.caps.slots[child_slot].object != .none) return error.NoSpace;
        break :target @intCast(child_slot);
    };
    child.caps.put(target, cap.copy(subset));
    return target;
}

fn checkSubset(cap: *const caps.Cap, rights: u64) Error!u32 {
    if (cap.object == .factory) return error.Denied;
    if (rights == 0) return error.Invalid;
    if (rights & ~@as(u64, cap.rights) != 0) return error.Denied;
    return @intCast(rights);
}

pub fn createDevice(caller: *task.Task, factory_slot: u64, base: u64, len: u64) Error!u64 {
    if ((try caller.caps.get(factory_slot)).object != .factory) return error.Denied;
    if (!board.userMayDrive(base, len)) return error.Invalid;
    const slot = try caller.caps.freeSlot();
    caller.caps.put(
        slot,
        .{ .object = .{ .mmio = .{ .base = base, .len = len } }, .rights = abi.Right.map },
    );
    return slot;
}

pub fn createIrq(caller: *task.Task, factory_slot: u64, number: u64) Error!u64 {
    if ((try caller.caps.get(factory_slot)).object != .factory) return error.Denied;
    if (number < 1 or number > board.irq_max) return error.Invalid;
    const slot = try caller.caps.freeSlot();
    const line: u32 = @intCast(number);
    irq.retain(line);
    caller.caps.put(slot, .{ .object = .{ .irq = line }, .rights = abi.Right.recv });
    return slot;
}

pub fn bindIrq(caller: *task.Task, irq_slot: u64, endpoint_slot: u64) Error!u64 {
    const line = try irqLine(caller, irq_slot);
    irq.bind(line, try caller.caps.endpoint(endpoint_slot, abi.Right.send));
    return 0;
}

pub fn acknowledgeIrq(caller: *task.Task, slot: u64) Error!u64 {
    irq.acknowledge(try irqLine(caller, slot));
    return 0;
}

fn irqLine(caller: *task.Task, slot: u64) Error!u32 {
    const cap = try caller.caps.get(slot);
    if (cap.object != .irq) return error.BadSlot;
    if (!cap.has(abi.Right.recv)) return error.Denied;
    return cap.object.irq;
}
