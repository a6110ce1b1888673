//! samgrd is the registry of services by name (`SM` v1). It calls no service.

const os = @import("os");
const marker = @import("contract").marker;
const svc = @import("svc");
const core = @import("samgrd_core");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const Service = struct {
    registry: core.Registry,
    reply: [core.reply_bytes_max]u8,

    pub fn handle(self: *Service, message: os.Message) []const u8 {
        const sender: core.Sender = .{
            .id = message.sender,
            .pid = message.senderPid(),
            .is_init = message.sender == comptime os.serviceId("init"),
        };
        return self.registry.handle(message.payload, sender, &self.reply);
    }
};

var service: Service = .{ .registry = .{}, .reply = undefined };

pub fn main() !void {
    // It registers itself in its table: it cannot wait for itself to take a message.
    const self: core.Sender = .{ .id = os.serviceId(os.name()), .pid = os.sys.getpid() };
    _ = service.registry.register(self, os.name(), .{
        .send = os.abi.slot.server_send,
        .recv = os.abi.slot.server_recv,
    });
    os.print("{s}" ++ marker.ready, .{os.name()});
    try svc.serve(&service);
}
