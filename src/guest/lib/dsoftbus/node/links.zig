//! Connections and the sessions on them: who comes in, whom they turn out to be, what their frames
//! are handed to, and how they end.
//!
//! A turn serves each connection a little (`events_per_turn`, `writes_per_turn`) and makes at most
//! one step of a handshake, which costs more than anything else: so no peer, and no number of
//! strangers, keeps the others waiting.

const std = @import("std");
const binding = @import("../binding.zig");
const clients = @import("clients.zig");
const edge = @import("edge.zig");
const frames = @import("../frames.zig");
const gate = @import("gate.zig");
const records = @import("records.zig");
const moving = @import("moving.zig");
const refusals = @import("refusals.zig");
const session_file = @import("../session.zig");
const twins = @import("../twins.zig");
const Line = @import("lines.zig").Line;

const events_per_turn = 4;
const accepts_per_turn = 4;
/// A peer that takes what it is sent as fast as we make it would keep the node for as long.
pub const writes_per_turn = 4;
const connect_ns: u64 = session_file.handshake_ns;
/// A service that answers from memory has answered by then.
const await_pause_ns: u64 = std.time.ns_per_ms / 2;

pub fn dial(node: anytype, peer: u8, to: edge.Address) error{NoSocket}!void {
    const line = node.lines.free() orelse return error.NoSocket;
    const socket = node.edge.connect(to) orelse return error.NoSocket;
    begin(node, line, socket, to);
    line.state = .connecting;
    line.dialled = peer;
}

fn begin(node: anytype, line: *Line, socket: edge.Socket, address: edge.Address) void {
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
    line.writes_left = writes_per_turn;
}

pub fn note(node: anytype, socket: edge.Socket, events: edge.Events) void {
    const line = node.lines.ofSocket(socket) orelse return;
    if (line.state == .connecting) {
        if (events.failed) return lose(node, line, .abort);
        if (!events.connected) return;
        return startHandshake(node, line) catch lose(node, line, .abort);
    }
    // How a connection ends is told by what was awaited of it: an event may be one of an earlier
    // connection, which had the same number.
    line.is_unsent = line.is_unsent or events.writable;
}

/// What was awaited has come: bytes, none at the end, null for a connection that failed.
pub fn receive(node: anytype, serial: u32, data: ?[]const u8) void {
    const line = node.lines.ofSerial(serial) orelse return;
    line.is_awaiting = false;
    const bytes = data orelse return lose(node, line, .abort);
    if (bytes.len == 0 or bytes.len > line.session.room()) return lose(node, line, .close);
    _ = line.session.feed(bytes);
    line.busy = true;
}

/// What comes next is to be asked for: in the next turn, since nobody waits for that, or, while a
/// call is under way, a little later, since its answer is likely to be the next thing to do.
fn awaitMore(node: anytype, line: *Line) void {
    if (line.is_awaiting or line.session.room() == 0) return;
    const pause_ns: u64 = if (node.calls.waits(line.serial)) await_pause_ns else 0;
    line.await_ns = @min(line.await_ns, node.now_ns +| pause_ns);
}

fn awaitDue(node: anytype, line: *Line) void {
    if (node.now_ns < line.await_ns) return;
    line.await_ns = edge.never;
    if (line.is_awaiting or line.session.room() == 0) return;
    line.is_awaiting = node.edge.await(line.socket, line.serial, line.session.room());
    if (!line.is_awaiting) lose(node, line, .abort);
}

