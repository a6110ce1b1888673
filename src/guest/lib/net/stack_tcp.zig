//! The connections of a stack: the connection of a segment, the ports that listen, and the
//! connection that has the next turn.

const std = @import("std");
const address = @import("address.zig");
const connection = @import("connection.zig");
const packet = @import("packet.zig");
const segment = @import("segment.zig");
const sequence = @import("sequence.zig");
const stack_module = @import("stack.zig");
const tcp_input = @import("tcp_input.zig");
const tcp_output = @import("tcp_output.zig");
const Connection = connection.Connection;
const OpenError = stack_module.OpenError;
const Segment = segment.Segment;
const Stack = stack_module.Stack;

/// Connections of one listener that are half open or not yet accepted.
pub const backlog_max = 4;
/// A half-open connection of that age makes room for a newcomer when the backlog is full.
const half_open_ns: u64 = std.time.ns_per_s;
/// After this many vain repetitions the stack asks for the neighbour's link address again.
const doubts_from = 2;
/// RFC 6335: the dynamic range is 49152 to 65535.
const ephemeral_first = 49152;
const ephemeral_count = 65536 - ephemeral_first;

pub const Listener = struct {
    in_use: bool = false,
    port: u16 = 0,
};

pub fn listen(stack: *Stack, port: u16) OpenError!u8 {
    stack.check();
    if (port == 0) return error.BadAddress;
    for (&stack.listeners) |*listener| {
        if (listener.in_use and listener.port == port) return error.InUse;
    }
    for (&stack.listeners, 0..) |*listener, i| {
        if (listener.in_use) continue;
        listener.* = .{ .in_use = true, .port = port };
        return @intCast(i);
    }
    return error.NoSocket;
}

/// Stop listening; connections that wait in the backlog are reset.
pub fn unlisten(stack: *Stack, index: u8) void {
    std.debug.assert(stack.listeners[index].in_use);
    stack.listeners[index].in_use = false;
    for (&stack.connections, 0..) |*c, i| {
        if (c.in_use and c.holder == .backlog and c.listener == index) abort(stack, @intCast(i));
    }
}

/// A finished handshake of the listener, oldest first, now held by the user.
pub fn accept(stack: *Stack, listener: u8) ?u8 {
    const index = firstWaiting(stack, listener) orelse return null;
    std.debug.assert(stack.listeners[listener].in_use); // its end resets those that wait
    stack.connections[index].holder = .user;
    return index;
}

pub fn firstWaiting(stack: *const Stack, listener: u8) ?u8 {
    var best: ?u8 = null;
    for (&stack.connections, 0..) |*c, i| {
        if (!c.in_use or c.holder != .backlog or c.listener != listener) continue;
        if (c.state == .syn_received) continue;
        if (best == null or c.opened_ns < stack.connections[best.?].opened_ns) best = @intCast(i);
    }
    return best;
}

pub fn connect(stack: *Stack, to: address.Endpoint, now: u64) OpenError!u8 {
    if (!address.isHost(to.ip) or to.port == 0) return error.BadAddress;
    if (stack.nextHop(to.ip) == null) return error.Unroutable;
    const port = ephemeralPort(stack) orelse return error.NoSocket;
    const index = freeConnection(stack) orelse return error.NoSocket;
    const c = &stack.connections[index];
    c.holder = .user;
    c.local_port = port;
    c.remote = to;
    c.open(.syn_sent, initialSequence(stack, port, to, now), now);
    stack.mark(index);
    return index;
}

pub fn read(stack: *Stack, index: u8, out: []u8) connection.ReadError!usize {
    const c = held(stack, index);
    defer if (c.ack_now) stack.mark(index);
    return c.read(out);
}

pub fn write(stack: *Stack, index: u8, data: []const u8) connection.WriteError!usize {
    defer stack.mark(index);
    return held(stack, index).write(data);
}

pub fn close(stack: *Stack, index: u8, now: u64) void {
    held(stack, index).close(now);
    stack.mark(index);
}

/// The connection of a user.
fn held(stack: *Stack, index: u8) *Connection {
    const c = &stack.connections[index];
    std.debug.assert(c.in_use and c.holder == .user);
    return c;
}

