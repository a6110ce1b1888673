//! The open transactions of a store's server: their beginning, their owners, and their ends without
//! a commit. `server` is the one of core.zig.

const std = @import("std");
const statefs = @import("statefs");
const Caller = @import("caller.zig").Caller;
const owners = @import("owners.zig");

/// The longest value in small chunks: what a transaction that sets one adds to the journal.
const transaction_bytes = 72 * 1024;
/// The least gain for which writing all live entries is worth it.
const gain_bytes_min = 4096;

/// The number of a new transaction, which is the caller's from now on.
pub fn begin(server: anytype, caller: Caller) statefs.Error!u64 {
    if (!server.owners.hasRoom(caller.peer())) return error.TxnLimit;
    try makeRoom(server);
    const txn = try server.store.begin();
    server.owners.add(txn, caller.sender, caller.peer(), server.now_ns);
    return txn;
}

/// Make room for the longest value, if nothing is open yet (the store compacts only then): from now
/// on the journal only grows.
fn makeRoom(server: anytype) statefs.Error!void {
    const journal = &server.store.journal;
    const is_first = server.store.superblock == null;
    // The one journal of version 1 cannot be compacted beyond the middle of the disk.
    const room = journal.region.bytes() / @as(u64, if (is_first) 2 else 1);
    if (journal.end + transaction_bytes <= room) return;
    const gained = journal.end -| server.store.contents.liveBytes();
    if (is_first or gained >= gain_bytes_min) _ = try server.store.compact();
}

/// For every other sender there is no such transaction.
pub fn ownerOf(server: anytype, txn: u64, caller: Caller) statefs.Error!*owners.Owner {
    const owner = server.owners.find(txn, caller.sender, caller.peer()) orelse
        return error.NotFound;
    owner.used_ns = server.now_ns;
    return owner;
}

/// End a transaction without a commit. It does not need a record of that: nothing is compacted
/// while a transaction is open, so a journal without room for the record would never get room.
pub fn end(server: anytype, txn: u64) void {
    server.store.abort(txn) catch {
        var id: [8]u8 = undefined;
        std.mem.writeInt(u64, &id, txn, .little);
        server.store.contents.apply(.{ .op = .abort, .value = &id }) catch unreachable;
    };
}

/// End transactions that had no request for too long.
pub fn endAbandoned(server: anytype, gate: anytype) void {
    while (server.owners.takeIdle(server.now_ns)) |owner| {
        end(server, owner.txn);
        gate.abandoned(owner.sender);
    }
}

/// End the transactions of peers, for a local writer that needs room: while one is open, nothing is
/// compacted. The peer learns of the end at its next step.
pub fn endOfPeers(server: anytype, gate: anytype) bool {
    var is_any = false;
    while (server.owners.takePeers()) |owner| {
        end(server, owner.txn);
        gate.abandoned(owner.sender);
        is_any = true;
    }
    return is_any;
}
