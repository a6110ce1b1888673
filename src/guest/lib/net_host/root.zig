//! The stack of `lib/net` behind functions that any language can call: one stack in memory that the
//! caller owns, frames and time in, frames out.
//!
//! Rules of this file
//! ------------------
//! 1. Nothing is allocated, and nothing is kept outside the caller's memory.
//! 2. Every handle, length and address of the caller is checked: a wrong one gets an error code,
//!    never undefined behaviour. Pointers are trusted, and the memory must hold a stack.
//! 3. An answer of 0 or more is the result; a negative one is a `Code`. Numbers never change.
//! 4. Addresses are in the order of arithmetic: 10.42.0.10 is 0x0A2A000A.

const std = @import("std");
const net = @import("net");
const Stack = net.Stack;

/// Raised with every change of a signature, a struct or a number.
const abi: u32 = 1;

pub const Code = enum(i32) {
    would_block = -1,
    failed = -2,
    bad_address = -3,
    in_use = -4,
    no_socket = -5,
    unroutable = -6,
    too_big = -7,
    bad_handle = -8,
    bad_argument = -9,
};

const Misuse = error{ BadHandle, BadArgument };
const Opening = net.stack.OpenError;
const Moving = net.connection.ReadError || net.connection.WriteError;
const Error = Misuse || Opening || net.stack.SendError || Moving;

/// A gateway or group of 0 stands for no gateway and no group.
pub const Config = extern struct {
    ip: u32,
    gateway: u32,
    group: u32,
    port_seed: u16,
    prefix: u8,
    mac: [6]u8,
    secret: [16]u8,
};

pub const Endpoint = extern struct { ip: u32, port: u16 };

/// `state` and `failure` are the positions in `connection.State` and `connection.Failure`.
pub const Status = extern struct {
    remote: Endpoint,
    retransmissions: u32,
    local_port: u16,
    state: u8,
    failure: u8,
};

/// A handle, or the error code.
fn opened(result: Opening!u8) i32 {
    return if (result) |handle| handle else |err| answer(err);
}

fn answer(result: Error!i32) i32 {
    return result catch |err| @intFromEnum(@as(Code, switch (err) {
        error.WouldBlock => .would_block,
        error.Failed => .failed,
        error.BadAddress => .bad_address,
        error.InUse => .in_use,
        error.NoSocket => .no_socket,
        error.Unroutable => .unroutable,
        error.TooBig => .too_big,
        error.BadHandle => .bad_handle,
        error.BadArgument => .bad_argument,
    }));
}

fn udpSocket(stack: *Stack, handle: i32) Misuse!u8 {
    const index = std.math.cast(u8, handle) orelse return error.BadHandle;
    if (index >= stack.udp_sockets.len) return error.BadHandle;
    return if (stack.udp_sockets[index].in_use) index else error.BadHandle;
}

fn listener(stack: *Stack, handle: i32) Misuse!u8 {
    const index = std.math.cast(u8, handle) orelse return error.BadHandle;
    if (index >= stack.listeners.len) return error.BadHandle;
    return if (stack.listeners[index].in_use) index else error.BadHandle;
}

/// A connection that the caller holds: it has not closed it, and no backlog has it.
fn connection(stack: *Stack, handle: i32) Misuse!u8 {
    const index = std.math.cast(u8, handle) orelse return error.BadHandle;
    if (index >= stack.connections.len) return error.BadHandle;
    const c = &stack.connections[index];
    return if (c.in_use and c.holder == .user) index else error.BadHandle;
}

pub export fn nexus_net_abi() u32 {
    return abi;
}

/// The size of a stack in memory, and its alignment.
pub export fn nexus_net_size() usize {
    return @sizeOf(Stack);
}

pub export fn nexus_net_alignment() usize {
    return @alignOf(Stack);
}

pub export fn nexus_net_init(memory: *anyopaque, size: usize, config: *const Config) i32 {
    return answer(initialise(memory, size, config));
}

fn initialise(memory: *anyopaque, size: usize, config: *const Config) Misuse!i32 {
    if (size < @sizeOf(Stack)) return error.BadArgument;
    if (@intFromPtr(memory) % @alignOf(Stack) != 0) return error.BadArgument;
    if (config.prefix > 32 or !net.address.isHost(config.ip)) return error.BadArgument;
    if (!net.address.isUnicastMac(config.mac)) return error.BadArgument;
    if (config.group != 0 and !net.address.isMulticast(config.group)) return error.BadArgument;
    const stack: *Stack = @ptrCast(@alignCast(memory));
    stack.init(.{
        .mac = config.mac,
        .ip = config.ip,
        .prefix = @intCast(config.prefix),
        .gateway = if (config.gateway == 0) null else config.gateway,
        .group = if (config.group == 0) null else config.group,
        .secret = config.secret,
        .port_seed = config.port_seed,
    });
    return 0;
}

pub export fn nexus_net_receive(stack: *Stack, bytes: [*]const u8, len: usize, now: u64) void {
    stack.receive(bytes[0..len], now);
}

