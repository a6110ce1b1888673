//! The memory of peers' calls, by which a repeated call takes effect once, also after this
//! machine's power was cut; and the part of the store that each peer owns.
//!
//! Rules of this file
//! 1. The memory is a function of the records that were applied: both engines get the same from the
//!    same journal, and a snapshot brings it back as it was.
//! 2. Peers, epochs of a peer and calls of an epoch have an order of last use, and the one used
//!    longest ago makes room. The peer with the most calls loses one, so no peer can make the node
//!    forget a call of another.

const std = @import("std");
const contract = @import("contract");
const call_file = @import("call.zig");
const Call = call_file.Call;
const Digest = call_file.Digest;

/// Twice the peers that a configuration may name, for a node that is configured anew.
pub const peers_max = contract.journal.callers_max;
/// A peer that starts again has a new epoch, and may be late with calls of its last ones.
pub const epochs_max = contract.journal.epochs_max;
/// Calls of all peers together. Eight peers have sixteen each; one peer alone has all of them.
pub const calls_max = contract.journal.calls_max;

/// A place in the table of peers, from 1; 0 stands for no peer.
pub const Owner = u8;

pub const Epoch = struct {
    number: u32,
    /// Numbers up to this one are not run again.
    forgotten: u32 = 0,
    /// The number of its calls that are remembered.
    calls: usize = 0,
    used_at: u64 = 0,
};

pub const Peer = struct {
    name_bytes: [call_file.peer_bytes_max]u8 = undefined,
    /// 0: a free place.
    name_len: u8 = 0,
    used_at: u64 = 0,
    epochs: [epochs_max]Epoch = undefined,
    epoch_count: usize = 0,
    calls: usize = 0,
    /// The entries of this peer, and the bytes of their keys and values.
    keys: u32 = 0,
    bytes: u64 = 0,

    pub fn name(self: *const Peer) []const u8 {
        return self.name_bytes[0..self.name_len];
    }

    fn find(self: *Peer, number: u32) ?*Epoch {
        for (self.epochs[0..self.epoch_count]) |*epoch| {
            if (epoch.number == number) return epoch;
        }
        return null;
    }
};

pub const Remembered = struct {
    owner: Owner,
    epoch: u32,
    number: u32,
    status: u8,
    digest: Digest,
};

pub const Verdict = union(enum) {
    /// The call is not known: run it.
    run,
    /// It was run, and this was its status.
    done: u8,
    /// It may have been run and is forgotten, or something else was asked under its name.
    forgotten,
};

