//! The table of peers that were heard lately.
//!
//! Rules of this file:
//! 1. At most 16 entries; a new one displaces the least recently heard, a stranger before a
//!    configured peer.
//! 2. An entry that was not refreshed within the TTL counts as absent.
//! 3. A peer's address is the one that its datagram came from, never one that a packet names.

const std = @import("std");
const contract = @import("contract");
const Id = @import("id.zig").Id;
const Announce = @import("announce.zig").Announce;

/// The original's capacity. Configured peers (at most 8) always fit.
pub const entries_max = contract.announce.peers_heard_max;

pub const Entry = struct {
    id: Id,
    ip: [4]u8,
    tcp_port: u16,
    key: [32]u8,
    configured: bool,
    heard_ns: u64,
};

pub const Table = struct {
    ttl_ns: u64,
    entries: [entries_max]Entry = undefined,
    count: usize = 0,

    /// The invariants that hold between any two calls.
    fn check(self: *const Table) void {
        std.debug.assert(self.count <= entries_max);
        for (self.entries[0..self.count]) |*entry| std.debug.assert(entry.id.len != 0);
    }

    /// Enter or refresh a peer. True: the peer was not known, or not any longer.
    pub fn hear(
        self: *Table,
        packet: *const Announce,
        ip: [4]u8,
        configured: bool,
        now_ns: u64,
    ) error{Invalid}!bool {
        const entry: Entry = .{
            .id = try Id.from(packet.device_id),
            .ip = ip,
            .tcp_port = packet.tcp_port,
            .key = packet.key,
            .configured = configured,
            .heard_ns = now_ns,
        };
        self.expire(now_ns);
        for (self.entries[0..self.count]) |*known| {
            if (!known.id.eql(packet.device_id)) continue;
            known.* = entry;
            return false;
        }
        if (self.count < entries_max) {
            self.entries[self.count] = entry;
            self.count += 1;
        } else {
            const place = self.victim();
            // Configured peers are fewer than there is room for.
            std.debug.assert(configured or !self.entries[place].configured);
            self.entries[place] = entry;
        }
        self.check();
        return true;
    }

    /// The live entry of a peer, if there is one.
    pub fn find(self: *const Table, id: []const u8, now_ns: u64) ?*const Entry {
        for (self.entries[0..self.count]) |*entry| {
            if (entry.id.eql(id)) return if (self.isLive(entry, now_ns)) entry else null;
        }
        return null;
    }

    pub fn expire(self: *Table, now_ns: u64) void {
        var index: usize = 0;
        while (index < self.count) {
            if (self.isLive(&self.entries[index], now_ns)) {
                index += 1;
                continue;
            }
            self.count -= 1;
            self.entries[index] = self.entries[self.count];
        }
        self.check();
    }

    fn isLive(self: *const Table, entry: *const Entry, now_ns: u64) bool {
        return now_ns -| entry.heard_ns < self.ttl_ns;
    }

    /// A flood of invented ids must not push out a peer that the configuration names.
    fn victim(self: *const Table) usize {
        var best: usize = 0;
        for (self.entries[0..self.count], 0..) |*entry, index| {
            const old = &self.entries[best];
            const weaker = old.configured and !entry.configured;
            const older = old.configured == entry.configured and entry.heard_ns < old.heard_ns;
            if (weaker or older) best = index;
        }
        return best;
    }
};

fn heard(table: *Table, id: []const u8, configured: bool, now_ns: u64) !bool {
    const packet: Announce = .{ .device_id = id, .tcp_port = 1, .key = @splat(1) };
    return table.hear(&packet, .{ 10, 42, 0, 10 }, configured, now_ns);
}

test "an entry is learned once, refreshed, and dies at the TTL" {
    var table: Table = .{ .ttl_ns = 100 };
    try std.testing.expect(try heard(&table, "node-b", true, 0));
    try std.testing.expect(!try heard(&table, "node-b", true, 50));
    try std.testing.expect(table.find("node-b", 149) != null);
    try std.testing.expect(table.find("node-b", 150) == null);
    try std.testing.expect(try heard(&table, "node-b", true, 150));
    try std.testing.expectEqual(@as(usize, 1), table.count);
}

test "the address is the newest datagram's source" {
    var table: Table = .{ .ttl_ns = 100 };
    _ = try heard(&table, "node-b", true, 0);
    const packet: Announce = .{ .device_id = "node-b", .tcp_port = 9, .key = @splat(1) };
    _ = try table.hear(&packet, .{ 10, 42, 0, 11 }, true, 1);
    const entry = table.find("node-b", 2).?;
    try std.testing.expectEqual([4]u8{ 10, 42, 0, 11 }, entry.ip);
    try std.testing.expectEqual(@as(u16, 9), entry.tcp_port);
}

test "a full table drops the least recently heard stranger and keeps the configured peer" {
    var table: Table = .{ .ttl_ns = 1_000_000 };
    _ = try heard(&table, "node-a", true, 0);
    for (0..40) |index| {
        var name: [8]u8 = undefined;
        _ = try heard(&table, try std.fmt.bufPrint(&name, "x{d}", .{index}), false, 1 + index);
    }
    try std.testing.expectEqual(@as(usize, entries_max), table.count);
    try std.testing.expect(table.find("node-a", 50) != null);
    try std.testing.expect(table.find("x24", 50) == null);
    for (25..40) |index| {
        var name: [8]u8 = undefined;
        try std.testing.expect(
            table.find(try std.fmt.bufPrint(&name, "x{d}", .{index}), 50) != null,
        );
    }
}
