//! netstackd and rngd as dsoftbusd meets them, for its desk tests: requests are noted, answers are
//! what a test chose, and every request that carries a way back is answered at once.

const std = @import("std");
const os = @import("os");
const os_fake = @import("os_fake");
const sock = @import("sock");
const wire = @import("wire");
const netstack = sock.netstack;

pub const routes: []const []const u8 = &.{ "netstackd", "rngd", "samgrd", "statefsd" };
pub const netstackd = os_fake.route_slot;
pub const rngd = os_fake.route_slot + 1;
pub const samgrd = os_fake.route_slot + 2;
pub const statefsd = os_fake.route_slot + 3;

/// What the next answers to an operation are: a status and a tail. Without one: ok, or that there
/// is nothing.
pub const Chosen = struct { op: netstack.Op, status: netstack.Status = .ok, tail: []const u8 = "" };
pub var chosen: []const Chosen = &.{};
/// What rngd gives.
pub var entropy: []const u8 = "e" ** 32;
pub var entropy_status: wire.entropy.Status = .ok;

var reply: [512]u8 = undefined;
var next_id: u32 = 0;

pub fn reset() void {
    chosen = &.{};
    entropy = "e" ** 32;
    entropy_status = .ok;
    next_id = 40;
}

pub fn answer(_: *os_fake.Kernel, slot: os.Slot, request: []const u8) ?[]const u8 {
    if (slot == rngd) {
        // The buffer takes more than a test has rngd give.
        return wire.entropy.encodeReply(&reply, entropy_status, entropy) catch unreachable;
    }
    if (slot != netstackd) return null;
    const op: netstack.Op = @enumFromInt(request[3]);
    @memcpy(reply[0..3], netstack.magic);
    reply[3] = request[3] | netstack.reply_bit;
    if (chosen.len > 0 and chosen[0].op == op) {
        defer chosen = chosen[1..];
        return finish(chosen[0].status, chosen[0].tail);
    }
    return switch (op) {
        .udp_bind, .listen, .connect => blk: {
            next_id += 1;
            break :blk finish(.ok, std.mem.asBytes(&next_id));
        },
        .accept, .udp_recv_from => finish(.would_block, ""),
        .close, .abort, .udp_send_to => finish(.ok, ""),
        .write => finish(.ok, request[8..10]),
        else => null,
    };
}

fn finish(status: netstack.Status, tail: []const u8) []const u8 {
    reply[4] = @intFromEnum(status);
    @memcpy(reply[5..][0..tail.len], tail);
    return reply[0 .. 5 + tail.len];
}

/// The requests of one operation, in order.
pub fn asked(kernel: *os_fake.Kernel, op: netstack.Op, into: []os_fake.Sent) []os_fake.Sent {
    var count: usize = 0;
    for (kernel.sentTo(netstackd)) |each| {
        if (each.bytes[3] != @intFromEnum(op)) continue;
        into[count] = each;
        count += 1;
    }
    return into[0..count];
}
