//! The stack of one interface. Frames and time come in; frames go out when the owner asks for them.
//!
//! Rules of this file
//! ------------------
//! 1. No I/O, no clock, no allocation, no randomness: `now` is nanoseconds since any origin, never
//!    falling; secrets come in through `Config`.
//! 2. The stack sends nothing by itself. After every `receive`, `poll` and user operation its owner
//!    calls `transmit` until that returns null, and it calls `poll` at `nextDeadline`.
//! 3. A stranger can make us keep a bounded number of bytes. Frames that do not fit are dropped and
//!    counted.
//!
//! Circle: with intake.zig and stack_tcp.zig. They hold methods of this type: those for frames that
//! come in, and those for connections. Users see the stack, and the methods for connections as
//! `tcp`.

const std = @import("std");
const address = @import("address.zig");
const arp = @import("arp.zig");
const connection = @import("connection.zig");
const intake = @import("intake.zig");
const outbox = @import("outbox.zig");
const packet = @import("packet.zig");
const ping = @import("ping.zig");
const tcp = @import("stack_tcp.zig");
const udp = @import("udp.zig");
const Ip = address.Ip;

pub const udp_sockets_max = 8;
/// The connections of a dsoftbusd with all the peers that it may have, its half-open ones, those
/// that wait to be accepted, and a few for others.
pub const connections_max = 24;
pub const listeners_max = 8;
/// A bound for two of our own sockets that talk to each other within one `transmit`.
const loops_max = 32;

pub const Config = struct {
    mac: address.Mac,
    ip: Ip,
    prefix: u6,
    gateway: ?Ip = null,
    /// The one multicast group that this interface listens to.
    group: ?Ip = null,
    /// Makes initial sequence numbers unguessable (RFC 6528).
    secret: [16]u8,
    /// The place at which the search for ephemeral ports begins.
    port_seed: u16,
};

/// The frames that were dropped, by reason.
pub const Drops = struct {
    malformed: u32 = 0,
    bad_checksum: u32 = 0,
    fragment: u32 = 0,
    not_for_us: u32 = 0,
    bad_source: u32 = 0,
    no_protocol: u32 = 0,
    no_socket: u32 = 0,
    queue_full: u32 = 0,
    backlog_full: u32 = 0,
    unresolved: u32 = 0,
};

pub const SendError = error{ WouldBlock, TooBig, Unroutable, BadAddress };
pub const OpenError = error{ InUse, NoSocket, BadAddress, Unroutable };

