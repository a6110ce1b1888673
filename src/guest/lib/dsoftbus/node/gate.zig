//! The gateway of a node decides with `gateway`, asks the local service, answers the peer, and
//! records the call. `gate_plain`, `gate_state` and `gate_package` know the frames of each kind of
//! service; `moving` moves values on streams of their own.
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
const state_records = @import("state_records.zig");
const frames = @import("../frames.zig");
const gateway = @import("../gateway.zig");
const replay = @import("../replay.zig");
const rpc = @import("../rpc.zig");
const Call = calls.Call;
const Line = @import("lines.zig").Line;

const state_service = @intFromEnum(edge.Service.statefsd);
const package_service = @intFromEnum(edge.Service.packagefsd);

/// Serve a call of a peer with a ready session, or refuse bytes that are not a call.
pub fn serve(node: anytype, line: *Line, asked: gateway.Asked) void {
    node.tellOnce(.rx);
    const peer = line.bound.?;
    const bucket = &node.peers[peer].bucket;
    switch (gateway.decide(peer, asked, node.config.rules(), bucket, node.now_ns)) {
        .deny => |reason| {
            reply(node, line, asked, if (reason == .busy) .busy else .refused, "");
            records.refuse(node, peer, reason, asked.subject);
        },
        .forward => |accepted| run(node, line, accepted.service, accepted.request, asked),
    }
}

