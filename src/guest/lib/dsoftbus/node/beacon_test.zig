//! Discovery at a node: when it says that it is here, where it says so, what it makes of what it
//! hears, and when it dials a peer that it has heard.

const std = @import("std");
const testing = std.testing;
const announce = @import("../announce.zig");
const backoff = @import("../backoff.zig");
const beacon_file = @import("beacon.zig");
const candidates = @import("../candidates.zig");
const config_file = @import("../config.zig");
const denials = @import("denials.zig");
const dialer = @import("dialer.zig");
const discovery = @import("../discovery.zig");
const edge = @import("edge.zig");
const journal = @import("journal.zig");
const lines_file = @import("lines.zig");

const ms = std.time.ns_per_ms;
const never = edge.never;
const key_b: [32]u8 = @splat('b');

/// A network that keeps what is said, and hands out what a test lets be heard.
const Edge = struct {
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

    fn expectPrinted(self: *Edge, lines: []const u8) !void {
        try testing.expectEqualStrings(lines, self.text[0..self.text_len]);
        self.text_len = 0;
    }

    fn expectSaid(self: *Edge, want: []const [4]u8) !void {
        try testing.expectEqualSlices([4]u8, want, self.said[0..self.said_count]);
        self.said_count = 0;
    }
};

const Records = struct {
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

const Peer = struct {
    candidates: candidates.Candidates,
    backoff: backoff.Backoff = .{},
    denials: denials.Denials = .{},
    is_learned: bool = false,
};

const Node = struct {
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

var outside: Edge = undefined;
var node: Node = undefined;

const at_b: edge.Address = .{ .ip = .{ 10, 42, 0, 11 }, .port = 34568 };
const at_c: edge.Address = .{ .ip = .{ 10, 42, 0, 12 }, .port = 34569 };

/// Two peers, of which the first is dialled.
fn begin(now_ns: u64) !void {
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
    for (&node.lines.all) |*line| line.state = .free;
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

fn packetOf(out: *[announce.bytes_max]u8, id: []const u8, key: u8, port: u16) ![]const u8 {
    return announce.encode(out, &.{ .device_id = id, .tcp_port = port, .key = @splat(key) });
}

var packets: [64][announce.bytes_max]u8 = undefined;

fn arrives(ip: [4]u8, bytes: []const u8) void {
    outside.heard[outside.heard_count] = .{ .ip = ip, .bytes = bytes };
    outside.heard_count += 1;
    node.beacon.readable = true;
}

fn announces(id: []const u8, key: u8, ip: [4]u8, port: u16) !void {
    const out = &packets[outside.heard_count];
    arrives(ip, try packetOf(out, id, key, port));
}

test "it says who it is and what it offers, to the group and to each peer, on a grid of its own" {
    try begin(1000 * ms);
    try testing.expectEqual(1000 * ms, node.beacon.next_ns);
    try testing.expect(!node.beacon.tick(&node));
    try outside.expectSaid(&(.{announce.group} ++ .{ at_b.ip, at_c.ip }));
    const said = try announce.decode(outside.packet[0..outside.packet_len]);
    try testing.expectEqualStrings("node-a", said.device_id);
    try testing.expectEqual(34567, said.tcp_port);
    try testing.expectEqual(node.static.public, said.key);
    try testing.expectEqual(2, said.services().len);
    try testing.expectEqualStrings("samgrd", said.services()[0]);
    try testing.expectEqualStrings("logd", said.services()[1]);
    // The line is said once.
    try outside.expectPrinted("dsoftbusd: discovery announce sent\n");
    const every = node.config.announce_ns;
    try testing.expectEqual(250 * ms, every);
    try testing.expectEqual(1000 * ms + every, node.beacon.next_ns);
    node.now_ns = 1000 * ms + every - 1;
    _ = node.beacon.tick(&node);
    try outside.expectSaid(&.{});
    // A turn that is late by two and a half says it once, and the grid stays.
    for ([_]u64{ 1000 * ms + every, 1000 * ms + 4 * every - every / 2 }, [_]u64{ 2, 4 }) |at, n| {
        node.now_ns = at;
        _ = node.beacon.tick(&node);
        try testing.expectEqual(3, outside.said_count);
        outside.said_count = 0;
        try testing.expectEqual(1000 * ms + n * every, node.beacon.next_ns);
    }
    try outside.expectPrinted("");
}

test "before it is opened it has nothing to say, and no address is known" {
    const fresh: beacon_file.Beacon = .{};
    try testing.expect(!fresh.readable and !fresh.is_told);
    try testing.expectEqual(never, fresh.next_ns);
    try testing.expectEqual(0, fresh.packet_len);
    for (fresh.complained) |at| try testing.expectEqual(never, at);
    const unknown: candidates.Candidates = .{};
    try testing.expectEqual(0, unknown.count);
    try testing.expectEqual(0, unknown.attempts + unknown.in_a_row);
    const configured: candidates.Candidates = .init(at_b);
    try testing.expectEqual(1, configured.count);
    try testing.expectEqual(4, configured.list.len);
    try testing.expectEqual(at_b, configured.list[0].address);
    try testing.expect(configured.list[0].is_proven);
    try testing.expectEqual(0, configured.list[0].heard_ns + configured.list[0].tried_at);
    const calm: backoff.Backoff = .{};
    try testing.expectEqual(0, calm.at_ns);
    try testing.expectEqual(250 * ms, calm.step_ns);
}

test "the address that was heard longest ago makes room, and a proven one never" {
    var known: candidates.Candidates = .init(at_b);
    for ([_]u64{ 30, 10, 20 }, 0..) |heard_ns, n| known.hear(other(n), heard_ns);
    known.hear(other(3), 40);
    // The second was oldest.
    for ([_]usize{ 0, 3, 2 }, known.list[1..]) |n, place| {
        try testing.expectEqual(other(n), place.address);
    }
    // To be heard again is not to be new.
    known.hear(other(2), 50);
    known.hear(other(4), 60);
    for ([_]usize{ 4, 3, 2 }, known.list[1..]) |n, place| {
        try testing.expectEqual(other(n), place.address);
    }
    for (2..5) |n| known.succeeded(other(n));
    known.hear(other(9), 70);
    for ([_]usize{ 4, 3, 2 }, known.list[1..]) |n, place| {
        try testing.expectEqual(other(n), place.address);
    }
    // Each has its turn, the one that was tried longest ago first.
    try testing.expectEqual(at_b, known.next().address);
    for ([_]usize{ 4, 3, 2 }) |n| try testing.expectEqual(other(n), known.next().address);
    try testing.expectEqual(at_b, known.next().address);
    try testing.expectEqual(5, known.attempts);
}

fn other(n: usize) edge.Address {
    return .{ .ip = .{ 10, 42, 1, @intCast(n) }, .port = 7 };
}

test "as long as nothing can be sent it does not say that something was" {
    try begin(0);
    outside.is_deaf = true;
    _ = node.beacon.tick(&node);
    try outside.expectPrinted("");
    outside.is_deaf = false;
    node.now_ns = node.beacon.next_ns;
    _ = node.beacon.tick(&node);
    try outside.expectPrinted("dsoftbusd: discovery announce sent\n");
}

test "a configured peer is learned once, and where it was heard is where it may be dialled" {
    try begin(7);
    outside.is_deaf = true;
    try announces("node-b", 'b', .{ 10, 42, 0, 50 }, 700);
    try testing.expect(node.beacon.tick(&node));
    try outside.expectPrinted("dsoftbusd: discovery peer learned\n");
    try testing.expect(node.peers[0].is_learned and !node.peers[1].is_learned);
    const known = node.table.find("node-b", 7).?;
    try testing.expect(known.configured);
    try testing.expectEqual([4]u8{ 10, 42, 0, 50 }, known.ip);
    try testing.expectEqual(2, node.peers[0].candidates.count);
    const where: edge.Address = .{ .ip = .{ 10, 42, 0, 50 }, .port = 700 };
    try testing.expectEqual(where, node.peers[0].candidates.list[1].address);
    try testing.expectEqual(7, node.peers[0].candidates.list[1].heard_ns);
    // It is heard again, and is news no more. Nothing to read is nothing heard.
    try announces("node-b", 'b', .{ 10, 42, 0, 50 }, 700);
    try testing.expect(node.beacon.tick(&node));
    try outside.expectPrinted("");
    try testing.expect(!node.beacon.readable);
    try testing.expect(!node.beacon.tick(&node));
    // Without a port there is nothing to dial.
    try announces("node-c", 'c', .{ 10, 42, 0, 51 }, 0);
    try testing.expect(node.beacon.tick(&node));
    try testing.expectEqual(1, node.peers[1].candidates.count);
    try testing.expect(node.peers[1].is_learned);
}

test "strangers are entered and not learned; its own name and another's key are nothing" {
    try begin(7);
    outside.is_deaf = true;
    try announces("node-x", 'x', .{ 10, 42, 0, 60 }, 1);
    try announces("node-a", 'a', .{ 10, 42, 0, 61 }, 1);
    try announces("node-b", 'x', .{ 10, 42, 0, 62 }, 1);
    try testing.expect(!node.beacon.tick(&node));
    try testing.expect(!node.table.find("node-x", 7).?.configured);
    try testing.expectEqual(null, node.table.find("node-a", 7));
    try testing.expectEqual(null, node.table.find("node-b", 7));
    try testing.expectEqual(1, node.peers[0].candidates.count);
    try testing.expect(!node.peers[0].is_learned);
    try outside.expectPrinted("dsoftbusd: announce ignored (key mismatch peer=node-b)\n");
}

test "of each kind of refused announce there is a line a second" {
    const second = 1000 * ms;
    const malformed = "dsoftbusd: announce ignored (malformed)\n";
    const mismatch = "dsoftbusd: announce ignored (key mismatch peer=node-b)\n";
    try begin(5);
    outside.is_deaf = true;
    for ([_]struct { u64, bool }{
        .{ 5, true },
        .{ 5, false },
        .{ 5 + second - 1, false },
        .{ 5 + second, true },
        .{ 5 + 2 * second - 1, false },
        .{ 5 + 4 * second, true },
    }) |row| {
        node.now_ns = row[0];
        arrives(at_b.ip, "NXSB");
        try announces("node-b", 'x', at_b.ip, 1);
        arrives(at_b.ip, "");
        try testing.expect(!node.beacon.tick(&node));
        try outside.expectPrinted(if (row[1]) malformed ++ mismatch else "");
    }
}

test "of a flood sixteen datagrams are taken in a turn, and the rest in the next" {
    try begin(7);
    outside.is_deaf = true;
    for (0..20) |_| arrives(.{ 10, 42, 0, 60 }, "x");
    try announces("node-b", 'b', at_b.ip, 1);
    try testing.expect(!node.beacon.tick(&node));
    try testing.expectEqual(16, outside.taken);
    try testing.expect(node.beacon.readable);
    try testing.expect(node.beacon.tick(&node));
    try testing.expectEqual(21, outside.taken);
    try testing.expect(!node.beacon.readable);
    // One that was heard in the middle of others counts.
    try announces("node-b", 'b', at_b.ip, 1);
    arrives(.{ 10, 42, 0, 60 }, "x");
    try testing.expect(node.beacon.tick(&node));
}

test "a peer is dialled if the configuration says so, once it was heard, and not twice at a time" {
    try begin(7);
    outside.is_deaf = true;
    dialer.tick(&node);
    try testing.expectEqual(null, outside.dialled);
    try testing.expectEqual(never, dialer.deadline(&node));
    try announces("node-b", 'b', at_b.ip, at_b.port);
    try announces("node-c", 'c', at_c.ip, at_c.port);
    _ = node.beacon.tick(&node);
    outside.text_len = 0;
    try testing.expectEqual(0, dialer.deadline(&node));
    dialer.tick(&node);
    try testing.expectEqual(at_b, outside.dialled.?);
    try testing.expectEqual(1, node.told);
    const line = &node.lines.all[0];
    try testing.expectEqual(1, node.lines.used().len);
    try testing.expectEqual(.connecting, line.state);
    try testing.expectEqual(0, line.dialled.?);
    try testing.expectEqual(null, line.bound);
    try testing.expectEqual(5, line.socket);
    try testing.expectEqual(41, line.serial);
    try testing.expectEqual(at_b, line.address);
    try testing.expectEqual(7, line.opened_ns);
    try testing.expectEqual(never, line.await_ns);
    try testing.expect(!line.is_awaiting and !line.busy and !line.is_unsent);
    // There is a connection: nothing is due.
    try testing.expectEqual(never, dialer.deadline(&node));
    outside.dialled = null;
    dialer.tick(&node);
    try testing.expectEqual(null, outside.dialled);
    // It is over, and what was heard is too old.
    line.state = .free;
    node.now_ns = 7 + 1500 * ms;
    try testing.expectEqual(never, dialer.deadline(&node));
    dialer.tick(&node);
    try testing.expectEqual(null, outside.dialled);
}

test "an attempt that cannot begin is made again after the pause that a failure has" {
    try begin(7);
    outside.is_deaf = true;
    try announces("node-b", 'b', at_b.ip, at_b.port);
    _ = node.beacon.tick(&node);
    outside.has_socket = false;
    dialer.tick(&node);
    try testing.expectEqual(0, node.lines.used().len);
    try testing.expectEqual(7 + backoff.first_ns, dialer.deadline(&node));
    outside.dialled = null;
    node.now_ns = 7 + backoff.first_ns - 1;
    dialer.tick(&node);
    try testing.expectEqual(null, outside.dialled);
    node.now_ns += 1;
    dialer.tick(&node);
    try testing.expectEqual(at_b, outside.dialled.?);
    try testing.expectEqual(node.now_ns + 2 * backoff.first_ns, dialer.deadline(&node));
}

test "an address at which nothing was proven is dialled with a record and a line" {
    try begin(7);
    outside.is_deaf = true;
    outside.has_socket = false;
    try announces("node-b", 'b', .{ 10, 42, 0, 66 }, 9);
    _ = node.beacon.tick(&node);
    outside.text_len = 0;
    for (0..2) |_| {
        dialer.tick(&node);
        try testing.expectEqual(at_b, outside.dialled.?);
        node.now_ns = node.peers[0].backoff.at_ns;
    }
    try testing.expectEqual(0, node.journal.count);
    dialer.tick(&node);
    try testing.expectEqual(edge.Address{ .ip = .{ 10, 42, 0, 66 }, .port = 9 }, outside.dialled.?);
    try testing.expectEqual(1, node.journal.count);
    try testing.expectEqual(.refusal, node.journal.room);
    try testing.expectEqualStrings(
        "audit address outcome=unproven peer=node-b address=10.42.0.66:9",
        node.journal.text[0..node.journal.len],
    );
    const printed = outside.text[0..outside.text_len];
    try testing.expect(std.mem.indexOf(u8, printed, "10.42.0.66:9") != null);
    // Of a flood only so many.
    node.peers[0].denials.records = denials.records_max;
    for (0..3) |_| {
        node.now_ns = node.peers[0].backoff.at_ns;
        _ = node.table.hear(
            &.{ .device_id = "node-b", .tcp_port = 9, .key = key_b },
            .{ 10, 42, 0, 66 },
            true,
            node.now_ns,
        ) catch unreachable; // its name is one
        dialer.tick(&node);
    }
    try testing.expectEqual(1, node.journal.count);
    try testing.expectEqual(1, node.peers[0].denials.count);
}