pub const Stack = struct {
    config: Config,
    drops: Drops,
    cache: arp.Cache,
    pings: ping.Pings,
    box: outbox.Outbox,
    udp_sockets: [udp_sockets_max]udp.Socket,
    connections: [connections_max]connection.Connection,
    listeners: [listeners_max]tcp.Listener,
    /// Connections that may have something to send: bit i for connection i.
    pending: u32,
    /// The one that has the next turn among them.
    turn: u8,
    next_port: u16,
    has_looped_out: bool,

    /// The invariants that hold between any two calls.
    pub fn check(self: *const Stack) void {
        std.debug.assert(self.turn < connections_max);
        std.debug.assert(self.pending >> connections_max == 0); // a bit for each connection
        self.box.check();
    }

    /// In place, because a stack is larger than any thread's stack here.
    pub fn init(self: *Stack, config: Config) void {
        self.config = config;
        self.drops = .{};
        self.cache = .{};
        self.pings = .{};
        self.box.reset();
        for (&self.udp_sockets) |*socket| socket.in_use = false;
        for (&self.connections) |*c| c.reset();
        for (&self.listeners) |*listener| listener.* = .{};
        self.pending = 0;
        self.turn = 0;
        self.next_port = config.port_seed;
        self.has_looped_out = false;
        self.check();
    }

    /// One frame from the wire.
    pub fn receive(self: *Stack, frame: []const u8, now: u64) void {
        intake.take(self, frame, false, now);
    }

    /// Do everything that is due at `now`.
    pub fn poll(self: *Stack, now: u64) void {
        self.check();
        self.has_looped_out = false;
        self.cache.poll(now);
        while (self.cache.nextFailed()) |ip| {
            self.drops.unresolved +|= @intCast(self.box.dropFor(ip));
            tcp.neighbourFailed(self, ip);
        }
        self.pings.poll(now);
        tcp.poll(self, now);
    }

    /// The instant at which `poll` has something to do; `maxInt(u64)` is never.
    pub fn nextDeadline(self: *const Stack) u64 {
        if (self.has_looped_out) return 0;
        const neighbours = @min(self.cache.nextDeadline(), self.pings.nextDeadline());
        return @min(neighbours, tcp.nextDeadline(self));
    }

    /// The next frame for the wire, written to `out` (at least `packet.frame_bytes_max`).
    pub fn transmit(self: *Stack, out: []u8, now: u64) ?[]u8 {
        std.debug.assert(out.len >= packet.frame_bytes_max);
        for (0..loops_max) |_| {
            const frame = self.nextFrame(out, now) orelse return null;
            if (!std.mem.eql(u8, frame[0..6], &self.config.mac)) return frame;
            intake.take(self, frame, true, now);
        }
        self.has_looped_out = true;
        return null;
    }

    fn nextFrame(self: *Stack, out: []u8, now: u64) ?[]u8 {
        if (self.cache.nextRequest()) |ip| return self.arpRequest(out, ip);
        var position: usize = 0;
        while (position < self.box.count) : (position += 1) {
            const waiting = self.box.at(position);
            const frame = waiting.frame();
            if (waiting.next_hop) |hop| frame[0..6].* = self.linkAddress(hop, now) orelse continue;
            @memcpy(out[0..frame.len], frame);
            self.box.remove(position);
            return out[0..frame.len];
        }
        if (tcp.transmit(self, out, now)) |frame| return frame;
        // The search above may have begun to ask for a neighbour.
        return if (self.cache.nextRequest()) |ip| self.arpRequest(out, ip) else null;
    }

    fn arpRequest(self: *Stack, out: []u8, ip: Ip) []u8 {
        const question: packet.Arp = .{
            .operation = packet.Arp.request,
            .sender_mac = self.config.mac,
            .sender_ip = self.config.ip,
            .target_ip = ip,
        };
        packet.putEthernet(out, address.broadcast_mac, self.config.mac, packet.EtherType.arp);
        question.write(out[packet.ethernet_bytes..], @splat(0));
        return out[0 .. packet.ethernet_bytes + packet.arp_bytes];
    }

    /// The neighbour through which `target` is reached; null if there is no way.
    pub fn nextHop(self: *const Stack, target: Ip) ?Ip {
        const mask = address.mask(self.config.prefix);
        const is_near = (target ^ self.config.ip) & mask == 0;
        if (is_near or address.isMulticast(target) or target == address.broadcast) return target;
        return self.config.gateway;
    }

    pub fn isBroadcast(self: *const Stack, ip: Ip) bool {
        if (ip == address.broadcast) return true;
        // A net of one or two addresses has no broadcast address (RFC 3021).
        if (self.config.prefix > 30) return false;
        const hosts = ~address.mask(self.config.prefix);
        return ip & hosts == hosts and (ip ^ self.config.ip) & ~hosts == 0;
    }

    pub fn linkAddress(self: *Stack, hop: Ip, now: u64) ?address.Mac {
        if (hop == self.config.ip) return self.config.mac;
        if (self.isBroadcast(hop)) return address.broadcast_mac;
        if (address.isMulticast(hop)) return address.multicastMac(hop);
        return self.cache.lookup(hop, now);
    }

    pub fn sendEcho(self: *Stack, to: Ip, echo: packet.IcmpEcho, is_answer: bool) SendError!void {
        const len = packet.icmp_bytes + echo.data.len;
        const body = try self.compose(to, packet.Protocol.icmp, len, is_answer);
        echo.write(body);
    }

    /// Queue an IPv4 packet; the caller fills the returned payload.
    pub fn compose(self: *Stack, to: Ip, protocol: u8, len: usize, is_answer: bool) SendError![]u8 {
        if (len > packet.mtu - packet.ipv4_bytes) return error.TooBig;
        const hop = self.nextHop(to) orelse return error.Unroutable;
        const room = self.box.add(packet.payload_at + len, is_answer);
        const entry = room orelse return error.WouldBlock;
        entry.next_hop = hop;
        const frame = entry.frame();
        packet.putEthernet(frame, @splat(0), self.config.mac, packet.EtherType.ipv4);
        packet.Ipv4.write(frame[packet.ethernet_bytes..], self.config.ip, to, protocol, len);
        return frame[packet.payload_at..];
    }

    /// The token under which `pings.nextDone` reports the end.
    pub fn sendPing(self: *Stack, to: Ip, now: u64, timeout_ns: u64) SendError!u16 {
        if (!address.isHost(to)) return error.BadAddress;
        if (self.nextHop(to) == null) return error.Unroutable;
        if (self.box.count == outbox.packets_max) return error.WouldBlock;
        const token = self.pings.begin(to, now, timeout_ns) orelse return error.WouldBlock;
        const sixteen: [16]u8 = @splat(0);
        try self.sendEcho(to, .{
            .kind = packet.IcmpEcho.request,
            .ident = ping.ident,
            .sequence = token,
            .data = &sixteen,
        }, false);
        return token;
    }

    /// `ip` 0: any of our addresses.
    pub fn udpBind(self: *Stack, ip: Ip, port: u16) OpenError!u8 {
        const is_group = self.config.group != null and ip == self.config.group.?;
        if (ip != 0 and ip != self.config.ip and !is_group) return error.BadAddress;
        if (port == 0) return error.BadAddress;
        for (&self.udp_sockets) |*socket| {
            const is_same_ip = socket.ip == ip or socket.ip == 0 or ip == 0;
            if (socket.in_use and socket.port == port and is_same_ip) return error.InUse;
        }
        for (&self.udp_sockets, 0..) |*socket, i| {
            if (socket.in_use) continue;
            socket.open(ip, port);
            return @intCast(i);
        }
        return error.NoSocket;
    }

    pub fn udpClose(self: *Stack, index: u8) void {
        self.udp_sockets[index].in_use = false;
    }

    pub fn udpSend(self: *Stack, index: u8, to: address.Endpoint, data: []const u8) SendError!void {
        if (to.port == 0 or to.ip == 0) return error.BadAddress;
        if (data.len > packet.udp_data_bytes_max) return error.TooBig;
        const len = packet.udp_bytes + data.len;
        const body = try self.compose(to.ip, packet.Protocol.udp, len, false);
        @memcpy(body[packet.udp_bytes..], data);
        const port = self.udp_sockets[index].port;
        packet.Udp.write(body, .{ .ip = self.config.ip, .port = port }, to);
    }

    pub fn mark(self: *Stack, index: usize) void {
        std.debug.assert(index < connections_max);
        self.pending |= @as(u32, 1) << @intCast(index);
    }
};

pub fn count(counter: *u32) void {
    counter.* +|= 1;
}
