//! The node's configuration: its identity, the peers that it knows, and their rights. Each bound at
//! one less, exactly and one more; each field that an identity needs, missing by itself.

const std = @import("std");
const testing = std.testing;
const audit = @import("audit.zig");
const config_file = @import("config.zig");
const denials = @import("node/denials.zig");
const gateway = @import("gateway.zig");
const Config = config_file.Config;

const Record = struct { u16, []const u8 };

const Records = struct {
    left: []const Record,

    pub fn next(self: *Records) config_file.Error!?struct { tag: u16, value: []const u8 } {
        if (self.left.len == 0) return null;
        defer self.left = self.left[1..];
        return .{ .tag = self.left[0][0], .value = self.left[0][1] };
    }
};

const identity = [_]Record{ .{ 1, "node-a" }, .{ 2, "s" ** 32 }, .{ 3, "\x07\x87" } };

/// An identity and further records.
fn parse(config: *Config, further: []const Record) !void {
    var all: [160]Record = undefined;
    @memcpy(all[0..3], &identity);
    @memcpy(all[3..][0..further.len], further);
    try parseAll(config, all[0 .. 3 + further.len]);
}

fn parseAll(config: *Config, all: []const Record) !void {
    config.* = .{};
    const records: Records = .{ .left = all };
    try config_file.parse(config, records, records);
}

fn expectRefused(further: []const Record) !void {
    var config: Config = undefined;
    try testing.expectError(error.Malformed, parse(&config, further));
}

/// A peer whose key and name no other peer has.
const Peer = struct {
    value: [39 + 6]u8,

    fn of(number: u8) Peer {
        const like = "\x01\x0a\x2a\x00\x0b\x08\x87" ++ "k" ** 32 ++ "node-?";
        var self: Peer = .{ .value = like.* };
        self.value[7] = number + 1;
        self.value[44] = 'b' + number;
        return self;
    }
};

test "as many peers as there is room for, each with its index, its address and its key" {
    var peers: [9]Peer = undefined;
    var records: [9]Record = undefined;
    for (&peers, &records, 0..) |*peer, *record, i| {
        peer.* = .of(@intCast(i));
        peer.value[0] = @intCast(i % 2);
        record.* = .{ 5, &peer.value };
    }
    var config: Config = undefined;
    for ([_]usize{ 0, 1, 7, 8 }) |count| {
        try parse(&config, records[0..count]);
        try testing.expectEqual(count, config.peers().len);
        for (config.peers(), 0..) |*peer, i| {
            try testing.expectEqual(i, config.peerIndex(peers[i].value[39..]).?);
            try testing.expectEqualSlices(u8, peers[i].value[7..39], &peer.key);
            try testing.expectEqual(i % 2 == 1, peer.dial);
            try testing.expectEqual([4]u8{ 10, 42, 0, 11 }, peer.address().ip);
            try testing.expectEqual(34568, peer.address().port);
        }
        try testing.expectEqual(null, config.peerIndex("node-z"));
        try testing.expectEqual(null, config.peerIndex(""));
    }
    try expectRefused(&records);
}

test "a key is one peer's, and a key of zeros is not a key" {
    const first: Peer = .of(0);
    var second: Peer = .of(1);
    @memcpy(second.value[7..39], first.value[7..39]);
    try expectRefused(&.{ .{ 5, &first.value }, .{ 5, &second.value } });
    second.value[38] ^= 1; // the last byte alone is another
    var config: Config = undefined;
    try parse(&config, &.{ .{ 5, &first.value }, .{ 5, &second.value } });
    @memset(second.value[7..39], 0);
    try expectRefused(&.{.{ 5, &second.value }});
    second.value[38] = 1;
    try parse(&config, &.{.{ 5, &second.value }});
    // The shortest name has one byte, and each name is one peer's.
    try expectRefused(&.{.{ 5, first.value[0..39] }});
    try parse(&config, &.{.{ 5, first.value[0..40] }});
    var again: Peer = .of(2);
    @memcpy(again.value[39..], first.value[39..]);
    try expectRefused(&.{ .{ 5, &first.value }, .{ 5, &again.value } });
}

test "a node with peers has a name, a key and a port" {
    const peer: Peer = .of(0);
    var config: Config = undefined;
    for (0..identity.len) |missing| {
        var some: [3]Record = identity;
        some[missing] = .{ 5, &peer.value };
        try testing.expectError(error.Malformed, parseAll(&config, &some));
        some[missing] = .{ 4, "samgrd" };
        try parseAll(&config, &some); // without peers it needs nothing
    }
    for ([_]Record{ .{ 2, "\x00" ** 32 }, .{ 3, "\x00\x00" } }) |empty| {
        try expectRefused(&.{ .{ 5, &peer.value }, empty });
    }
    try parse(&config, &.{ .{ 5, &peer.value }, .{ 2, "\x00" ** 31 ++ "\x01" } });
    try testing.expectEqual(1, config.secret[31]);
}

