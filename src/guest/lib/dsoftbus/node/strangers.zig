//! Refusals of strangers, that is, of sources that are not admitted peers. The first ones are
//! recorded one by one, the others counted by source and interval. So strangers can displace
//! nothing.
//!
//! Rules of this file
//! 1. A source has few records of its own an interval, and all sources together a few more.
//! 2. A refusal without a record of its own is counted. At the end of the interval each source with
//!    a count has one record, and all sources without a place have one together.

const std = @import("std");
const contract = @import("contract");
const edge = @import("edge.zig");

pub const interval_ns: u64 = 10 * std.time.ns_per_s;
pub const sources_max = 8;
/// Refusals of an interval that have a record each.
pub const own_records_max = 4;
pub const records_max = 8;

pub const Kind = enum { refused, evicted, timeout };
const kinds = std.enums.values(Kind).len;

pub const Source = struct {
    /// Null: all sources that have no place of their own.
    ip: ?[4]u8,
    records: u8 = 0,
    counts: [kinds]u64 = @splat(0),

    pub fn count(self: *const Source, kind: Kind) u64 {
        return self.counts[@intFromEnum(kind)];
    }

    fn hasNews(self: *const Source) bool {
        return !std.mem.allEqual(u64, &self.counts, 0);
    }
};

pub const message_bytes_max = 160;

/// The record of the refusals that were counted in the interval.
pub fn message(out: *[message_bytes_max]u8, source: *const Source) []const u8 {
    var name: [name_bytes_max]u8 = undefined;
    return std.fmt.bufPrint(
        out,
        contract.audit.strangers,
        .{
            nameOf(&name, source.ip),
            source.count(.refused),
            source.count(.evicted),
            source.count(.timeout),
            interval_ns / std.time.ns_per_ms,
        },
    ) catch unreachable; // 4 numbers and an address
}

pub const name_bytes_max = 15;

pub fn nameOf(out: *[name_bytes_max]u8, ip: ?[4]u8) []const u8 {
    const at = ip orelse return "*";
    return std.fmt.bufPrint(out, "{d}.{d}.{d}.{d}", .{ at[0], at[1], at[2], at[3] }) catch
        unreachable; // four bytes
}

pub const Strangers = struct {
    sources: [sources_max]Source = undefined,
    count: usize = 0,
    other: Source = .{ .ip = null },
    records: u8 = 0,
    /// The instant at which the interval ends; `never`: nothing has happened.
    until_ns: u64 = edge.never,

    /// A stranger was refused. True: this may have a record of its own. False: it is counted.
    pub fn note(self: *Strangers, ip: [4]u8, kind: Kind, now_ns: u64) bool {
        self.check();
        if (self.until_ns == edge.never) self.until_ns = now_ns +| interval_ns;
        const source = self.of(ip);
        const is_told = kind == .refused and source.records < own_records_max and
            self.records < records_max;
        if (is_told) {
            source.records += 1;
            self.records += 1;
        } else source.counts[@intFromEnum(kind)] += 1;
        return is_told;
    }

    /// The invariants that hold between any two calls.
    fn check(self: *const Strangers) void {
        std.debug.assert(self.count <= sources_max and self.records <= records_max);
        // Every place belongs to the interval that runs.
        if (self.until_ns != edge.never) return;
        std.debug.assert(self.count == 0 and self.records == 0 and !self.other.hasNews());
    }

    fn of(self: *Strangers, ip: [4]u8) *Source {
        for (self.sources[0..self.count]) |*known| {
            if (std.mem.eql(u8, &known.ip.?, &ip)) return known;
        }
        if (self.count == sources_max) return &self.other;
        self.sources[self.count] = .{ .ip = ip };
        self.count += 1;
        return &self.sources[self.count - 1];
    }

    /// At the end of the interval, a source with a count. Call this until it returns null.
    pub fn next(self: *Strangers, now_ns: u64) ?Source {
        self.check();
        if (now_ns < self.until_ns) return null;
        while (self.count != 0) {
            self.count -= 1;
            if (self.sources[self.count].hasNews()) return self.sources[self.count];
        }
        if (self.other.hasNews()) {
            defer self.other = .{ .ip = null };
            return self.other;
        }
        self.* = .{};
        return null;
    }
};

