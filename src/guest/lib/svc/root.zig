//! The work that every service does the same way: register, serve, log, ask policyd.
//!
//! No two services may wait for each other. So samgrd and logd wait for no service, and messages to
//! them from here wait for no answer. policyd answers from its own table. A synchronous call to any
//! of the three therefore always ends, from every service.

const std = @import("std");
const os = @import("os");
const marker = @import("contract").marker;
const wire = @import("wire");

pub const usage = @import("usage.zig");
pub const Logger = @import("logger.zig").Logger;
pub const Level = wire.log.Level;
pub const Room = wire.log.Room;
pub const Policy = @import("policy.zig").Policy;
pub const State = @import("state.zig").State;

/// One buffer for requests: a service has one thread, and uses a frame up before the next one. It
/// is as long as the longest message, so that every message of a client can be received.
var request_buffer: [os.abi.payload_bytes_max]u8 = undefined;

/// Enter this service's name at samgrd, then say that it serves. Its endpoint queues requests
/// from before its first instruction on, so nothing is lost between the line and the loop.
pub fn ready() void {
    register() catch |err| os.print("{s}: not registered: {s}", .{ os.name(), @errorName(err) });
    os.print("{s}" ++ marker.ready, .{os.name()});
}

fn register() !void {
    const samgrd = try os.route("samgrd");
    var buffer: [wire.samgr.request_bytes_max]u8 = undefined;
    const frame = try wire.samgr.encodeRequest(&buffer, .{ .register = .{
        .name = os.name(),
        .slots = .{ .send = os.abi.slot.server_send, .recv = os.abi.slot.server_recv },
    } });
    try os.send(samgrd, frame, .{ .deadline_ns = os.after(os.call_timeout_ns) });
}

/// Serve for ever. `service.handle(message)` returns the reply to a request; it borrows from the
/// service and is sent before the next call. A service that has `deadline()` is woken then, and
/// after every request that comes later: `tick()`.
pub fn serve(service: anytype) os.Error!noreturn {
    const has_timer = @hasDecl(@TypeOf(service.*), "deadline");
    while (true) {
        const at = if (has_timer) service.deadline() else never;
        // 0 waits for ever.
        const until = if (at == never) 0 else @max(at, 1);
        const message = os.recv(os.abi.slot.server_recv, &request_buffer, until) catch |err| {
            if (!has_timer or err != error.TimedOut) return err;
            service.tick();
            continue;
        };
        // The kernel sends these services no messages, so an id of 0 gets no answer.
        if (message.sender == 0) continue;
        if (usage.isAsked(message)) {
            usage.answer(message, &.{});
            continue;
        }
        const reply = service.handle(message);
        std.debug.assert(reply.len != 0); // no protocol here has an empty answer
        os.reply(message, reply);
        if (has_timer and os.nsec() >= at) service.tick();
    }
}

const never = ~@as(u64, 0);

/// Wait without spinning. A reply to a call that was given up may arrive meanwhile, and is dropped.
pub fn sleep(ns: u64) void {
    const until = os.after(ns);
    var buffer: [64]u8 = undefined;
    while (os.nsec() < until) {
        const message = os.recv(os.abi.slot.inbox_recv, &buffer, until) catch |err| switch (err) {
            error.TooBig => continue,
            else => return,
        };
        if (message.moved) |extra| os.sys.capClose(extra);
    }
}
