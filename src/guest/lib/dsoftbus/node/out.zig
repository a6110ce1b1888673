//! The bytes that leave a session. Streams and answers are sealed as far as the session has room,
//! and written as far as the connection takes them.

const std = @import("std");
const edge = @import("edge.zig");
const marker = @import("contract").marker;
const moving = @import("moving.zig");
const Line = @import("lines.zig").Line;

/// Send the bytes that wait, as far as the connection takes them.
pub fn flush(node: anytype, line: *Line) error{Failed}!void {
    std.debug.assert(line.state == .open);
    line.check();
    push(node, line);
    line.is_unsent = false;
    while (line.session.output().len != 0) {
        if (line.writes_left == 0) {
            line.is_unsent = true;
            return;
        }
        line.writes_left -= 1;
        const taken = try node.edge.write(line.socket, line.session.output());
        if (taken == 0) return; // the writable event wakes us
        line.session.takeOutput(taken);
        push(node, line);
    }
    if (line.bound) |peer| tellServed(node, peer);
}

/// Send the bytes that were written since the connections were served.
pub fn flushUnsent(node: anytype) void {
    for (node.lines.used()) |*line| {
        if (line.state != .open or !line.is_unsent or line.writes_left == 0) continue;
        flush(node, line) catch {}; // the loss shows as an event
    }
}

/// Seal the frames that wait, as far as the session has room beside its own needs.
fn push(node: anytype, line: *Line) void {
    const peer = line.bound orelse return;
    const talk = &node.talks[peer];
    while (line.session.hasRoom()) {
        if (talk.kind == .streams) {
            if (talk.ladder) |*ladder| ladder.advance(&talk.mux);
            moving.push(node, line);
        }
        const frame = talk.mux.nextFrame(&node.plain) orelse break;
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

pub fn tellLadder(node: anytype, peer: u8) void {
    const ladder = if (node.talks[peer].ladder) |*ladder| ladder else return;
    while (ladder.news()) |milestone| node.edge.print("{s}", .{switch (milestone) {
        .session_up => marker.ladder_up,
        .data_ok => marker.ladder_data,
        .control_ok => marker.ladder_control,
        .bulk_ok => marker.ladder_bulk,
        .backpressure_ok => marker.ladder_backpressure,
        .failed => marker.ladder_failed,
    }});
    if (!ladder.isRunning()) node.tellUp();
}
