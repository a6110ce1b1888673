//! selftest-client uses every service of its node and of the other node, and prints a marker for
//! each that works.

const std = @import("std");
const marker = @import("contract").marker;
const os = @import("os");
const sock = @import("sock");
const svc = @import("svc");
const checks = @import("selftest_checks");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const services = std.enums.values(checks.Service);

const Node = struct {
    room: checks.Room = .{},
    routes: [services.len]?os.Slot = @splat(null),
    /// Borrowed from the configuration.
    peer_id: []const u8 = "",

    pub fn call(
        self: *Node,
        service: checks.Service,
        request: []const u8,
        reply: []u8,
        timeout_ns: u64,
    ) ![]const u8 {
        return os.call(try self.route(service), request, reply, timeout_ns);
    }

    fn route(self: *Node, service: checks.Service) !os.Slot {
        const known = &self.routes[@intFromEnum(service)];
        if (known.* == null) known.* = try os.route(@tagName(service));
        return known.*.?;
    }

    /// A node without the service has no route to it; then there is nothing to prove of it.
    pub fn has(self: *Node, service: checks.Service) bool {
        _ = self.route(service) catch return false;
        return true;
    }

    pub fn listen(_: *Node, port: u16) !void {
        const net = try sock.Net.open();
        try net.close(try net.listen(port));
    }

    pub fn id(_: *Node) u64 {
        return os.serviceId(os.name());
    }

    pub fn pid(_: *Node) u32 {
        return os.sys.getpid();
    }

    pub fn peer(self: *Node) []const u8 {
        return self.peer_id;
    }

    pub fn now(_: *Node) u64 {
        return os.nsec();
    }

    pub fn sleep(_: *Node, ns: u64) void {
        svc.sleep(ns);
    }

    pub fn passed(_: *Node, name: []const u8, ending: []const u8) void {
        os.print(marker.selftest_passed, .{ name, ending });
    }

    pub fn failed(_: *Node, name: []const u8, reason: anyerror) void {
        // The reason comes first, as a harness may stop the machine at the word FAIL.
        os.print(marker.selftest_reason, .{ name, @errorName(reason) });
        os.print(marker.selftest_failed, .{name});
    }
};

pub var node: Node = .{};
var section: [256]u8 = undefined;

pub fn main() !void {
    const what = try checks.plan.parse(try os.config(&section));
    node.peer_id = what.peer;
    checks.run(Node, &node, what);
    os.print(marker.selftest_end, .{});
}
