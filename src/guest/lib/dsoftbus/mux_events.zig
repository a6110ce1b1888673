//! The events by which the streams of a session report to their owner, and the two sides.

const frames = @import("mux_frames.zig");
const Reason = frames.Reason;

pub const Side = enum(u1) { acceptor = 0, dialler = 1 };

pub const Event = union(enum) {
    settings: frames.Settings,
    /// Call `accept` or `reset`. The name is valid until the next call.
    opened: frames.Open,
    acknowledged: u32,
    /// The bytes are valid until the next call. The owner grants them when it has dealt with them.
    data: struct { id: u32, bytes: []const u8 },
    credit: u32,
    closed: u32,
    reset: struct { id: u32, reason: Reason },
};

pub const OpenError = error{ NotReady, Limit, DuplicateStreamName, InvalidStreamName };
