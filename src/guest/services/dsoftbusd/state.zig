//! Remote state, the serving side: `SF` from the peer, judged, then `SF` to statefsd under a nonce
//! of our own. Every change asked for is recorded, let through or not.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const dsoftbus = @import("dsoftbus");
const gate = @import("gate.zig");
const journal = @import("journal.zig");
const Link = @import("links.zig").Link;
const Service = dsoftbus.gateway.Service;
const sf = wire.sf;
const sf_gate = dsoftbus.sf_gate;

pub const service_id = 4;

/// statefsd waits for its disk at most this long; the loop stands still meanwhile.
const wait_ns_max: u64 = 300 * std.time.ns_per_ms;

/// A peer's request, or a chunk of a transfer, with a key and a nonce.
var request_buffer: [dsoftbus.transfer.chunk_bytes + sf_gate.frame_bytes_max]u8 = undefined;
var reply_buffer: [sf_gate.reply_bytes_max]u8 = undefined;
/// So that no answer to an earlier request is taken for this one's.
var nonce: u64 = 0;
var is_told = false;

pub fn serve(
    link: *Link,
    service: *const Service,
    request: dsoftbus.frames.Request,
    subject: dsoftbus.gateway.Subject,
) []const u8 {
    const asked_ns = @as(u64, request.deadline_ms) * std.time.ns_per_ms;
    switch (sf_gate.judge(link.bound != null, request.payload)) {
        .reject => |refusal| {
            const told: sf.Refusal = .{ .op = refusal.op, .status = refusal.why.status() };
            const frame = sf.encodeRefusal(&reply_buffer, told) catch unreachable; // five bytes
            record(link, subject, refusal.op, .{ .reject = refusal.why }, refusal.key);
            return frame;
        },
        .accept => |accepted| {
            const reply = forward(accepted, @min(asked_ns, wait_ns_max));
            const is_ok = reply.status == .ok;
            const is_change = accepted.op == .put or accepted.op == .delete;
            if (is_ok and is_change and !is_told) link.served = service;
            record(link, subject, accepted.op, if (is_ok) .allow else .status, accepted.key);
            return reply.frame;
        },
    }
}

/// One record of each request: of a change its own, of anything else the gateway's.
pub fn record(
    link: *const Link,
    subject: dsoftbus.gateway.Subject,
    op: sf.Op,
    outcome: sf_gate.Outcome,
    key: []const u8,
) void {
    var buffer: [sf_gate.record_bytes_max]u8 = undefined;
    const level: dsoftbus.audit.Outcome = if (outcome == .allow) .ok else .failed;
    if (sf_gate.record(&buffer, op, outcome, link.peerId(), key)) |text| {
        journal.record(level.level(), text);
    } else journal.audit(level, link.peerId(), subject);
}

pub fn tellServed() void {
    if (is_told) return;
    is_told = true;
    os.print("dsoftbusd: remote statefs served", .{});
}

const Forwarded = struct { status: sf.Status, frame: []const u8 };

/// statefsd's answer, with the nonce of the peer's request instead of ours.
fn forward(accepted: sf.Request, wait_ns: u64) Forwarded {
    const reply = askWithin(accepted, wait_ns) orelse return fail(accepted, .io_error);
    var writer = sf.startReply(&reply_buffer, accepted.op, reply.status, accepted.nonce) catch
        unreachable; // 13 bytes at most
    // What the node's own services put there may be longer than what peers get.
    writer.put(reply.tail) catch return fail(accepted, .value_too_large);
    return .{ .status = reply.status, .frame = writer.done() };
}

fn fail(accepted: sf.Request, status: sf.Status) Forwarded {
    const frame = sf.encodeFailure(&reply_buffer, accepted.op, status, accepted.nonce) catch
        unreachable; // 21 bytes at most
    return .{ .status = status, .frame = frame };
}

/// The store's answer; borrowed until the next call. Null: none came in time.
pub fn ask(request: sf.Request) ?sf.Reply {
    return askWithin(request, wait_ns_max);
}

fn askWithin(accepted: sf.Request, wait_ns: u64) ?sf.Reply {
    nonce += 1;
    var ours = accepted;
    ours.nonce = nonce;
    const frame = sf.encodeRequest(&request_buffer, ours) catch return null;
    const service = dsoftbus.gateway.serviceOf(service_id).?;
    const reply = gate.call(service, frame, wait_ns) orelse return null;
    return sf.decodeReply(reply, ours.op, nonce);
}
