//! A node whose world is a test's hand (hand_edge_fake.zig): time stands still between two calls.
//! Its peer is a bare session.

const std = @import("std");
const announce = @import("../announce.zig");
const config_file = @import("../config.zig");
const hand_edge = @import("hand_edge_fake.zig");
const node_file = @import("node.zig");
const noise = @import("noise");
const session_file = @import("../session.zig");
const Id = @import("../id.zig").Id;
const Session = session_file.Session;

pub const Ask = hand_edge.Ask;
pub const Edge = hand_edge.Edge;
const ip_b = hand_edge.ip_b;
pub const NodeOf = node_file.Node(Edge);

fn keyOf(name: u8) noise.KeyPair {
    return noise.KeyPair.fromSecret(@splat(name)) catch unreachable; // no letter is a weak key
}

const Frame = struct { len: usize, bytes: [1024]u8 };

pub const Hand = struct {
    outside: Edge,
    node: NodeOf,
    peer: Session,
    now_ns: u64,
    /// The number of the connection with the peer.
    socket: u32,
    frames: [32]Frame,
    frame_count: usize,
    is_ready: bool,
    refusal: ?session_file.Refusal,

    pub const Options = struct { is_dialling: bool = false, is_announced: bool = true };

    /// A node and a peer that know each other.
    pub fn begin(self: *Hand, options: Options) !void {
        self.outside = .{};
        self.now_ns = std.time.ns_per_s;
        self.frame_count = 0;
        self.is_ready = false;
        self.refusal = null;
        var config: config_file.Config = .{
            .id = try .from("node-a"),
            .secret = @splat('a'),
            .listen_port = 34567,
            .limit = .{ .burst = 32, .per_second = 16 },
            .ttl_ns = 3600 * std.time.ns_per_s,
            .peer_count = 1,
        };
        config.peer_list[0] = .{
            .id = try .from("node-b"),
            .ip = ip_b,
            .tcp_port = 34568,
            .key = keyOf('b').public,
            .dial = options.is_dialling,
        };
        for ([_][2]u8{ .{ 1, 6 }, .{ 2, 1 }, .{ 4, 1 } }, 0..) |pair, i| {
            config.rule_list[i] = .{ .peer = 0, .service = pair[0], .opcode = pair[1] };
        }
        config.rule_count = 3;
        try self.node.init(&self.outside, &config, self.now_ns);
        if (options.is_announced) try self.announceIt();
        self.run();
    }

    pub fn announceIt(self: *Hand) !void {
        const packet = try announce.encode(&self.outside.datagram, &.{
            .device_id = "node-b",
            .tcp_port = 34568,
            .key = keyOf('b').public,
        });
        self.outside.datagram_len = packet.len;
        self.node.onDatagram();
    }

    /// One turn, as the owner of a node does it.
    pub fn turn(self: *Hand) void {
        self.node.turn(self.now_ns);
        _ = self.node.deadline();
    }

    /// Turns, as long as there is something to do at this instant.
    pub fn run(self: *Hand) void {
        for (0..200) |_| {
            self.turn();
            if (!self.node.isHot() and self.node.deadline() > self.now_ns) return;
        }
        unreachable; // a node comes to rest
    }

    /// Time passes, all at once.
    pub fn pass(self: *Hand, ns: u64) void {
        self.now_ns += ns;
        self.run();
    }

    pub fn slot(self: *Hand) *hand_edge.Socket {
        return &self.outside.sockets[self.socket];
    }

    /// A host connects. Its socket is the next.
    pub fn arrive(self: *Hand) void {
        self.socket = self.outside.used;
        self.outside.arriving += 1;
        self.node.onListener();
        self.run();
    }

    /// The peer connects; nothing is carried yet.
    pub fn dial(self: *Hand) !void {
        self.arrive();
        const id: Id = try .from("node-b");
        try self.peer.dial(.{
            .id = &id,
            .static = keyOf('b'),
            .ephemeral = keyOf('e'),
            .now_ns = self.now_ns,
        }, keyOf('a').public);
    }

    /// The connection that the node dials stands.
    pub fn connected(self: *Hand) !void {
        self.socket = self.outside.used - 1;
        const id: Id = try .from("node-b");
        self.peer.accept(.{
            .id = &id,
            .static = keyOf('b'),
            .ephemeral = keyOf('e'),
            .now_ns = self.now_ns,
        });
        self.node.onSocket(self.socket, .{ .connected = true, .writable = true });
        self.run();
    }

    pub fn join(self: *Hand, options: Options) !void {
        try self.begin(options);
        if (options.is_dialling) try self.connected() else try self.dial();
        try self.carry();
        if (!self.is_ready) return error.NoSession;
        // The node offers streams: SETTINGS.
        const offer = self.heard() orelse return error.Silent;
        if (offer[0] != 0x10) return error.NoOffer;
    }

    /// Carry bytes both ways until nothing moves.
    pub fn carry(self: *Hand) !void {
        for (0..1000) |_| {
            self.run();
            const is_said = self.carryIn();
            self.run();
            if (!try self.carryOut() and !is_said) return;
        }
        return error.NoEnd;
    }

    /// What the peer has to say, as far as the node awaits it.
    fn carryIn(self: *Hand) bool {
        const awaited = self.slot().awaited orelse return false;
        const waiting = self.peer.output();
        if (waiting.len == 0) return false;
        const len = @min(waiting.len, awaited.len);
        self.slot().awaited = null;
        self.node.onData(awaited.token, waiting[0..len]);
        self.peer.takeOutput(len);
        return true;
    }

    /// What the node has said.
    fn carryOut(self: *Hand) !bool {
        const place = self.slot();
        if (place.len == 0) return false;
        const fed = self.peer.feed(place.bytes[0..place.len]);
        std.mem.copyForwards(u8, &place.bytes, place.bytes[fed..place.len]);
        place.len -= fed;
        while (self.peer.take(self.now_ns)) |event| switch (event) {
            .key_wanted => unreachable, // it has one
            .proven => try self.peer.admit(self.now_ns),
            .ready => self.is_ready = true,
            .received => |frame| {
                const kept = &self.frames[self.frame_count];
                self.frame_count += 1;
                kept.len = frame.len;
                @memcpy(kept.bytes[0..frame.len], frame);
            },
            .refused => |why| self.refusal = why,
        };
        return true;
    }

    /// The next frame that the peer has heard; null: there is none.
    pub fn heard(self: *Hand) ?[]const u8 {
        if (self.frame_count == 0) return null;
        const Static = struct {
            var last: Frame = undefined;
        };
        Static.last = self.frames[0];
        for (1..self.frame_count) |i| self.frames[i - 1] = self.frames[i];
        self.frame_count -= 1;
        return Static.last.bytes[0..Static.last.len];
    }

    pub fn printed(self: *const Hand, part: []const u8) usize {
        return self.outside.lines.count(part);
    }

    pub fn recorded(self: *const Hand, part: []const u8) usize {
        return self.outside.records.count(part);
    }
};
