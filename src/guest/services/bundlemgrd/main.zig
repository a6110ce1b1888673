//! bundlemgrd lists the installed bundles (`BN` v1), for senders that policyd permits
//! `bundle.query`.

const std = @import("std");
const marker = @import("contract").marker;
const os = @import("os");
const svc = @import("svc");
const core = @import("bundlemgrd_core");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

/// packagefsd waits for its disk, and for nothing else.
const files_timeout_ns = 300 * std.time.ns_per_ms;

const capability = "bundle.query";

/// The core asks this about a sender, and reports refusals to it.
const Gate = struct {
    policy: svc.Policy,

    pub fn permits(self: *Gate, sender: u64) bool {
        return self.policy.permits(sender, capability);
    }

    pub fn denied(_: *Gate, sender: u64) void {
        os.print(marker.bundle_denied, .{sender});
    }
};

/// packagefsd, which may be absent, or have no image.
const Files = struct {
    packagefsd: ?os.Slot,

    pub fn call(self: *Files, request: []const u8, reply: []u8) ?[]const u8 {
        const slot = self.packagefsd orelse return null;
        return os.call(slot, request, reply, files_timeout_ns) catch null;
    }
};

const Service = struct {
    bundles: core.Bundles,
    gate: Gate,
    shelf: core.Shelf(Files),
    reply: [core.reply_bytes_max]u8,

    pub fn handle(self: *Service, message: os.Message) []const u8 {
        const bundles = &self.bundles;
        const sender = message.sender;
        return bundles.handle(message.payload, sender, &self.gate, &self.shelf, &self.reply);
    }
};

var service: Service = undefined;
var section: [os.abi.payload_bytes_max]u8 = undefined;

pub fn main() !void {
    service.shelf = .{ .files = .{ .packagefsd = os.route("packagefsd") catch null } };
    service.gate = .{ .policy = .open() };
    service.bundles = try .parse(try os.config(&section));
    svc.ready();
    try svc.serve(&service);
}
