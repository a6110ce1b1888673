//! A node of the bus: discovery, one authenticated session with each peer, the gateway for the
//! calls of peers, and the desk for those of the node's own services. The node is a state machine
//! that makes no system call; `edge` is its world.
//!
//!     local services ──▶ clients ──▶ talk ──▶ links ──▶ (socket)      gate ──▶ (local service)
//!                                     ▲         └── frame ──────────────▶ │
//!     (socket, datagram, reply, instant) ──▶ links, beacon, gate          └──▶ journal ──▶ (log)
//!
//! The owner reports what happened (`onSocket`, `onDatagram`, `onReply`, `onRequest`) and then
//! calls `turn` with the instant. It waits for the next event until `deadline`, and not at all
//! while the node `isHot`.

const std = @import("std");
const marker = @import("contract").marker;
const beacon = @import("beacon.zig");
const calls = @import("calls.zig");
const clients = @import("clients.zig");
const config_file = @import("../config.zig");
const denials = @import("denials.zig");
const dialer = @import("dialer.zig");
const discovery = @import("../discovery.zig");
const edge_file = @import("edge.zig");
const frames = @import("../frames.zig");
const entry = @import("entry.zig");
const gate = @import("gate.zig");
const journal = @import("journal.zig");
const lines = @import("lines.zig");
const links = @import("links.zig");
const noise = @import("noise");
const out = @import("out.zig");
const package = @import("gate_package.zig");
const packagefs_server = @import("../packagefs_server.zig");
const replay = @import("../replay.zig");
const strangers = @import("strangers.zig");
const transfer = @import("../transfer.zig");
const Peer = @import("peer.zig").Peer;
const Talk = @import("talk.zig").Talk;
const Config = config_file.Config;
const peers_max = config_file.peers_max;

/// Lines that are printed once.
pub const Once = enum { dial, rx, up, packages, state };

