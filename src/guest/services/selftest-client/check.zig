//! The parts that all checks share. The checks are in the other files.

const std = @import("std");
const wire = @import("wire");
const Name = @import("contract").marker.Selftest;

pub const Service = enum { samgrd, bundlemgrd, policyd, logd, rngd, dsoftbusd, statefsd };

/// The time that a service of this node may take for an answer.
pub const call_timeout_ns = 2 * std.time.ns_per_s;

/// The buffers of one call: a frame each way, and the frame that it carries to the other node. They
/// are part of a static node, because filling them on a stack costs time.
pub const Room = struct {
    local: struct {
        request: [wire.log.append_bytes_max]u8 = undefined,
        reply: [8192]u8 = undefined,
    } = .{},
    remote: struct {
        request: [wire.front.request_bytes_max]u8 = undefined,
        reply: [wire.front.reply_bytes_max]u8 = undefined,
    } = .{},
    /// The nonce of the last request to the state store, so that no earlier answer is taken for its
    /// own.
    nonce: u64 = 0,
};

/// The error of a check whose service answered, but not as it should have.
pub const Wrong = error{ NotThisReply, WrongStatus, WrongValue };

pub fn Check(comptime Node: type) type {
    return struct {
        name: Name,
        run: *const fn (*Node) anyerror!void,
        /// The end of its marker.
        ending: []const u8 = " ok",
    };
}
