//! Calls of peers at services of this node. Each has a place, from its request until everything
//! that it is owed has been done.
//!
//!     asked ──reply──▶ answered ──delivered, recorded──▶ free
//!       └──deadline──▶ late: the peer has its answer, the record waits for the service's
//!                       └──reply──▶ recorded as late   └──give up──▶ recorded as unknown
//!
//! Rules of this file
//! 1. A peer has at most `peer_max` calls, of them `peer_service_max` at one service; a service has
//!    at most `service_max`. A call beyond the first two bounds waits at the peer's own expense, in
//!    its stream. A call beyond the third is refused.
//! 2. A place is free again only when the service has answered or was given up. So a service that
//!    is slow or gone costs a bounded number of places.

const std = @import("std");
const edge = @import("edge.zig");
const frames = @import("../frames.zig");
const gateway = @import("../gateway.zig");
const replay = @import("../replay.zig");
const remote_state = @import("../remote_state.zig");
const state_frames = @import("wire").state;
const peers_max = @import("../config.zig").peers_max;

pub const peer_max = 3;
pub const peer_service_max = 2;
pub const service_max = 6;
pub const calls_max = peers_max * peer_max;
/// The highest ticket. It is the type of a message, and sockets' events have the types behind it.
pub const tickets_max = 0xFE00;
/// A peer waits at most this long for a service, whatever its own deadline.
pub const answer_ns_max: u64 = 2 * std.time.ns_per_s;
/// After this time the node stops waiting, and does not know what the service did.
pub const give_up_ns: u64 = 30 * std.time.ns_per_s;

pub const Kind = enum { plain, package, state, transfer };

/// The end of a call, for its record; for state the outcome says more.
pub const Outcome = union(enum) { remote: bool, state: remote_state.Outcome };

pub const Call = struct {
    is_used: bool = false,
    kind: Kind = .plain,
    service: u8 = 0,
    /// The ticket under which the service is asked; 0: the service owes nothing.
    ticket: u16 = 0,
    peer: u8 = 0,
    /// The session that waits for the answer; 0: no session does.
    serial: u32 = 0,
    correlation: u64 = 0,
    /// The encoding of the call and of its answer; the method is of the schema.
    encoding: gateway.Encoding = .frames,
    method: u16 = 0,
    /// The number of answers that are owed: a repetition may have come over the same session.
    copies: u8 = 0,
    is_answered: bool = false,
    is_late: bool = false,
    deadline_ns: u64 = edge.never,
    give_up_ns: u64 = edge.never,
    subject: gateway.Subject = .{},
    /// The digest of the request, where it must not be run twice.
    digest: ?replay.Digest = null,
    op: state_frames.Op = .sync,
    txn: u64 = 0,
    /// For a request of the store: the peer's nonce and the place of its key.
    nonce: ?u64 = null,
    key_at: u16 = 0,
    key_len: u16 = 0,
    /// The record that is owed, once the node knows what it says.
    owes_record: bool = false,
    outcome: ?Outcome = null,
    /// A commit whose session is over: if the store refuses it, its transaction was aborted.
    owes_abort: bool = false,
    /// A line reports the call once the answer has left.
    is_told: bool = false,
    request_len: u16 = 0,
    request: [frames.request_payload_max]u8 = undefined,
    status: frames.Status = .ok,
    answer_len: u16 = 0,
    answer: [frames.response_payload_max]u8 = undefined,

    /// Every field except the buffers.
    fn reset(self: *Call) void {
        self.is_used = true;
        self.kind = .plain;
        self.ticket = 0;
        self.serial = 0;
        self.correlation = 0;
        self.encoding = .frames;
        self.method = 0;
        self.copies = 0;
        self.is_answered = false;
        self.is_late = false;
        self.deadline_ns = edge.never;
        self.give_up_ns = edge.never;
        self.subject = .{};
        self.digest = null;
        self.op = .sync;
        self.txn = 0;
        self.nonce = null;
        self.key_at = 0;
        self.key_len = 0;
        self.owes_record = false;
        self.outcome = null;
        self.owes_abort = false;
        self.is_told = false;
        self.request_len = 0;
        self.answer_len = 0;
    }

    pub fn asked(self: *const Call) []const u8 {
        return self.request[0..self.request_len];
    }

    /// The key that the call is about, as far as there is one.
    pub fn key(self: *const Call) []const u8 {
        return self.request[self.key_at..][0..self.key_len];
    }

    /// The key is a part of the request.
    pub fn setKey(self: *Call, part: []const u8) void {
        if (part.len == 0) return;
        self.key_at = @intCast(@intFromPtr(part.ptr) - @intFromPtr(&self.request));
        self.key_len = @intCast(part.len);
        std.debug.assert(self.key_at + self.key_len <= self.request_len);
    }

    pub fn response(self: *const Call) frames.Response {
        return .{
            .status = self.status,
            .correlation = self.correlation,
            .payload = self.answer[0..self.answer_len],
        };
    }

    pub fn setAnswer(self: *Call, status: frames.Status, payload: []const u8) void {
        std.debug.assert(self.is_used and payload.len <= self.answer.len);
        self.status = status;
        self.answer_len = @intCast(payload.len);
        @memcpy(self.answer[0..payload.len], payload);
        self.is_answered = true;
    }

    pub fn isOver(self: *const Call) bool {
        return self.ticket == 0 and self.serial == 0 and !self.owes_record;
    }
};

