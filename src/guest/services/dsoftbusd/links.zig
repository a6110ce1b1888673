//! Connections and the sessions on them: at most four that were accepted and four that were
//! dialled.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const dsoftbus = @import("dsoftbus");
const node = @import("node.zig");
const desk = @import("desk.zig");
const dialer = @import("dialer.zig");
const gate = @import("gate.zig");
const streams = @import("streams.zig");
const transfers = @import("transfers.zig");
const Session = dsoftbus.Session;
const twins = dsoftbus.twins;

const each_max = 4;
pub const links_max = 2 * each_max;
/// So that a busy peer cannot keep the loop from everything else.
const events_per_turn = 16;
/// A peer that takes what it is sent as fast as we make it would keep it for as long: other links
/// have their turn after so many writes, each of at most what a session holds to be sent.
const writes_per_turn = 4;
const connect_ns: u64 = dsoftbus.session.handshake_ns;

pub const Link = struct {
    state: enum { free, connecting, open } = .free,
    socket: sock.Id = 0,
    session: Session = undefined,
    /// Peer that was dialled.
    dialled: ?u8 = null,
    /// Peer whose identity is bound to the session; set as long as the session is ready.
    bound: ?u8 = null,
    opened_ns: u64 = 0,
    ready_ns: u64 = 0,
    readable: bool = false,
    /// The last turn ended before everything that had arrived was dealt with.
    busy: bool = false,
    /// Writes that it may still make in this turn, and whether it would make more.
    writes_left: u8 = writes_per_turn,
    is_unsent: bool = false,
    /// Told once the answer it speaks of has left.
    served: ?*const dsoftbus.gateway.Service = null,
    /// Tells sessions apart, as far as handles of remote files have to be.
    epoch: u8 = 0,
    /// What the peer has open here.
    packages: dsoftbus.pk_server.Handles = .{},

    pub fn isReady(self: *const Link) bool {
        return self.state == .open and self.bound != null;
    }

    fn twin(self: *const Link) twins.Session {
        return .{ .is_ours = self.dialled != null, .ready_ns = self.ready_ns };
    }

    /// There is work for it that no message will announce.
    fn isHot(self: *const Link) bool {
        if (self.state != .open) return false;
        if (self.is_unsent) return true;
        if (streams.mustWait(self)) return false;
        const fillable = self.readable and self.session.room() != 0;
        return (fillable or self.busy) and self.session.canAnswer();
    }

    pub fn peerId(self: *const Link) *const dsoftbus.Id {
        return &node.config.peers()[self.bound.?].id;
    }
};

/// The first half is for accepted connections, the second for dialled ones.
pub var all: [links_max]Link = @splat(.{});
var listener: sock.Id = undefined;
var accepting = false;
var next_epoch: u8 = 0;
var proxy_told = false;

pub fn open() !void {
    listener = try node.net.listen(node.config.listen_port);
    try node.net.watch(listener, os.abi.slot.server_send);
    for (node.config.peers()) |*peer| {
        if (peer.dial) continue;
        os.print("dsoftbusd: cross-vm accept wait", .{});
        return;
    }
}

pub fn note(event: sock.Event) void {
    if (event.id == listener) {
        accepting = accepting or event.events.readable;
        return;
    }
    for (&all) |*link| {
        if (link.state == .free or link.socket != event.id) continue;
        if (event.events.failed or event.events.invalid) return lose(link, .abort);
        if (link.state == .connecting and event.events.connected) {
            begin(link) catch return lose(link, .abort);
        }
        link.readable = link.readable or event.events.readable or event.events.peer_closed;
        return;
    }
}

pub fn isHot() bool {
    if (accepting) return true;
    for (&all) |*link| if (link.isHot()) return true;
    return false;
}

/// A link's number, for who must name it without holding on to it.
pub fn indexOf(link: *const Link) u8 {
    return @intCast((@intFromPtr(link) - @intFromPtr(&all)) / @sizeOf(Link));
}