/// The dialled connection stands.
fn startHandshake(node: anytype, line: *Line) !void {
    const pinned = node.config.peers()[line.dialled.?].key;
    const key = node.ephemeral() orelse return error.NoKey;
    try line.session.initiator(optionsWith(node, key), pinned);
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

fn accept(node: anytype) void {
    for (0..accepts_per_turn) |_| {
        if (!node.is_accepting) return;
        const accepted = node.edge.accept() orelse {
            node.is_accepting = false;
            return;
        };
        if (node.lines.victim(node.config.peers())) |line| {
            refusals.count(node, line.address.ip, .evicted);
            discard(node, line, .abort);
        }
        const line = node.lines.free() orelse return node.edge.abort(accepted.socket);
        begin(node, line, accepted.socket, .{ .ip = accepted.ip, .port = 0 });
        line.state = .open;
        line.busy = true;
        line.session.responder(optionsWith(node, null));
    }
}

pub fn deadline(node: anytype) u64 {
    var at = edge.never;
    for (node.lines.used()) |*line| at = @min(at, switch (line.state) {
        .free => edge.never,
        .connecting => line.opened_ns + connect_ns,
        .open => if (line.bound) |peer|
            @min(@min(line.session.deadline(), line.await_ns), node.talks[peer].deadline(node.now_ns))
        else
            @min(line.session.deadline(), line.await_ns),
    });
    return at;
}

pub fn tick(node: anytype) void {
    for (node.lines.used()) |*line| switch (line.state) {
        .free => {},
        .connecting => {
            if (node.now_ns >= line.opened_ns + connect_ns) lose(node, line, .abort);
        },
        .open => tickOpen(node, line),
    };
}

fn tickOpen(node: anytype, line: *Line) void {
    awaitDue(node, line);
    if (line.state != .open) return;
    if (node.now_ns >= line.session.deadline()) {
        // A peer that was never discovered is told apart from one that never finished.
        const claimed = if (line.session.state == .proven) line.session.claimed else null;
        const is_stranger = line.isHalfOpen();
        if (line.session.tick(node.now_ns)) |event| {
            if (claimed) |id| {
                refusals.identity(node, line.address.ip, id);
            } else if (is_stranger) refusals.count(node, line.address.ip, .timeout);
            return handle(node, line, event);
        }
        line.is_unsent = true;
    }
    const peer = line.bound orelse return;
    const talk = &node.talks[peer];
    if (node.now_ns < talk.deadline(node.now_ns)) return;
    if (talk.ladder) |*ladder| ladder.expire(&talk.mux, node.now_ns);
    moving.tick(node, line);
    line.is_unsent = true;
    tellLadder(node, peer);
}

/// Serve all connections a little. Sessions come first.
pub fn pump(node: anytype) void {
    accept(node);
    for (node.lines.used()) |*line| if (line.isReady()) pumpOne(node, line);
    node.turn_of +%= 1;
    var is_spent = false;
    const used = node.lines.used();
    for (0..used.len) |n| {
        const line = &used[(n + node.turn_of) % used.len];
        if (line.state != .open or line.bound != null) continue;
        if (is_spent) continue;
        const before = stepOf(line);
        pumpOne(node, line);
        is_spent = line.state != .open or line.bound != null or before != stepOf(line);
    }
}

/// Changes with each step of a handshake.
fn stepOf(line: *const Line) u16 {
    const session = &line.session;
    return @as(u16, @intFromEnum(session.state)) * 16 + session.handshake.step;
}

/// There is work that no message will announce.
pub fn isHot(node: anytype) bool {
    if (node.is_accepting) return true;
    for (node.lines.used()) |*line| {
        if (line.state != .open) continue;
        if (line.is_unsent) return true;
        if (mustWait(node, line)) continue;
        if (line.busy and line.session.canAnswer()) return true;
    }
    return false;
}

/// A peer that knows no streams is answered before its next frame, which may be a request, is read.
fn mustWait(node: anytype, line: *const Line) bool {
    const peer = line.bound orelse return false;
    if (node.talks[peer].mode != .direct) return false;
    return !node.calls.hasRoom(peer, null) or node.calls.waits(line.serial);
}

fn pumpOne(node: anytype, line: *Line) void {
    line.busy = false;
    line.writes_left = writes_per_turn;
    gate.deliver(node, line);
    for (0..events_per_turn) |_| {
        flush(node, line) catch return lose(node, line, .abort);
        if (mustWait(node, line)) return;
        if (serve(node, line)) continue;
        if (line.session.next(node.now_ns)) |event| {
            handle(node, line, event);
            if (line.state != .open) return;
            continue;
        }
        return if (line.session.canAnswer()) awaitMore(node, line);
    }
    flush(node, line) catch return lose(node, line, .abort);
    line.busy = true;
}

/// The next request that has come on the stream for them. False: nothing to do.
fn serve(node: anytype, line: *Line) bool {
    const peer = line.bound orelse return false;
    const talk = &node.talks[peer];
    if (talk.mode != .streams or !node.calls.hasRoom(peer, null)) return false;
    const frame = talk.nextRequest() catch |err| {
        const reason: @import("../gateway.zig").Reason =
            if (err == error.Oversized) .oversized else .malformed;
        _ = node.peers[peer].bucket.take(node.now_ns);
        records.refuse(node, peer, reason, .of(talk.requests.rest()));
        talk.refuseRequests();
        return true;
    } orelse {
        if (!node.calls.waits(line.serial)) talk.finishServing();
        return false;
    };
    if (!node.calls.hasRoom(peer, frame[1])) return false;
    gate.serve(node, line, frame);
    talk.dropRequest(frame);
    return true;
}

/// Send what is to be sent, as far as the connection takes it.
pub fn flush(node: anytype, line: *Line) error{Failed}!void {
    push(node, line);
    line.is_unsent = false;
    while (line.session.pending().len != 0) {
        if (line.writes_left == 0) {
            line.is_unsent = true;
            return;
        }
        line.writes_left -= 1;
        const taken = try node.edge.write(line.socket, line.session.pending());
        if (taken == 0) return; // the writable event wakes us
        line.session.consume(taken);
        push(node, line);
    }
    if (line.bound) |peer| tellServed(node, peer);
}

/// Send what was written since the connections were served.
pub fn flushUnsent(node: anytype) void {
    for (node.lines.used()) |*line| {
        if (line.state != .open or !line.is_unsent or line.writes_left == 0) continue;
        flush(node, line) catch {}; // the loss shows as an event
    }
}

/// Seal what is to be said, as far as the session has room beside its own needs.
fn push(node: anytype, line: *Line) void {
    const peer = line.bound orelse return;
    const talk = &node.talks[peer];
    while (line.session.hasRoom()) {
        if (talk.mode == .streams) {
            if (talk.ladder) |*ladder| ladder.advance(&talk.mux);
            moving.push(node, line);
        }
        const frame = talk.mux.poll(&node.plain) orelse break;
        line.session.send(frame) catch break; // the session is over
    }
    if (talk.ladder != null) tellLadder(node, peer);
}

fn tellServed(node: anytype, peer: u8) void {
    const talk = &node.talks[peer];
    if (talk.served_count == 0 or !talk.hasLeft()) return;
    for (&talk.served, 0..) |*times, service| {
        while (times.* != 0) : (times.* -= 1) node.tellServed(peer, @intCast(service));
    }
    talk.served_count = 0;
}

fn handle(node: anytype, line: *Line, event: session_file.Event) void {
    switch (event) {
        .key_wanted => line.session.provide(node.ephemeral() orelse
            return lose(node, line, .abort)),
        .proven => bind(node, line),
        .ready => becomeReady(node, line),
        .frame => |frame| take(node, line, frame),
        .refused => |refusal| {
            refusals.session(node, line, refusal);
            lose(node, line, .close);
        },
    }
}

fn take(node: anytype, line: *Line, frame: []const u8) void {
    const peer = line.bound.?;
    const talk = &node.talks[peer];
    const happening = talk.take(frame) catch |reject| {
        refusals.streams(node, peer, reject);
        return lose(node, line, .close);
    };
    switch (happening) {
        .nothing => {},
        .direct => |direct| {
            node.tellUp();
            if (frames.decodeResponse(direct)) |response| {
                clients.settle(node, line, response);
            } else |_| gate.serve(node, line, direct);
        },
        .responses => settle(node, line),
        .unheard => clients.forsake(node, peer),
        .moving => |what| moving.take(node, line, what),
        .serving => node.tellUp(),
    }
    if (talk.ladder != null) tellLadder(node, peer) else node.tellUp();
}

fn settle(node: anytype, line: *Line) void {
    const talk = &node.talks[line.bound.?];
    while (talk.nextResponse() catch {
        _ = talk.abandon(.senseless);
        return clients.forsake(node, line.bound.?);
    }) |response| {
        clients.settle(node, line, response);
        talk.dropResponse(response);
    }
}

fn tellLadder(node: anytype, peer: u8) void {
    const ladder = if (node.talks[peer].ladder) |*ladder| ladder else return;
    while (ladder.news()) |milestone| node.edge.print("{s}", .{switch (milestone) {
        .session_up => "dsoftbus:mux crossvm session up",
        .data_ok => "dsoftbus:mux crossvm data ok",
        .control_ok => "SELFTEST: mux crossvm pri control ok",
        .bulk_ok => "SELFTEST: mux crossvm bulk ok",
        .backpressure_ok => "SELFTEST: mux crossvm backpressure ok",
        .failed => "dsoftbus:mux crossvm fail",
    }});
    if (!ladder.isRunning()) node.tellUp();
}

/// An announce came: identities that waited for it may now be bound.
pub fn reconsider(node: anytype) void {
    for (node.lines.used()) |*line| {
        if (line.state == .open and line.session.state == .proven) bind(node, line);
    }
}

/// All that names the peer must agree. A missing announce may still come within the handshake's
/// time.
fn bind(node: anytype, line: *Line) void {
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
        return lose(node, line, .close);
    }
    line.session.admit(node.now_ns) catch return lose(node, line, .abort);
    line.is_unsent = true;
}

