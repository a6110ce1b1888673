//! Calls that go to the local service as they are: those at samgrd, bundlemgrd and logd. Of an
//! answer the node reads the status alone.

const std = @import("std");
const wire = @import("wire");
const cursor = wire.cursor;
const calls = @import("calls.zig");
const services = @import("services.zig");
const frames = @import("../frames.zig");
const Call = calls.Call;

/// The place of the status in all of their answers.
const status_at = 4;

pub fn begin(node: anytype, call: *Call) void {
    if (!services.ask(node, call, call.asked())) finish(node, call, null);
}

pub fn finish(node: anytype, call: *Call, answer: ?[]u8) void {
    std.debug.assert(call.kind == .plain);
    const fitting = if (answer) |bytes| fit(bytes) else null;
    if (call.digest) |digest| {
        node.replays.finish(.{ .peer = call.peer, .id = call.correlation }, digest, fitting);
    }
    if (call.is_late) return;
    const is_ok = fitting != null and isGood(call, fitting.?);
    call.outcome = .{ .remote = is_ok };
    call.is_told = is_ok;
    call.setAnswer(if (fitting == null) .failed else .ok, fitting orelse "");
}

pub fn fail(call: *Call) void {
    call.outcome = .{ .remote = false };
    call.setAnswer(.failed, "");
}

/// The part of a local answer that goes to a peer: always at least a byte, and of a log as many
/// records as there is room for.
fn fit(answer: []u8) ?[]const u8 {
    if (answer.len == 0) return null;
    if (answer.len <= frames.response_payload_max) return answer;
    return wire.log_cut.cutQueryReply(answer, frames.response_payload_max);
}

/// True: the service did what it was asked, and did not only answer.
fn isGood(call: *const Call, answer: []const u8) bool {
    const op = call.subject.opcode orelse return false;
    return answer.len > status_at and answer[3] == op | cursor.reply_bit and answer[status_at] == 0;
}
