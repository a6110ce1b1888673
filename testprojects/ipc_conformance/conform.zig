//! Tries every property of the kernel's interface that a service can see, one line each.

const std = @import("std");
const os = @import("os");
const limits = @import("limits.zig");
const peers = @import("peers.zig");
const queues = @import("queues.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const Check = struct { name: []const u8, run: *const fn () anyerror!void };

const checks = [_]Check{
    .{ .name = "pre-emption", .run = peers.preemption },
    .{ .name = "sender identity", .run = peers.senderIdentity },
    .{ .name = "long payload", .run = peers.longPayload },
    .{ .name = "receive timeout", .run = queues.receiveTimeout },
    .{ .name = "order", .run = queues.order },
    .{ .name = "truncate", .run = queues.truncate },
    .{ .name = "queue full", .run = queues.queueFull },
    .{ .name = "cap move rollback", .run = queues.moveRollback },
    .{ .name = "cap move", .run = queues.moveOnce },
    .{ .name = "receiver table full", .run = queues.tableFull },
    .{ .name = "rights", .run = limits.rights },
    .{ .name = "factory refused", .run = limits.factory },
    .{ .name = "bad arguments", .run = limits.badArguments },
    .{ .name = "bad pointers", .run = limits.badPointers },
    .{ .name = "executable mapping refused", .run = limits.executableMapping },
    .{ .name = "memory object", .run = limits.memoryObject },
    .{ .name = "route refused", .run = peers.routeRefused },
    .{ .name = "own section", .run = peers.ownSection },
    .{ .name = "dead peer", .run = peers.deadPeer },
};

pub fn main() !void {
    for (checks) |check| {
        if (check.run()) {
            os.print("SELFTEST: ipc {s} ok", .{check.name});
        } else |err| {
            os.print("SELFTEST: ipc {s} FAIL ({s})", .{ check.name, @errorName(err) });
        }
    }
    os.print("SELFTEST: end", .{});
}