fn becomeReady(node: anytype, line: *Line) void {
    const peer = node.config.peerIndex(line.session.claimed.slice()).?;
    line.ready_ns = node.now_ns;
    if (node.lines.readyFor(peer)) |other| {
        const id = node.config.peers()[peer].id.slice();
        const is_newer = twins.newerStays(node.config.id.slice(), id, other.twin(), line.twin());
        if (!is_newer) return discard(node, line, .close);
        discard(node, other, .close);
    }
    line.bound = peer;
    const known = &node.peers[peer];
    known.backoff.succeeded();
    if (line.dialled != null) known.candidates.succeeded(line.address);
    node.edge.print("dsoftbusd: cross-vm session ok {f}", .{node.config.peers()[peer].id});
    node.talks[peer].begin(line.dialled != null, node.config.is_proving, node.now_ns);
    node.packages[peer] = .{};
    line.is_unsent = true;
}

const Manner = enum { close, abort };

/// The connection is over, for whatever reason.
fn lose(node: anytype, line: *Line, manner: Manner) void {
    if (line.bound) |peer| {
        node.edge.print("dsoftbusd: session lost peer={f}", .{node.config.peers()[peer].id});
    }
    if (line.dialled) |peer| {
        node.peers[peer].backoff.failed(node.now_ns);
        if (line.bound == null) node.peers[peer].candidates.failed(line.address);
    }
    discard(node, line, manner);
}

fn discard(node: anytype, line: *Line, manner: Manner) void {
    if (line.bound) |peer| {
        moving.abandon(node, line);
        clients.forsake(node, peer);
    }
    node.calls.forsake(line.serial);
    if (line.state == .open) {
        line.writes_left = writes_per_turn;
        flush(node, line) catch {};
        line.session.close();
    }
    switch (manner) {
        .close => node.edge.close(line.socket),
        .abort => node.edge.abort(line.socket),
    }
    line.state = .free;
    line.bound = null;
    line.dialled = null;
}