pub export fn nexus_net_poll(stack: *Stack, now: u64) void {
    stack.poll(now);
}

/// The instant of the next thing to do. All bits set: never.
pub export fn nexus_net_deadline(stack: *const Stack) u64 {
    return stack.nextDeadline();
}

/// The length of the next frame; 0 if there is none.
pub export fn nexus_net_transmit(stack: *Stack, out: [*]u8, capacity: usize, now: u64) i32 {
    if (capacity < net.packet.frame_bytes_max) return @intFromEnum(Code.bad_argument);
    const frame = stack.transmit(out[0..capacity], now) orelse return 0;
    return @intCast(frame.len);
}

/// A handle of a socket. An `ip` of 0 stands for any address of ours.
pub export fn nexus_net_udp_bind(stack: *Stack, ip: u32, port: u16) i32 {
    return opened(stack.udpBind(ip, port));
}

pub export fn nexus_net_udp_close(stack: *Stack, handle: i32) i32 {
    const index = udpSocket(stack, handle) catch |err| return answer(err);
    stack.udpClose(index);
    return 0;
}

pub export fn nexus_net_udp_send(
    stack: *Stack,
    handle: i32,
    to: *const Endpoint,
    bytes: [*]const u8,
    len: usize,
) i32 {
    const index = udpSocket(stack, handle) catch |err| return answer(err);
    const target: net.address.Endpoint = .{ .ip = to.ip, .port = to.port };
    stack.udpSend(index, target, bytes[0..len]) catch |err| return answer(err);
    return 0;
}

/// The length of the oldest datagram. Bytes of it beyond `capacity` are lost.
pub export fn nexus_net_udp_receive(
    stack: *Stack,
    handle: i32,
    from: *Endpoint,
    out: [*]u8,
    capacity: usize,
) i32 {
    const index = udpSocket(stack, handle) catch |err| return answer(err);
    const socket = &stack.udp_sockets[index];
    const got = socket.pop(out[0..capacity]) orelse return answer(error.WouldBlock);
    std.debug.assert(got.len <= capacity);
    from.* = .{ .ip = got.from.ip, .port = got.from.port };
    return @intCast(got.len);
}

/// A handle of a listener.
pub export fn nexus_net_tcp_listen(stack: *Stack, port: u16) i32 {
    return opened(net.tcp.listen(stack, port));
}

pub export fn nexus_net_tcp_unlisten(stack: *Stack, handle: i32) i32 {
    const index = listener(stack, handle) catch |err| return answer(err);
    net.tcp.unlisten(stack, index);
    return 0;
}

/// A handle of a connection.
pub export fn nexus_net_tcp_accept(stack: *Stack, handle: i32) i32 {
    const index = listener(stack, handle) catch |err| return answer(err);
    return net.tcp.accept(stack, index) orelse answer(error.WouldBlock);
}

/// A handle of a connection that is not established yet; until then a write would block.
pub export fn nexus_net_tcp_connect(stack: *Stack, to: *const Endpoint, now: u64) i32 {
    return opened(net.tcp.connect(stack, .{ .ip = to.ip, .port = to.port }, now));
}

/// The number of bytes read; 0: the peer has closed its direction.
pub export fn nexus_net_tcp_read(stack: *Stack, handle: i32, out: [*]u8, capacity: usize) i32 {
    const index = connection(stack, handle) catch |err| return answer(err);
    // A result without bytes would look like the end of the data.
    if (capacity == 0) return answer(error.BadArgument);
    const len = net.tcp.read(stack, index, out[0..capacity]) catch |err| return answer(err);
    return @intCast(len);
}

/// The number of bytes taken, which may be less than all.
pub export fn nexus_net_tcp_write(stack: *Stack, handle: i32, bytes: [*]const u8, len: usize) i32 {
    const index = connection(stack, handle) catch |err| return answer(err);
    const taken = net.tcp.write(stack, index, bytes[0..len]) catch |err| return answer(err);
    return @intCast(taken);
}

/// The handle ends at once; bytes that were written still go out.
pub export fn nexus_net_tcp_close(stack: *Stack, handle: i32, now: u64) i32 {
    const index = connection(stack, handle) catch |err| return answer(err);
    net.tcp.close(stack, index, now);
    return 0;
}

/// The handle ends at once, and the peer gets a reset.
pub export fn nexus_net_tcp_abort(stack: *Stack, handle: i32) i32 {
    const index = connection(stack, handle) catch |err| return answer(err);
    net.tcp.abort(stack, index);
    return 0;
}

pub export fn nexus_net_tcp_status(stack: *Stack, handle: i32, out: *Status) i32 {
    const index = connection(stack, handle) catch |err| return answer(err);
    const c = &stack.connections[index];
    out.* = .{
        .remote = .{ .ip = c.remote.ip, .port = c.remote.port },
        .retransmissions = c.retransmissions,
        .local_port = c.local_port,
        .state = @intFromEnum(c.state),
        .failure = @intFromEnum(c.failure),
    };
    return 0;
}

test {
    _ = @import("host_test.zig");
    _ = @import("refusal_test.zig");
}