pub fn Node(comptime Edge: type) type {
    return struct {
        const Self = @This();

        edge: *Edge,
        config: Config,
        static: noise.KeyPair,
        now_ns: u64,
        table: discovery.Table,
        beacon: beacon.Beacon,
        peers: [peers_max]Peer,
        lines: lines.Lines,
        is_accepting: bool,
        /// The connection without a session that has the next turn.
        turn_of: usize,
        talks: [peers_max]Talk,
        packages: [peers_max]packagefs_server.Handles,
        block: package.Block,
        calls: calls.Calls,
        replays: replay.Table,
        desk: clients.Desk,
        /// A number that no earlier start of this node had, and not zero.
        call_epoch: u32,
        nonce: u64,
        journal: journal.Journal,
        strangers: strangers.Strangers,
        told: std.EnumSet(Once),
        /// The last result of `deadline`: before it there is nothing to look for.
        due_ns: u64,
        /// Frames that are written at once. They are not on the stack, where filling them costs
        /// more.
        plain: [frames.plaintext_bytes_max]u8,
        frame: [frames.plaintext_bytes_max]u8,
        /// The request for the store: a chunk of a transfer and a key, and around it the peer that
        /// asks.
        inner: [transfer.chunk_bytes + 256]u8,
        asked: [transfer.chunk_bytes + 512]u8,

        /// Begin in place, since the node is large. The secret of the configuration is wiped.
        pub fn init(self: *Self, edge: *Edge, config: *Config, now_ns: u64) !void {
            std.debug.assert(config.peer_count <= peers_max);
            self.edge = edge;
            self.now_ns = now_ns;
            self.static = try noise.KeyPair.fromSecret(config.secret);
            std.crypto.secureZero(u8, &config.secret);
            self.config = config.*;
            self.table = .{ .ttl_ns = config.ttl_ns };
            self.beacon = .{};
            for (&self.peers, 0..) |*peer, index| peer.* = .{
                .bucket = .init(config.limit, now_ns),
                .candidates = if (index < config.peer_count)
                    .init(config.peers()[index].address())
                else
                    .{},
            };
            for (&self.lines.all) |*line| {
                line.state = .free;
                line.bound = null;
                line.dialled = null;
            }
            self.lines.top = 0;
            self.is_accepting = false;
            self.turn_of = 0;
            self.packages = @splat(.{});
            self.block.len = 0;
            for (&self.calls.all) |*call| call.is_used = false;
            self.calls.last_ticket = 0;
            self.calls.top = 0;
            self.replays = .{};
            self.desk = .{};
            self.nonce = 0;
            self.journal = .{};
            self.strangers = .{};
            self.told = .{};
            self.due_ns = 0;
            try self.open();
        }

        fn open(self: *Self) !void {
            const drawn = self.edge.entropy() orelse return error.NoEntropy;
            self.call_epoch = std.mem.readInt(u32, drawn[0..4], .little) | 1;
            // An answer to an earlier life of this service may come yet: no line of this one waits
            // for it.
            self.lines.next_serial = std.mem.readInt(u32, drawn[4..8], .little) >> 1;
            try self.beacon.open(self);
            for (self.config.peers()) |*peer| {
                if (peer.dial) continue;
                self.edge.print(marker.accept_wait, .{});
                return;
            }
        }

        // What happens

        pub fn onSocket(self: *Self, socket: edge_file.Socket, events: edge_file.Events) void {
            entry.note(self, socket, events);
        }

        /// The awaited bytes of a connection have come; an empty slice: its end; null: it failed.
        pub fn onData(self: *Self, token: u32, data: ?[]const u8) void {
            entry.receive(self, token, data);
        }

        /// A host connects.
        pub fn onListener(self: *Self) void {
            self.is_accepting = true;
        }

        pub fn onDatagram(self: *Self) void {
            self.beacon.readable = true;
        }

        /// A local service answers the request with this ticket. The node changes the bytes in
        /// place.
        pub fn onReply(self: *Self, service: edge_file.Service, ticket: u16, reply: []u8) void {
            if (service == .logd and self.journal.settle(self, ticket, reply)) return;
            gate.settle(self, service, ticket, reply);
        }

        /// True: a call waits for such an answer.
        pub fn awaits(self: *Self, service: edge_file.Service, ticket: u16) bool {
            if (service == .logd and self.journal.awaits(ticket)) return true;
            return self.calls.ofTicket(@intFromEnum(service), ticket) != null;
        }

        pub fn onRequest(self: *Self, client: edge_file.Client, request: []const u8) void {
            clients.take(self, client, request);
        }

        /// Do the work that is due or waits, a bounded part of it.
        pub fn turn(self: *Self, now_ns: u64) void {
            std.debug.assert(now_ns >= self.now_ns);
            self.now_ns = now_ns;
            if (now_ns >= self.due_ns or self.beacon.readable) self.tick();
            links.pump(self);
            clients.dispatch(self);
            out.flushUnsent(self);
            gate.record(self);
        }

        fn tick(self: *Self) void {
            if (self.beacon.tick(self)) entry.reconsider(self);
            links.tick(self);
            dialer.tick(self);
            gate.expire(self);
            clients.expire(self);
            self.journal.tick(self);
            self.tellCounts();
        }

        pub fn isHot(self: *Self) bool {
            return self.beacon.readable or links.isHot(self);
        }

        pub fn deadline(self: *Self) u64 {
            // No assert: any instant may be the next one.
            var at = @min(self.beacon.next_ns, links.deadline(self));
            at = @min(at, dialer.deadline(self));
            at = @min(at, @min(self.calls.deadline(), self.desk.deadline()));
            at = @min(at, @min(self.journal.deadline(), self.strangers.until_ns));
            for (self.peers[0..self.config.peer_count]) |*peer| {
                at = @min(at, peer.denials.until_ns);
            }
            self.due_ns = at;
            return at;
        }

        /// Report the events that were counted instead of recorded.
        fn tellCounts(self: *Self) void {
            while (self.strangers.next(self.now_ns)) |source| {
                var name: [strangers.name_bytes_max]u8 = undefined;
                var buffer: [strangers.message_bytes_max]u8 = undefined;
                const about: journal.About = .{
                    .room = .refusal,
                    .source = strangers.nameOf(&name, source.ip),
                };
                self.say(about, strangers.message(&buffer, &source));
            }
            for (self.peers[0..self.config.peer_count], self.config.peers()) |*peer, *pinned| {
                const count = peer.denials.take(self.now_ns) orelse continue;
                var buffer: [denials.message_bytes_max]u8 = undefined;
                const about: journal.About = .{ .source = pinned.id.slice() };
                self.say(about, denials.message(&buffer, &pinned.id, count));
            }
        }

        fn say(self: *Self, about: journal.About, text: []const u8) void {
            self.journal.add(self, about, .warn, text);
            self.edge.print(marker.printed, .{text});
        }

        // What its parts have in common

        /// A key for one handshake, from the entropy device alone.
        pub fn ephemeral(self: *Self) ?noise.KeyPair {
            var drawn = self.edge.entropy() orelse return null;
            defer std.crypto.secureZero(u8, &drawn);
            return noise.KeyPair.fromSecret(drawn) catch null;
        }

        pub fn nextTicket(self: *Self) u16 {
            return self.calls.nextTicket();
        }

        pub fn nextNonce(self: *Self) u64 {
            self.nonce += 1;
            return self.nonce;
        }

        /// Epoch and number of a call of this node's own.
        pub fn nextCallId(self: *Self, peer: u8) u64 {
            self.peers[peer].calls += 1;
            return @as(u64, self.call_epoch) << 32 | self.peers[peer].calls;
        }

        pub fn tellOnce(self: *Self, what: Once) void {
            if (self.told.contains(what)) return;
            self.told.insert(what);
            self.edge.print("{s}", .{switch (what) {
                .dial => marker.dial_start,
                .rx => marker.proxy_request,
                .up => marker.proxy_up,
                .packages => marker.packages_served,
                .state => marker.state_served,
            }});
        }

        /// A peer may call from now on: its session stands, and has climbed the ladder if it must.
        pub fn tellUp(self: *Self) void {
            if (self.config.rules().len != 0) self.tellOnce(.up);
        }

        /// The answer of a local service has left.
        pub fn tellServed(self: *Self, peer: u8, service: u8) void {
            switch (@as(edge_file.Service, @enumFromInt(service))) {
                .packagefsd => self.tellOnce(.packages),
                .statefsd => self.tellOnce(.state),
                .samgrd, .bundlemgrd, .logd => |known| self.edge.print(
                    marker.proxy_ok,
                    .{ self.config.peers()[peer].id, known },
                ),
            }
        }
    };
}

test {
    _ = edge_file;
    _ = package;
}
