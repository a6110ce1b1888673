//! The requests on sockets. Each operation puts the tail of its reply in place and returns its
//! length; the status decides whether the tail is sent.

const std = @import("std");
const net = @import("net");
const netstack = @import("netstack");
const core = @import("core.zig");
const handles = @import("handles.zig");
const request = @import("request.zig");
const address = net.address;
const Server = core.Server;

pub fn dispatch(
    server: *Server,
    body: request.Body,
    caller: core.Caller,
    now: u64,
    tail_len: *usize,
) netstack.Status {
    const client = caller.service;
    return switch (body) {
        .listen => |what| listen(server, what, caller, tail_len),
        .udp_bind => |what| udpBind(server, what, caller, tail_len),
        .accept => |id| accept(server, id, caller, tail_len),
        .connect => |to| connect(server, to, caller, now, tail_len),
        .read => |what| read(server, what.id, what.max, client, tail_len),
        .write => |what| write(server, what.id, what.data, client, tail_len),
        .udp_send_to => |what| sendTo(server, what.id, what.to, what.data, client),
        .udp_recv_from => |what| recvFrom(server, what.id, what.max, client, tail_len),
        .local_addr => localAddress(server, tail_len),
        .mac => mac(server, tail_len),
        .close => |id| close(server, id, client, false, now),
        .abort => |id| close(server, id, client, true, now),
        // The server itself answers these, later or by an event.
        .watch, .icmp_ping, .read_later => unreachable,
    };
}

fn opened(
    server: *Server,
    kind: handles.Kind,
    index: u8,
    caller: core.Caller,
    tail: *usize,
) netstack.Status {
    // There are as many handles as sockets.
    const id = server.table.add(kind, index, caller.service, caller.pid).?;
    std.mem.writeInt(u32, server.frame[5..9], id, .little);
    tail.* = 4;
    return .ok;
}

fn listen(server: *Server, what: request.Bind, caller: core.Caller, tail: *usize) netstack.Status {
    const ip = address.fromBytes(what.ip);
    if (ip != 0 and ip != server.stack.config.ip) return .malformed;
    const index = net.tcp.listen(&server.stack, what.port) catch |err| return openStatus(err);
    return opened(server, .listener, index, caller, tail);
}

fn udpBind(server: *Server, what: request.Bind, caller: core.Caller, tail: *usize) netstack.Status {
    const ip = address.fromBytes(what.ip);
    const index = server.stack.udpBind(ip, what.port) catch |err| return openStatus(err);
    return opened(server, .udp, index, caller, tail);
}

fn connect(
    server: *Server,
    to: request.Peer,
    caller: core.Caller,
    now: u64,
    tail: *usize,
) netstack.Status {
    const remote: address.Endpoint = .{ .ip = address.fromBytes(to.ip), .port = to.port };
    const index = net.tcp.connect(&server.stack, remote, now) catch |err| return openStatus(err);
    return opened(server, .connection, index, caller, tail);
}

fn accept(server: *Server, id: u32, caller: core.Caller, tail_len: *usize) netstack.Status {
    const found = server.table.findKind(id, caller.service, .listener) orelse return .not_found;
    const index = net.tcp.accept(&server.stack, found.index) orelse return .would_block;
    const remote = server.stack.connections[index].remote;
    const status = opened(server, .connection, index, caller, tail_len);
    server.frame[9..13].* = address.toBytes(remote.ip);
    std.mem.writeInt(u16, server.frame[13..15], remote.port, .little);
    tail_len.* = 10;
    return status;
}