pub fn hasPeer(peer: u8) bool {
    for (&all) |*link| {
        if (link.state != .free and (link.dialled == peer or link.bound == peer)) return true;
    }
    return false;
}

pub fn readyFor(peer: u8) ?*Link {
    for (&all) |*link| if (link.isReady() and link.bound == peer) return link;
    return null;
}

pub fn ofEpoch(epoch: u8) ?*Link {
    for (&all) |*link| if (link.isReady() and link.epoch == epoch) return link;
    return null;
}

pub fn dial(peer: u8, to: sock.Address) !void {
    const link = freeOf(all[each_max..]) orelse return error.Busy;
    const socket = try node.net.connect(to);
    link.* = .{ .state = .connecting, .socket = socket, .dialled = peer, .opened_ns = node.now_ns };
    errdefer discard(link, .abort);
    try node.net.watch(socket, os.abi.slot.server_send);
}

/// The dialled connection stands: start the handshake.
fn begin(link: *Link) !void {
    const options = try sessionOptions();
    const pinned = node.config.peers()[link.dialled.?].key;
    try link.session.initiator(options, pinned);
    link.state = .open;
}

fn accept() void {
    if (!accepting) return;
    const accepted = node.net.accept(listener) catch null orelse {
        accepting = false;
        return;
    };
    const link = freeOf(all[0..each_max]) orelse return node.net.abort(accepted.id) catch {};
    link.* = .{ .state = .open, .socket = accepted.id, .opened_ns = node.now_ns, .readable = true };
    const options = sessionOptions() catch return discard(link, .abort);
    link.session.responder(options);
    node.net.watch(accepted.id, os.abi.slot.server_send) catch return discard(link, .abort);
}

fn sessionOptions() !dsoftbus.session.Options {
    return .{
        .id = &node.config.id,
        .static = node.static,
        .ephemeral = try node.ephemeral(),
        .now_ns = node.now_ns,
    };
}

fn freeOf(half: []Link) ?*Link {
    for (half) |*link| if (link.state == .free) return link;
    return null;
}

pub fn deadline() u64 {
    var at = node.never;
    for (&all) |*link| at = @min(at, switch (link.state) {
        .free => node.never,
        .connecting => link.opened_ns + connect_ns,
        .open => @min(link.session.deadline(), streams.deadline(link)),
    });
    return at;
}

pub fn tick() void {
    for (&all) |*link| switch (link.state) {
        .free => {},
        .connecting => if (node.now_ns >= link.opened_ns + connect_ns) lose(link, .abort),
        .open => {
            // A peer that was never discovered is told apart from one that never finished.
            const claimed = if (link.session.state == .proven) link.session.claimed else null;
            if (link.session.tick(node.now_ns)) |event| {
                if (claimed) |id| gate.refuseIdentity(id);
                handle(link, event);
            }
            streams.tick(link);
        },
    };
}

pub fn pumpAll() void {
    accept();
    for (&all) |*link| if (link.state == .open) pump(link);
}

/// An announce came: identities that waited for it may now be bound.
pub fn reconsider() void {
    for (&all) |*link| {
        if (link.state == .open and link.session.state == .proven) bind(link);
    }
}

fn pump(link: *Link) void {
    link.busy = false;
    link.writes_left = writes_per_turn;
    for (0..events_per_turn) |_| {
        flush(link) catch return lose(link, .abort);
        // One answer at a time: what is told of it must wait until it has left.
        if (streams.mustWait(link)) return;
        if (link.served == null and streams.serve(link)) continue;
        if (link.session.next(node.now_ns)) |event| {
            handle(link, event);
            if (link.state != .open) return;
            continue;
        }
        if (!link.readable or !link.session.canAnswer() or link.session.room() == 0) return;
        fill(link) catch return lose(link, .close);
    }
    link.busy = true;
}

var chunk: [dsoftbus.session.wire_bytes_max]u8 = undefined;

