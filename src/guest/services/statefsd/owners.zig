//! The owners of transactions. A transaction belongs to the caller that began it, until that caller
//! ends it or is silent for too long.

const std = @import("std");
const contract = @import("contract");
const share = @import("share.zig");
const statefs = @import("statefs");
const txns_max = statefs.contents.txns_max;
const peer_bytes_max = statefs.call.peer_bytes_max;

/// The time after which a silent owner counts as gone. Nothing is compacted while a transaction is
/// open, and an owner that had no answer in time does not know of its transaction. A request takes
/// milliseconds, so an owner that is silent for this long has given up.
pub const idle_ns_max = contract.state.transaction_silence_ns;

/// A peer has a transaction of its own in a session, and one of a value that it transfers.
const of_peer_max = 2;
/// The others are for services of this node.
const of_peers_max = txns_max - 2;

/// The owner of a transaction: the sender, and the peer that began it through that sender, if any.
pub const Owner = struct {
    txn: u64 = 0,
    sender: u64 = 0,
    used_ns: u64 = 0,
    peer_bytes: [peer_bytes_max]u8 = undefined,
    peer_len: u8 = 0,

    pub fn peer(self: *const Owner) []const u8 {
        return self.peer_bytes[0..self.peer_len];
    }
};

pub const Owners = struct {
    all: [txns_max]Owner = @splat(.{}),

    pub fn count(self: *const Owners) usize {
        var open: usize = 0;
        for (&self.all) |*owner| open += @intFromBool(owner.txn != 0);
        return open;
    }

    pub fn isAny(self: *const Owners) bool {
        for (&self.all) |*owner| if (owner.txn != 0) return true;
        return false;
    }

    /// True: this peer may begin another one. An empty peer is a service of this node.
    pub fn hasRoom(self: *const Owners, peer: []const u8) bool {
        var open: usize = 0;
        var of_peers: usize = 0;
        var of_this: usize = 0;
        for (&self.all) |*owner| {
            if (owner.txn == 0) continue;
            open += 1;
            of_peers += @intFromBool(owner.peer_len != 0);
            of_this += @intFromBool(std.mem.eql(u8, owner.peer(), peer));
        }
        if (peer.len == 0) return open < txns_max;
        return of_peers < of_peers_max and of_this < of_peer_max and open < txns_max;
    }

    /// There is room.
    pub fn add(self: *Owners, txn: u64, sender: u64, peer: []const u8, now_ns: u64) void {
        std.debug.assert(txn != 0 and self.hasRoom(peer));
        std.debug.assert(self.find(txn, sender, peer) == null);
        for (&self.all) |*owner| {
            if (owner.txn != 0) continue;
            owner.txn = txn;
            owner.sender = sender;
            owner.used_ns = now_ns;
            owner.peer_len = @intCast(peer.len);
            @memcpy(owner.peer_bytes[0..peer.len], peer);
            return;
        }
        unreachable;
    }

    pub fn find(self: *Owners, txn: u64, sender: u64, peer: []const u8) ?*Owner {
        for (&self.all) |*owner| {
            if (txn == 0 or owner.txn != txn or owner.sender != sender) continue;
            if (std.mem.eql(u8, owner.peer(), peer)) return owner;
        }
        return null;
    }

    /// The sum of the transactions of a peer, with another chunk in this one.
    pub fn addedBy(
        self: *const Owners,
        of: *const Owner,
        contents: *const statefs.Contents,
        key: []const u8,
        chunk_len: usize,
    ) share.Added {
        const peer = of.peer();
        var added: share.Added = .{};
        var is_joined = false;
        for (&self.all) |*owner| {
            if (owner.txn == 0 or !std.mem.eql(u8, owner.peer(), peer)) continue;
            for (contents.itemsOf(owner.txn)) |item| {
                const held = contents.table.keyOf(item);
                const is_this = owner == of and std.mem.eql(u8, held, key);
                is_joined = is_joined or is_this;
                const more = if (is_this) chunk_len else 0;
                added.set(contents, peer, held, item.value_len + more);
            }
        }
        if (!is_joined) added.set(contents, peer, key, chunk_len);
        return added;
    }

    /// A transaction that had no request for too long; call this until it returns null.
    pub fn takeIdle(self: *Owners, now_ns: u64) ?Owner {
        for (&self.all) |*owner| {
            if (owner.txn == 0 or now_ns -| owner.used_ns <= idle_ns_max) continue;
            defer owner.* = .{};
            return owner.*;
        }
        return null;
    }

    /// A transaction that a peer began; call this until it returns null.
    pub fn takePeers(self: *Owners) ?Owner {
        for (&self.all) |*owner| {
            if (owner.txn == 0 or owner.peer_len == 0) continue;
            defer owner.* = .{};
            return owner.*;
        }
        return null;
    }
};
