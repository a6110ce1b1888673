//! Transactions of several keys, each of several chunks, some aborted and some left open for a
//! while, with plain puts between them. The test beside nexus.remotefs.state knows the same table.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const rounds = 18;
const sync_every = 3;
const abort_every = 4;
const members = 3;
const chunks = 2;

var chunk_buffer: [512]u8 = undefined;

pub fn main() !void {
    var state = try svc.State.openLocal();
    for (0..rounds) |round| {
        try transact(&state, round);
        if (round % sync_every == sync_every - 1) {
            _ = try state.demand(.{ .op = .sync });
            os.print("workload: synced {d}", .{round});
        }
    }
    os.print("workload: end", .{});
}

fn transact(state: *svc.State, round: usize) !void {
    const begun = try state.demand(.{ .op = .txn_begin });
    if (begun.tail.len != 8) return error.NoTransaction;
    const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
    const len = (round * 97) % chunk_buffer.len;
    const letter: u8 = @intCast('a' + round);
    @memset(&chunk_buffer, letter);
    const plain: [9]u8 = @splat(letter);
    var name: [64]u8 = undefined;
    for (0..chunks) |_| for (0..members) |member| {
        const key = try std.fmt.bufPrint(&name, "/state/shared/txn/{d}", .{member});
        const chunk = chunk_buffer[0..len];
        _ = try state.demand(.{ .op = .txn_put, .txn = txn, .key = key, .value = chunk });
    };
    // While the transaction is open: it is another operation, and has its own effect.
    _ = try state.demand(.{ .op = .put, .key = "/state/shared/plain", .value = &plain });
    const is_aborted = round % abort_every == abort_every - 1;
    _ = try state.demand(.{ .op = if (is_aborted) .txn_abort else .txn_commit, .txn = txn });
}
