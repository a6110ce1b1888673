//! Puts of many sizes, and deletes on the state store of its own node, reported as they
//! are acknowledged. The test beside nexus.remotefs.state knows the same table.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const rounds = 24;
const sync_every = 4;
const keys = 7;

var value_buffer: [2048]u8 = undefined;

pub fn main() !void {
    var state = try svc.State.openLocal();
    for (0..rounds) |round| {
        var name: [64]u8 = undefined;
        const key = try std.fmt.bufPrint(&name, "/state/shared/work/{d}", .{round % keys});
        const len = (round * 131) % 1500;
        @memset(value_buffer[0..len], @intCast('a' + round % 26));
        _ = try state.demand(.{ .op = .put, .key = key, .value = value_buffer[0..len] });
        if (round % 5 == 4) _ = try state.demand(.{ .op = .delete, .key = key });
        if (round % sync_every == sync_every - 1) {
            _ = try state.demand(.{ .op = .sync });
            os.print("workload: synced {d}", .{round});
        }
    }
    os.print("workload: end", .{});
}
