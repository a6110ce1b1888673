//! Values that are too large for a frame, the serving side. This file joins `transfer` to a
//! session's streams, to the gateway's rules, to the memory of changes, and to the store.

const std = @import("std");
const calls = @import("calls.zig");
const edge = @import("edge.zig");
const store = @import("store.zig");
const mux_file = @import("../mux.zig");
const moving_host = @import("moving_host.zig");
const codec = @import("../transfer_head.zig");
const gateway = @import("../gateway.zig");
const transfer = @import("../transfer.zig");
const state_frames = @import("wire").state;
const Call = calls.Call;
const Line = @import("lines.zig").Line;
const Reason = mux_file.Reason;
const service_id = @intFromEnum(edge.Service.statefsd);

/// Take an event of the stream.
pub fn take(node: anytype, line: *Line, event: mux_file.Event) void {
    const talk = &node.talks[line.bound.?];
    const slot = &talk.moving;
    var host: moving_host.Host(@TypeOf(node)) = .{ .node = node, .line = line };
    switch (event) {
        .opened => |stream| {
            // Streams of one name follow each other: the mux admits a stream when the last one is
            // over.
            if (slot.id != 0) talk.mux.reset(slot.id, .unwanted);
            abandon(node, line);
            std.debug.assert(slot.id == 0 and slot.machine.stage == .idle);
            slot.id = stream.id;
            slot.machine.begin(node.now_ns);
            talk.mux.accept(stream.id);
        },
        .arrived => |data| go(node, line, slot.machine.feed(&host, data.bytes, node.now_ns)),
        .half_closed => go(node, line, slot.machine.closed(&host, node.now_ns)),
        .was_reset => abandon(node, line),
        else => {},
    }
}

/// The stream is over, for whatever reason. The answer that the store still owes has no receiver.
pub fn abandon(node: anytype, line: *Line) void {
    const slot = &node.talks[line.bound.?].moving;
    var host: moving_host.Host(@TypeOf(node)) = .{ .node = node, .line = line };
    // A request that the store was never asked ends here. The next stream asks for itself.
    if (slot.is_unasked) _ = slot.machine.unasked(&host);
    slot.is_unasked = false;
    slot.machine.abandon(&host);
    slot.id = 0;
    for (node.calls.used()) |*call| {
        const is_ours = call.is_used and call.kind == .transfer and call.serial == line.serial;
        if (!is_ours) continue;
        call.serial = 0;
        node.calls.release(call);
    }
}

/// After each step of the machine.
fn go(node: anytype, line: *Line, reason: ?Reason) void {
    const talk = &node.talks[line.bound.?];
    const slot = &talk.moving;
    std.debug.assert(slot.id != 0);
    talk.mux.grant(slot.id, slot.machine.takeGrant());
    if (reason) |why| {
        talk.mux.reset(slot.id, why);
        return abandon(node, line);
    }
    if (slot.machine.stage == .idle) slot.id = 0;
}

/// Write the bytes of the machine, as far as there is room.
pub fn push(node: anytype, line: *Line) void {
    const talk = &node.talks[line.bound.?];
    const slot = &talk.moving;
    if (slot.is_unasked) {
        slot.is_unasked = false;
        var host: moving_host.Host(@TypeOf(node)) = .{ .node = node, .line = line };
        go(node, line, slot.machine.unasked(&host));
    }
    if (slot.id != 0) fill(node, line) catch {
        talk.mux.reset(slot.id, .unwanted);
        abandon(node, line);
    };
    if (slot.told_id == 0 or talk.mux.waiting(slot.told_id) != 0) return;
    slot.told_id = 0;
    node.tellOnce(.state);
}

fn fill(node: anytype, line: *Line) error{Changed}!void {
    const talk = &node.talks[line.bound.?];
    const slot = &talk.moving;
    var host: moving_host.Host(@TypeOf(node)) = .{ .node = node, .line = line };
    var buffer: [512]u8 = undefined;
    while (true) {
        const room = @min(talk.mux.room(slot.id), buffer.len);
        const bytes = try slot.machine.pull(&host, buffer[0..room], node.now_ns);
        if (bytes.len == 0) break;
        const sent = talk.mux.send(slot.id, bytes);
        std.debug.assert(sent == bytes.len);
    }
    if (!slot.machine.isSaid()) return;
    talk.mux.close(slot.id) catch unreachable; // it would be idle
    slot.machine.sayOver();
    if (slot.machine.stage == .idle) slot.id = 0;
}

pub fn tick(node: anytype, line: *Line) void {
    const slot = &node.talks[line.bound.?].moving;
    var host: moving_host.Host(@TypeOf(node)) = .{ .node = node, .line = line };
    if (slot.machine.expire(&host, node.now_ns)) |reason| go(node, line, reason);
}

/// The store has not answered in time. The machine goes on without an answer; a late one is for the
/// record.
pub fn fail(node: anytype, call: *Call) void {
    proceed(node, call, null);
    call.serial = 0;
}

/// The store's answer, or null: it will not come.
pub fn finish(node: anytype, call: *Call, answer: ?[]u8) void {
    std.debug.assert(call.kind == .transfer and call.ticket == 0);
    const said = store.unwrap(answer, call.op, call.nonce.?);
    const reply = said.reply;
    const is_withdrawn = call.op == .txn_commit and said.ending == .withdrawn;
    // The change was not made now, so its transaction must go.
    if (call.op == .txn_commit and said.ending != .now)
        moving_host.abortAt(node, call.peer, call.txn);
    if (call.serial != 0) {
        // A commit that was not begun leaves its name free, and the machine remembers nothing of
        // it.
        const told = if (is_withdrawn) null else reply;
        proceed(node, call, told);
        call.serial = 0;
        // Without an answer the machine does not end a commit, so this file does.
        if (told != null or call.op != .txn_commit) return;
    }
    const status: ?state_frames.Status = if (reply) |known| known.status else null;
    switch (call.op) {
        .txn_begin => if (reply) |known| {
            if (transfer.txnOf(known)) |txn| moving_host.abortAt(node, call.peer, txn);
        },
        .txn_commit => {
            const is_refused = status != null and status.? != .ok and said.ending == .now;
            if (is_refused) moving_host.abortAt(node, call.peer, call.txn);
            endLate(node, call, status, is_withdrawn);
        },
        else => {},
    }
}

fn proceed(node: anytype, call: *const Call, reply: ?state_frames.Reply) void {
    const line = node.lines.readyFor(call.peer) orelse return;
    if (line.serial != call.serial) return;
    var host: moving_host.Host(@TypeOf(node)) = .{ .node = node, .line = line };
    go(node, line, node.talks[call.peer].moving.machine.settle(&host, reply));
}

/// End a commit for which no peer waits any more.
fn endLate(node: anytype, call: *Call, status: ?state_frames.Status, is_withdrawn: bool) void {
    const head = moving_host.headOf(call);
    const is_ok = status == .ok;
    const told: state_frames.Status = status orelse .io_error;
    const answered: codec.Reply = .{
        .op = .put,
        .status = told,
        .value_len = if (is_ok) head.value_len else 0,
    };
    if (!is_withdrawn) moving_host.remember(node, call.peer, head, call.asked(), answered);
    call.op = .put;
    call.owes_record = true;
    call.outcome = .{ .state = if (is_withdrawn)
        .{ .reject = .withdrawn }
    else if (status == null)
        .unknown
    else if (is_ok) .allow_late else .status_late };
}