pub const Calls = struct {
    peers: [peers_max]Peer,
    /// In the order in which they came.
    list: [calls_max]Remembered,
    count: usize,
    uses: u64,

    pub fn reset(self: *Calls) void {
        for (&self.peers) |*peer| peer.* = .{};
        self.count = 0;
        self.uses = 0;
    }

    pub fn ownerOf(self: *const Calls, name: []const u8) ?Owner {
        for (&self.peers, 1..) |*peer, owner| {
            if (peer.name_len != 0 and std.mem.eql(u8, peer.name(), name)) return @intCast(owner);
        }
        return null;
    }

    pub fn of(self: *Calls, owner: Owner) *Peer {
        std.debug.assert(owner != 0 and owner <= peers_max); // 0 stands for no peer
        return &self.peers[owner - 1];
    }

    /// The verdict on a call. Asking changes nothing.
    pub fn judge(self: *const Calls, call: Call) Verdict {
        if (call.epoch() == 0) return .run;
        if (call.number() == 0) return .forgotten;
        const owner = self.ownerOf(call.peer) orelse return .run;
        for (self.list[0..self.count]) |*each| {
            if (each.owner != owner or each.epoch != call.epoch()) continue;
            if (each.number != call.number()) continue;
            const is_same = std.mem.eql(u8, &each.digest, &call.digest);
            return if (is_same) .{ .done = each.status } else .forgotten;
        }
        const peer = &self.peers[owner - 1];
        for (peer.epochs[0..peer.epoch_count]) |*epoch| {
            if (epoch.number != call.epoch()) continue;
            return if (call.number() <= epoch.forgotten) .forgotten else .run;
        }
        return .run;
    }

    /// The place that a new peer would take: a free one, or that of the peer used longest ago.
    pub fn displacedBy(self: *const Calls, name: []const u8) ?Owner {
        if (self.ownerOf(name) != null) return null;
        const owner = self.oldest();
        return if (self.peers[owner - 1].name_len == 0) null else owner;
    }

    fn oldest(self: *const Calls) Owner {
        var best: usize = 0;
        for (&self.peers, 0..) |*peer, index| {
            if (peer.used_at < self.peers[best].used_at) best = index;
        }
        return @intCast(best + 1);
    }

    /// The peer of this name, which counts as the last used from now on. A peer that makes room for
    /// it must own nothing any more.
    pub fn admit(self: *Calls, name: []const u8) Owner {
        std.debug.assert(name.len != 0 and name.len <= call_file.peer_bytes_max);
        const owner = self.ownerOf(name) orelse blk: {
            const place = self.oldest();
            self.dropAll(place, null);
            const peer = self.of(place);
            std.debug.assert(peer.calls == 0 and peer.keys == 0 and peer.bytes == 0);
            peer.name_len = @intCast(name.len);
            @memcpy(peer.name_bytes[0..name.len], name);
            peer.epoch_count = 0;
            break :blk place;
        };
        self.of(owner).used_at = self.use();
        return owner;
    }

    fn use(self: *Calls) u64 {
        self.uses += 1;
        return self.uses;
    }

    /// A call had this answer. One without a name leaves nothing to remember.
    pub fn remember(self: *Calls, owner: Owner, call: Call, status: u8) void {
        if (call.epoch() == 0) return;
        const epoch = self.admitEpoch(owner, call.epoch());
        self.add(.{
            .owner = owner,
            .epoch = epoch.number,
            .number = call.number(),
            .status = status,
            .digest = call.digest,
        }, epoch);
    }

    fn add(self: *Calls, each: Remembered, epoch: *Epoch) void {
        if (self.count == calls_max) self.dropOne();
        self.list[self.count] = each;
        self.count += 1;
        epoch.calls += 1;
        const peer = self.of(each.owner);
        peer.calls += 1;
        std.debug.assert(epoch.calls <= peer.calls and peer.calls <= self.count);
    }

    /// An epoch as a snapshot has it: what is forgotten, and what is remembered.
    pub fn restore(self: *Calls, owner: Owner, call: Call, rest: []const u8) void {
        if (call.epoch() == 0) return;
        const epoch = self.admitEpoch(owner, call.epoch());
        epoch.forgotten = @max(epoch.forgotten, call.number());
        var at: usize = 0;
        while (at < rest.len) : (at += call_file.entry_bytes) {
            const entry = rest[at..][0..call_file.entry_bytes];
            self.add(.{
                .owner = owner,
                .epoch = epoch.number,
                .number = std.mem.readInt(u32, entry[0..4], .little),
                .status = entry[4],
                .digest = entry[5..].*,
            }, epoch);
        }
    }

    fn admitEpoch(self: *Calls, owner: Owner, number: u32) *Epoch {
        const peer = self.of(owner);
        const epoch = peer.find(number) orelse blk: {
            if (peer.epoch_count == epochs_max) {
                var place = &peer.epochs[0];
                for (&peer.epochs) |*each| {
                    if (each.used_at < place.used_at) place = each;
                }
                self.dropAll(owner, place.number);
                place.* = .{ .number = number };
                break :blk place;
            }
            peer.epochs[peer.epoch_count] = .{ .number = number };
            peer.epoch_count += 1;
            break :blk &peer.epochs[peer.epoch_count - 1];
        };
        epoch.used_at = self.use();
        return epoch;
    }

    /// Make room: the oldest call is forgotten of the epoch used longest ago, of the peer with the
    /// most calls; of equals, of the peer used longest ago.
    fn dropOne(self: *Calls) void {
        var victim: Owner = 1;
        for (&self.peers, 1..) |*peer, owner| {
            if (peer.name_len == 0) continue;
            const best = self.of(victim);
            if (peer.calls < best.calls) continue;
            if (peer.calls > best.calls or peer.used_at < best.used_at) victim = @intCast(owner);
        }
        const peer = self.of(victim);
        var oldest_epoch: ?*Epoch = null;
        for (peer.epochs[0..peer.epoch_count]) |*epoch| {
            if (epoch.calls == 0) continue;
            if (oldest_epoch) |other| if (other.used_at < epoch.used_at) continue;
            oldest_epoch = epoch;
        }
        const epoch = oldest_epoch.?;
        for (self.list[0..self.count], 0..) |*each, index| {
            if (each.owner != victim or each.epoch != epoch.number) continue;
            epoch.forgotten = @max(epoch.forgotten, each.number);
            epoch.calls -= 1;
            peer.calls -= 1;
            return self.removeAt(index);
        } else unreachable; // the epoch counts a call
    }

    fn removeAt(self: *Calls, index: usize) void {
        std.debug.assert(index < self.count);
        self.count -= 1;
        @memmove(self.list[index..self.count], self.list[index + 1 .. self.count + 1]);
    }

    /// Forget all calls of a peer, or of one of its epochs.
    fn dropAll(self: *Calls, owner: Owner, epoch: ?u32) void {
        var kept: usize = 0;
        for (self.list[0..self.count]) |each| {
            if (each.owner == owner and (epoch == null or each.epoch == epoch.?)) {
                self.of(owner).calls -= 1;
                continue;
            }
            self.list[kept] = each;
            kept += 1;
        }
        self.count = kept;
    }

    /// Peers in the order of a snapshot: the one used longest ago comes first. `out` has room for
    /// all.
    pub fn inOrder(self: *const Calls, out: *[peers_max]Owner) []Owner {
        var count: usize = 0;
        for (&self.peers, 1..) |*peer, owner| {
            if (peer.name_len == 0) continue;
            out[count] = @intCast(owner);
            count += 1;
        }
        std.mem.sort(Owner, out[0..count], self, earlier);
        return out[0..count];
    }

    fn earlier(self: *const Calls, a: Owner, b: Owner) bool {
        return self.peers[a - 1].used_at < self.peers[b - 1].used_at;
    }

    pub fn epochsInOrder(self: *const Calls, owner: Owner, out: *[epochs_max]Epoch) []Epoch {
        const peer = &self.peers[owner - 1];
        const epochs = out[0..peer.epoch_count];
        @memcpy(epochs, peer.epochs[0..peer.epoch_count]);
        std.mem.sort(Epoch, epochs, {}, usedEarlier);
        return epochs;
    }

    fn usedEarlier(_: void, a: Epoch, b: Epoch) bool {
        return a.used_at < b.used_at;
    }
};
