//! The links of a node: its connections and the sessions on them. This file says how they begin,
//! which peer is at the other end, where their frames go, and how they end.
//!
//! A turn serves each connection a little (`events_per_turn`, `writes_per_turn`). It makes at most
//! one step of a handshake, which costs more than anything else. So neither a peer nor any number
//! of strangers keeps the others waiting.

const std = @import("std");
const marker = @import("contract").marker;
const clients = @import("clients.zig");
const edge = @import("edge.zig");
const ending = @import("ending.zig");
const entry = @import("entry.zig");
const frames = @import("../frames.zig");
const gate = @import("gate.zig");
const gateway = @import("../gateway.zig");
const rpc = @import("../rpc.zig");
const records = @import("records.zig");
const moving = @import("moving.zig");
const transactions = @import("transactions.zig");
const out = @import("out.zig");
const refusals = @import("refusals.zig");
const session_file = @import("../session.zig");
const Line = @import("lines.zig").Line;

const events_per_turn = 4;
const connect_ns: u64 = session_file.handshake_ns;
/// A service that answers from memory has answered within this time.
const await_pause_ns: u64 = std.time.ns_per_ms / 2;

/// Ask for the next bytes soon: in the next turn, since no peer waits for that. While a call is
/// under way, ask a little later, since its answer is likely to come first.
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
        // The log distinguishes a peer that was never discovered from one that never finished.
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
    transactions.tick(node, peer);
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
    if (node.talks[peer].kind != .direct) return false;
    return !node.calls.hasRoom(peer, null) or node.calls.waits(line.serial);
}

fn pumpOne(node: anytype, line: *Line) void {
    line.busy = false;
    line.writes_left = ending.writes_per_turn;
    const is_delivered = gate.deliver(node, line);
    defer if (!is_delivered and line.state == .open) deliverMore(node, line);
    for (0..events_per_turn) |_| {
        out.flush(node, line) catch return ending.lose(node, line, .abort);
        if (mustWait(node, line)) return;
        if (serve(node, line)) continue;
        if (line.session.take(node.now_ns)) |event| {
            handle(node, line, event);
            if (line.state != .open) return;
            continue;
        }
        return if (line.session.canAnswer()) awaitMore(node, line);
    }
    out.flush(node, line) catch return ending.lose(node, line, .abort);
    line.busy = true;
}

/// Send answers that had no room before and may have it now.
fn deliverMore(node: anytype, line: *Line) void {
    _ = gate.deliver(node, line);
    out.flush(node, line) catch ending.lose(node, line, .abort);
}

/// Serve the next request on a stream of calls. False: there is nothing to do.
fn serve(node: anytype, line: *Line) bool {
    const peer = line.bound orelse return false;
    if (node.talks[peer].kind != .streams or !node.calls.hasRoom(peer, null)) return false;
    for (std.enums.values(gateway.Encoding)) |encoding| {
        if (serveBy(node, line, encoding)) return true;
    }
    return false;
}

fn serveBy(node: anytype, line: *Line, encoding: gateway.Encoding) bool {
    const peer = line.bound.?;
    const talk = &node.talks[peer];
    const bytes = talk.calls.nextRequest(&talk.mux, encoding) catch |err| {
        const reason: gateway.Reason = if (err == error.Oversized) .oversized else .malformed;
        _ = node.peers[peer].bucket.take(node.now_ns);
        const subject: gateway.Subject = switch (encoding) {
            .frames => .of(talk.calls.serving.getPtr(.frames).requests.rest()),
            .schema => .{},
        };
        records.refuse(node, peer, reason, subject);
        talk.calls.refuseRequests(&talk.mux, encoding);
        return true;
    } orelse {
        if (!node.calls.waits(line.serial)) talk.calls.finishServing(&talk.mux, encoding);
        return false;
    };
    var payload: [frames.request_payload_max]u8 = undefined;
    const asked: gateway.Asked = switch (encoding) {
        .frames => .ofFrame(bytes),
        .schema => rpc.asked(bytes, &payload),
    };
    if (!node.calls.hasRoom(peer, asked.subject.service)) return false;
    gate.serve(node, line, asked);
    talk.calls.dropRequest(&talk.mux, encoding, bytes.len);
    return true;
}

fn handle(node: anytype, line: *Line, event: session_file.Event) void {
    switch (event) {
        .key_wanted => line.session.provide(node.ephemeral() orelse
            return ending.lose(node, line, .abort)),
        .proven => entry.bind(node, line),
        .ready => entry.becomeReady(node, line),
        .received => |frame| take(node, line, frame),
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
                clients.settle(node, line, .{ .frames = response });
            } else |_| gate.serve(node, line, .ofFrame(direct));
        },
        .moving => |what| moving.take(node, line, what),
        .calls => |what| switch (what) {
            .nothing => {},
            .responses => |encoding| settle(node, line, encoding),
            .unheard => |encoding| clients.forsake(node, peer, encoding),
            .serving => node.tellUp(),
            .taken => node.edge.print(marker.calls_by_schema, .{
                node.config.peers()[peer].id,
            }),
        },
    }
    if (talk.ladder != null) out.tellLadder(node, peer) else node.tellUp();
}

fn settle(node: anytype, line: *Line, encoding: gateway.Encoding) void {
    const talk = &node.talks[line.bound.?];
    while (talk.calls.nextResponse(encoding) catch {
        _ = talk.calls.abandon(&talk.mux, encoding, .nonsense);
        return clients.forsake(node, line.bound.?, encoding);
    }) |response| {
        clients.settle(node, line, response);
        talk.calls.dropResponse(&talk.mux, encoding);
    }
}
