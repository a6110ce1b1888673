//! The host of a transfer: it joins the machine of the transfer to the gateway's rules, to the
//! memory of changes, and to the store.

const std = @import("std");
const calls = @import("calls.zig");
const edge = @import("edge.zig");
const records = @import("records.zig");
const state_records = @import("state_records.zig");
const store = @import("store.zig");
const codec = @import("../transfer_head.zig");
const gateway = @import("../gateway.zig");
const replay = @import("../replay.zig");
const remote_state = @import("../remote_state.zig");
const transfer = @import("../transfer.zig");
const state_frames = @import("wire").state;
const Call = calls.Call;
const Line = @import("lines.zig").Line;
const service_id = @intFromEnum(edge.Service.statefsd);

/// The host of one transfer.
pub fn Host(comptime NodePtr: type) type {
    return struct {
        const Self = @This();

        node: NodePtr,
        line: *Line,

        pub fn admit(
            self: *Self,
            head: transfer.Head,
            request: []const u8,
            key: ?[]const u8,
        ) transfer.Verdict {
            const node = self.node;
            const peer = self.line.bound.?;
            const subject = subjectOf(head);
            if (!node.peers[peer].bucket.take(node.now_ns)) return self.deny(head, .rate);
            const rule: gateway.Rule = .{
                .peer = peer,
                .service = service_id,
                .opcode = subject.opcode.?,
            };
            if (!gateway.allows(node.config.rules(), rule)) return self.deny(head, .service);
            if (self.known(head, request)) |reply| return .{ .done = reply };
            const why = remote_state.judgeTransfer(head, key) orelse return .go;
            const reply: codec.Reply = .{ .op = head.op, .status = remote_state.statusOf(why) };
            const how: remote_state.Outcome = .{ .reject = why };
            state_records.record(node, peer, subject, codec.inner(head.op), how, key orelse "");
            remember(node, peer, head, request, reply);
            return .{ .done = reply };
        }

        fn deny(self: *Self, head: transfer.Head, reason: gateway.Reason) transfer.Verdict {
            records.refuse(self.node, self.line.bound.?, reason, subjectOf(head));
            return .{ .done = .{ .op = head.op, .status = .access_denied } };
        }

        /// The answer to a put that must not be made again: it was made, may have been made, or is
        /// being made.
        fn known(self: *Self, head: transfer.Head, request: []const u8) ?codec.Reply {
            if (!isKept(head)) return null;
            const peer = self.line.bound.?;
            const lost: codec.Reply = .{ .op = head.op, .status = .io_error };
            const name: replay.Name = .{ .peer = peer, .id = head.id };
            const is_running = self.isCommitting(head.id);
            switch (self.node.replays.judge(name, digestOf(request))) {
                .run => if (!is_running) return null,
                .done => |bytes| return codec.decodeReply(bytes orelse "") orelse lost,
                .gone, .conflict => {},
            }
            records.note(self.node, peer, .failed, subjectOf(head));
            return lost;
        }

        fn isCommitting(self: *Self, id: u64) bool {
            for (self.node.calls.used()) |*call| {
                if (!call.is_used or call.kind != .transfer or call.op != .txn_commit) continue;
                const is_peers = call.peer == self.line.bound.? and call.ticket != 0;
                if (is_peers and headOf(call).id == id) return true;
            }
            return false;
        }

        pub fn ask(self: *Self, request: state_frames.Request) void {
            const node = self.node;
            const machine = &node.talks[self.line.bound.?].moving.machine;
            // The machine stands still until it is answered.
            std.debug.assert(machine.asked != .none);
            const call = node.calls.take(self.line.bound.?, service_id) orelse {
                node.talks[self.line.bound.?].moving.is_unasked = true;
                return;
            };
            var ours = request;
            ours.nonce = node.nextNonce();
            call.kind = .transfer;
            call.op = request.op;
            call.txn = request.txn;
            call.serial = self.line.serial;
            call.nonce = ours.nonce;
            call.correlation = machine.head.id;
            call.deadline_ns = node.now_ns +| calls.answer_ns_max;
            call.request_len = @intCast(machine.request_len);
            @memcpy(call.request[0..machine.request_len], machine.request[0..machine.request_len]);
            call.setKey(call.asked()[codec.head_bytes..]);
            const is_named = request.op == .txn_commit and isKept(machine.head);
            call.digest = if (is_named) digestOf(call.asked()) else null;
            const is_sent = send(node, call, store.wrap(node, call, ours));
            if (!is_sent) node.talks[self.line.bound.?].moving.is_unasked = true;
        }

        pub fn abort(self: *Self, txn: u64) void {
            abortAt(self.node, self.line.bound.?, txn);
        }

        pub fn ended(
            self: *Self,
            head: transfer.Head,
            request: []const u8,
            how: transfer.End,
        ) void {
            const node = self.node;
            const peer = self.line.bound.?;
            const is_ok = how.status == .ok;
            const key = request[codec.head_bytes..];
            if (how.reply) |reply| remember(node, peer, head, request, reply);
            const outcome: remote_state.Outcome = if (is_ok) .allow else .status;
            state_records.record(node, peer, subjectOf(head), codec.inner(head.op), outcome, key);
            const slot = &node.talks[peer].moving;
            if (is_ok and head.op == .put) slot.told_id = slot.id;
        }

        pub fn malformed(self: *Self) void {
            // A malformed head costs a token, like a malformed frame.
            const peer = self.line.bound.?;
            _ = self.node.peers[peer].bucket.take(self.node.now_ns);
            records.refuse(self.node, peer, .malformed, .{ .service = service_id });
        }
    };
}

pub fn headOf(call: *const Call) codec.Head {
    return codec.decode(call.request[0..codec.head_bytes]) catch unreachable; // it was judged
}

/// Ask the store. False: this is not possible now, and the place of the call is free again.
fn send(node: anytype, call: *Call, frame: []const u8) bool {
    std.debug.assert(call.ticket == 0 and call.kind == .transfer);
    call.ticket = node.nextTicket();
    call.is_used = node.edge.ask(.statefsd, call.ticket, frame) == .sent;
    return call.is_used;
}

/// Ask the store to abort a transaction. If the store does not answer in time, it aborts it all the
/// same, since the request stays in its queue. If the queue has no room, the store ends the
/// transaction as one that is not used.
pub fn abortAt(node: anytype, peer: u8, txn: u64) void {
    const call = node.calls.take(peer, service_id) orelse return;
    call.kind = .transfer;
    call.op = .txn_abort;
    call.nonce = node.nextNonce();
    // The store must abort it, however late.
    call.deadline_ns = node.now_ns +| calls.give_up_ns;
    _ = send(node, call, store.wrap(node, call, .{
        .op = .txn_abort,
        .txn = txn,
        .nonce = call.nonce,
    }));
}

pub fn remember(
    node: anytype,
    peer: u8,
    head: transfer.Head,
    request: []const u8,
    reply: codec.Reply,
) void {
    if (!isKept(head)) return;
    const name: replay.Name = .{ .peer = peer, .id = head.id };
    node.replays.finish(name, digestOf(request), &codec.encodeReply(reply));
}

pub fn isKept(head: transfer.Head) bool {
    return head.op == .put and replay.hasEpoch(head.id);
}

pub fn digestOf(request: []const u8) replay.Digest {
    return replay.digestOf(service_id, request);
}

pub fn subjectOf(head: transfer.Head) gateway.Subject {
    return .{ .service = service_id, .opcode = @intFromEnum(codec.inner(head.op)) };
}
