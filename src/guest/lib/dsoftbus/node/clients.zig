//! `DS`: requests of the node's own services. A request names its peer, waits for a session with
//! it, travels, and is answered once. After the loss of the session it travels again, to the same
//! peer and under the same id, so that a change takes effect once.

const wire = @import("wire");
const edge = @import("edge.zig");
const desk = @import("../desk.zig");
const frames = @import("../frames.zig");
const front = @import("../front.zig");
const gateway = @import("../gateway.zig");
const rpc = @import("../rpc.zig");
const Ask = front.Ask;
const Line = @import("lines.zig").Line;
const Response = @import("call_streams.zig").Response;

pub const Desk = desk.Desk(edge.Client);

/// A request. It is answered at once if it will never be sent.
pub fn take(node: anytype, client: edge.Client, request: []const u8) void {
    const decoded = switch (wire.front.decodeRequest(request)) {
        .request => |decoded| decoded,
        .refusal => |op| return refuse(node, client, op),
    };
    var ask: Ask = .of(decoded);
    ask.peer = peerOf(node, request) orelse return refuse(node, client, ask.op);
    if (!node.desk.take(ask, client, node.now_ns)) refuse(node, client, ask.op);
}

/// The peer that the request names, or the only one of this node. A node with several peers does
/// not guess: a change must not reach a peer that was not meant.
fn peerOf(node: anytype, request: []const u8) ?u8 {
    const name = wire.front.peerOf(request);
    if (name.len != 0) return node.config.peerIndex(name);
    return if (node.config.peers().len == 1) 0 else null;
}

fn refuse(node: anytype, client: edge.Client, op: wire.front.Op) void {
    // The longest reply fits.
    var buffer: [wire.front.reply_bytes_max]u8 = undefined;
    node.edge.answer(client, wire.front.encodeReply(&buffer, op, .fail) catch unreachable);
}

/// Send the waiting requests whose sessions are there.
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
        switch (if (line) |ready| send(node, ready, entry) else .waits) {
            .sent => {},
            .waits => return,
            .never => finish(node, &node.desk.withdraw(entry), null, 0),
        }
    }
}

const Sent = enum {
    sent,
    waits,
    /// The peer does not take what this node may say.
    never,
};

fn send(node: anytype, line: *Line, entry: *Desk.Entry) Sent {
    const peer = line.bound.?;
    const talk = &node.talks[peer];
    if (!talk.canAsk(node.now_ns)) return .waits;
    if (entry.id == 0) entry.id = node.nextCallId(peer);
    var buffer: [front.inner_bytes_max]u8 = undefined;
    const request: frames.Request = .{
        .service = entry.ask.service(),
        .correlation = entry.id,
        .deadline_ms = entry.remoteMs(node.now_ns),
        .payload = entry.ask.inner(&buffer),
    };
    var encoding: gateway.Encoding = switch (talk.manner()) {
        .unknown => return .waits,
        .never => return .never,
        .frames => .frames,
        .schema => .schema,
    };
    var bytes: ?[]const u8 = null;
    if (encoding == .schema) {
        bytes = rpc.call(request, &node.frame);
        // A request without a method of the schema goes in a frame.
        if (bytes == null and talk.calls.mode == .messages) return .never;
        if (bytes == null) encoding = .frames;
    }
    const out = node.frame[0 .. frames.request_head + frames.request_payload_max];
    // A request of `DS` is no longer.
    const frame = bytes orelse (frames.encodeRequest(out, request) catch unreachable);
    if (talk.kind == .streams) {
        if (!talk.calls.ask(&talk.mux, encoding, frame)) return .waits;
    } else if (!line.session.canAnswer()) {
        return .waits;
    } else line.session.send(frame) catch return .waits;
    entry.sent = .{ .link = linkOf(peer, encoding), .correlation = switch (encoding) {
        .frames => entry.id,
        .schema => @as(u32, @truncate(entry.id)),
    } };
    line.is_unsent = true;
    return .sent;
}

/// The link of one peer and one stream, as the number that the desk knows.
fn linkOf(peer: u8, encoding: gateway.Encoding) u8 {
    return peer << 1 | @intFromEnum(encoding);
}

/// A response has come.
pub fn settle(node: anytype, line: *const Line, response: Response) void {
    const link = linkOf(line.bound.?, response);
    switch (response) {
        .frames => |said| {
            const entry = node.desk.settle(link, said.correlation) orelse return;
            finish(node, &entry, if (said.status == .ok) said.payload else null, line.epoch());
        },
        .schema => |said| {
            const entry = node.desk.settle(link, said.correlation) orelse return;
            var buffer: [front.inner_bytes_max]u8 = undefined;
            var out: [frames.response_payload_max]u8 = undefined;
            const asked = entry.ask.inner(&buffer);
            const reply = said.reply(entry.ask.service(), asked, &out);
            finish(node, &entry, reply, line.epoch());
        },
    }
}

/// No answers will come over this session, or this stream.
pub fn forsake(node: anytype, peer: u8, encoding: gateway.Encoding) void {
    node.desk.forsake(linkOf(peer, encoding));
}

pub fn expire(node: anytype) void {
    while (node.desk.expire(node.now_ns)) |entry| finish(node, &entry, null, 0);
}

fn finish(node: anytype, entry: *const Desk.Entry, reply: ?[]const u8, epoch: u8) void {
    var buffer: [wire.front.reply_bytes_max]u8 = undefined;
    node.edge.answer(entry.client, entry.ask.answer(&buffer, reply, epoch));
}

fn fail(node: anytype, entry: Desk.Entry, status: wire.front.Status) void {
    var buffer: [wire.front.reply_bytes_max]u8 = undefined;
    node.edge.answer(entry.client, entry.ask.fail(&buffer, status));
}
