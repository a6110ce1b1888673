//! Device interrupts for user-mode drivers, through the PLIC.
//!
//! An interrupt is claimed, posted as a message to the bound endpoint, and completed only when the
//! driver acknowledges it. Until then the PLIC does not raise that line again, so at most one
//! message a line is in flight.

const std = @import("std");
const abi = @import("abi");
const board = @import("board.zig");
const endpoints = @import("endpoints.zig");
const messages = @import("messages.zig");

const Line = struct {
    references: u32 = 0,
    bound: ?*endpoints.Endpoint = null,
    claimed: bool = false,
};

var lines: [board.irq_max + 1]Line = @splat(.{});

/// Context 1 of the PLIC is hart 0 in supervisor mode.
const enable_offset = 0x2080;
const threshold_offset = 0x20_1000;
const claim_offset = 0x20_1004;

const builtin = @import("builtin");
/// On the host, where the kernel is tested, a model stands for the PLIC.
const machine = if (builtin.is_test) @import("machine_fake.zig") else struct {};

fn load(offset: u64) u32 {
    if (builtin.is_test) return machine.plicRead(offset);
    return board.device(u32, board.plic + offset).*;
}

fn store(offset: u64, value: u32) void {
    if (builtin.is_test) return machine.plicWrite(offset, value);
    board.device(u32, board.plic + offset).* = value;
}

pub fn init() void {
    store(threshold_offset, 0);
}

pub fn retain(line: u32) void {
    std.debug.assert(line != 0 and line <= board.irq_max);
    lines[line].references += 1;
}

/// The last capability to the line is gone, so the line falls silent.
pub fn release(line: u32) void {
    std.debug.assert(line != 0 and line <= board.irq_max);
    std.debug.assert(lines[line].references != 0);
    lines[line].references -= 1;
    if (lines[line].references == 0) unbind(line);
}

/// Interrupts of `line` become messages at `endpoint`, to which the binding counts as a sender.
pub fn bind(line: u32, endpoint: *endpoints.Endpoint) void {
    std.debug.assert(line != 0 and line <= board.irq_max);
    std.debug.assert(lines[line].references != 0); // the caller's
    endpoint.retain(abi.Right.send);
    unbind(line);
    lines[line].bound = endpoint;
    store(line * 4, 1);
    store(enable_offset, load(enable_offset) | @as(u32, 1) << @intCast(line));
}

fn unbind(line: u32) void {
    const old = lines[line].bound orelse return;
    lines[line].bound = null;
    acknowledge(line); // first: the PLIC ignores the completion of a line that is disabled
    store(enable_offset, load(enable_offset) & ~(@as(u32, 1) << @intCast(line)));
    old.release(abi.Right.send);
}

pub fn acknowledge(line: u32) void {
    std.debug.assert(line != 0 and line <= board.irq_max);
    if (!lines[line].claimed) return;
    lines[line].claimed = false;
    store(claim_offset, line);
}

/// Post every pending interrupt. Each claimed line stays quiet until acknowledged, so this ends.
pub fn dispatch() void {
    while (true) {
        const line = load(claim_offset);
        if (line == 0) return;
        std.debug.assert(line <= board.irq_max and !lines[line].claimed);
        lines[line].claimed = true;
        post(line);
    }
}

/// A line without a living driver stays claimed, that is, silent.
fn post(line: u32) void {
    const endpoint = lines[line].bound orelse return;
    if (endpoint.isDead()) return;
    const payload = std.mem.asBytes(&line);
    const message = messages.fromKernel(abi.KernelMsg.interrupt, payload) catch {
        return acknowledge(line); // the pool has no message: let the device raise the line again
    };
    endpoint.post(message);
}
