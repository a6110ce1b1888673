//! The addresses at which a peer may be reached. An address is a hint, a key is an identity
//! (docs/spec/session.md, *Candidates*).
//!
//! Rules of this file
//! 1. The configured address is always a candidate; announces add others, up to a bound.
//! 2. An address at which the peer's key was proven is tried like the configured one. Of three
//!    attempts in a row without a session, the first two go to such addresses and the third to an
//!    unproven one. So a sender that announces in a peer's name takes a third of our attempts at
//!    most, however often it announces.
//! 3. If there is no room, the unproven candidate that was heard longest ago makes room.

const std = @import("std");
const Address = @import("node/edge.zig").Address;

pub const candidates_max = 4;
/// One attempt in so many goes to an unproven address.
const unproven_turn = 3;

pub const Candidate = struct {
    address: Address,
    /// The peer's static key was proven here, and the last attempt did not disprove it.
    is_proven: bool = false,
    heard_ns: u64 = 0,
    /// Number of the last attempt; 0: there was none.
    tried_at: u64 = 0,
};

pub const Candidates = struct {
    /// The first one is the configured one.
    list: [candidates_max]Candidate = undefined,
    count: usize = 0,
    /// Attempts since a session stood, and in all.
    in_a_row: u64 = 0,
    attempts: u64 = 0,

    pub fn init(configured: Address) Candidates {
        var self: Candidates = .{ .count = 1 };
        self.list[0] = .{ .address = configured, .is_proven = true };
        return self;
    }

    /// The invariants that hold between any two calls.
    fn check(self: *const Candidates) void {
        std.debug.assert(self.count >= 1 and self.count <= candidates_max);
        // A peer can neither move the configured address nor speak against it.
        std.debug.assert(self.list[0].is_proven);
        std.debug.assert(self.in_a_row <= self.attempts);
    }

    /// An announce with the peer's id and key came from here.
    pub fn hear(self: *Candidates, address: Address, now_ns: u64) void {
        if (self.find(address)) |known| {
            known.heard_ns = now_ns;
            return;
        }
        const place = if (self.count < candidates_max) blk: {
            self.count += 1;
            break :blk &self.list[self.count - 1];
        } else self.victim() orelse return;
        place.* = .{ .address = address, .heard_ns = now_ns };
        self.check();
    }

    /// The next address to dial.
    pub fn next(self: *Candidates) Candidate {
        self.check();
        self.in_a_row += 1;
        self.attempts += 1;
        const is_their_turn = self.in_a_row % unproven_turn == 0;
        const chosen = self.longestAgo(!is_their_turn) orelse self.longestAgo(is_their_turn).?;
        defer chosen.tried_at = self.attempts;
        return chosen.*;
    }

    /// A session with the peer stands that was dialled at this address.
    pub fn succeeded(self: *Candidates, address: Address) void {
        self.in_a_row = 0;
        if (self.find(address)) |known| known.is_proven = true;
    }

    /// An attempt at this address came to nothing.
    pub fn failed(self: *Candidates, address: Address) void {
        const known = self.find(address) orelse return;
        if (known != &self.list[0]) known.is_proven = false;
        self.check();
    }

    fn find(self: *Candidates, address: Address) ?*Candidate {
        for (self.list[0..self.count]) |*known| if (known.address.eql(address)) return known;
        return null;
    }

    fn longestAgo(self: *Candidates, is_proven: bool) ?*Candidate {
        var best: ?*Candidate = null;
        for (self.list[0..self.count]) |*known| {
            if (known.is_proven != is_proven) continue;
            if (best == null or known.tried_at < best.?.tried_at) best = known;
        }
        return best;
    }

    fn victim(self: *Candidates) ?*Candidate {
        var oldest: ?*Candidate = null;
        for (self.list[1..self.count]) |*known| {
            if (known.is_proven) continue;
            if (oldest == null or known.heard_ns < oldest.?.heard_ns) oldest = known;
        }
        return oldest;
    }
};

const expectEqual = std.testing.expectEqual;

fn at(last: u8) Address {
    return .{ .ip = .{ 10, 42, 0, last }, .port = 1 };
}

test "a spoofer at any rate gets every third attempt, and the configured address the others" {
    var candidates: Candidates = .init(at(1));
    for (0..1000) |n| candidates.hear(at(66), n);
    for ([_]u8{ 1, 1, 66, 1, 1, 66, 1 }) |last| {
        for (0..100) |n| candidates.hear(at(66), 1000 + n);
        const dialled = candidates.next();
        try expectEqual(at(last), dialled.address);
        try expectEqual(last == 1, dialled.is_proven);
        candidates.failed(dialled.address);
    }
}

test "many spoofers push out neither the configured address nor a proven one" {
    var candidates: Candidates = .init(at(1));
    candidates.hear(at(2), 0);
    candidates.succeeded(at(2));
    for (3..250) |last| candidates.hear(at(@intCast(last)), last);
    try expectEqual(candidates_max, candidates.count);
    try expectEqual(at(1), candidates.list[0].address);
    try expectEqual(at(2), candidates.list[1].address);
    // The candidates that were heard last are still there.
    for (candidates.list[2..]) |known| try std.testing.expect(known.address.ip[3] >= 248);
}

test "an address that was proven and is left is tried last again; the configured one never is" {
    var candidates: Candidates = .init(at(1));
    candidates.hear(at(2), 0);
    candidates.succeeded(at(2));
    try expectEqual(at(1), candidates.next().address);
    try expectEqual(at(2), candidates.next().address);
    candidates.failed(at(2));
    candidates.failed(at(1));
    candidates.succeeded(at(1));
    for ([_]u8{ 1, 1, 2 }) |last| try expectEqual(at(last), candidates.next().address);
    // A session begins the count anew.
    candidates.succeeded(at(1));
    for ([_]u8{ 1, 1, 2 }) |last| try expectEqual(at(last), candidates.next().address);
}

test "a peer that has moved is found at the third attempt" {
    var candidates: Candidates = .init(at(1));
    candidates.hear(at(9), 0);
    _ = candidates.next();
    _ = candidates.next();
    try expectEqual(at(9), candidates.next().address);
    candidates.succeeded(at(9));
    // From then on its place is as good as the configured one.
    try expectEqual(at(1), candidates.next().address);
    try expectEqual(at(9), candidates.next().address);
}
