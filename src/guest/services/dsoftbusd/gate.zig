//! The gateway: decides with `lib/dsoftbus`, forwards to the local service, answers, records.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const dsoftbus = @import("dsoftbus");
const node = @import("node.zig");
const journal = @import("journal.zig");
const links = @import("links.zig");
const streams = @import("streams.zig");
const packages = @import("packages.zig");
const repeats = @import("repeats.zig");
const state = @import("state.zig");
const Link = links.Link;
const frames = dsoftbus.frames;
const gateway = dsoftbus.gateway;
const Outcome = dsoftbus.audit.Outcome;

/// A local service that takes longer is as good as absent; the loop stands still meanwhile.
const forward_ns_max: u64 = 300 * std.time.ns_per_ms;

var routes: [gateway.services.len]?os.Slot = @splat(null);
var reply_buffer: [os.abi.payload_bytes_max]u8 = undefined;
var answer_buffer: [frames.response_head + frames.response_payload_max]u8 = undefined;
var rx_told = false;

/// A frame of a ready session that is no response: a request, or something that is none.
pub fn serve(link: *Link, frame: []const u8) void {
    if (!rx_told) {
        rx_told = true;
        os.print("dsoftbusd: remote proxy rx", .{});
    }
    const subject: gateway.Subject = .of(frame);
    const bucket = &node.buckets[link.bound.?];
    switch (gateway.decide(link.bound, frame, node.config.rules(), bucket, node.now_ns)) {
        .deny => |reason| {
            answer(
                link,
                .{ .status = .refused, .correlation = frames.correlationOf(frame), .payload = "" },
            );
            journal.audit(.denied(reason), link.peerId(), subject);
            tellDenied(reason, subject);
        },
        .forward => |accepted| run(link, accepted.service, accepted.request, subject),
    }
}

/// A call that is permitted: answer it, from memory if it is a change that was made already.
fn run(
    link: *Link,
    service: *const gateway.Service,
    request: frames.Request,
    subject: gateway.Subject,
) void {
    if (repeats.answerTo(link, service, request)) |known| {
        settle(link, request, known.payload);
        if (!known.is_first) journal.audit(.failed, link.peerId(), subject);
        return;
    }
    const payload = switch (service.id) {
        packages.service_id => packages.serve(link, service, request, subject),
        state.service_id => state.serve(link, service, request, subject),
        else => forward(link, service, request, subject),
    };
    repeats.remember(link, service, request, payload);
    settle(link, request, payload);
}

/// To the local service as it is, and its answer, unread; null if there is none that fits.
fn forward(
    link: *Link,
    service: *const gateway.Service,
    request: frames.Request,
    subject: gateway.Subject,
) ?[]const u8 {
    const deadline_ns = @as(u64, request.deadline_ms) * std.time.ns_per_ms;
    const reply = call(service, request.payload, @min(deadline_ns, forward_ns_max));
    const fitting = fit(reply orelse "");
    if (fitting != null) link.served = service;
    journal.audit(if (fitting == null) .failed else .ok, link.peerId(), subject);
    return fitting;
}

/// What of a local answer goes to a peer: an answer has never no bytes, and of a log as many
/// records as there is room for.
fn fit(reply: []u8) ?[]const u8 {
    if (reply.len == 0) return null;
    if (reply.len <= frames.response_payload_max) return reply;
    return wire.lo.cutQueryReply(reply, frames.response_payload_max);
}

/// The local service's answer, of any length; borrowed until the next call.
pub fn call(service: *const gateway.Service, payload: []const u8, wait_ns: u64) ?[]u8 {
    const index = service.id - 1;
    const slot = routes[index] orelse os.route(service.name) catch return null;
    routes[index] = slot;
    return os.call(slot, payload, &reply_buffer, wait_ns) catch null;
}

/// Null is that the service did not answer.
fn settle(link: *Link, request: frames.Request, payload: ?[]const u8) void {
    answer(link, .{
        .status = if (payload == null) .failed else .ok,
        .correlation = request.correlation,
        .payload = payload orelse "",
    });
}

fn answer(link: *Link, response: frames.Response) void {
    // What is served here is never longer.
    const frame = frames.encodeResponse(&answer_buffer, response) catch unreachable;
    streams.answer(link, frame);
}

pub fn tellServed(link: *const Link, service: *const gateway.Service) void {
    if (link.bound == null) return;
    if (service.id == packages.service_id) return packages.tellServed();
    if (service.id == state.service_id) return state.tellServed();
    os.print(
        "dsoftbusd: remote proxy ok (peer={f} service={s})",
        .{ link.peerId().*, service.name },
    );
}

fn tellDenied(reason: gateway.Reason, subject: gateway.Subject) void {
    if (reason != .service) return os.print("dsoftbusd: remote proxy denied ({t})", .{reason});
    os.print("dsoftbusd: remote proxy denied (service={s})", .{subject.serviceName()});
}

/// What came on the gateway's stream is no frame that could be answered.
pub fn refuseFrame(link: *const Link, reason: gateway.Reason, bytes: []const u8) void {
    refuseStream(link, reason, .of(bytes));
}

/// What came on a stream is not done.
pub fn refuseStream(link: *const Link, reason: gateway.Reason, subject: gateway.Subject) void {
    journal.audit(.denied(reason), link.peerId(), subject);
    tellDenied(reason, subject);
}

/// The session's streams make no sense.
pub fn refuseMux(link: *const Link, reject: streams.Reject) void {
    const label = dsoftbus.mux.label(reject);
    journal.auditMux(label, link.peerId());
    os.print("dsoftbusd: mux rejected peer={f} ({s})", .{ link.peerId().*, label });
}

/// The session refused what came and is closed.
pub fn refuse(link: *const Link, refusal: dsoftbus.session.Refusal) void {
    const peer: ?*const dsoftbus.Id = if (link.bound != null) link.peerId() else null;
    switch (refusal) {
        .unauthenticated => {
            journal.audit(.@"denied-unauthenticated", peer, .{});
            tellDenied(.unauthenticated, .{});
        },
        .oversized => {
            journal.audit(.@"denied-oversized", peer, .{});
            tellDenied(.oversized, .{});
        },
        .decrypt => journal.audit(.@"denied-decrypt", peer, .{}),
        .timeout => {},
    }
}

/// The handshake ended, but not with whom the configuration and the announces know.
pub fn refuseIdentity(claimed: dsoftbus.Id) void {
    journal.audit(.@"denied-unauthenticated", &claimed, .{});
    os.print("dsoftbusd: identity mismatch peer={f}", .{claimed});
}
