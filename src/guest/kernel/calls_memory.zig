//! System calls on memory: objects, mappings, device registers.

const std = @import("std");
const abi = @import("abi");
const board = @import("board.zig");
const regions = @import("regions.zig");
const Error = @import("call_error.zig").Error;
const task = @import("task.zig");
const vmo = @import("vmo.zig");

pub fn createVmo(caller: *task.Task, len: u64) Error!u64 {
    if (len == 0 or len > vmo.bytes_max) return error.Invalid;
    const slot = try caller.caps.freeSlot();
    const object = try vmo.create(len);
    caller.caps.put(slot, .{ .object = .{ .vmo = object }, .rights = abi.Right.map });
    return slot;
}

/// There is no PROT for executing: what a task maps at run time is data.
pub fn map(caller: *task.Task, slot: u64, offset: u64, len: u64, prot: u64) Error!u64 {
    if (prot & abi.Prot.read == 0 or prot & ~(abi.Prot.read | abi.Prot.write) != 0) {
        return error.Invalid;
    }
    const cap = try caller.caps.get(slot);
    if (cap.object != .vmo) return error.BadSlot;
    if (!cap.has(abi.Right.map)) return error.Denied;
    const object = cap.object.vmo;
    const rounded = try pages(len);
    if (offset % board.page_bytes != 0 or offset > object.len or rounded > object.len - offset) {
        return error.Invalid;
    }
    const write = prot & abi.Prot.write != 0;
    const base = object.base + offset;
    const mapped = caller.regions.map(caller.space, base, rounded, write, object);
    return mapped catch |err| translate(err);
}

pub fn unmap(caller: *task.Task, address: u64, len: u64) Error!u64 {
    caller.regions.unmap(caller.space, address, try pages(len)) catch |err| return translate(err);
    return 0;
}

pub fn mapDevice(caller: *task.Task, slot: u64) Error!u64 {
    const cap = try caller.caps.get(slot);
    if (cap.object != .mmio) return error.BadSlot;
    if (!cap.has(abi.Right.map)) return error.Denied;
    const range = cap.object.mmio;
    const mapped = caller.regions.map(caller.space, range.base, range.len, true, null);
    return mapped catch |err| translate(err);
}

fn pages(len: u64) Error!u64 {
    if (len == 0 or len > vmo.bytes_max) return error.Invalid;
    return std.mem.alignForward(u64, len, board.page_bytes);
}

fn translate(err: regions.Error) Error {
    return switch (err) {
        error.NoMemory => error.NoMemory,
        else => error.Invalid,
    };
}
