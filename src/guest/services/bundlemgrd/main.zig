//! bundlemgrd: what is installed (`BN` v1), for whom policyd permits `bundle.query`.

const os = @import("os");
const svc = @import("svc");
const core = @import("bundlemgrd_core");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const capability = "bundle.query";

/// What the core asks and tells about a sender.
const Gate = struct {
    policy: svc.Policy,

    pub fn permits(self: *Gate, sender: u64) bool {
        return self.policy.permits(sender, capability);
    }

    pub fn denied(_: *Gate, sender: u64) void {
        os.print("bundlemgrd: sender denied id=0x{x:0>16}", .{sender});
    }
};

const Service = struct {
    bundles: core.Bundles,
    gate: Gate,
    reply: [core.reply_bytes_max]u8,

    pub fn handle(self: *Service, message: os.Message) []const u8 {
        return self.bundles.handle(message.payload, message.sender, &self.gate, &self.reply);
    }
};

var service: Service = undefined;
var section: [os.abi.payload_bytes_max]u8 = undefined;

pub fn main() !void {
    service.gate = .{ .policy = .open() };
    service.bundles = try .parse(try os.config(&section));
    svc.ready();
    try svc.serve(&service);
}
