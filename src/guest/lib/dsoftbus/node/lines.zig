//! The lines of a node: its connections, the peer of each, and which one must make room.
//!
//! Rules of this file
//! 1. Each peer that is dialled and each session that stands has a place, which no stranger can
//!    take.
//! 2. Accepted connections without a session have places of their own. When all are taken, the
//!    source that has most of them loses its oldest one. A source that the configuration names is
//!    chosen last.

const std = @import("std");
const edge = @import("edge.zig");
const config = @import("../config.zig");
const twins = @import("../twins.zig");
const Session = @import("../session.zig").Session;

pub const half_open_max = 8;
/// Each peer has two: a session may become ready while its peer, which has one, is being dialled.
pub const lines_max = 2 * config.peers_max + half_open_max;

pub const Line = struct {
    state: enum { free, connecting, open } = .free,
    socket: edge.Socket = 0,
    /// The address at its other end.
    address: edge.Address = .{ .ip = @splat(0), .port = 0 },
    session: Session = undefined,
    /// The peer that was dialled.
    dialled: ?u8 = null,
    /// The peer whose identity is bound to the session; set as long as the session is ready.
    bound: ?u8 = null,
    /// The number that tells sessions apart, over the life of the process.
    serial: u32 = 0,
    opened_ns: u64 = 0,
    ready_ns: u64 = 0,
    /// The next bytes have been asked for.
    is_awaiting: bool = false,
    /// The instant at which they are to be asked for.
    await_ns: u64 = edge.never,
    /// The last turn ended before everything that had arrived was dealt with.
    busy: bool = false,
    /// The writes that it may still make in this turn, and whether it would make more.
    writes_left: u8 = 0,
    is_unsent: bool = false,

    /// The invariants that hold between any two calls.
    pub fn check(self: *const Line) void {
        switch (self.state) {
            .free => std.debug.assert(self.dialled == null and self.bound == null),
            // Before the session is ready, the node does not know the peer.
            .connecting => std.debug.assert(self.dialled != null and self.bound == null),
            .open => if (self.bound) |peer| {
                std.debug.assert(peer == self.dialled orelse peer);
            },
        }
    }

    pub fn isReady(self: *const Line) bool {
        return self.state == .open and self.bound != null;
    }

    /// An accepted connection whose peer has not proven its identity yet.
    pub fn isHalfOpen(self: *const Line) bool {
        return self.state == .open and self.bound == null and self.dialled == null;
    }

    pub fn twin(self: *const Line) twins.Session {
        return .{ .is_ours = self.dialled != null, .ready_ns = self.ready_ns };
    }

    /// The epoch of the session, which a handle of a remote file carries.
    pub fn epoch(self: *const Line) u8 {
        return @truncate(self.serial);
    }
};

pub const Lines = struct {
    all: [lines_max]Line = @splat(.{}),
    next_serial: u32 = 0,
    /// Places beyond are free.
    top: usize = 0,

    pub fn used(self: *Lines) []Line {
        while (self.top != 0 and self.all[self.top - 1].state == .free) self.top -= 1;
        return self.all[0..self.top];
    }

    /// A free place. There is always one, as long as rule 2 is kept.
    pub fn free(self: *Lines) ?*Line {
        for (&self.all, 1..) |*line, end| {
            if (line.state != .free) continue;
            self.top = @max(self.top, end);
            line.check();
            return line;
        }
        return null;
    }

    pub fn ofSocket(self: *Lines, socket: edge.Socket) ?*Line {
        for (self.all[0..self.top]) |*line| {
            if (line.state != .free and line.socket == socket) return line;
        }
        return null;
    }

    pub fn ofSerial(self: *Lines, serial: u32) ?*Line {
        for (self.all[0..self.top]) |*line| {
            if (line.state != .free and line.serial == serial) return line;
        }
        return null;
    }

    pub fn readyFor(self: *Lines, peer: u8) ?*Line {
        for (self.all[0..self.top]) |*line| if (line.isReady() and line.bound == peer) return line;
        return null;
    }

    pub fn hasPeer(self: *const Lines, peer: u8) bool {
        for (self.all[0..self.top]) |*line| {
            if (line.state != .free and (line.dialled == peer or line.bound == peer)) return true;
        }
        return false;
    }

    /// The line that an accepted connection displaces; null: there is room for it.
    pub fn victim(self: *Lines, known: []const config.Peer) ?*Line {
        var count: usize = 0;
        var worst: ?*Line = null;
        for (self.all[0..self.top]) |*line| {
            if (!line.isHalfOpen()) continue;
            count += 1;
            if (worst == null or self.isWorse(line, worst.?, known)) worst = line;
        }
        return if (count < half_open_max) null else worst;
    }

    fn isWorse(
        self: *const Lines,
        one: *const Line,
        other: *const Line,
        known: []const config.Peer,
    ) bool {
        const one_known = isKnown(known, one.address.ip);
        if (one_known != isKnown(known, other.address.ip)) return !one_known;
        const one_count = self.countOf(one.address.ip);
        const other_count = self.countOf(other.address.ip);
        if (one_count != other_count) return one_count > other_count;
        return one.opened_ns < other.opened_ns;
    }

    fn countOf(self: *const Lines, ip: [4]u8) usize {
        var half_open: usize = 0;
        for (self.all[0..self.top]) |*line| {
            if (line.isHalfOpen() and std.mem.eql(u8, &line.address.ip, &ip)) half_open += 1;
        }
        return half_open;
    }
};

fn isKnown(known: []const config.Peer, ip: [4]u8) bool {
    for (known) |*peer| if (std.mem.eql(u8, &peer.ip, &ip)) return true;
    return false;
}

const testing = std.testing;

fn accepted(lines: *Lines, last: u8, opened_ns: u64) *Line {
    const line = lines.free().?;
    line.state = .open;
    line.address = .{ .ip = .{ 10, 42, 0, last }, .port = 0 };
    line.opened_ns = opened_ns;
    return line;
}

test "the oldest line of the peer with the most makes room, and the peer configured last" {
    const lines = try testing.allocator.create(Lines);
    defer testing.allocator.destroy(lines);
    var peer: config.Peer = undefined;
    peer.ip = .{ 10, 42, 0, 1 };
    const known: []const config.Peer = (&peer)[0..1];
    lines.* = .{};
    _ = accepted(lines, 1, 0);
    _ = accepted(lines, 1, 1);
    _ = accepted(lines, 1, 2);
    _ = accepted(lines, 7, 3);
    const crowd = accepted(lines, 8, 4);
    _ = accepted(lines, 8, 5);
    _ = accepted(lines, 9, 6);
    try testing.expectEqual(null, lines.victim(known));
    _ = accepted(lines, 10, 7);
    try testing.expectEqual(crowd, lines.victim(known).?);
    // Each source has one, so the oldest goes.
    crowd.address.ip[3] = 11;
    try testing.expectEqual(@as(u64, 3), lines.victim(known).?.opened_ns);
    // Sessions and dialled connections do not count among them.
    crowd.bound = 0;
    try testing.expectEqual(null, lines.victim(known));
    crowd.bound = null;
    crowd.dialled = 0;
    try testing.expectEqual(null, lines.victim(known));
}
