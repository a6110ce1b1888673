//! logd keeps the records of services (`LO` v1 and v2). It waits for no service, so each may call
//! it.

const os = @import("os");
const svc = @import("svc");
const core = @import("logd_core");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

/// The buffer is as long as the longest message, so that every message of a client can be received.
var inbox: [os.abi.payload_bytes_max]u8 = undefined;
var reply: [core.reply_bytes_max]u8 = undefined;
var log: core.Log = undefined;

pub fn main() !void {
    log = .{ .own_id = os.serviceId(os.name()) };
    svc.ready();
    while (true) {
        const message = os.recv(os.abi.slot.server_recv, &inbox, deadline()) catch |err| {
            if (err != error.TimedOut) return err;
            log.tick(os.nsec());
            continue;
        };
        // The kernel sends this service no messages, so an id of 0 gets no answer.
        if (message.sender == 0) continue;
        if (svc.usage.isAsked(message)) {
            svc.usage.answer(message, &.{});
            continue;
        }
        const sender: core.Sender = .{
            .id = message.sender,
            .is_waiting = message.moved != null,
        };
        os.reply(message, log.handle(message.payload, sender, os.nsec(), &reply));
    }
}

/// 0 waits for ever.
fn deadline() u64 {
    const at = log.deadline();
    return if (at == core.never) 0 else at;
}
