//! What a check is, and what a node has for it. The checks are in the other files.

const std = @import("std");
const wire = @import("wire");
const Name = @import("contract").marker.Selftest;

pub const Service = enum { samgrd, bundlemgrd, policyd, logd, rngd, dsoftbusd, statefsd };

/// How long a service of this node may take for an answer.
pub const call_timeout_ns = 2 * std.time.ns_per_s;

/// One frame at a time each way, of a call and of what it carries to the other node. Part of a
/// static node: filling a stack with small buffers is dear to start.
pub const Room = struct {
    local: struct {
        request: [wire.log.append_bytes_max]u8 = undefined,
        reply: [8192]u8 = undefined,
    } = .{},
    remote: struct {
        request: [wire.front.request_bytes_max]u8 = undefined,
        reply: [wire.front.reply_bytes_max]u8 = undefined,
    } = .{},
    /// The nonce of the last request to the state store: no answer to an earlier one is taken for
    /// its.
    nonce: u64 = 0,
};

/// What a check says when a service answered, but not what it should have.
pub const Wrong = error{ NotThisReply, WrongStatus, WrongValue };

pub fn Check(comptime Node: type) type {
    return struct {
        name: Name,
        run: *const fn (*Node) anyerror!void,
        /// How its marker ends.
        ending: []const u8 = " ok",
    };
}
