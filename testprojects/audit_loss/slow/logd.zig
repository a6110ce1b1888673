//! logd, but that it stands still for a second when the first record of dsoftbusd comes.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const core = @import("logd_core");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const pause_ns = std.time.ns_per_s;

var inbox: [os.abi.payload_bytes_max]u8 = undefined;
var reply: [core.reply_bytes_max]u8 = undefined;
var log: core.Log = undefined;

pub fn main() !void {
    log = .{ .own_id = os.serviceId(os.name()) };
    svc.ready();
    var has_paused = false;
    while (true) {
        const message = try os.recv(os.abi.slot.server_recv, &inbox, 0);
        if (message.sender == os.serviceId("dsoftbusd") and !has_paused) {
            has_paused = true;
            svc.sleep(pause_ns);
        }
        const sender: core.Sender = .{
            .id = message.sender,
            .is_waiting = message.moved != null,
        };
        os.reply(message, log.handle(message.payload, sender, os.nsec(), &reply));
    }
}
