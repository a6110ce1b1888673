//! The choice between two sessions with one peer, as a node holds one (docs/spec/session.md).
//!
//! As a rule the newest stays, since the other end of the old one may be long gone. But two nodes
//! that dial each other at once have two sessions that are both alive. If each end took the other
//! one for the newest, neither session would stay, again and again.

const std = @import("std");

/// Sessions dialled at once become ready within some round trips of each other.
pub const window_ns: u64 = std.time.ns_per_s;

pub const Session = struct { is_ours: bool, ready_ns: u64 };

/// True: the session that has just become ready stays, and the older one goes.
pub fn newerStays(own: []const u8, peer: []const u8, older: Session, newer: Session) bool {
    const is_crossed = older.is_ours != newer.is_ours and
        newer.ready_ns -| older.ready_ns < window_ns;
    if (!is_crossed) return true;
    const is_own_less = std.mem.order(u8, own, peer) == .lt;
    return newer.is_ours == is_own_less;
}

test "the newest stays, unless both sides dialled at once" {
    for ([_]bool{ false, true }) |is_ours| {
        const one: Session = .{ .is_ours = is_ours, .ready_ns = 5 };
        for ([_]u64{ 5, 6, window_ns + 5 }) |now_ns| {
            const again: Session = .{ .is_ours = is_ours, .ready_ns = now_ns };
            try std.testing.expect(newerStays("a", "b", one, again));
            try std.testing.expect(newerStays("b", "a", one, again));
        }
        const late: Session = .{ .is_ours = !is_ours, .ready_ns = window_ns + 5 };
        try std.testing.expect(newerStays("a", "b", one, late));
    }
}

test "of two that were dialled at once both ends keep the same, in whichever order they see them" {
    const names = [_][2][]const u8{ .{ "a", "b" }, .{ "node-a", "node-b" }, .{ "a", "aa" } };
    const either = [_]usize{ 0, 1 };
    for (names) |pair| for (either) |first_of_low| for (either) |first_of_high| {
        // Session i was dialled by pair[i]; an end keeps session 0 exactly if it was not replaced.
        const low = keeps(pair[0], pair[1], 0, first_of_low);
        const high = keeps(pair[1], pair[0], 1, first_of_high);
        try std.testing.expectEqual(@as(usize, 0), low);
        try std.testing.expectEqual(@as(usize, 0), high);
    };
}

/// The session that an end keeps, which dialled session `dialled` and saw session `first` first.
fn keeps(own: []const u8, peer: []const u8, dialled: usize, first: usize) usize {
    const older: Session = .{ .is_ours = first == dialled, .ready_ns = 7 };
    const newer: Session = .{ .is_ours = first != dialled, .ready_ns = 7 + window_ns - 1 };
    return if (newerStays(own, peer, older, newer)) 1 - first else first;
}