pub fn abort(stack: *Stack, index: u8) void {
    const c = &stack.connections[index];
    std.debug.assert(c.in_use and c.holder != .nobody);
    c.holder = .nobody;
    switch (c.state) {
        .closed, .syn_sent, .time_wait => {},
        else => sendReset(stack, c.local_port, c.remote, c.snd_max, c.rcv_nxt),
    }
    c.finish();
}

pub fn receive(stack: *Stack, ip: packet.Ipv4, now: u64) void {
    const seg = Segment.parse(ip) catch |err| return stack_module.count(switch (err) {
        error.Malformed => &stack.drops.malformed,
        error.BadChecksum => &stack.drops.bad_checksum,
    });
    const from: address.Endpoint = .{ .ip = ip.source, .port = seg.source_port };
    if (seg.source_port == 0) return stack_module.count(&stack.drops.malformed);
    if (findConnection(stack, seg.target_port, from)) |index| {
        const c = &stack.connections[index];
        if (!isRebirth(c, seg)) {
            switch (tcp_input.input(c, seg, now)) {
                .done => {},
                .reset => |seq| sendReset(stack, seg.target_port, from, seq, null),
            }
            return stack.mark(index);
        }
        c.finish();
    }
    if (seg.flags.rst) return;
    for (stack.listeners, 0..) |listener, i| {
        if (!listener.in_use or listener.port != seg.target_port) continue;
        return receiveListen(stack, @intCast(i), from, seg, now);
    }
    refuse(stack, from, seg);
    stack_module.count(&stack.drops.no_socket);
}

/// 3.10.7.2 LISTEN state.
fn receiveListen(stack: *Stack, listener: u8, from: address.Endpoint, seg: Segment, now: u64) void {
    if (seg.flags.ack) return refuse(stack, from, seg);
    if (!seg.flags.syn) return;
    if (!hasBacklogRoom(stack, listener, now)) return stack_module.count(&stack.drops.backlog_full);
    const index = freeConnection(stack) orelse return stack_module.count(&stack.drops.backlog_full);
    const c = &stack.connections[index];
    c.holder = .backlog;
    c.listener = listener;
    c.local_port = seg.target_port;
    c.remote = from;
    c.open(.syn_received, initialSequence(stack, seg.target_port, from, now), now);
    // Data on a SYN may be dropped: it will come again (the window starts behind the SYN).
    c.synchronize(seg);
    stack.mark(index);
}

/// 3.10.7.1: a reply to a sender without a connection.
fn refuse(stack: *Stack, from: address.Endpoint, seg: Segment) void {
    if (seg.flags.ack) return sendReset(stack, seg.target_port, from, seg.ack, null);
    sendReset(stack, seg.target_port, from, 0, seg.seq +% seg.length());
}

/// RFC 9293 3.6.1: a new SYN beyond the old numbers may reopen a connection in TIME-WAIT.
fn isRebirth(c: *const Connection, seg: Segment) bool {
    if (c.state != .time_wait or !seg.flags.syn or seg.flags.ack or seg.flags.rst) return false;
    return sequence.before(c.rcv_nxt, seg.seq);
}

fn hasBacklogRoom(stack: *Stack, listener: u8, now: u64) bool {
    var used: usize = 0;
    var oldest: ?*Connection = null;
    for (&stack.connections) |*c| {
        if (!c.in_use or c.holder != .backlog or c.listener != listener) continue;
        used += 1;
        if (c.state != .syn_received) continue;
        if (oldest == null or c.opened_ns < oldest.?.opened_ns) oldest = c;
    }
    if (used < backlog_max) return true;
    const victim = oldest orelse return false;
    if (now -| victim.opened_ns < half_open_ns) return false;
    victim.finish();
    return true;
}

fn findConnection(stack: *const Stack, port: u16, from: address.Endpoint) ?usize {
    for (&stack.connections, 0..) |*c, i| {
        if (c.state == .closed or c.local_port != port or c.remote.port != from.port) continue;
        if (c.remote.ip == from.ip) return i;
    }
    return null;
}

