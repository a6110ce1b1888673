//! A peer's transaction at the store: one in a session, and it ends with that session.
//!
//!     none ──begin──▶ beginning ──answered──▶ open ──commit, abort──▶ none
//!       ▲                 └─too late, or of a lost session: aborted
//!       └── the session is over, no request came for it, or it is open for too long: aborted
//!
//! The channel alone says to which session a transaction belongs. For every other session a
//! transaction of that number does not exist.

const std = @import("std");
const contract = @import("contract");
const calls = @import("calls.zig");
const edge = @import("edge.zig");
const state_records = @import("state_records.zig");
const gateway = @import("../gateway.zig");
const moving_host = @import("moving_host.zig");
const state = @import("wire").state;

const transfer = @import("../transfer.zig");
const Call = calls.Call;

const silence_ns = contract.state.transaction_silence_ns;
const longest_ns = contract.state.transaction_longest_ns;

/// The transaction that a session has open.
pub const Open = struct {
    stage: enum { none, beginning, open } = .none,
    /// Its number at the store.
    txn: u64 = 0,
    /// The nonce of the request that begins it.
    nonce: u64 = 0,
    begun_ns: u64 = 0,
    used_ns: u64 = 0,

    pub fn deadline(self: *const Open) u64 {
        if (self.stage != .open) return edge.never;
        return @min(self.used_ns +| silence_ns, self.begun_ns +| longest_ns);
    }
};

/// True for a commit with a name that is not of this session's transaction. The store may remember
/// it from another session, also from before this node was started again, so the store is asked.
pub fn isRepetition(node: anytype, call: *const Call, request: state.Request) bool {
    const open = &node.talks[call.peer].txn;
    const is_own = open.stage == .open and open.txn == request.txn;
    return request.op == .txn_commit and call.digest != null and !is_own;
}

/// The status of a request that this session must not make; null: the request may go on.
pub fn refuses(node: anytype, peer: u8, request: state.Request) ?state.Status {
    const open = &node.talks[peer].txn;
    switch (request.op) {
        .txn_begin => return if (open.stage == .none) null else .txn_limit,
        .txn_put, .txn_commit, .txn_abort => {
            if (open.stage != .open or open.txn != request.txn) return .not_found;
            open.used_ns = node.now_ns;
            return null;
        },
        else => return null,
    }
}

/// The store has been asked, under this nonce.
pub fn asked(node: anytype, peer: u8, request: state.Request) void {
    if (request.op != .txn_begin) return;
    std.debug.assert(node.talks[peer].txn.stage == .none); // `refuses` has looked
    node.talks[peer].txn = .{
        .stage = .beginning,
        .nonce = request.nonce.?,
        .begun_ns = node.now_ns,
        .used_ns = node.now_ns,
    };
}

/// The store has answered, or null: it will not. `is_done`: it made the change, now or before.
pub fn settle(node: anytype, call: *const Call, reply: ?state.Reply, is_done: bool) void {
    const open = &node.talks[call.peer].txn;
    switch (call.op) {
        .txn_begin => {
            const is_this = open.stage == .beginning and open.nonce == call.txn;
            if (is_this) open.stage = .none;
            const txn = if (reply) |known| transfer.txnOf(known) orelse return else return;
            if (!is_this or call.is_late) return moving_host.abortAt(node, call.peer, txn);
            open.stage = .open;
            open.txn = txn;
            open.used_ns = node.now_ns;
        },
        .txn_put, .txn_commit, .txn_abort => {
            const asked_for = txnOf(call);
            const is_ended = is_done and call.op != .txn_put;
            // The store may have ended it for a service of its own node.
            const is_gone = if (reply) |known| known.status == .not_found else false;
            const is_over = is_ended or is_gone;
            if (call.owes_abort and reply != null and !is_over) recordAbort(node, call.peer);
            if (is_over and open.stage == .open and open.txn == asked_for) open.stage = .none;
        },
        else => {},
    }
}

/// The session is over, or the time of the transaction: abort it, and record that.
pub fn abandon(node: anytype, peer: u8) void {
    const open = &node.talks[peer].txn;
    const stage = open.stage;
    open.stage = .none;
    if (stage != .open) return;
    // The abort goes behind a commit under way, and has an effect only if the store refuses that.
    moving_host.abortAt(node, peer, open.txn);
    if (commitOf(node, peer, open.txn)) |call| {
        call.owes_abort = true;
    } else recordAbort(node, peer);
}

fn commitOf(node: anytype, peer: u8, txn: u64) ?*Call {
    for (node.calls.used()) |*call| {
        const is_commit = call.is_used and call.kind == .state and call.op == .txn_commit;
        if (!is_commit or call.ticket == 0 or call.peer != peer) continue;
        if (txnOf(call) == txn) return call;
    }
    return null;
}

fn txnOf(call: *const Call) ?u64 {
    return switch (state.decodeRequest(call.asked())) {
        .request => |request| request.txn,
        .refusal => null,
    };
}

fn recordAbort(node: anytype, peer: u8) void {
    const subject: gateway.Subject = .{
        .service = @intFromEnum(edge.Service.statefsd),
        .opcode = @intFromEnum(state.Op.txn_abort),
    };
    state_records.record(node, peer, subject, .txn_abort, .allow, "");
}

pub fn tick(node: anytype, peer: u8) void {
    if (node.now_ns >= node.talks[peer].txn.deadline()) abandon(node, peer);
}
