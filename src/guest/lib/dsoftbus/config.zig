//! dsoftbusd's section of the node configuration (docs/spec/node-config.md). The parser refuses an
//! unknown or malformed record: a node that cannot read its policy must not run with half of it.

const std = @import("std");
const contract = @import("contract");
const announce = @import("announce.zig");
const gateway = @import("gateway.zig");
const rate = @import("rate.zig");
const Address = @import("node/edge.zig").Address;
const Id = @import("id.zig").Id;

const Tag = contract.node.BusTag;
const Rpc = contract.rpc.Mode;

pub const peers_max = contract.bus.peers_max;
pub const rules_max = contract.bus.rules_max;

pub const Peer = struct {
    id: Id,
    ip: [4]u8,
    tcp_port: u16,
    key: [32]u8,
    dial: bool,

    pub fn address(self: *const Peer) Address {
        return .{ .ip = self.ip, .port = self.tcp_port };
    }
};

pub const Name = struct { bytes: [64]u8, len: u8 };

pub const Config = struct {
    id: Id = .{},
    secret: [32]u8 = @splat(0),
    listen_port: u16 = 0,
    names: [announce.services_max]Name = undefined,
    name_count: usize = 0,
    peer_list: [peers_max]Peer = undefined,
    peer_count: usize = 0,
    rule_list: [rules_max]gateway.Rule = undefined,
    rule_count: usize = 0,
    limit: rate.Limit = .{ .burst = 0, .per_second = 0 },
    announce_ns: u64 = 250 * std.time.ns_per_ms,
    ttl_ns: u64 = 1500 * std.time.ns_per_ms,
    /// Each session proves that its streams work before it is used; the selftest asks for that.
    is_proving: bool = false,
    /// The encodings in which it calls its peers, and may be called.
    rpc: Rpc = .frames,

    pub fn peers(self: *const Config) []const Peer {
        return self.peer_list[0..self.peer_count];
    }

    pub fn rules(self: *const Config) []const gateway.Rule {
        return self.rule_list[0..self.rule_count];
    }

    pub fn peerIndex(self: *const Config, id: []const u8) ?u8 {
        for (self.peers(), 0..) |*peer, index| if (peer.id.eql(id)) return @intCast(index);
        return null;
    }
};

pub const Error = error{Malformed};

/// `first` and `second` iterate over the same records (`next() !?{tag, value}`): a rule may name a
/// peer that comes later.
pub fn parse(config: *Config, first: anytype, second: anytype) Error!void {
    var records = first;
    while (try records.next()) |record| {
        if (record.tag != @intFromEnum(Tag.allow)) try apply(config, record.tag, record.value);
    }
    records = second;
    while (try records.next()) |record| {
        if (record.tag == @intFromEnum(Tag.allow)) try addRule(config, record.value);
    }
    // Without peers the rest does not matter (single mode); with peers an identity is needed.
    const identified = config.id.len != 0 and config.listen_port != 0 and
        !std.mem.allEqual(u8, &config.secret, 0);
    if (config.peer_count != 0 and !identified) return error.Malformed;
}

fn apply(config: *Config, tag: u16, value: []const u8) Error!void {
    switch (tag) {
        @intFromEnum(Tag.device_id) => config.id = Id.from(value) catch return error.Malformed,
        @intFromEnum(Tag.static_secret) => config.secret = (try exactly(32, value)).*,
        @intFromEnum(Tag.listen_port) => {
            config.listen_port = std.mem.readInt(u16, try exactly(2, value), .little);
        },
        @intFromEnum(Tag.announced) => try addName(config, value),
        @intFromEnum(Tag.peer) => try addPeer(config, value),
        @intFromEnum(Tag.rate) => {
            const bytes = try exactly(4, value);
            config.limit = .{
                .burst = std.mem.readInt(u16, bytes[0..2], .little),
                .per_second = std.mem.readInt(u16, bytes[2..4], .little),
            };
        },
        @intFromEnum(Tag.announce_interval) => config.announce_ns = try milliseconds(value),
        @intFromEnum(Tag.peer_ttl) => config.ttl_ns = try milliseconds(value),
        @intFromEnum(Tag.streams) => {
            if ((try exactly(1, value))[0] > 1) return error.Malformed;
            config.is_proving = value[0] == 1;
        },
        @intFromEnum(Tag.rpc) => {
            const number = (try exactly(1, value))[0];
            config.rpc = std.enums.fromInt(Rpc, number) orelse return error.Malformed;
        },
        else => return error.Malformed,
    }
}

fn addName(config: *Config, value: []const u8) Error!void {
    if (config.name_count == config.names.len) return error.Malformed;
    if (value.len == 0 or value.len > contract.announce.name_bytes_max) return error.Malformed;
    var name: Name = .{ .bytes = undefined, .len = @intCast(value.len) };
    @memcpy(name.bytes[0..value.len], value);
    config.names[config.name_count] = name;
    config.name_count += 1;
}