/// Answer a permitted call: from memory if it is a change that was made already.
fn run(
    node: anytype,
    line: *Line,
    service: *const gateway.Service,
    request: frames.Request,
    asked: gateway.Asked,
) void {
    const peer = line.bound.?;
    const digest = digestOf(service, request);
    if (digest) |own| {
        if (node.calls.running(peer, request.correlation)) |call| {
            const is_same = std.mem.eql(u8, &call.digest.?, &own);
            return if (is_same) join(node, line, call, asked) else answerLost(node, line, asked);
        }
        const name: replay.Name = .{ .peer = peer, .id = request.correlation };
        switch (node.replays.judge(name, own)) {
            .run => {},
            .done => |payload| {
                const status: frames.Status = if (payload == null) .failed else .ok;
                return reply(node, line, asked, status, payload orelse "");
            },
            .gone, .conflict => return answerLost(node, line, asked),
        }
    }
    const call = node.calls.take(peer, service.id) orelse {
        reply(node, line, asked, .busy, "");
        return records.refuse(node, peer, .busy, asked.subject);
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
    call.subject = asked.subject;
    call.encoding = asked.encoding;
    call.method = asked.method;
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
    _ = deliver(node, line);
}

fn digestOf(service: *const gateway.Service, request: frames.Request) ?replay.Digest {
    const is_kept = replay.hasEpoch(request.correlation) and
        gateway.isChange(service, request.payload);
    return if (is_kept) replay.digestOf(service.id, request.payload) else null;
}

/// A repetition of a call that is being run: it waits for the same answer.
fn join(node: anytype, line: *Line, call: *Call, asked: gateway.Asked) void {
    const request = asked.request.?;
    const is_same = call.serial == line.serial and !call.is_answered;
    // The call has one answer, in one encoding.
    if (is_same and call.encoding != asked.encoding) return reply(node, line, asked, .busy, "");
    call.copies = if (is_same) call.copies +| 1 else 1;
    call.serial = line.serial;
    call.encoding = asked.encoding;
    call.method = asked.method;
    call.is_answered = false;
    const asked_ns = @as(u64, request.deadline_ms) * std.time.ns_per_ms;
    const until_ns = node.now_ns +| @min(asked_ns, calls.answer_ns_max);
    call.deadline_ns = if (call.is_late) until_ns else @max(until_ns, call.deadline_ns);
    call.is_late = false;
}

/// Refuse a change whose answer is forgotten, or a number under which something else was asked.
fn answerLost(node: anytype, line: *Line, asked: gateway.Asked) void {
    reply(node, line, asked, .failed, "");
    records.note(node, line.bound.?, .failed, asked.subject);
}

/// Give an answer that needs no call. It has room, since a request is taken only then.
fn reply(
    node: anytype,
    line: *Line,
    asked: gateway.Asked,
    status: frames.Status,
    payload: []const u8,
) void {
    const response: frames.Response = .{
        .status = status,
        .correlation = asked.correlation,
        .payload = payload,
    };
    const bytes = switch (asked.encoding) {
        .frames => encodeFrame(node, response),
        .schema => rpc.answer(asked.subject.service orelse 0, asked.method, response, &node.frame),
    };
    _ = write(node, line, asked.encoding, bytes);
}

fn encodeFrame(node: anytype, response: frames.Response) []const u8 {
    const buffer = node.frame[0 .. frames.response_head + frames.response_payload_max];
    return frames.encodeResponse(buffer, response) catch unreachable; // it has room
}

/// Write the answer of a call that has one.
fn encodeAnswer(node: anytype, call: *const Call) []const u8 {
    var response = call.response();
    if (call.encoding == .frames) return encodeFrame(node, response);
    // The caller knows its epoch.
    response.correlation = @as(u32, @truncate(response.correlation));
    return rpc.answer(call.service, call.method, response, &node.frame);
}

fn write(node: anytype, line: *Line, encoding: gateway.Encoding, bytes: []const u8) bool {
    const talk = &node.talks[line.bound.?];
    if (talk.kind == .streams) return talk.calls.answer(&talk.mux, encoding, bytes);
    line.session.send(bytes) catch |err| return err != error.Backlog;
    return true;
}

/// The service has answered, or null: it never will. Then only the record of the call is left.
fn end(node: anytype, call: *Call, answer: ?[]u8) void {
    std.debug.assert(call.is_used and call.ticket == 0); // the service owes nothing any more
    switch (call.kind) {
        .plain => plain.finish(node, call, answer),
        .package => package.finish(node, call, answer),
        .state => state.finish(node, call, answer),
        .transfer => moving.finish(node, call, answer),
    }
    node.calls.release(call);
}

/// A local service has answered. An answer that no call waits for is dropped.
pub fn settle(node: anytype, service: edge.Service, ticket: u16, answer: []u8) void {
    const call = node.calls.ofTicket(@intFromEnum(service), ticket) orelse return;
    call.ticket = 0;
    end(node, call, answer);
}

/// The time is over. The peer gets that answer; later the node stops waiting for the service.
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

/// Write the answers that are ready, as far as there is room. False: there are more.
pub fn deliver(node: anytype, line: *Line) bool {
    const peer = line.bound orelse return true;
    const talk = &node.talks[peer];
    for (node.calls.used()) |*call| {
        if (!call.is_used or call.serial != line.serial or !call.is_answered) continue;
        if (call.kind == .transfer) continue;
        std.debug.assert(call.copies != 0); // a peer waits, or it had no session
        const bytes = encodeAnswer(node, call);
        while (call.copies != 0) : (call.copies -= 1) {
            if (!write(node, line, call.encoding, bytes)) return false;
        }
        call.serial = 0;
        if (call.is_told) {
            talk.served[call.service] +|= 1;
            talk.served_count +|= 1;
        }
        node.calls.release(call);
    }
    return true;
}

/// Write the records that are owed and known, behind the answers: a peer does not wait for them.
pub fn record(node: anytype) void {
    for (node.calls.used()) |*call| {
        if (!call.is_used or !call.owes_record) continue;
        const outcome = call.outcome orelse continue;
        // A call that goes on may have another record, since a late end has its own.
        if (node.journal.isFull()) return;
        std.debug.assert(call.kind != .transfer or call.serial == 0);
        call.owes_record = false;
        call.outcome = null;
        switch (outcome) {
            .remote => |is_ok| {
                records.note(node, call.peer, if (is_ok) .ok else .failed, call.subject);
            },
            .state => |how| {
                state_records.record(node, call.peer, call.subject, call.op, how, call.key());
            },
        }
        node.calls.release(call);
    }
}
