//! `DS`: requests of the node's own services. Each names its peer, waits for a session with it,
//! travels, and is answered once. After a loss it travels again, to the same peer and under the
//! same id, so that a change takes effect once.

const wire = @import("wire");
const edge = @import("edge.zig");
const desk = @import("../desk.zig");
const frames = @import("../frames.zig");
const front = @import("../front.zig");
const Ask = front.Ask;
const Line = @import("lines.zig").Line;

pub const Desk = desk.Desk(edge.Client);

/// A request. It is answered at once if it will never be sent.
pub fn take(node: anytype, client: edge.Client, request: []const u8) void {
    const decoded = switch (wire.ds.decodeRequest(request)) {
        .request => |decoded| decoded,
        .refusal => |op| return refuse(node, client, op),
    };
    var ask: Ask = .of(decoded);
    ask.peer = peerOf(node, request) orelse return refuse(node, client, ask.op);
    if (!node.desk.take(ask, client, node.now_ns)) refuse(node, client, ask.op);
}

/// The peer that is named, or the only one there is: a change must not come to another than was
/// meant, so a node with several guesses none.
fn peerOf(node: anytype, request: []const u8) ?u8 {
    const name = wire.ds.peerOf(request);
    if (name.len != 0) return node.config.peerIndex(name);
    return if (node.config.peers().len == 1) 0 else null;
}

fn refuse(node: anytype, client: edge.Client, op: wire.ds.Op) void {
    var buffer: [wire.ds.reply_bytes_max]u8 = undefined;
    node.edge.answer(client, wire.ds.encodeReply(&buffer, op, .fail) catch unreachable);
}

/// Send what waits, as far as there are sessions to send it on.
pub fn dispatch(node: anytype) void {
    if (node.desk.isEmpty()) return;
    for (0..node.config.peers().len) |peer| dispatchTo(node, @intCast(peer));
}

fn dispatchTo(node: anytype, peer: u8) void {
    while (node.desk.waiting(peer)) |entry| {
        const line = node.lines.readyFor(peer);
        if (entry.ask.epoch()) |epoch| {
            // The session that its handle was of is over.
            if (line == null or line.?.epoch() != epoch) {
                fail(node, node.desk.withdraw(entry), .badf);
                continue;
            }
        }
        if (line == null or !send(node, line.?, entry)) return;
    }
}

fn send(node: anytype, line: *Line, entry: *Desk.Entry) bool {
    const talk = &node.talks[line.bound.?];
    if (!talk.canAsk(node.now_ns)) return false;
    if (entry.id == 0) entry.id = node.nextCallId(line.bound.?);
    var buffer: [front.inner_bytes_max]u8 = undefined;
    const out = node.frame[0 .. frames.request_head + frames.request_payload_max];
    const frame = frames.encodeRequest(out, .{
        .service = entry.ask.service(),
        .correlation = entry.id,
        .deadline_ms = entry.remoteMs(node.now_ns),
        .payload = entry.ask.inner(&buffer),
    }) catch unreachable; // a request of `DS` is no longer
    if (talk.mode == .streams) {
        if (!talk.ask(frame)) return false;
    } else if (!line.session.canAnswer()) {
        return false;
    } else line.session.send(frame) catch return false;
    entry.sent = .{ .link = line.bound.?, .correlation = entry.id };
    line.is_unsent = true;
    return true;
}

/// A response has come.
pub fn settle(node: anytype, line: *const Line, response: frames.Response) void {
    const entry = node.desk.settle(line.bound.?, response.correlation) orelse return;
    finish(node, &entry, if (response.status == .ok) response.payload else null, line.epoch());
}

/// No answers will come over this session, or this stream.
pub fn forsake(node: anytype, peer: u8) void {
    node.desk.forsake(peer);
}

pub fn expire(node: anytype) void {
    while (node.desk.expire(node.now_ns)) |entry| finish(node, &entry, null, 0);
}

fn finish(node: anytype, entry: *const Desk.Entry, reply: ?[]const u8, epoch: u8) void {
    var buffer: [wire.ds.reply_bytes_max]u8 = undefined;
    node.edge.answer(entry.client, entry.ask.answer(&buffer, reply, epoch));
}

fn fail(node: anytype, entry: Desk.Entry, status: wire.ds.Status) void {
    var buffer: [wire.ds.reply_bytes_max]u8 = undefined;
    node.edge.answer(entry.client, entry.ask.fail(&buffer, status));
}