const expect = std.testing.expect;
const expectEqual = std.testing.expectEqual;

test "the first few of a source have records, the rest is counted and reported once" {
    var strangers: Strangers = .{};
    const ip: [4]u8 = .{ 10, 42, 0, 77 };
    for (0..600) |n| try expectEqual(n < own_records_max, strangers.note(ip, .refused, n));
    try expect(!strangers.note(ip, .evicted, 700));
    try expectEqual(null, strangers.next(interval_ns - 1));
    const told = strangers.next(interval_ns).?;
    var out: [message_bytes_max]u8 = undefined;
    try std.testing.expectEqualStrings(
        "audit strangers source=10.42.0.77 refused=596 evicted=1 timeout=0 ms=10000",
        message(&out, &told),
    );
    try expectEqual(null, strangers.next(interval_ns));
    try expectEqual(edge.never, strangers.until_ns);
    // A new interval, with records of its own.
    try expect(strangers.note(ip, .refused, interval_ns));
}

test "many sources have few records in all, and one sum for those without a place" {
    var strangers: Strangers = .{};
    var records: usize = 0;
    for (0..250) |last| for (0..3) |_| {
        const ip: [4]u8 = .{ 10, 42, 0, @intCast(last) };
        records += @intFromBool(strangers.note(ip, .refused, 0));
    };
    try expectEqual(records_max, records);
    var lines: usize = 0;
    var sum: u64 = 0;
    while (strangers.next(interval_ns)) |source| {
        lines += 1;
        sum += source.count(.refused);
    }
    try expect(lines <= sources_max + 1);
    try expectEqual(750 - records_max, sum);
}

test "each kind alone is something to report, under its own name" {
    for (std.enums.values(Kind)) |kind| {
        var strangers: Strangers = .{};
        const ip: [4]u8 = .{ 10, 42, 0, 7 };
        const records: usize = if (kind == .refused) own_records_max else 0;
        for (0..records) |_| try expect(strangers.note(ip, kind, 5));
        // A source whose refusals all had records has no count to report.
        if (records != 0) {
            try expectEqual(null, strangers.next(5 + interval_ns));
            for (0..records) |_| try expect(strangers.note(ip, kind, 5));
        }
        try expect(!strangers.note(ip, kind, 5));
        try expectEqual(5 + interval_ns, strangers.until_ns);
        const found = strangers.next(5 + interval_ns).?;
        try expectEqual(ip, found.ip.?);
        for (std.enums.values(Kind)) |each| {
            try expectEqual(@intFromBool(each == kind), found.count(each));
        }
        try expectEqual(null, strangers.next(5 + interval_ns));
        try expectEqual(0, strangers.records);
    }
}

test "as many sources as there are places, one more, and whose count is whose" {
    var strangers: Strangers = .{};
    for (0..sources_max + 2) |last| for (0..last + 1) |_| {
        try expect(!strangers.note(.{ 10, 42, 0, @intCast(last) }, .timeout, 0));
    };
    try expectEqual(sources_max, strangers.count);
    var seen: usize = 0;
    while (strangers.next(interval_ns)) |source| : (seen += 1) {
        const wanted: u64 = if (source.ip) |ip| ip[3] + 1 else 2 * sources_max + 3;
        try expectEqual(wanted, source.count(.timeout));
        try expectEqual(seen == sources_max, source.ip == null);
    }
    try expectEqual(sources_max + 1, seen);
    // A source without a place has records too, while there are any.
    for (0..sources_max) |last| _ = strangers.note(.{ 10, 42, 0, @intCast(last) }, .timeout, 0);
    for (0..own_records_max) |_| try expect(strangers.note(.{ 9, 9, 9, 9 }, .refused, 0));
    try expect(!strangers.note(.{ 9, 9, 9, 8 }, .refused, 0));
}