fn addPeer(config: *Config, value: []const u8) Error!void {
    if (config.peer_count == peers_max or value.len < 40 or value[0] > 1) return error.Malformed;
    const id = Id.from(value[39..]) catch return error.Malformed;
    if (config.peerIndex(value[39..]) != null) return error.Malformed;
    // A key is an identity. A key of zeros, or one key under two names, would undo the rules.
    if (std.mem.allEqual(u8, value[7..39], 0)) return error.Malformed;
    for (config.peers()) |*known| {
        if (std.mem.eql(u8, &known.key, value[7..39])) return error.Malformed;
    }
    config.peer_list[config.peer_count] = .{
        .id = id,
        .dial = value[0] & 1 != 0,
        .ip = value[1..5].*,
        .tcp_port = std.mem.readInt(u16, value[5..7], .little),
        .key = value[7..39].*,
    };
    config.peer_count += 1;
}

fn addRule(config: *Config, value: []const u8) Error!void {
    if (config.rule_count == rules_max or value.len < 3) return error.Malformed;
    config.rule_list[config.rule_count] = .{
        .service = value[0],
        .opcode = value[1],
        .peer = config.peerIndex(value[2..]) orelse return error.Malformed,
    };
    config.rule_count += 1;
}

fn exactly(comptime len: usize, value: []const u8) Error!*const [len]u8 {
    return if (value.len == len) value[0..len] else error.Malformed;
}

fn milliseconds(value: []const u8) Error!u64 {
    const ms = std.mem.readInt(u32, try exactly(4, value), .little);
    return if (ms == 0) error.Malformed else @as(u64, ms) * std.time.ns_per_ms;
}

const Fake = struct {
    records: []const struct { u16, []const u8 },

    fn next(self: *Fake) Error!?struct { tag: u16, value: []const u8 } {
        if (self.records.len == 0) return null;
        defer self.records = self.records[1..];
        return .{ .tag = self.records[0][0], .value = self.records[0][1] };
    }
};

const peer_b = "\x01\x0a\x2a\x00\x0b\x08\x87" ++ "k" ** 32 ++ "node-b";

fn parseFake(config: *Config, records: Fake) Error!void {
    return parse(config, records, records);
}

test "a whole section is read" {
    var config: Config = .{};
    try parseFake(&config, .{ .records = &.{
        .{ 1, "node-a" },           .{ 2, "s" ** 32 },
        .{ 3, "\x07\x87" },         .{ 4, "samgrd" },
        .{ 6, "\x01\x06node-b" },   .{ 5, peer_b },
        .{ 7, "\x10\x00\x08\x00" }, .{ 8, "\xfa\x00\x00\x00" },
        .{ 9, "\xdc\x05\x00\x00" }, .{ 10, "\x01" },
    } });
    try std.testing.expect(config.is_proving);
    try std.testing.expect(config.id.eql("node-a"));
    try std.testing.expectEqual(@as(u16, 34567), config.listen_port);
    const peer = config.peers()[0];
    try std.testing.expect(peer.dial and peer.tcp_port == 34568 and peer.id.eql("node-b"));
    try std.testing.expectEqual([4]u8{ 10, 42, 0, 11 }, peer.ip);
    try std.testing.expectEqual(
        gateway.Rule{ .peer = 0, .service = 1, .opcode = 6 },
        config.rules()[0],
    );
    try std.testing.expectEqual(rate.Limit{ .burst = 16, .per_second = 8 }, config.limit);
    try std.testing.expectEqual(@as(u64, 250_000_000), config.announce_ns);
}

test "an empty section is single mode" {
    var config: Config = .{};
    try parseFake(&config, .{ .records = &.{} });
    try std.testing.expectEqual(@as(usize, 0), config.peers().len);
    try std.testing.expect(!config.is_proving);
}

test "a wrong section is refused" {
    const identity = .{ .{ 1, "node-a" }, .{ 2, "s" ** 32 }, .{ 3, "\x07\x87" } };
    inline for (.{
        .{.{ 99, "" }},
        .{.{ 1, "" }},
        .{.{ 2, "short" }},
        .{.{ 3, "\x01" }},
        .{.{ 7, "\x01" }},
        .{.{ 8, "\x00\x00\x00\x00" }},
        .{.{ 10, "\x02" }},
        .{.{ 5, peer_b }}, // peers without an identity of our own
        identity ++ .{.{ 5, peer_b[0..39] }},
        identity ++ .{.{ 5, "\x02" ++ peer_b[1..] }},
        identity ++ .{ .{ 5, peer_b }, .{ 5, peer_b } },
        identity ++ .{ .{ 5, peer_b }, .{ 6, "\x01\x06node-x" } },
        identity ++ .{ .{ 5, peer_b }, .{ 6, "\x01\x06" } },
    }) |records| {
        var config: Config = .{};
        try std.testing.expectError(error.Malformed, parseFake(&config, .{ .records = &records }));
    }
}
