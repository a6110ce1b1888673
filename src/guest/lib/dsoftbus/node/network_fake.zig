//! What is on its way between hosts in memory: bytes of connections, their events and datagrams,
//! with delay and loss. The time is the world's.

const std = @import("std");

pub const ms = std.time.ns_per_ms;
pub const hosts_max = 9;
/// Of one connection, on its way at once.
pub const chunk_max = 1100;
const flights_max = 512;

pub const What = enum { syn, accepted, refused, data, fin, reset, datagram };

/// One direction of bytes, or an event, on its way.
pub const Flight = struct {
    at_ns: u64,
    to: u8,
    socket: u32,
    what: What,
    from_ip: [4]u8 = @splat(0),
    from_host: u8 = 0,
    from_socket: u32 = 0,
    len: usize = 0,
    bytes: [chunk_max]u8 = undefined,
};

pub const Network = struct {
    clock: *const u64,
    delay_ns: u64,
    /// The address of each host.
    ips: [hosts_max][4]u8,
    count: u8,
    flights: [flights_max]Flight,
    flight_count: usize,
    /// Of a thousand announces so many are lost.
    loss: u16,
    random: std.Random.DefaultPrng,
    /// Of all that is sent only announces arrive.
    is_cut: bool,
    lost: Flight,

    /// In place: it is large.
    pub fn begin(self: *Network, clock: *const u64) void {
        self.clock = clock;
        self.delay_ns = ms / 2;
        self.count = 0;
        self.flight_count = 0;
        self.loss = 0;
        self.is_cut = false;
        self.random = .init(1);
    }

    pub fn add(self: *Network, ip: [4]u8) u8 {
        const host = self.count;
        self.ips[host] = ip;
        self.count += 1;
        return host;
    }

    pub fn hostOf(self: *const Network, ip: [4]u8) ?u8 {
        for (self.ips[0..self.count], 0..) |*known, host| {
            if (std.mem.eql(u8, known, &ip)) return @intCast(host);
        }
        return null;
    }

    pub fn send(self: *Network, to: u8, socket: u32, what: What) ?*Flight {
        if (self.is_cut and what != .datagram) return &self.lost;
        if (self.flight_count == flights_max) return null;
        const flight = &self.flights[self.flight_count];
        self.flight_count += 1;
        flight.at_ns = self.clock.* + self.delay_ns;
        flight.to = to;
        flight.socket = socket;
        flight.what = what;
        flight.len = 0;
        return flight;
    }

    /// A datagram to the discovery port, of any sender.
    pub fn announce(self: *Network, to: u8, from_ip: [4]u8, packet: []const u8) void {
        if (self.random.random().uintLessThan(u16, 1000) < self.loss) return;
        const flight = self.send(to, 0, .datagram) orelse return;
        flight.from_ip = from_ip;
        flight.len = packet.len;
        @memcpy(flight.bytes[0..packet.len], packet);
    }

    /// When the next of them arrives, not later than `until_ns`.
    pub fn nextArrival(self: *const Network, until_ns: u64) u64 {
        var at = until_ns;
        for (self.flights[0..self.flight_count]) |*flight| at = @min(at, flight.at_ns);
        return at;
    }

    /// The first that has arrived; call until null. In order: bytes of one connection follow each
    /// other.
    pub fn takeArrived(self: *Network) ?Flight {
        for (self.flights[0..self.flight_count], 0..) |*each, i| {
            if (each.at_ns > self.clock.*) continue;
            const flight = each.*;
            for (i + 1..self.flight_count) |later| self.flights[later - 1] = self.flights[later];
            self.flight_count -= 1;
            return flight;
        }
        return null;
    }
};
