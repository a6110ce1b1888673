//! Connections and the sessions on them: who comes in, whom they turn out to be, what their frames
//! are handed to, and how they end.
//!
//! A turn serves each connection a little (`events_per_turn`, `writes_per_turn`) and makes at most
//! one step of a handshake, which costs more than anything else: so no peer, and no number of
//! strangers, keeps the others waiting.

const std = @import("std");
const clients = @import("clients.zig");
const edge = @import("edge.zig");
const ending = @import("ending.zig");
const entry = @import("entry.zig");
const frames = @import("../frames.zig");
const gate = @import("gate.zig");
const records = @import("records.zig");
const moving = @import("moving.zig");
const out = @import("out.zig");
const refusals = @import("refusals.zig");
const session_file = @import("../session.zig");
const Line = @import("lines.zig").Line;

const events_per_turn = 4;
const connect_ns: u64 = session_file.handshake_ns;
/// A service that answers from memory has answered by then.
const await_pause_ns: u64 = std.time.ns_per_ms / 2;

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
    if (!line.is_awaiting) ending.lose(node, line, .abort);
}

pub fn deadline(node: anytype) u64 {
    var at = edge.never;
    for (node.lines.used()) |*line| at = @min(at, switch (line.state) {
        .free => edge.never,
        .connecting => line.opened_ns + connect_ns,
        .open => if (line.bound) |peer|
            @min(
                @min(line.session.deadline(), line.await_ns),
                node.talks[peer].deadline(node.now_ns),
            )
        else
            @min(line.session.deadline(), line.await_ns),
    });
    return at;
}

pub fn tick(node: anytype) void {
    for (node.lines.used()) |*line| switch (line.state) {
        .free => {},
        .connecting => {
            if (node.now_ns >= line.opened_ns + connect_ns) ending.lose(node, line, .abort);
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
    out.tellLadder(node, peer);
}

/// Serve all connections a little. Sessions come first.
pub fn pump(node: anytype) void {
    entry.accept(node);
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
    line.writes_left = ending.writes_per_turn;
    gate.deliver(node, line);
    for (0..events_per_turn) |_| {
        out.flush(node, line) catch return ending.lose(node, line, .abort);
        if (mustWait(node, line)) return;
        if (serve(node, line)) continue;
        if (line.session.next(node.now_ns)) |event| {
            handle(node, line, event);
            if (line.state != .open) return;
            continue;
        }
        return if (line.session.canAnswer()) awaitMore(node, line);
    }
    out.flush(node, line) catch return ending.lose(node, line, .abort);
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

fn handle(node: anytype, line: *Line, event: session_file.Event) void {
    switch (event) {
        .key_wanted => line.session.provide(node.ephemeral() orelse
            return ending.lose(node, line, .abort)),
        .proven => entry.bind(node, line),
        .ready => entry.becomeReady(node, line),
        .frame => |frame| take(node, line, frame),
        .refused => |refusal| {
            refusals.session(node, line, refusal);
            ending.lose(node, line, .close);
        },
    }
}

fn take(node: anytype, line: *Line, frame: []const u8) void {
    const peer = line.bound.?;
    const talk = &node.talks[peer];
    const happening = talk.take(frame) catch |reject| {
        refusals.streams(node, peer, reject);
        return ending.lose(node, line, .close);
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
    if (talk.ladder != null) out.tellLadder(node, peer) else node.tellUp();
}

fn settle(node: anytype, line: *Line) void {
    const talk = &node.talks[line.bound.?];
    while (talk.nextResponse() catch {
        _ = talk.abandon(.nonsense);
        return clients.forsake(node, line.bound.?);
    }) |response| {
        clients.settle(node, line, response);
        talk.dropResponse(response);
    }
}