test "rules: as many as there is room for, of peers that come before or behind them" {
    const first: Peer = .of(0);
    const second: Peer = .of(1);
    var records: [67]Record = @splat(.{ 6, "\x04\x02node-c" });
    records[0] = .{ 6, "\x01\x06node-b" };
    records[1] = .{ 5, &first.value };
    records[2] = .{ 5, &second.value };
    var config: Config = undefined;
    for ([_]usize{ 65, 66 }) |count| {
        try parse(&config, records[0..count]);
        try testing.expectEqual(count - 2, config.rules().len);
        const before: gateway.Rule = .{ .peer = 0, .service = 1, .opcode = 6 };
        try testing.expectEqual(before, config.rules()[0]);
        const behind: gateway.Rule = .{ .peer = 1, .service = 4, .opcode = 2 };
        for (config.rules()[1..]) |rule| try testing.expectEqual(behind, rule);
    }
    try expectRefused(&records);
    try expectRefused(&.{ .{ 5, first.value[0..40] }, .{ 6, "\x01\x06" } });
    try parse(&config, &.{ .{ 5, first.value[0..40] }, .{ 6, "\x01\x06n" } });
}

test "names that are announced: how many, how long, and as they are" {
    const longest = "n" ** 64;
    var records: [17]Record = @splat(.{ 4, longest });
    records[0] = .{ 4, "x" };
    var config: Config = undefined;
    try testing.expectEqual(16, config.names.len);
    try parse(&config, records[0..16]);
    try testing.expectEqual(16, config.name_count);
    for (records[0..16], config.names) |record, name| {
        try testing.expectEqualStrings(record[1], name.bytes[0..name.len]);
    }
    try expectRefused(&records);
    try expectRefused(&.{.{ 4, "" }});
    try expectRefused(&.{.{ 4, longest ++ "n" }});
}

test "what is not said is as the specification has it, and what is said is taken" {
    var config: Config = undefined;
    try parseAll(&config, &.{});
    try testing.expectEqual(0, config.id.len);
    try testing.expectEqual(0, config.listen_port);
    try testing.expectEqual(0, config.name_count);
    try testing.expectEqual(0, config.rules().len);
    try testing.expect(std.mem.allEqual(u8, &config.secret, 0));
    try testing.expectEqual(0, config.limit.burst);
    try testing.expectEqual(0, config.limit.per_second);
    try testing.expectEqual(250_000_000, config.announce_ns);
    try testing.expectEqual(1_500_000_000, config.ttl_ns);
    try testing.expectEqual(.frames, config.rpc);
    try parse(&config, &.{
        .{ 7, "\x01\x02\x03\x04" }, .{ 8, "\x01\x00\x00\x00" }, .{ 9, "\xff\xff\xff\xff" },
        .{ 10, "\x00" },            .{ 11, "\x02" },
    });
    try testing.expectEqual(0x0201, config.limit.burst);
    try testing.expectEqual(0x0403, config.limit.per_second);
    try testing.expectEqual(1_000_000, config.announce_ns);
    try testing.expectEqual(0xFFFF_FFFF * 1_000_000, config.ttl_ns);
    try testing.expectEqual(.auto, config.rpc);
    try testing.expectEqual(false, config.is_proving);
}

test "a record that is too short, too long or out of its range is refused, whichever it is" {
    for ([_]Record{
        .{ 0, "" },          .{ 12, "" },
        .{ 1, "n" ** 65 },   .{ 2, "s" ** 31 },
        .{ 2, "s" ** 33 },   .{ 3, "\x07\x87\x00" },
        .{ 7, "\x01" ** 3 }, .{ 7, "\x01" ** 5 },
        .{ 8, "\x01" ** 5 }, .{ 9, "\x00" ** 4 },
        .{ 10, "" },         .{ 10, "\x02" },
        .{ 11, "" },         .{ 11, "\x03" },
        .{ 6, "\x01\x06n" },
    }) |record| try expectRefused(&.{record});
}

test "a call that was answered is information, everything else a warning" {
    for (std.enums.values(audit.Outcome)) |outcome| {
        const want = if (outcome == .ok) audit.info else audit.warn;
        try testing.expectEqual(want, audit.level(outcome));
    }
    try testing.expectEqual(160, audit.bytes_max);
    for (std.enums.values(gateway.Reason)) |reason| {
        const name = @tagName(audit.denied(reason));
        try testing.expectEqualStrings("denied-", name[0..7]);
        try testing.expectEqualStrings(@tagName(reason), name[7..]);
    }
}

test "sixteen denials of ten seconds have a record each" {
    var some: denials.Denials = .{};
    const begin = 5;
    const end = begin + 10 * std.time.ns_per_s;
    for (0..16) |_| try testing.expect(some.note(begin));
    try testing.expectEqual(null, some.take(end - 1));
    for (0..2) |_| try testing.expect(!some.note(end - 1));
    try testing.expectEqual(null, some.take(end - 1));
    try testing.expectEqual(2, some.take(end).?);
    // A second interval begins with its own first denial.
    try testing.expectEqual(null, some.take(2 * end));
    for (0..17) |i| try testing.expectEqual(i < 16, some.note(3 * end));
    try testing.expectEqual(null, some.take(3 * end + 10 * std.time.ns_per_s - 1));
    try testing.expectEqual(1, some.take(3 * end + 10 * std.time.ns_per_s).?);
}
