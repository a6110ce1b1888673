//! `DS` v1: joins the desk of `lib/dsoftbus` to the clients' reply capabilities and to the links.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const dsoftbus = @import("dsoftbus");
const node = @import("node.zig");
const links = @import("links.zig");
const streams = @import("streams.zig");
const Ask = dsoftbus.front.Ask;
const Link = links.Link;

const Client = struct { slot: os.Slot, type: u16 };
const Desk = dsoftbus.desk.Desk(Client);

var desk: Desk = .{};

pub fn take(message: os.Message) void {
    const request = switch (wire.ds.decodeRequest(message.payload)) {
        .request => |request| request,
        .refusal => |op| return refuse(message, op),
    };
    const slot = message.moved orelse return; // nobody wants an answer
    var ask: Ask = .of(request);
    ask.peer = peerOf(message.payload) orelse return refuse(message, ask.op);
    const client: Client = .{ .slot = slot, .type = message.header.type };
    if (!desk.take(ask, client, node.now_ns)) refuse(message, ask.op);
}

fn refuse(message: os.Message, op: wire.ds.Op) void {
    var buffer: [wire.ds.reply_bytes_max]u8 = undefined;
    os.reply(message, wire.ds.encodeReply(&buffer, op, .fail) catch unreachable);
}

/// The peer that is named, or the only one there is: a change must not come to another than was
/// meant, so a node with several guesses none.
fn peerOf(frame: []const u8) ?u8 {
    const name = wire.ds.peerOf(frame);
    if (name.len != 0) return node.config.peerIndex(name);
    return if (node.config.peers().len == 1) 0 else null;
}

/// Send what waits, as far as there are sessions to send it on.
pub fn dispatch() void {
    for (0..node.config.peers().len) |peer| dispatchTo(@intCast(peer));
}

fn dispatchTo(peer: u8) void {
    while (desk.waiting(peer)) |entry| {
        const link = target(&entry.ask) orelse {
            if (entry.ask.epoch() == null) return;
            // The session that its handle was of is over.
            fail(desk.withdraw(entry), .badf);
            continue;
        };
        if (!streams.canAsk(link)) return;
        var buffer: [dsoftbus.front.inner_bytes_max]u8 = undefined;
        const inner = entry.ask.inner(&buffer);
        const deadline_ms = entry.remoteMs(node.now_ns);
        const id = streams.ask(link, entry.ask.service(), inner, deadline_ms) catch return;
        entry.sent = .{ .link = links.indexOf(link), .correlation = id };
        links.flush(link) catch return; // the loss shows as an event
    }
}

/// A session with the peer that is asked; of what has a handle the one that the handle is of.
fn target(ask: *const Ask) ?*Link {
    const epoch = ask.epoch() orelse return links.readyFor(ask.peer);
    const link = links.ofEpoch(epoch) orelse return null;
    return if (link.bound == ask.peer) link else null;
}

pub fn settle(link: *const Link, response: dsoftbus.frames.Response) void {
    const entry = desk.settle(links.indexOf(link), response.correlation) orelse return;
    finish(entry, if (response.status == .ok) response.payload else null, link.epoch);
}

pub fn forsake(link: *const Link) void {
    desk.forsake(links.indexOf(link));
}

pub fn expire() void {
    while (desk.expire(node.now_ns)) |entry| finish(entry, null, 0);
}

pub fn deadline() u64 {
    return desk.deadline();
}

fn finish(entry: Desk.Entry, reply: ?[]const u8, epoch: u8) void {
    var buffer: [wire.ds.reply_bytes_max]u8 = undefined;
    const frame = entry.ask.answer(&buffer, reply, epoch);
    os.replyTo(entry.client.slot, entry.client.type, frame);
}

fn fail(entry: Desk.Entry, status: wire.ds.Status) void {
    var buffer: [wire.ds.reply_bytes_max]u8 = undefined;
    os.replyTo(entry.client.slot, entry.client.type, entry.ask.fail(&buffer, status));
}
