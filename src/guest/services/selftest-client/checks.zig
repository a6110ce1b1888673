//! The selftest makes its checks in order. A check is reported as `ok` only after the thing
//! happened.
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

const check_types = @import("check.zig");
pub const plan = @import("plan.zig");
pub const Mode = plan.Mode;
pub const Plan = plan.Plan;
const Local = @import("local.zig").Local;
const Remote = @import("remote.zig").Remote;
const Packages = @import("packages.zig").Packages;
const State = @import("state.zig").State;

pub const Room = check_types.Room;
pub const Service = check_types.Service;
const Check = check_types.Check;

/// A check that fails is reported and does not keep the others from running.
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