pub fn read(server: *Server, id: u32, max: u16, client: u64, tail_len: *usize) netstack.Status {
    const found = server.table.findKind(id, client, .connection) orelse return .not_found;
    // A read of nothing would look like the peer's end.
    if (max == 0) return .malformed;
    const room = server.frame[netstack.read_reply_head..][0..@min(max, netstack.read_bytes_max)];
    const len = net.tcp.read(&server.stack, found.index, room) catch |err| return switch (err) {
        error.WouldBlock => .would_block,
        error.Failed => .io,
    };
    // Bytes that come later are news, even if they come before a reader has looked.
    if (server.stack.connections[found.index].rx.len == 0) found.forget(.{ .readable = true });
    std.mem.writeInt(u16, server.frame[5..7], @intCast(len), .little);
    tail_len.* = 2 + len;
    return .ok;
}

fn write(
    server: *Server,
    id: u32,
    data: []const u8,
    client: u64,
    tail_len: *usize,
) netstack.Status {
    const found = server.table.findKind(id, client, .connection) orelse return .not_found;
    const len = net.tcp.write(&server.stack, found.index, data) catch |err| return switch (err) {
        error.WouldBlock => .would_block,
        error.Failed => .io,
    };
    std.mem.writeInt(u16, server.frame[5..7], @intCast(len), .little);
    tail_len.* = 2;
    return .ok;
}

fn sendTo(
    server: *Server,
    id: u32,
    to: request.Peer,
    data: []const u8,
    client: u64,
) netstack.Status {
    const found = server.table.findKind(id, client, .udp) orelse return .not_found;
    const target: address.Endpoint = .{ .ip = address.fromBytes(to.ip), .port = to.port };
    server.stack.udpSend(found.index, target, data) catch |err| return sendStatus(err);
    return .ok;
}

fn recvFrom(server: *Server, id: u32, max: u16, client: u64, tail_len: *usize) netstack.Status {
    const found = server.table.findKind(id, client, .udp) orelse return .not_found;
    const head_bytes = netstack.recv_from_reply_head + netstack.nonce_bytes;
    const room_max = netstack.frame_bytes_max - head_bytes;
    const room = server.frame[netstack.recv_from_reply_head..][0..@min(max, room_max)];
    const got = server.stack.udp_sockets[found.index].pop(room) orelse return .would_block;
    std.mem.writeInt(u16, server.frame[5..7], @intCast(got.len), .little);
    server.frame[7..11].* = address.toBytes(got.from.ip);
    std.mem.writeInt(u16, server.frame[11..13], got.from.port, .little);
    tail_len.* = netstack.recv_from_reply_head - 5 + got.len;
    return .ok;
}

fn localAddress(server: *Server, tail_len: *usize) netstack.Status {
    server.frame[5..9].* = address.toBytes(server.stack.config.ip);
    server.frame[9] = server.stack.config.prefix;
    tail_len.* = 5;
    return .ok;
}

fn mac(server: *Server, tail_len: *usize) netstack.Status {
    server.frame[5..11].* = server.stack.config.mac;
    tail_len.* = 6;
    return .ok;
}

/// End a socket of any kind, gracefully or not.
pub fn close(server: *Server, id: u32, client: u64, is_abort: bool, now: u64) netstack.Status {
    const found = server.table.find(id, client) orelse return .not_found;
    switch (found.kind) {
        .free => unreachable,
        .udp => server.stack.udpClose(found.index),
        .listener => net.tcp.unlisten(&server.stack, found.index),
        .connection => if (is_abort)
            net.tcp.abort(&server.stack, found.index)
        else
            net.tcp.close(&server.stack, found.index, now),
    }
    server.release(found.watcher);
    if (found.reader) |reader| server.release(reader.reply_to);
    found.* = .{};
    return .ok;
}

fn openStatus(err: net.stack.OpenError) netstack.Status {
    return switch (err) {
        error.InUse, error.NoSocket, error.Unroutable => .io,
        error.BadAddress => .malformed,
    };
}

pub fn sendStatus(err: net.stack.SendError) netstack.Status {
    return switch (err) {
        error.WouldBlock => .would_block,
        error.TooBig, error.BadAddress => .malformed,
        error.Unroutable => .io,
    };
}
