//! The gateway: decides with `gateway`, has the local service asked, answers, and records. What is
//! said of each kind of call is in `gate_plain`, `gate_state` and `gate_package`; values on streams
//! of their own are in `moving`.
//!
//!     serve ──▶ refuse                                    denied: answered and recorded at once
//!       └─────▶ start ──▶ (service) ──▶ settle ──▶ deliver ──▶ record
//!                             └── expire: the peer is answered, the record waits for the truth

const std = @import("std");
const edge = @import("edge.zig");
const calls = @import("calls.zig");
const moving = @import("moving.zig");
const records = @import("records.zig");
const plain = @import("gate_plain.zig");
const package = @import("gate_package.zig");
const state = @import("gate_state.zig");
const frames = @import("../frames.zig");
const gateway = @import("../gateway.zig");
const replay = @import("../replay.zig");
const Call = calls.Call;
const Line = @import("lines.zig").Line;

const state_service = @intFromEnum(edge.Service.statefsd);
const package_service = @intFromEnum(edge.Service.packagefsd);

/// A frame of a ready session that is no response: a request, or something that is none.
pub fn serve(node: anytype, line: *Line, frame: []const u8) void {
    node.tellOnce(.rx);
    const peer = line.bound.?;
    const subject: gateway.Subject = .of(frame);
    const bucket = &node.peers[peer].bucket;
    switch (gateway.decide(peer, frame, node.config.rules(), bucket, node.now_ns)) {
        .deny => |reason| {
            reply(node, line, .{
                .status = if (reason == .busy) .busy else .refused,
                .correlation = frames.correlationOf(frame),
                .payload = "",
            });
            records.refuse(node, peer, reason, subject);
        },
        .forward => |accepted| run(node, line, accepted.service, accepted.request, subject),
    }
}

/// A call that is permitted: answer it, from memory if it is a change that was made already.
fn run(
    node: anytype,
    line: *Line,
    service: *const gateway.Service,
    request: frames.Request,
    subject: gateway.Subject,
) void {
    const peer = line.bound.?;
    const digest = digestOf(service, request);
    if (digest) |asked| {
        if (node.calls.running(peer, request.correlation)) |call| {
            if (std.mem.eql(u8, &call.digest.?, &asked)) return join(node, line, call, request);
            return answerLost(node, line, request, subject);
        }
        const name: replay.Name = .{ .peer = peer, .id = request.correlation };
        switch (node.replays.judge(name, asked)) {
            .run => {},
            .done => |payload| return reply(node, line, .{
                .status = if (payload == null) .failed else .ok,
                .correlation = request.correlation,
                .payload = payload orelse "",
            }),
            .gone, .conflict => return answerLost(node, line, request, subject),
        }
    }
    const call = node.calls.take(peer, service.id) orelse {
        reply(node, line, .{
            .status = .busy,
            .correlation = request.correlation,
            .payload = "",
        });
        return records.refuse(node, peer, .busy, subject);
    };
    call.kind = switch (service.id) {
        package_service => .package,
        state_service => .state,
        else => .plain,
    };
    call.serial = line.serial;
    call.copies = 1;
    call.correlation = request.correlation;
    call.digest = digest;
    call.subject = subject;
    call.owes_record = true;
    const asked_ns = @as(u64, request.deadline_ms) * std.time.ns_per_ms;
    call.deadline_ns = node.now_ns +| @min(asked_ns, calls.answer_ns_max);
    call.request_len = @intCast(request.payload.len);
    @memcpy(call.request[0..request.payload.len], request.payload);
    switch (call.kind) {
        .plain => plain.begin(node, call),
        .package => package.begin(node, call),
        .state => state.begin(node, call),
        .transfer => unreachable, // it comes on a stream of its own
    }
    deliver(node, line);
}

fn digestOf(service: *const gateway.Service, request: frames.Request) ?replay.Digest {
    const is_kept = replay.hasEpoch(request.correlation) and
        gateway.isChange(service, request.payload);
    return if (is_kept) replay.digestOf(service.id, request.payload) else null;
}

