//! The events by which the streams of a session report to their owner, and the two sides.

const frames = @import("mux_frames.zig");
const Reason = frames.Reason;

pub const Side = enum(u1) { acceptor = 0, dialler = 1 };

pub const Event = union(enum) {
    /// The peer speaks streams; ours may be opened.
    settled: frames.Settings,
    /// Call `accept` or `reset`. The name is valid until the next call.
    opened: frames.Open,
    /// The peer uses a stream of ours.
    acknowledged: u32,
    /// The bytes are valid until the next call. The owner grants them when it has dealt with them.
    arrived: struct { id: u32, bytes: []const u8 },
    /// `send` takes more on this stream.
    credited: u32,
    /// The peer sends no more on this stream.
    half_closed: u32,
    /// The peer gave the stream up.
    was_reset: struct { id: u32, reason: Reason },
};

pub const OpenError = error{ NotReady, Limit, DuplicateStreamName, InvalidStreamName };
