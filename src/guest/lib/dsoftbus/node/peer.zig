//! What a node knows of one configured peer, whether there is a session or not.

const backoff = @import("../backoff.zig");
const candidates = @import("../candidates.zig");
const denials = @import("denials.zig");
const rate = @import("../rate.zig");

pub const Peer = struct {
    /// It outlives sessions, so that reconnecting buys nothing.
    bucket: rate.Bucket,
    candidates: candidates.Candidates,
    backoff: backoff.Backoff = .{},
    denials: denials.Denials = .{},
    is_learned: bool = false,
    /// How many calls this node has made of it, over all sessions.
    calls: u32 = 0,
};
