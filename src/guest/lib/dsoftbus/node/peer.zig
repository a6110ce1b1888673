//! The knowledge of a node about one configured peer, with or without a session.

const backoff = @import("../backoff.zig");
const candidates = @import("../candidates.zig");
const denials = @import("denials.zig");
const rate = @import("../rate.zig");

pub const Peer = struct {
    /// The bucket outlives sessions, so that a peer gains nothing by reconnecting.
    bucket: rate.Bucket,
    candidates: candidates.Candidates,
    backoff: backoff.Backoff = .{},
    denials: denials.Denials = .{},
    is_learned: bool = false,
    /// The number of calls that this node has made to the peer, over all sessions.
    calls: u32 = 0,
};
