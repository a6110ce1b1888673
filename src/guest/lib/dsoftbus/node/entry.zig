//! The beginning of connections, dialled and accepted: their sockets, the keys of their handshakes,
//! and the binding of the identity that a peer claims to what the node knows of it.

const std = @import("std");
const binding = @import("../binding.zig");
const marker = @import("contract").marker;
const edge = @import("edge.zig");
const ending = @import("ending.zig");
const refusals = @import("refusals.zig");
const session_file = @import("../session.zig");
const twins = @import("../twins.zig");
const Line = @import("lines.zig").Line;

const accepts_per_turn = 4;

pub fn dial(node: anytype, peer: u8, to: edge.Address) error{NoSocket}!void {
    std.debug.assert(!node.lines.hasPeer(peer)); // one connection a peer is dialled
    const line = node.lines.free() orelse return error.NoSocket;
    const socket = node.edge.connect(to) orelse return error.NoSocket;
    begin(node, line, socket, to);
    line.state = .connecting;
    line.dialled = peer;
}

fn begin(node: anytype, line: *Line, socket: edge.Socket, address: edge.Address) void {
    std.debug.assert(line.state == .free);
    line.socket = socket;
    line.address = address;
    line.dialled = null;
    line.bound = null;
    node.lines.next_serial += 1;
    line.serial = node.lines.next_serial;
    line.opened_ns = node.now_ns;
    line.ready_ns = 0;
    line.is_awaiting = false;
    line.await_ns = edge.never;
    line.busy = false;
    line.is_unsent = false;
    line.writes_left = ending.writes_per_turn;
}

/// The dialled connection stands.
fn startHandshake(node: anytype, line: *Line) !void {
    const pinned = node.config.peers()[line.dialled.?].key;
    const key = node.ephemeral() orelse return error.NoKey;
    try line.session.dial(optionsWith(node, key), pinned);
    line.state = .open;
    line.is_unsent = true;
}

fn optionsWith(node: anytype, key: ?@import("noise").KeyPair) session_file.Options {
    return .{
        .id = &node.config.id,
        .static = node.static,
        .ephemeral = key,
        .now_ns = node.now_ns,
    };
}

pub fn note(node: anytype, socket: edge.Socket, events: edge.Events) void {
    const line = node.lines.ofSocket(socket) orelse return;
    if (line.state == .connecting) {
        if (events.failed) return ending.lose(node, line, .abort);
        if (!events.connected) return;
        return startHandshake(node, line) catch ending.lose(node, line, .abort);
    }
    // The call that waits for a connection reports its end. This event may be of an earlier
    // connection, which had the same number.
    line.is_unsent = line.is_unsent or events.writable;
}

/// The awaited bytes have come: an empty slice at the end, null for a connection that failed.
pub fn receive(node: anytype, serial: u32, data: ?[]const u8) void {
    const line = node.lines.ofSerial(serial) orelse return;
    line.is_awaiting = false;
    const bytes = data orelse return ending.lose(node, line, .abort);
    if (bytes.len == 0 or bytes.len > line.session.room()) return ending.lose(node, line, .close);
    _ = line.session.feed(bytes);
    line.busy = true;
}

pub fn accept(node: anytype) void {
    for (0..accepts_per_turn) |_| {
        if (!node.is_accepting) return;
        const accepted = node.edge.accept() orelse {
            node.is_accepting = false;
            return;
        };
        if (node.lines.victim(node.config.peers())) |line| {
            refusals.count(node, line.address.ip, .evicted);
            ending.discard(node, line, .abort);
        }
        const line = node.lines.free() orelse return node.edge.abort(accepted.socket);
        begin(node, line, accepted.socket, .{ .ip = accepted.ip, .port = 0 });
        line.state = .open;
        line.busy = true;
        line.session.accept(optionsWith(node, null));
    }
}

/// Admit the peer if everything that names it agrees. A missing announce may still come within the
/// time of the handshake.
pub fn bind(node: anytype, line: *Line) void {
    std.debug.assert(line.state == .open and line.session.state == .proven);
    const claimed = &line.session.claimed;
    const index = node.config.peerIndex(claimed.slice());
    const pin: ?binding.Pin = if (index) |peer|
        .{ .id = node.config.peers()[peer].id.slice(), .key = node.config.peers()[peer].key }
    else
        null;
    const live = node.table.find(claimed.slice(), node.now_ns);
    const proven = line.session.handshake.rs.?;
    const verdict = binding.check(claimed.slice(), live, pin, proven);
    if (verdict == .not_discovered) return;
    const dialled_other = line.dialled != null and line.dialled != index;
    if (verdict != .bound or dialled_other) {
        refusals.identity(node, line.address.ip, claimed.*);
        line.session.close();
        return ending.lose(node, line, .close);
    }
    line.session.admit(node.now_ns) catch return ending.lose(node, line, .abort);
    line.is_unsent = true;
}

/// An announce came: identities that waited for it may now be bound.
pub fn reconsider(node: anytype) void {
    for (node.lines.used()) |*line| {
        if (line.state == .open and line.session.state == .proven) bind(node, line);
    }
}

pub fn becomeReady(node: anytype, line: *Line) void {
    std.debug.assert(line.state == .open and line.bound == null);
    const peer = node.config.peerIndex(line.session.claimed.slice()).?;
    line.ready_ns = node.now_ns;
    if (node.lines.readyFor(peer)) |other| {
        const id = node.config.peers()[peer].id.slice();
        const is_newer = twins.newerStays(node.config.id.slice(), id, other.twin(), line.twin());
        if (!is_newer) return ending.discard(node, line, .close);
        ending.discard(node, other, .close);
    }
    line.bound = peer;
    const known = &node.peers[peer];
    known.backoff.succeeded();
    if (line.dialled != null) known.candidates.succeeded(line.address);
    node.edge.print(marker.session_ok, .{node.config.peers()[peer].id});
    const config = &node.config;
    node.talks[peer].begin(line.dialled != null, config.is_proving, config.rpc, node.now_ns);
    node.packages[peer] = .{};
    line.check();
    std.debug.assert(node.lines.readyFor(peer) == line); // one session a peer
}
