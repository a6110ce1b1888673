//! Remote state, the serving side: a judged `SF` of the peer becomes an `SF` to statefsd under a
//! nonce of our own. Every change that a peer asks for has one record, which says how it ended.

const std = @import("std");
const calls = @import("calls.zig");
const services = @import("services.zig");
const store = @import("store.zig");
const transactions = @import("transactions.zig");
const records = @import("records.zig");
const remote_state = @import("../remote_state.zig");
const state = @import("wire").state;
const Call = calls.Call;

pub fn begin(node: anytype, call: *Call) void {
    std.debug.assert(call.kind == .state and call.ticket == 0);
    switch (remote_state.judge(true, call.asked())) {
        .reject => |refusal| {
            call.setKey(refusal.key);
            reject(node, call, refusal.op, refusal.why);
        },
        .accept => |accepted| {
            call.op = accepted.op;
            call.nonce = accepted.nonce;
            call.setKey(accepted.key);
            var ours = accepted;
            if (transactions.isRepetition(node, call, accepted)) {
                ours.txn = 0; // no transaction has it: nothing can be committed so
            } else if (transactions.refuses(node, call.peer, accepted)) |status| {
                var buffer: [remote_state.reply_bytes_max]u8 = undefined;
                return finishWith(node, call, failure(&buffer, call, status), .status);
            }
            ours.nonce = node.nextNonce();
            call.txn = ours.nonce.?;
            const frame = store.wrap(node, call, ours);
            if (!services.ask(node, call, frame)) return finish(node, call, null);
            if (call.ticket != 0) transactions.asked(node, call.peer, ours);
        },
    }
}

fn reject(node: anytype, call: *Call, op: state.Op, why: remote_state.Reject) void {
    var buffer: [remote_state.reply_bytes_max]u8 = undefined;
    const told: state.Refusal = .{ .op = op, .status = remote_state.statusOf(why) };
    call.op = op;
    finishWith(
        node,
        call,
        state.encodeRefusal(&buffer, told) catch unreachable, // shorter than a reply
        .{ .reject = why },
    );
}

/// The answer of statefsd, with the nonce of the peer's request in place of ours; null: there is no
/// answer.
pub fn finish(node: anytype, call: *Call, answer: ?[]u8) void {
    std.debug.assert(call.kind == .state and call.ticket == 0);
    var buffer: [remote_state.reply_bytes_max]u8 = undefined;
    const said = store.unwrap(answer, call.op, call.txn);
    const is_ok = if (said.reply) |known| known.status == .ok else false;
    transactions.settle(node, call, said.reply, is_ok);
    switch (said.ending) {
        .now, _ => {},
        // The first call has a record already.
        .repeated => call.owes_record = false,
        .forgotten => return forget(node, call),
        .withdrawn => {
            call.digest = null; // its name is free
            const frame = failure(&buffer, call, .io_error);
            return finishWith(node, call, frame, .{ .reject = .withdrawn });
        },
    }
    const known = said.reply orelse {
        // The store was asked, and never said what it did.
        const outcome: remote_state.Outcome = if (call.is_late) .unknown else .status;
        return finishWith(node, call, failure(&buffer, call, .io_error), outcome);
    };
    const outcome: remote_state.Outcome = if (call.is_late)
        (if (is_ok) .allow_late else .status_late)
    else if (is_ok) .allow else .status;
    var writer = state.startReply(&buffer, call.op, known.status, call.nonce) catch
        unreachable; // 13 bytes at most
    // A value of the node's own services may be longer than what peers get.
    if (writer.put(known.tail)) |_| {
        finishWith(node, call, writer.done(), outcome);
    } else |_| finishWith(node, call, failure(&buffer, call, .value_too_large), .status);
}

/// The store has forgotten the answer to this call, or knows it by another request.
fn forget(node: anytype, call: *Call) void {
    call.owes_record = false;
    records.note(node, call.peer, .failed, call.subject);
    if (!call.is_late) call.setAnswer(.failed, "");
}

fn failure(
    buffer: *[remote_state.reply_bytes_max]u8,
    call: *const Call,
    status: state.Status,
) []const u8 {
    return state.encodeFailure(buffer, call.op, status, call.nonce) catch
        unreachable; // 21 bytes at most
}

fn finishWith(node: anytype, call: *Call, frame: []const u8, outcome: remote_state.Outcome) void {
    if (call.digest) |digest| {
        node.replays.finish(.{ .peer = call.peer, .id = call.correlation }, digest, frame);
    }
    if (call.owes_record) call.outcome = .{ .state = outcome };
    call.is_told = outcome == .allow and isChange(call.op);
    if (!call.is_late) call.setAnswer(.ok, frame);
}

/// The time of a call is over. A call that only reads is recorded as failed at once; the record of
/// a change waits.
pub fn fail(call: *Call) void {
    std.debug.assert(call.kind == .state);
    var buffer: [remote_state.reply_bytes_max]u8 = undefined;
    call.setAnswer(.ok, failure(&buffer, call, .io_error));
    if (!isRecorded(call.op)) call.outcome = .{ .state = .status };
}

pub fn isChange(op: state.Op) bool {
    return op == .put or op == .delete or op == .txn_commit;
}

/// True: this call has a record of its own.
fn isRecorded(op: state.Op) bool {
    return switch (op) {
        .txn_put, .txn_abort => true,
        else => isChange(op),
    };
}
