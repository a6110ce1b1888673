//! netstackd drives the virtio network card, runs the stack, and serves sockets to other services
//! (`NS` v1).
//!
//! One loop on one endpoint takes requests and interrupts, and sleeps until the stack's next
//! deadline. Calls to other services (configuration, entropy) happen before the loop begins, and
//! never within it.

const std = @import("std");
const marker = @import("contract").marker;
const os = @import("os");
const svc = @import("svc");
const core = @import("netstackd_core");
const Port = @import("port.zig").Port;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

/// The time after which an event that found its watcher's queue full is tried again.
const retry_ns = 5 * std.time.ns_per_ms;

var server: core.Server = undefined;
var port: Port = .{};
/// The buffer is as long as the longest message, so that every message of a client can be received.
var request_frame: [os.abi.payload_bytes_max]u8 = undefined;
var retry_at: u64 = never;
/// The stack's next deadline before the wait for the last message. That message can only have set
/// later ones, so this is enough to know whether anything is due.
var stack_at: u64 = 0;
const never = std.math.maxInt(u64);

pub fn main() !void {
    server.init();
    // A service that finds us by the registry shall find a network; one that has a route already is
    // answered anyhow.
    if (port.bringUp(&server)) svc.ready();
    os.print(marker.net_up, .{});
    while (true) {
        var now = os.nsec();
        if (server.is_up) {
            if (stack_at <= now) server.stack.poll(now);
            answerReads();
            port.transmit(&server.stack, now);
            answerPings();
            tell(now);
            stack_at = server.stack.nextDeadline();
        }
        if (os.recv(os.abi.slot.server_recv, &request_frame, wakeAt())) |message| {
            now = os.nsec();
            if (message.sender == 0) interrupt(message, now) else serve(message, now);
        } else |err| switch (err) {
            error.TimedOut => {},
            else => return err,
        }
        if (port.has_more) port.receive(&server.stack, os.nsec());
    }
}

/// Absolute time of the next thing to do by ourselves; 0 is never.
fn wakeAt() u64 {
    if (!server.is_up) return 0;
    // In the past: look at the queue once, and go on.
    if (port.has_more) return 1;
    const at = @min(stack_at, retry_at);
    return if (at == never) 0 else @max(at, 1);
}

fn interrupt(message: os.Message, now: u64) void {
    if (message.header.type != os.abi.KernelMsg.interrupt or !server.is_up) return;
    port.acknowledge();
    port.receive(&server.stack, now);
}

fn serve(message: os.Message, now: u64) void {
    if (svc.usage.isAsked(message)) return svc.usage.answer(message, &.{server.table.used()});
    const caller: core.Caller = .{
        .service = message.sender,
        .pid = message.senderPid(),
        .moved = message.moved,
        .sequence = message.header.type,
    };
    switch (server.handle(message.payload, caller, now)) {
        .reply => |frame| {
            // Written bytes leave before their writer gets the answer.
            if (server.is_up) port.transmit(&server.stack, now);
            os.reply(message, frame);
        },
        .kept => {},
        .nothing => if (message.moved) |slot| os.sys.capClose(slot),
        .no_socket_to_watch => |frame| {
            const watcher = message.moved.?;
            sendEvent(watcher, &frame) catch {};
            os.sys.capClose(watcher);
        },
    }
    while (server.nextReleased()) |slot| os.sys.capClose(slot);
}

/// Bytes that came go to the client that waits for them before anything else is done.
fn answerReads() void {
    while (server.nextRead()) |reply| os.replyTo(reply.reply_to, reply.sequence, reply.frame);
}

fn answerPings() void {
    while (server.nextPingReply()) |reply| os.replyTo(reply.reply_to, reply.sequence, reply.frame);
}

fn sendEvent(watcher: os.Slot, frame: []const u8) os.Error!void {
    return os.send(watcher, frame, .{ .type = core.event_type, .nonblock = true });
}

/// Deliver the events that are owed to watchers. A full queue delays an event; any other error
/// means that there is no watcher any more to take it.
fn tell(now: u64) void {
    server.notice();
    retry_at = never;
    var start: u32 = 0;
    while (server.nextNotice(start)) |what| : (start = what.id) {
        if (sendEvent(what.watcher, &what.frame)) {
            server.sent(what);
        } else |err| switch (err) {
            error.WouldBlock => retry_at = now + retry_ns,
            else => {
                server.abandon(what, now);
                while (server.nextReleased()) |slot| os.sys.capClose(slot);
            },
        }
    }
}
