//! logd: what services have to say (`LO` v1 and v2). Waits for nobody, so everybody may call it.

const os = @import("os");
const svc = @import("svc");
const core = @import("logd_core");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const Service = struct {
    log: core.Log,
    reply: [core.reply_bytes_max]u8,

    pub fn handle(self: *Service, message: os.Message) []const u8 {
        return self.log.handle(message.payload, message.sender, os.nsec(), &self.reply);
    }
};

var service: Service = .{ .log = .{}, .reply = undefined };

pub fn main() !void {
    svc.ready();
    try svc.serve(&service);
}
