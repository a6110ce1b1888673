//! A node that hears and says announces over a network that a test plays.

const std = @import("std");
const testing = std.testing;
const announce = @import("../announce.zig");
const backoff = @import("../backoff.zig");
const beacon_file = @import("beacon.zig");
const candidates = @import("../candidates.zig");
const config_file = @import("../config.zig");
const denials = @import("denials.zig");
const discovery = @import("../discovery.zig");
const edge = @import("edge.zig");
const journal = @import("journal.zig");
const lines_file = @import("lines.zig");
const ms = std.time.ns_per_ms;

pub const key_b: [32]u8 = @splat('b');

/// A network that keeps what is said, and hands out what a test lets be heard.
pub const Edge = struct {
    is_deaf: bool = false,
    said: [32][4]u8 = undefined,
    said_count: usize = 0,
    packet: [announce.bytes_max]u8 = undefined,
    packet_len: usize = 0,
    heard: [64]edge.Datagram = undefined,
    heard_count: usize = 0,
    taken: usize = 0,
    text: [1024]u8 = undefined,
    text_len: usize = 0,
    dialled: ?edge.Address = null,
    has_socket: bool = true,

    pub fn say(self: *Edge, ip: [4]u8, packet: []const u8) bool {
        self.said[self.said_count] = ip;
        self.said_count += 1;
        @memcpy(self.packet[0..packet.len], packet);
        self.packet_len = packet.len;
        return !self.is_deaf;
    }

    pub fn hear(self: *Edge, out: []u8) ?edge.Datagram {
        if (self.taken == self.heard_count) return null;
        const datagram = self.heard[self.taken];
        self.taken += 1;
        @memcpy(out[0..datagram.bytes.len], datagram.bytes);
        return .{ .ip = datagram.ip, .bytes = out[0..datagram.bytes.len] };
    }

    pub fn print(self: *Edge, comptime fmt: []const u8, args: anytype) void {
        const rest = self.text[self.text_len..];
        const text = std.fmt.bufPrint(rest, fmt ++ "\n", args) catch unreachable; // few lines
        self.text_len += text.len;
    }

    pub fn connect(self: *Edge, to: edge.Address) ?edge.Socket {
        self.dialled = to;
        return if (self.has_socket) 5 else null;
    }

    pub fn expectPrinted(self: *Edge, lines: []const u8) !void {
        try testing.expectEqualStrings(lines, self.text[0..self.text_len]);
        self.text_len = 0;
    }

    pub fn expectSaid(self: *Edge, want: []const [4]u8) !void {
        try testing.expectEqualSlices([4]u8, want, self.said[0..self.said_count]);
        self.said_count = 0;
    }
};

pub const Records = struct {
    text: [256]u8 = undefined,
    len: usize = 0,
    count: usize = 0,
    room: journal.Room = .plain,

    pub fn add(
        self: *Records,
        _: anytype,
        about: journal.About,
        _: journal.Level,
        message: []const u8,
    ) void {
        std.debug.assert(std.mem.eql(u8, about.source, "node-b"));
        @memcpy(self.text[0..message.len], message);
        self.len = message.len;
        self.count += 1;
        self.room = about.room;
    }
};

pub const Peer = struct {
    candidates: candidates.Candidates,
    backoff: backoff.Backoff = .{},
    denials: denials.Denials = .{},
    is_learned: bool = false,
};

pub const Node = struct {
    edge: *Edge,
    config: config_file.Config,
    static: struct { public: [32]u8 } = .{ .public = @splat('a') },
    now_ns: u64,
    table: discovery.Table,
    beacon: beacon_file.Beacon = .{},
    peers: [2]Peer,
    lines: lines_file.Lines,
    journal: Records = .{},
    told: usize = 0,

    pub fn tellOnce(self: *Node, what: @EnumLiteral()) void {
        std.debug.assert(what == .dial);
        self.told += 1;
    }
};

pub var outside: Edge = undefined;
pub var node: Node = undefined;
pub const at_b: edge.Address = .{ .ip = .{ 10, 42, 0, 11 }, .port = 34568 };
pub const at_c: edge.Address = .{ .ip = .{ 10, 42, 0, 12 }, .port = 34569 };

/// Two peers, of which the first is dialled.
pub fn begin(now_ns: u64) !void {
    outside = .{};
    node = .{
        .edge = &outside,
        .config = .{ .id = try .from("node-a"), .listen_port = 34567 },
        .now_ns = now_ns,
        .table = .{ .ttl_ns = 1500 * ms },
        .peers = .{ .{ .candidates = .init(at_b) }, .{ .candidates = .init(at_c) } },
        .lines = undefined,
    };
    node.lines.top = 0;
    node.lines.next_serial = 40;
    for (&node.lines.all) |*line| {
        line.state = .free;
        line.dialled = null;
        line.bound = null;
    }
    for ([_]struct { []const u8, edge.Address, u8 }{
        .{ "node-b", at_b, 'b' },
        .{ "node-c", at_c, 'c' },
    }, 0..) |row, i| {
        node.config.peer_list[i] = .{
            .id = try .from(row[0]),
            .ip = row[1].ip,
            .tcp_port = row[1].port,
            .key = @splat(row[2]),
            .dial = i == 0,
        };
    }
    node.config.peer_count = 2;
    for ([_][]const u8{ "samgrd", "logd" }, 0..) |name, i| {
        node.config.names[i].len = @intCast(name.len);
        @memcpy(node.config.names[i].bytes[0..name.len], name);
    }
    node.config.name_count = 2;
    try node.beacon.open(&node);
    try outside.expectPrinted("dsoftbusd: discovery cross-vm up\n");
}

pub fn packetOf(out: *[announce.bytes_max]u8, id: []const u8, key: u8, port: u16) ![]const u8 {
    return announce.encode(out, &.{ .device_id = id, .tcp_port = port, .key = @splat(key) });
}

pub var packets: [64][announce.bytes_max]u8 = undefined;

pub fn arrives(ip: [4]u8, bytes: []const u8) void {
    outside.heard[outside.heard_count] = .{ .ip = ip, .bytes = bytes };
    outside.heard_count += 1;
    node.beacon.readable = true;
}

pub fn announces(id: []const u8, key: u8, ip: [4]u8, port: u16) !void {
    const out = &packets[outside.heard_count];
    arrives(ip, try packetOf(out, id, key, port));
}

pub fn other(n: usize) edge.Address {
    return .{ .ip = .{ 10, 42, 1, @intCast(n) }, .port = 7 };
}
