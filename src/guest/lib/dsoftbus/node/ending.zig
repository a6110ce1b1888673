//! The end of a connection, for whatever reason.

const std = @import("std");
const marker = @import("contract").marker;
const clients = @import("clients.zig");
const gateway = @import("../gateway.zig");
const moving = @import("moving.zig");
const out = @import("out.zig");
const transactions = @import("transactions.zig");
const Line = @import("lines.zig").Line;

/// A peer that takes bytes as fast as we make them would otherwise keep the node for ever.
pub const writes_per_turn = 4;

pub const Manner = enum { close, abort };

/// The connection is over, for whatever reason.
pub fn lose(node: anytype, line: *Line, manner: Manner) void {
    if (line.bound) |peer| {
        node.edge.print(marker.session_lost, .{node.config.peers()[peer].id});
    }
    if (line.dialled) |peer| {
        node.peers[peer].backoff.failed(node.now_ns);
        if (line.bound == null) node.peers[peer].candidates.failed(line.address);
    }
    discard(node, line, manner);
}

pub fn discard(node: anytype, line: *Line, manner: Manner) void {
    // A socket must not be closed twice: its number may be another connection's by then.
    std.debug.assert(line.state != .free);
    line.check();
    if (line.bound) |peer| {
        moving.abandon(node, line);
        transactions.abandon(node, peer);
        for (std.enums.values(gateway.Encoding)) |encoding| {
            clients.forsake(node, peer, encoding);
        }
    }
    node.calls.forsake(line.serial);
    if (line.state == .open) {
        line.writes_left = writes_per_turn;
        out.flush(node, line) catch {};
        line.session.close();
    }
    switch (manner) {
        .close => node.edge.close(line.socket),
        .abort => node.edge.abort(line.socket),
    }
    line.state = .free;
    line.bound = null;
    line.dialled = null;
    line.check();
    std.debug.assert(!node.calls.waits(line.serial));
}
