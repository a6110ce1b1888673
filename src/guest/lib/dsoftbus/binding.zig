//! Identity binding: the one place that decides whether a finished handshake may become a session.

const std = @import("std");
const timing_safe = std.crypto.timing_safe;
const Entry = @import("discovery.zig").Entry;

/// A peer, as the node's configuration names it.
pub const Pin = struct { id: []const u8, key: [32]u8 };

pub const Verdict = enum {
    bound,
    /// The configuration does not know this device id.
    unknown,
    /// There is no live announce of the peer, and absence is not a match.
    not_discovered,
    announced_key,
    pinned_key,
};

/// Device id as claimed, live discovery entry, announced key, pinned key and proven key must all
/// agree.
pub fn check(claimed: []const u8, live: ?*const Entry, pin: ?Pin, proven: [32]u8) Verdict {
    const pinned = pin orelse return .unknown;
    if (!std.mem.eql(u8, pinned.id, claimed)) return .unknown;
    if (!timing_safe.eql([32]u8, pinned.key, proven)) return .pinned_key;
    const entry = live orelse return .not_discovered;
    if (!entry.id.eql(claimed)) return .not_discovered;
    if (!timing_safe.eql([32]u8, entry.key, proven)) return .announced_key;
    return .bound;
}

test "all five must agree: the whole matrix" {
    const Id = @import("id.zig").Id;
    const key: [32]u8 = @splat(1);
    const other: [32]u8 = @splat(2);
    for (0..32) |bits| {
        const claims_right = bits & 1 != 0;
        const is_live = bits & 2 != 0;
        const announced_right = bits & 4 != 0;
        const pinned_right = bits & 8 != 0;
        const proven_right = bits & 16 != 0;
        const entry: Entry = .{
            .id = try Id.from("node-a"),
            .ip = .{ 10, 42, 0, 10 },
            .tcp_port = 1,
            .key = if (announced_right) key else other,
            .configured = true,
            .heard_ns = 0,
        };
        const pin: Pin = .{ .id = "node-a", .key = if (pinned_right) key else @splat(3) };
        const proven: [32]u8 = if (proven_right) key else @splat(4);
        const claimed = if (claims_right) "node-a" else "node-x";
        const verdict = check(claimed, if (is_live) &entry else null, pin, proven);
        try std.testing.expectEqual(bits == 31, verdict == .bound);
    }
    try std.testing.expectEqual(Verdict.unknown, check("node-a", null, null, key));
}

test "each of the five that does not agree has a name of its own" {
    const Id = @import("id.zig").Id;
    const key: [32]u8 = @splat(1);
    var off_by_one = key;
    off_by_one[31] ^= 1;
    const pin: Pin = .{ .id = "node-a", .key = key };
    const right: Entry = .{
        .id = try Id.from("node-a"),
        .ip = .{ 10, 42, 0, 10 },
        .tcp_port = 1,
        .key = key,
        .configured = true,
        .heard_ns = 0,
    };
    var other_id = right;
    other_id.id = try Id.from("node-b");
    var other_key = right;
    other_key.key = off_by_one;
    const expectEqual = std.testing.expectEqual;
    try expectEqual(.bound, check("node-a", &right, pin, key));
    try expectEqual(.unknown, check("node-a", &right, null, key));
    try expectEqual(.unknown, check("node-b", &right, pin, key));
    try expectEqual(.pinned_key, check("node-a", &right, pin, off_by_one));
    try expectEqual(.not_discovered, check("node-a", null, pin, key));
    try expectEqual(.not_discovered, check("node-a", &other_id, pin, key));
    try expectEqual(.announced_key, check("node-a", &other_key, pin, key));
}