pub const Calls = struct {
    all: [calls_max]Call = @splat(.{}),
    last_ticket: u16 = 0,
    /// Places beyond are free.
    top: usize = 0,

    /// The invariants that hold between any two calls.
    fn check(self: *const Calls) void {
        std.debug.assert(self.top <= calls_max and self.last_ticket <= tickets_max);
        for (self.all[self.top..]) |*call| std.debug.assert(!call.is_used);
    }

    pub fn used(self: *Calls) []Call {
        while (self.top != 0 and !self.all[self.top - 1].is_used) self.top -= 1;
        return self.all[0..self.top];
    }

    /// Take a place for a call of this peer at this service; null: the service has no room.
    pub fn take(self: *Calls, peer: u8, service: u8) ?*Call {
        if (self.count(null, service) >= service_max) return null;
        const call = for (&self.all, 1..) |*call, end| {
            if (call.is_used) continue;
            self.top = @max(self.top, end);
            break call;
        } else return null;
        call.reset();
        call.peer = peer;
        call.service = service;
        std.debug.assert(self.count(null, service) <= service_max);
        self.check();
        return call;
    }

    /// True: this peer may have another call at this service now. False: the call waits.
    pub fn hasRoom(self: *const Calls, peer: u8, service: ?u8) bool {
        if (self.count(peer, null) >= peer_max) return false;
        const at = service orelse return true;
        return self.count(peer, at) < peer_service_max;
    }

    pub fn count(self: *const Calls, peer: ?u8, service: ?u8) usize {
        var total: usize = 0;
        for (self.all[0..self.top]) |*call| {
            if (!call.is_used) continue;
            if (peer != null and call.peer != peer.?) continue;
            if (service != null and call.service != service.?) continue;
            total += 1;
        }
        return total;
    }

    /// The call that was asked under this ticket. `nextTicket` gives no two calls the same one.
    pub fn ofTicket(self: *Calls, service: u8, ticket: u16) ?*Call {
        if (ticket == 0) return null;
        for (self.all[0..self.top]) |*call| {
            if (call.is_used and call.ticket == ticket and call.service == service) return call;
        }
        return null;
    }

    /// There are more numbers than waiting calls, so a number that comes round again has long been
    /// given up.
    pub fn nextTicket(self: *Calls) u16 {
        for (0..calls_max + 1) |_| {
            self.last_ticket = if (self.last_ticket == tickets_max) 1 else self.last_ticket + 1;
            if (!self.isTaken(self.last_ticket)) return self.last_ticket;
        }
        unreachable; // there are at most `calls_max` calls
    }

    fn isTaken(self: *const Calls, ticket: u16) bool {
        for (self.all[0..self.top]) |*call| {
            if (call.is_used and call.ticket == ticket) return true;
        }
        return false;
    }

    /// The call of this name, if it is being run.
    pub fn running(self: *Calls, peer: u8, correlation: u64) ?*Call {
        for (self.all[0..self.top]) |*call| {
            if (!call.is_used or call.digest == null or call.ticket == 0) continue;
            if (call.peer == peer and call.correlation == correlation) return call;
        }
        return null;
    }

    /// True: this session waits for an answer.
    pub fn waits(self: *const Calls, serial: u32) bool {
        for (self.all[0..self.top]) |*call| {
            if (call.is_used and call.serial == serial and call.kind != .transfer) return true;
        }
        return false;
    }

    /// The session is over: no peer waits for its answers.
    pub fn forsake(self: *Calls, serial: u32) void {
        for (self.all[0..self.top]) |*call| {
            if (!call.is_used or call.serial != serial) continue;
            call.serial = 0;
            self.release(call);
        }
    }

    /// Free the place if nothing is owed any more.
    pub fn release(_: *Calls, call: *Call) void {
        if (call.isOver()) call.is_used = false;
    }

    pub fn deadline(self: *const Calls) u64 {
        var at: u64 = edge.never;
        for (self.all[0..self.top]) |*call| {
            if (!call.is_used or call.ticket == 0) continue;
            at = @min(at, if (call.is_late) call.give_up_ns else call.deadline_ns);
        }
        return at;
    }

    /// A call whose time is over. Call this until it returns null, and make each one late or given
    /// up.
    pub fn expired(self: *Calls, now_ns: u64) ?*Call {
        for (self.all[0..self.top]) |*call| {
            if (!call.is_used or call.ticket == 0) continue;
            const at = if (call.is_late) call.give_up_ns else call.deadline_ns;
            if (now_ns >= at) return call;
        }
        return null;
    }
};

test "a peer's share, a service's room, and what a slow service holds" {
    const calls = try std.testing.allocator.create(Calls);
    defer std.testing.allocator.destroy(calls);
    calls.* = .{};
    for (0..peer_service_max) |_| {
        try std.testing.expect(calls.hasRoom(0, 4));
        calls.take(0, 4).?.ticket = calls.nextTicket();
    }
    try std.testing.expect(!calls.hasRoom(0, 4));
    try std.testing.expect(calls.hasRoom(0, 1) and calls.hasRoom(1, 4));
    _ = calls.take(0, 1);
    try std.testing.expect(!calls.hasRoom(0, 1));
    for (1..3) |peer| for (0..peer_service_max) |_| {
        calls.take(@intCast(peer), 4).?.ticket = calls.nextTicket();
    };
    try std.testing.expect(calls.hasRoom(3, 4));
    try std.testing.expectEqual(null, calls.take(3, 4));
    const first = calls.ofTicket(4, 1).?;
    try std.testing.expectEqual(null, calls.ofTicket(3, 1));
    first.ticket = 0;
    calls.release(first);
    try std.testing.expect(calls.take(3, 4) != null);
}
