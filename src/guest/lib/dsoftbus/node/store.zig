//! Requests of peers at the store: `SF` inside `SO`, which says who asked, until when, and under
//! which name, so that a repetition takes effect once, also after this node was started again.

const calls = @import("calls.zig");
const replay = @import("../replay.zig");
const sf = @import("wire").sf;
const so = @import("wire").so;
const Call = calls.Call;

/// The frame for the store, in the node's buffer for it.
pub fn wrap(node: anytype, call: *const Call, request: sf.Request) []const u8 {
    const inner = sf.encodeRequest(&node.inner, request) catch unreachable; // it has room
    const id = node.config.peers()[call.peer].id.slice();
    return so.encodeCall(&node.asked, .{
        .peer = id,
        .deadline_ns = call.deadline_ns,
        .id = if (call.digest == null) 0 else call.correlation,
        .digest = call.digest orelse @splat(0),
        .frame = inner,
    }) catch unreachable;
}

pub const Said = struct { ending: so.Ending, reply: ?sf.Reply };

/// What the store says. What is not an answer to this request is none.
pub fn unwrap(answer: ?[]const u8, op: sf.Op, nonce: u64) Said {
    const bytes = answer orelse return .{ .ending = .now, .reply = null };
    const outer = so.decodeReply(bytes) orelse return .{ .ending = .now, .reply = null };
    return .{ .ending = outer.ending, .reply = sf.decodeReply(outer.frame, op, nonce) };
}

comptime {
    if (@sizeOf(so.Digest) != @sizeOf(replay.Digest)) @compileError("one digest for both");
}