/// An empty place. If all are taken, the connection in TIME-WAIT that ends first gives way.
fn freeConnection(stack: *Stack) ?u8 {
    var victim: ?u8 = null;
    for (&stack.connections, 0..) |*c, i| {
        if (!c.in_use) {
            victim = @intCast(i);
            break;
        }
        if (c.state != .time_wait) continue;
        if (victim == null or c.end_at < stack.connections[victim.?].end_at) victim = @intCast(i);
    }
    if (victim) |index| stack.connections[index].reset();
    return victim;
}

fn ephemeralPort(stack: *Stack) ?u16 {
    // More tries than there are connections and listeners: one of them is free.
    for (0..stack_module.connections_max + stack_module.listeners_max + 1) |_| {
        const port: u16 = @intCast(ephemeral_first + stack.next_port % ephemeral_count);
        stack.next_port +%= 1;
        if (!isPortTaken(stack, port)) return port;
    }
    return null;
}

fn isPortTaken(stack: *const Stack, port: u16) bool {
    for (stack.listeners) |listener| if (listener.in_use and listener.port == port) return true;
    for (&stack.connections) |*c| if (c.in_use and c.local_port == port) return true;
    return false;
}

fn initialSequence(stack: *const Stack, port: u16, remote: address.Endpoint, now: u64) u32 {
    const local: address.Endpoint = .{ .ip = stack.config.ip, .port = port };
    return sequence.initial(&stack.config.secret, local, remote, now);
}

fn sendReset(stack: *Stack, port: u16, to: address.Endpoint, seq: u32, ack: ?u32) void {
    const body = stack.compose(to.ip, packet.Protocol.tcp, segment.header_bytes, true) catch {
        return stack_module.count(&stack.drops.queue_full);
    };
    const out: Segment = .{
        .source_port = port,
        .target_port = to.port,
        .seq = seq,
        .ack = ack orelse 0,
        .flags = .{ .rst = true, .ack = ack != null },
    };
    out.write(body, stack.config.ip, to.ip);
}

pub fn transmit(stack: *Stack, out: []u8, now: u64) ?[]u8 {
    if (stack.pending == 0) return null;
    stack.check();
    for (0..stack_module.connections_max) |_| {
        const index = stack.turn;
        stack.turn = (index + 1) % stack_module.connections_max;
        const bit = @as(u32, 1) << @intCast(index);
        if (stack.pending & bit == 0) continue;
        const c = &stack.connections[index];
        const hop = stack.nextHop(c.remote.ip) orelse continue;
        if (c.state == .closed) {
            stack.pending &= ~bit;
            continue;
        }
        const mac = stack.linkAddress(hop, now) orelse continue;
        if (tcp_output.output(c, now)) |what| {
            return tcp_output.write(c, what, .{
                .source_mac = stack.config.mac,
                .source_ip = stack.config.ip,
                .target_mac = mac,
            }, out);
        }
        stack.pending &= ~bit;
    }
    return null;
}

pub fn poll(stack: *Stack, now: u64) void {
    for (&stack.connections, 0..) |*c, i| {
        if (c.state == .closed) continue;
        const retries_before = c.retries;
        if (tcp_output.poll(c, now)) stack.mark(i);
        if (c.retries <= retries_before) continue;
        const hop = stack.nextHop(c.remote.ip) orelse continue;
        if (c.retries >= doubts_from) {
            stack.cache.doubt(hop);
        } else if (c.state == .syn_sent or c.state == .syn_received) {
            stack.cache.check(hop);
        }
    }
}

/// No host answers for `hop`: connections that wait to begin through it never will.
pub fn neighbourFailed(stack: *Stack, hop: address.Ip) void {
    for (&stack.connections) |*c| {
        if (c.state != .syn_sent or stack.nextHop(c.remote.ip) != hop) continue;
        c.fail(.unreachable_peer);
    }
}

pub fn nextDeadline(stack: *const Stack) u64 {
    var soonest: u64 = connection.never;
    for (&stack.connections) |*c| {
        if (c.state != .closed) soonest = @min(soonest, c.nextDeadline());
    }
    return soonest;
}