fn fill(link: *Link) !void {
    const space = chunk[0..@min(link.session.room(), chunk.len)];
    const data = try node.net.read(link.socket, space) orelse {
        link.readable = false;
        return;
    };
    if (data.len == 0) return error.Closed;
    _ = link.session.feed(data);
}

/// Send what is to be sent, as far as the connection takes it.
pub fn flush(link: *Link) !void {
    streams.push(link);
    link.is_unsent = false;
    while (link.session.pending().len != 0) {
        if (link.writes_left == 0) {
            link.is_unsent = true;
            return;
        }
        link.writes_left -= 1;
        const taken = try node.net.write(link.socket, link.session.pending());
        if (taken == 0) return; // the writable event wakes us
        link.session.consume(taken);
        streams.push(link);
    }
    if (!streams.hasLeft(link)) return;
    if (link.served) |service| {
        link.served = null;
        gate.tellServed(link, service);
    }
}

fn handle(link: *Link, event: dsoftbus.session.Event) void {
    switch (event) {
        .proven => bind(link),
        .ready => becomeReady(link),
        .frame => |frame| streams.take(link, frame) catch |reject| {
            gate.refuseMux(link, reject);
            lose(link, .close);
        },
        .refused => |refusal| {
            gate.refuse(link, refusal);
            lose(link, .close);
        },
    }
}

/// All that names the peer must agree. A missing announce may still come within the handshake's
/// time.
fn bind(link: *Link) void {
    const claimed = &link.session.claimed;
    const index = node.config.peerIndex(claimed.slice());
    const pin: ?dsoftbus.binding.Pin = if (index) |peer|
        .{ .id = node.config.peers()[peer].id.slice(), .key = node.config.peers()[peer].key }
    else
        null;
    const live = node.table.find(claimed.slice(), node.now_ns);
    const proven = link.session.handshake.rs.?;
    const verdict = dsoftbus.binding.check(claimed.slice(), live, pin, proven);
    if (verdict == .not_discovered) return;
    const dialled_other = link.dialled != null and link.dialled != index;
    if (verdict != .bound or dialled_other) {
        gate.refuseIdentity(claimed.*);
        link.session.close();
        return lose(link, .close);
    }
    link.session.admit(node.now_ns) catch return lose(link, .abort);
}

fn becomeReady(link: *Link) void {
    const peer = node.config.peerIndex(link.session.claimed.slice()).?;
    link.ready_ns = node.now_ns;
    for (&all) |*other| {
        if (!other.isReady() or other.bound != peer) continue;
        const id = node.config.peers()[peer].id.slice();
        if (!twins.newerStays(node.config.id.slice(), id, other.twin(), link.twin()))
            return discard(link, .close);
        discard(other, .close);
    }
    link.bound = peer;
    link.epoch = next_epoch;
    next_epoch +%= 1;
    dialer.succeeded(peer);
    os.print("dsoftbusd: cross-vm session ok {f}", .{link.peerId().*});
    streams.begin(link);
}

/// A peer may call: its session stands, and has shown what it is to show first.
pub fn tellUp() void {
    if (proxy_told or node.config.rules().len == 0) return;
    proxy_told = true;
    os.print("dsoftbusd: remote proxy up", .{});
}

const Manner = enum { close, abort };

/// The connection is over, for whatever reason.
fn lose(link: *Link, manner: Manner) void {
    if (link.bound != null) os.print("dsoftbusd: session lost peer={f}", .{link.peerId().*});
    if (link.dialled) |peer| dialer.failed(peer);
    discard(link, manner);
}

fn discard(link: *Link, manner: Manner) void {
    desk.forsake(link);
    transfers.forsake(link);
    if (link.state == .open) {
        link.writes_left = writes_per_turn;
        flush(link) catch {};
        link.session.close();
    }
    switch (manner) {
        .close => node.net.close(link.socket) catch {},
        .abort => node.net.abort(link.socket) catch {},
    }
    link.state = .free;
    link.bound = null;
    link.dialled = null;
    link.served = null;
}
