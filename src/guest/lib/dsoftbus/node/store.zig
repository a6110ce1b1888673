//! Requests of peers at the store: `SF` inside `SO`. The outer frame names the peer, the deadline
//! and the call, so that a repetition takes effect once, also after this node was started again.

const calls = @import("calls.zig");
const replay = @import("../replay.zig");
const state = @import("wire").state;
const behalf = @import("wire").behalf;
const Call = calls.Call;

/// The frame for the store, in the node's buffer for it.
pub fn wrap(node: anytype, call: *const Call, request: state.Request) []const u8 {
    const inner = state.encodeRequest(&node.inner, request) catch unreachable; // it has room
    const id = node.config.peers()[call.peer].id.slice();
    return behalf.encodeCall(&node.asked, .{
        .peer = id,
        .deadline_ns = call.deadline_ns,
        .id = if (call.digest == null) 0 else call.correlation,
        .digest = call.digest orelse @splat(0),
        .frame = inner,
    }) catch unreachable;
}

pub const Said = struct { ending: behalf.Ending, reply: ?state.Reply };

/// The answer of the store; null where the bytes do not answer this request.
pub fn unwrap(answer: ?[]const u8, op: state.Op, nonce: u64) Said {
    const bytes = answer orelse return .{ .ending = .now, .reply = null };
    const outer = behalf.decodeReply(bytes) orelse return .{ .ending = .now, .reply = null };
    return .{ .ending = outer.ending, .reply = state.decodeReply(outer.frame, op, nonce) };
}

comptime {
    if (@sizeOf(behalf.Digest) != @sizeOf(replay.Digest)) @compileError("one digest for both");
}
