//! System calls that send and receive. Each checks everything before it changes anything, so a
//! refused call leaves no trace, and a blocked one can simply be repeated.

const std = @import("std");
const abi = @import("abi");
const caps = @import("caps.zig");
const endpoints = @import("endpoints.zig");
const messages = @import("messages.zig");
const reaper = @import("reaper.zig");
const sched = @import("sched.zig");
const Error = @import("call_error.zig").Error;
const task = @import("task.zig");
const timer = @import("timer.zig");
const usercopy = @import("usercopy.zig");

pub fn createEndpoint(caller: *task.Task, factory_slot: u64, depth: u64) Error!u64 {
    const factory = try caller.caps.get(factory_slot);
    if (factory.object != .factory) return error.Denied;
    if (depth < 1 or depth > abi.endpoint_depth_max) return error.Invalid;
    const slot = try caller.caps.freeSlot();
    const endpoint = try endpoints.create(@intCast(depth));
    const rights = abi.Right.send | abi.Right.recv | abi.Right.manage;
    endpoint.retain(rights);
    caller.caps.put(slot, .{ .object = .{ .endpoint = endpoint }, .rights = rights });
    if (caller.pid == reaper.init_pid) reaper.adoptControl(endpoint);
    return slot;
}

pub fn send(
    caller: *task.Task,
    slot: u64,
    header_at: u64,
    payload: u64,
    len: u64,
    flags: u64,
    deadline_ns: u64,
) Error!u64 {
    if (flags & ~abi.SendFlag.nonblock != 0) return error.Invalid;
    if (len > abi.payload_bytes_max) return error.TooBig;
    var header = try usercopy.inValue(caller.space, abi.MsgHeader, header_at);
    if (header.len != len or header.flags & ~abi.MsgFlag.cap_move != 0) return error.Invalid;
    const endpoint = try caller.caps.endpoint(slot, abi.Right.send);
    const moves = header.flags & abi.MsgFlag.cap_move != 0;
    if (moves) try checkMovable(try caller.caps.get(header.src));
    if (endpoint.isDead()) return error.Broken;
    if (endpoint.isFull()) {
        return wait(&endpoint.waiting_senders, flags & abi.SendFlag.nonblock != 0, deadline_ns);
    }

    const moved_slot = header.src;
    header.src = 0;
    header.dst = caller.pid;
    const message = try messages.fromUser(caller.space, header, payload);
    message.sender = caller.service_id;
    if (moves) message.moved = caller.caps.take(moved_slot);
    endpoint.post(message);
    return 0;
}

/// The right to receive stays where init put it: otherwise an endpoint could end up queued inside
/// itself.
fn checkMovable(cap: *const caps.Cap) Error!void {
    if (cap.object == .factory) return error.Denied;
    if (cap.rights & (abi.Right.manage | abi.Right.recv) != 0) return error.Denied;
    if (cap.object == .endpoint and cap.object.endpoint.isDead()) return error.Broken;
}

pub fn receive(caller: *task.Task, descriptor_at: u64) Error!u64 {
    const desc = try usercopy.inValue(caller.space, abi.RecvDesc, descriptor_at);
    if (desc.magic != abi.recv_magic or desc.version != 1) return error.Invalid;
    if (desc.flags & ~(abi.RecvFlag.nonblock | abi.RecvFlag.truncate) != 0) return error.Invalid;
    if (desc.payload_cap > abi.payload_bytes_max) return error.TooBig;
    const endpoint = try caller.caps.endpoint(desc.slot, abi.Right.recv);
    const message = endpoint.first orelse {
        if (endpoint.senders == 0) return error.Broken;
        return wait(
            &endpoint.waiting_receivers,
            desc.flags & abi.RecvFlag.nonblock != 0,
            desc.deadline_ns,
        );
    };
    return deliver(caller, desc, endpoint, message);
}

/// Copy out first; only then does the message leave the queue.
fn deliver(
    caller: *task.Task,
    desc: abi.RecvDesc,
    endpoint: *endpoints.Endpoint,
    message: *messages.Message,
) Error!u64 {
    if (message.header.len > desc.payload_cap and desc.flags & abi.RecvFlag.truncate == 0) {
        return error.TooBig;
    }
    std.debug.assert(endpoint.first == message);
    const len = @min(message.header.len, desc.payload_cap);
    var header = message.header;
    const carries = message.moved.object != .none;
    if (carries) header.src = try caller.caps.freeSlot();
    try message.copyOut(caller.space, desc.payload, len);
    try usercopy.outValue(caller.space, desc.header, header);
    try usercopy.outValue(caller.space, desc.sender, message.sender);

    if (carries) {
        caller.caps.put(header.src, message.moved);
        message.moved = .{};
    }
    const popped = endpoint.pop();
    std.debug.assert(popped == message);
    message.free();
    return len;
}

/// Nothing to do now: answer, or wait and repeat the call later.
fn wait(queue: *task.Queue, nonblock: bool, deadline_ns: u64) Error {
    if (nonblock) return error.WouldBlock;
    if (deadline_ns != 0 and timer.now() >= deadline_ns) return error.TimedOut;
    sched.block(queue, deadline_ns);
    return error.Blocked;
}
