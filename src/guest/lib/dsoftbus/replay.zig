//! The memory of changes that were carried out: a call that is repeated after a reconnect acts once
//! (docs/spec/session.md, *Repeated calls*).
//!
//! A caller that repeats calls puts an epoch into the upper half of its correlation ids, and counts
//! its calls in the lower half. So (peer, epoch, number) names a call across sessions.
//!
//! Rules of this file
//! 1. A number runs at most once. When its answer has made room for newer ones, it is neither run
//!    nor answered again. For the last few epochs that were forgotten, this still holds.
//! 2. A number under which something else was asked is refused.
//! 3. A call is kept when it has ended, not before: the node runs one change at a time.

const std = @import("std");
const peers_max = @import("config.zig").peers_max;

/// This is more than a session has unanswered at a time, as its streams' buffers hold fewer
/// answers.
pub const calls_max = 64;
/// A peer that starts again has a new epoch, and may be late with a call of its last one.
pub const epochs_max = 2;
/// The number of epochs that had to make room and are known by their highest number.
pub const retired_max = 8;
/// Answers to changes have 13 bytes at most, those of a transfer 12.
pub const reply_bytes_max = 32;

const Hash = std.crypto.hash.blake2.Blake2s128;
pub const Digest = [Hash.digest_length]u8;

/// The peer that asks, and its correlation id.
pub const Name = struct { peer: u8, id: u64 };

pub const Verdict = union(enum) {
    /// Run it, then call `finish`.
    run,
    /// It ran and had this answer, or null: it failed. Valid until the next `finish`.
    done: ?[]const u8,
    /// It ran, and its answer is forgotten.
    gone,
    /// Something else was asked under this number.
    conflict,
};

const Reply = enum(u8) { failed, kept, too_long };

const Call = struct {
    number: u32 = 0,
    digest: Digest = @splat(0),
    reply: Reply = .failed,
    reply_len: u8 = 0,
    reply_bytes: [reply_bytes_max]u8 = @splat(0),
};

const Epoch = struct {
    /// 0: this place is free.
    number: u32 = 0,
    used_at: u64 = 0,
    highest: u32 = 0,
    forgotten_highest: u32 = 0,
    count: usize = 0,
    next: usize = 0,
    calls: [calls_max]Call = @splat(.{}),

    fn find(self: *const Epoch, number: u32) ?*const Call {
        for (self.calls[0..self.count]) |*call| if (call.number == number) return call;
        return null;
    }

    /// The place of a new call: a free one, or that of the oldest.
    fn place(self: *Epoch) *Call {
        std.debug.assert(self.number != 0 and self.count <= calls_max and self.next < calls_max);
        const call = &self.calls[self.next];
        if (self.count == calls_max) {
            self.forgotten_highest = @max(self.forgotten_highest, call.number);
        } else self.count += 1;
        self.next = (self.next + 1) % calls_max;
        return call;
    }
};

/// An epoch that had to make room, and when it was used last.
const Retired = struct { number: u32 = 0, highest: u32 = 0, used_at: u64 = 0 };

const Peer = struct {
    epochs: [epochs_max]Epoch = @splat(.{}),
    retired: [retired_max]Retired = @splat(.{}),

    fn find(self: *Peer, number: u32) ?*Epoch {
        for (&self.epochs) |*epoch| if (epoch.number == number) return epoch;
        return null;
    }

    fn findRetired(self: *Peer, number: u32) ?*Retired {
        for (&self.retired) |*retired| if (retired.number == number) return retired;
        return null;
    }

    /// Make an epoch known, in a free place or in that of the one used longest ago.
    fn admit(self: *Peer, number: u32) *Epoch {
        var oldest = &self.epochs[0];
        for (&self.epochs) |*epoch| {
            if (epoch.used_at < oldest.used_at) oldest = epoch;
        }
        // The epoch may be one that had to make room; then its place there is free again.
        const known = if (self.findRetired(number)) |retired| retired.highest else 0;
        if (self.findRetired(number)) |retired| retired.* = .{};
        if (oldest.number != 0) self.retire(oldest);
        oldest.number = number;
        oldest.count = 0;
        oldest.next = 0;
        oldest.highest = known;
        oldest.forgotten_highest = known;
        return oldest;
    }

    fn retire(self: *Peer, epoch: *const Epoch) void {
        var oldest = &self.retired[0];
        for (&self.retired) |*retired| {
            if (retired.used_at < oldest.used_at) oldest = retired;
        }
        oldest.* = .{
            .number = epoch.number,
            .highest = epoch.highest,
            .used_at = epoch.used_at,
        };
    }
};

/// The memory of one node. It begins as zeros, so that it takes no room in an image.
pub const Table = struct {
    peers: [peers_max]Peer = @splat(.{}),
    uses: u64 = 0,

    pub fn judge(self: *Table, name: Name, digest: Digest) Verdict {
        std.debug.assert(hasEpoch(name.id)); // 0 would find a free place
        const number: u32 = @truncate(name.id);
        const peer = &self.peers[name.peer];
        const epoch = peer.find(epochOf(name.id)) orelse {
            const retired = peer.findRetired(epochOf(name.id)) orelse {
                return if (number == 0) .gone else .run;
            };
            return if (number <= retired.highest) .gone else .run;
        };
        self.touch(epoch);
        const call = epoch.find(number) orelse {
            return if (number <= epoch.forgotten_highest) .gone else .run;
        };
        if (!std.mem.eql(u8, &call.digest, &digest)) return .conflict;
        return switch (call.reply) {
            .failed => .{ .done = null },
            .kept => .{ .done = call.reply_bytes[0..call.reply_len] },
            .too_long => .gone,
        };
    }

    /// The call that `judge` let run has ended with this answer, or null: it failed.
    pub fn finish(self: *Table, name: Name, digest: Digest, reply: ?[]const u8) void {
        std.debug.assert(hasEpoch(name.id));
        const number: u32 = @truncate(name.id);
        const peer = &self.peers[name.peer];
        const epoch = peer.find(epochOf(name.id)) orelse peer.admit(epochOf(name.id));
        self.touch(epoch);
        epoch.highest = @max(epoch.highest, number);
        std.debug.assert(epoch.forgotten_highest <= epoch.highest);
        const call = epoch.place();
        call.number = number;
        call.digest = digest;
        call.reply = .failed;
        const bytes = reply orelse return;
        call.reply = if (bytes.len > reply_bytes_max) .too_long else .kept;
        if (call.reply == .too_long) return;
        call.reply_len = @intCast(bytes.len);
        @memcpy(call.reply_bytes[0..bytes.len], bytes);
    }

    fn touch(self: *Table, epoch: *Epoch) void {
        self.uses += 1;
        epoch.used_at = self.uses;
    }
};

/// True: this call may be a repeated one.
pub fn hasEpoch(id: u64) bool {
    return epochOf(id) != 0;
}

fn epochOf(id: u64) u32 {
    return @intCast(id >> 32);
}

/// The digest of a request: its service and its bytes.
pub fn digestOf(service: u8, request: []const u8) Digest {
    var hash: Hash = .init(.{});
    hash.update(&.{service});
    hash.update(request);
    var digest: Digest = undefined;
    hash.final(&digest);
    return digest;
}

test {
    _ = @import("replay_test.zig");
}
