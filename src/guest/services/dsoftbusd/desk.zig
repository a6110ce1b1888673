//! Requests of the node's own services (`DS` v1): each waits for a session, travels, and is
//! answered once.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const dsoftbus = @import("dsoftbus");
const node = @import("node.zig");
const links = @import("links.zig");
const Ask = dsoftbus.front.Ask;
const Link = links.Link;

/// More than the node's services have outstanding at a time; each holds a reply capability of ours.
const pending_max = 8;
const patience_ns: u64 = 4 * std.time.ns_per_s;
/// The remote side's share of the patience.
const remote_ms_max = 1000;

const Pending = struct {
    ask: Ask,
    reply_slot: os.Slot,
    reply_type: u16,
    deadline_ns: u64,
    /// Where it travels, or null while it waits.
    sent: ?struct { link: *Link, correlation: u64 } = null,
};

var pending: [pending_max]?Pending = @splat(null);

pub fn take(message: os.Message) void {
    const request = switch (wire.ds.decodeRequest(message.payload)) {
        .request => |request| request,
        .refusal => |op| return refuse(message, op),
    };
    const reply_slot = message.moved orelse return; // nobody wants an answer
    const ask: Ask = .of(request);
    const free = for (&pending) |*entry| {
        if (entry.* == null) break entry;
    } else null;
    // Without peers there will never be a session to wait for.
    if (free == null or node.config.peers().len == 0) return refuse(message, ask.op);
    free.?.* = .{
        .ask = ask,
        .reply_slot = reply_slot,
        .reply_type = message.header.type,
        .deadline_ns = node.now_ns + patience_ns,
    };
}

fn refuse(message: os.Message, op: wire.ds.Op) void {
    var buffer: [wire.ds.reply_bytes_max]u8 = undefined;
    os.reply(message, wire.ds.encodeReply(&buffer, op, .fail) catch unreachable);
}

/// Send what waits, as far as there is a session to send it on.
pub fn dispatch() void {
    const link = target() orelse return;
    for (&pending) |*slot| {
        const entry = if (slot.*) |*entry| entry else continue;
        if (entry.sent != null) continue;
        if (!link.session.canAnswer()) return;
        var buffer: [dsoftbus.front.inner_bytes_max]u8 = undefined;
        const inner = entry.ask.inner(&buffer);
        const left_ms = (entry.deadline_ns -| node.now_ns) / std.time.ns_per_ms;
        const deadline_ms: u32 = @intCast(std.math.clamp(left_ms, 1, remote_ms_max));
        const id = link.session.request(entry.ask.service(), inner, deadline_ms) catch return;
        entry.sent = .{ .link = link, .correlation = id };
        links.flush(link) catch return; // the loss shows as an event
    }
}

/// `DS` names no peer: the first one, in the configuration's order, that has a session.
fn target() ?*Link {
    for (0..node.config.peers().len) |peer| {
        if (links.readyFor(@intCast(peer))) |link| return link;
    }
    return null;
}

/// A response came. One that nobody waits for (any more) is dropped.
pub fn settle(link: *const Link, response: dsoftbus.frames.Response) void {
    for (&pending) |*slot| {
        const entry = if (slot.*) |*entry| entry else continue;
        const sent = entry.sent orelse continue;
        if (sent.link != link or sent.correlation != response.correlation) continue;
        return finish(slot, if (response.status == .ok) response.payload else null);
    }
}

/// The link is gone: what it carried waits again. Every ask may be repeated (`front`).
pub fn forsake(link: *const Link) void {
    for (&pending) |*slot| {
        const entry = if (slot.*) |*entry| entry else continue;
        const sent = entry.sent orelse continue;
        if (sent.link == link) entry.sent = null;
    }
}

pub fn expire() void {
    for (&pending) |*slot| {
        const entry = slot.* orelse continue;
        if (node.now_ns >= entry.deadline_ns) finish(slot, null);
    }
}

pub fn deadline() u64 {
    var at = node.never;
    for (&pending) |*slot| if (slot.*) |entry| {
        at = @min(at, entry.deadline_ns);
    };
    return at;
}

fn finish(slot: *?Pending, reply: ?[]const u8) void {
    const entry = slot.*.?;
    slot.* = null;
    var buffer: [wire.ds.reply_bytes_max]u8 = undefined;
    os.replyTo(entry.reply_slot, entry.reply_type, entry.ask.answer(&buffer, reply));
}
