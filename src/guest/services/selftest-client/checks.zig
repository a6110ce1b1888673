//! The selftest: checks in order, each told as `ok` only after the thing happened.
//!
//! `Node` is what the checks run against: the real one in main.zig, fakes in world_test.zig. It has
//!
//!     room: Room
//!     fn call(self, service: Service, request: []const u8, reply: []u8, timeout_ns) ![]const u8
//!     fn has(self, service: Service) bool    // it is there, and may be asked
//!     fn listen(self, port: u16) !void       // TCP, through netstackd
//!     fn id(self) u64, fn pid(self) u32      // this service, as itself knows
//!     fn peer(self) []const u8               // device id of the node that is asked
//!     fn now(self) u64, fn sleep(self, ns: u64) void
//!     fn passed(self, name, ending), fn failed(self, name, reason: anyerror)
//!
//! Circle: with local.zig, packages.zig, remote.zig and state.zig. This file puts their checks in
//! order, and they take from it what a check is and what node it has: types without behaviour.

const std = @import("std");
const wire = @import("wire");
const Name = @import("contract").marker.Selftest;
pub const plan = @import("plan.zig");
pub const Mode = plan.Mode;
pub const Plan = plan.Plan;
const Local = @import("local.zig").Local;
const Remote = @import("remote.zig").Remote;
const Packages = @import("packages.zig").Packages;
const State = @import("state.zig").State;

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
    /// Of the last request to the state store, so that no answer to an earlier one is taken for
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

/// A check that fails is told and does not keep the others from running.
pub fn run(comptime Node: type, node: *Node, what: Plan) void {
    for (&Local(Node).table) |*check| report(Node, node, check, check.run(node));
    if (node.has(.statefsd)) {
        for (&State(Node).table) |*check| report(Node, node, check, check.run(node));
    }
    if (what.mode != .client) return;
    prove(Node, node, &Remote(Node).table);
    if (what.proofs.contains(.state)) prove(Node, node, &State(Node).remote);
    if (what.proofs.contains(.packages)) prove(Node, node, &Packages(Node).table);
}

fn prove(comptime Node: type, node: *Node, table: []const Check(Node)) void {
    for (table) |*check| report(Node, node, check, Remote(Node).persist(node, check.run));
}

fn report(comptime Node: type, node: *Node, check: *const Check(Node), result: anyerror!void) void {
    result catch |reason| return node.failed(@tagName(check.name), reason);
    node.passed(@tagName(check.name), check.ending);
}

test {
    _ = plan;
}