/// A repetition of a call that is being run: it waits for the same answer.
fn join(node: anytype, line: *const Line, call: *Call, request: frames.Request) void {
    const is_same = call.serial == line.serial and !call.is_answered;
    call.copies = if (is_same) call.copies +| 1 else 1;
    call.serial = line.serial;
    call.is_answered = false;
    const asked_ns = @as(u64, request.deadline_ms) * std.time.ns_per_ms;
    const until_ns = node.now_ns +| @min(asked_ns, calls.answer_ns_max);
    call.deadline_ns = if (call.is_late) until_ns else @max(until_ns, call.deadline_ns);
    call.is_late = false;
}

/// A change whose answer is forgotten, or a number under which something else was asked.
fn answerLost(
    node: anytype,
    line: *Line,
    request: frames.Request,
    subject: gateway.Subject,
) void {
    reply(node, line, .{
        .status = .failed,
        .correlation = request.correlation,
        .payload = "",
    });
    records.note(node, line.bound.?, .failed, subject);
}

/// An answer that needs no call: a request is taken only when there is room for it.
fn reply(node: anytype, line: *Line, response: frames.Response) void {
    const buffer = node.frame[0 .. frames.response_head + frames.response_payload_max];
    _ = write(node, line, frames.encodeResponse(buffer, response) catch unreachable);
}

fn write(node: anytype, line: *Line, frame: []const u8) bool {
    const talk = &node.talks[line.bound.?];
    if (talk.mode == .streams) return talk.answer(frame);
    line.session.send(frame) catch |err| return err != error.Backlog;
    return true;
}

/// The service's answer, or null for none: what is left of the call is its record.
fn end(node: anytype, call: *Call, answer: ?[]u8) void {
    switch (call.kind) {
        .plain => plain.finish(node, call, answer),
        .package => package.finish(node, call, answer),
        .state => state.finish(node, call, answer),
        .transfer => moving.finish(node, call, answer),
    }
    node.calls.release(call);
}

/// A local service has answered. An answer that nobody waits for is dropped.
pub fn settle(node: anytype, service: edge.Service, ticket: u16, answer: []u8) void {
    const call = node.calls.ofTicket(@intFromEnum(service), ticket) orelse return;
    call.ticket = 0;
    end(node, call, answer);
}

/// Time is over: the peer is told so, and then nothing more is waited for.
pub fn expire(node: anytype) void {
    while (node.calls.expired(node.now_ns)) |call| {
        if (call.is_late) {
            call.ticket = 0;
            end(node, call, null);
            continue;
        }
        call.is_late = true;
        call.give_up_ns = node.now_ns +| calls.give_up_ns;
        switch (call.kind) {
            .plain => plain.fail(call),
            .package => package.fail(call),
            .state => state.fail(call),
            .transfer => moving.fail(node, call),
        }
    }
}

/// Write the answers that are ready, as far as there is room.
pub fn deliver(node: anytype, line: *Line) void {
    const peer = line.bound orelse return;
    const talk = &node.talks[peer];
    for (node.calls.used()) |*call| {
        if (!call.is_used or call.serial != line.serial or !call.is_answered) continue;
        if (call.kind == .transfer) continue;
        const buffer = node.frame[0 .. frames.response_head + frames.response_payload_max];
        const frame = frames.encodeResponse(buffer, call.response()) catch unreachable;
        while (call.copies != 0) : (call.copies -= 1) if (!write(node, line, frame)) return;
        call.serial = 0;
        if (call.is_told) {
            talk.served[call.service] +|= 1;
            talk.served_count +|= 1;
        }
        node.calls.release(call);
    }
}

/// Write the records that are owed and known, behind the answers: a peer does not wait for them.
pub fn record(node: anytype) void {
    for (node.calls.used()) |*call| {
        if (!call.is_used or !call.owes_record) continue;
        const outcome = call.outcome orelse continue;
        // Of a call that goes on a record may follow: what comes late has its own.
        if (node.journal.isFull()) return;
        call.owes_record = false;
        call.outcome = null;
        switch (outcome) {
            .remote => |is_ok| {
                records.note(node, call.peer, if (is_ok) .ok else .failed, call.subject);
            },
            .state => |how| state.record(node, call.peer, call.subject, call.op, how, call.key()),
        }
        node.calls.release(call);
    }
}
