//! Discovery: announces out on a fixed schedule, peers in.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const dsoftbus = @import("dsoftbus");
const node = @import("node.zig");
const links = @import("links.zig");
const announce = dsoftbus.announce;

/// So that a flood of datagrams cannot keep the loop from everything else.
const datagrams_per_turn = 16;
/// A line about a refused announce at most this often.
const complaint_ns = std.time.ns_per_s;

var socket: sock.Id = undefined;
var readable = false;
var next_ns: u64 = 0;
var packet_buffer: [announce.bytes_max]u8 = undefined;
var packet: []const u8 = undefined;
var datagram: [announce.bytes_max]u8 = undefined;
var sent_told = false;
var learned: [dsoftbus.config.peers_max]bool = @splat(false);
var complained = [_]u64{node.never} ** 2;
const Complaint = enum(u1) { malformed, key };

pub fn open() !void {
    var self: announce.Announce = .{
        .device_id = node.config.id.slice(),
        .tcp_port = node.config.listen_port,
        .key = node.static.public,
        .count = node.config.name_count,
    };
    for (node.config.names[0..self.count], self.names[0..self.count]) |*from, *to| {
        to.* = from.bytes[0..from.len];
    }
    packet = try announce.encode(&packet_buffer, &self);
    socket = try node.net.udpBind(sock.any, announce.port);
    try node.net.watch(socket, os.abi.slot.server_send);
    os.print("dsoftbusd: discovery cross-vm up", .{});
}

/// True if the event was ours.
pub fn note(event: sock.Event) bool {
    if (event.id != socket) return false;
    readable = readable or event.events.readable;
    return true;
}

pub fn isHot() bool {
    return readable;
}

pub fn deadline() u64 {
    return if (node.config.peers().len == 0) node.never else next_ns;
}

pub fn tick() void {
    receive();
    if (node.now_ns < next_ns) return;
    // On the schedule's own grid: a late turn does not shift the ones after it.
    next_ns = if (next_ns == 0) node.now_ns else next_ns;
    while (next_ns <= node.now_ns) next_ns += node.config.announce_ns;
    send();
}

/// To the group, and to every configured peer for networks that do not carry multicast.
fn send() void {
    sendTo(announce.group);
    for (node.config.peers()) |*peer| sendTo(peer.ip);
}

fn sendTo(ip: [4]u8) void {
    node.net.sendTo(socket, .{ .ip = ip, .port = announce.port }, packet) catch return;
    if (sent_told) return;
    sent_told = true;
    os.print("dsoftbusd: discovery announce sent", .{});
}

fn receive() void {
    if (!readable) return;
    for (0..datagrams_per_turn) |_| {
        const received = node.net.recvFrom(socket, &datagram) catch null;
        const from = received orelse {
            readable = false;
            return;
        };
        hear(from.data, from.from.ip);
    }
}

fn hear(bytes: []const u8, ip: [4]u8) void {
    const heard = announce.decode(bytes) catch {
        if (mayComplain(.malformed)) os.print("dsoftbusd: announce ignored (malformed)", .{});
        return;
    };
    // Multicast comes back to its sender; whoever else uses our name is no peer either.
    if (node.config.id.eql(heard.device_id)) return;
    const index = node.config.peerIndex(heard.device_id);
    if (index) |peer| {
        const pinned = &node.config.peers()[peer];
        if (!std.mem.eql(u8, &pinned.key, &heard.key)) {
            if (mayComplain(.key))
                os.print("dsoftbusd: announce ignored (key mismatch peer={f})", .{pinned.id});
            return;
        }
    }
    _ = node.table.hear(&heard, ip, index != null, node.now_ns) catch return;
    if (index) |peer| learn(peer);
}

fn learn(peer: u8) void {
    if (!learned[peer]) {
        learned[peer] = true;
        os.print("dsoftbusd: discovery peer learned", .{});
    }
    links.reconsider();
}

fn mayComplain(kind: Complaint) bool {
    const last = &complained[@intFromEnum(kind)];
    if (last.* != node.never and node.now_ns - last.* < complaint_ns) return false;
    last.* = node.now_ns;
    return true;
}
