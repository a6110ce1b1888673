//! Two nodes (or more) joined in memory, with delay and loss, in virtual time: what a `Node` has of
//! the world, without a world. Services are played by the test.

const std = @import("std");
const edge = @import("edge.zig");
const config_file = @import("../config.zig");
const noise = @import("noise");
const Id = @import("../id.zig").Id;

pub const ms = std.time.ns_per_ms;
const flights_max = 512;
const chunk_max = 1100;
const sockets_max = 40;
const asks_max = 64;
const text_max = 256;
const prints_max = 512;
pub const hosts_max = 9;

pub const NodeOf = @import("node.zig").Node(Edge);

const What = enum { syn, accepted, refused, data, fin, reset, datagram };

/// One direction of bytes, or an event, on its way.
const Flight = struct {
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

const Socket = struct {
    is_used: bool = false,
    is_connected: bool = false,
    is_failed: bool = false,
    has_ended: bool = false,
    /// Accepted by the stack, not yet by the node.
    is_waiting: bool = false,
    /// Under this token, so many bytes.
    awaited: ?struct { token: u32, len: usize } = null,
    ip: [4]u8 = @splat(0),
    peer_host: u8 = 0,
    peer_socket: u32 = 0,
    len: usize = 0,
    bytes: [8192]u8 = undefined,
};

/// What a node asked of a service.
pub const Ask = struct {
    service: edge.Service,
    ticket: u16,
    at_ns: u64,
    /// When the service began with it.
    begun_ns: u64,
    len: usize,
    bytes: [5000]u8,

    pub fn request(self: *const Ask) []const u8 {
        return self.bytes[0..self.len];
    }
};

const Line = struct { at_ns: u64, len: usize, text: [text_max]u8 };

pub const Answer = struct { client: edge.Client, len: usize, bytes: [600]u8 };

pub const Edge = struct {
    world: *World,
    host: u8,
    ip: [4]u8,
    port: u16,
    sockets: [sockets_max]Socket = @splat(.{}),
    /// Datagrams that wait.
    heard: [16]Flight = undefined,
    heard_count: usize = 0,
    asks: [asks_max]Ask = undefined,
    ask_count: usize = 0,
    /// What a service says to being asked.
    verdict: std.EnumArray(edge.Service, edge.Asked) = .initFill(.sent),
    /// logd answers at once, unless a test says otherwise.
    has_log: bool = true,
    records: [prints_max]Line = undefined,
    record_count: usize = 0,
    lines: [prints_max]Line = undefined,
    line_count: usize = 0,
    answers: [32]Answer = undefined,
    answer_count: usize = 0,
    drawn: u64 = 0,

    pub fn connect(self: *Edge, to: edge.Address) ?edge.Socket {
        const socket = self.free() orelse return null;
        const slot = &self.sockets[socket];
        slot.is_used = true;
        slot.ip = to.ip;
        for (self.world.edges[0..self.world.count]) |*other| {
            if (!std.mem.eql(u8, &other.ip, &to.ip)) continue;
            const flight = self.world.send(other.host, socket, .syn) orelse return socket;
            flight.from_ip = self.ip;
            flight.from_host = self.host;
            flight.from_socket = socket;
            flight.len = to.port;
        }
        return socket; // no node there: it never connects
    }

    fn free(self: *Edge) ?edge.Socket {
        for (&self.sockets, 0..) |*slot, i| {
            if (slot.is_used) continue;
            slot.is_used = true;
            slot.is_connected = false;
            slot.is_failed = false;
            slot.has_ended = false;
            slot.is_waiting = false;
            slot.awaited = null;
            slot.len = 0;
            return @intCast(i);
        }
        return null;
    }

    pub fn accept(self: *Edge) ?edge.Accepted {
        for (&self.sockets, 0..) |*slot, i| {
            if (!slot.is_used or !slot.is_waiting) continue;
            slot.is_waiting = false;
            return .{ .socket = @intCast(i), .ip = slot.ip };
        }
        return null;
    }

    pub fn await(self: *Edge, socket: edge.Socket, token: u32, len: usize) bool {
        self.sockets[socket].awaited = .{ .token = token, .len = len };
        return true;
    }

    /// Hand over what was awaited and is there. True: something was.
    fn deliver(self: *Edge) bool {
        var has_any = false;
        for (&self.sockets) |*slot| {
            const awaited = slot.awaited orelse continue;
            if (!slot.is_used) continue;
            const node = &self.world.nodes[self.host];
            if (!slot.is_failed and !slot.has_ended and slot.len == 0) continue;
            slot.awaited = null;
            has_any = true;
            if (slot.len == 0) {
                node.onData(awaited.token, if (slot.is_failed) null else "");
                continue;
            }
            var bytes: [8192]u8 = undefined;
            const len = @min(awaited.len, slot.len);
            @memcpy(bytes[0..len], slot.bytes[0..len]);
            std.mem.copyForwards(u8, &slot.bytes, slot.bytes[len..slot.len]);
            slot.len -= len;
            node.onData(awaited.token, bytes[0..len]);
        }
        return has_any;
    }

    pub fn write(self: *Edge, socket: edge.Socket, bytes: []const u8) error{Failed}!usize {
        const slot = &self.sockets[socket];
        if (slot.is_failed) return error.Failed;
        if (slot.peer_host == nobody) return bytes.len;
        if (!slot.is_connected) return 0;
        const len = @min(bytes.len, chunk_max);
        const flight = self.world.send(slot.peer_host, slot.peer_socket, .data) orelse return 0;
        flight.len = len;
        @memcpy(flight.bytes[0..len], bytes[0..len]);
        return len;
    }

    pub fn close(self: *Edge, socket: edge.Socket) void {
        self.end(socket, .fin);
    }

    pub fn abort(self: *Edge, socket: edge.Socket) void {
        self.end(socket, .reset);
    }

    fn end(self: *Edge, socket: edge.Socket, what: What) void {
        const slot = &self.sockets[socket];
        if (slot.is_connected) _ = self.world.send(slot.peer_host, slot.peer_socket, what);
        slot.is_used = false;
        slot.is_connected = false;
    }

    pub fn hear(self: *Edge, out: []u8) ?edge.Datagram {
        if (self.heard_count == 0) return null;
        const first = self.heard[0];
        for (1..self.heard_count) |i| self.heard[i - 1] = self.heard[i];
        self.heard_count -= 1;
        @memcpy(out[0..first.len], first.bytes[0..first.len]);
        return .{ .ip = first.from_ip, .bytes = out[0..first.len] };
    }

    /// Only announces to all nodes travel: those to one peer would be the same once more.
    pub fn say(self: *Edge, ip: [4]u8, packet: []const u8) bool {
        if (ip[0] != 239) return true;
        for (0..self.world.count) |host| if (host != self.host) {
            self.world.announce(@intCast(host), self.ip, packet);
        };
        return true;
    }

    pub fn entropy(self: *Edge) ?[32]u8 {
        self.drawn += 1;
        var bytes: [32]u8 = undefined;
        std.crypto.hash.Blake3.hash(std.mem.asBytes(&[2]u64{ self.host, self.drawn }), &bytes, .{});
        return bytes;
    }

    pub fn ask(
        self: *Edge,
        service: edge.Service,
        ticket: u16,
        request: []const u8,
    ) edge.Asked {
        const verdict = self.verdict.get(service);
        if (verdict != .sent) return verdict;
        if (service == .logd and request[3] == 16) {
            keep(&self.records, &self.record_count, self.world.now_ns, recordOf(request));
            if (!self.has_log) return .sent;
        }
        const asked = &self.asks[self.ask_count];
        self.ask_count += 1;
        asked.service = service;
        asked.ticket = ticket;
        asked.at_ns = self.world.now_ns;
        asked.len = request.len;
        @memcpy(asked.bytes[0..request.len], request);
        return .sent;
    }

    pub fn answer(self: *Edge, client: edge.Client, reply: []const u8) void {
        const place = &self.answers[self.answer_count];
        self.answer_count += 1;
        place.client = client;
        place.len = reply.len;
        @memcpy(place.bytes[0..reply.len], reply);
    }

    pub fn print(self: *Edge, comptime fmt: []const u8, args: anytype) void {
        var buffer: [text_max]u8 = undefined;
        const text = std.fmt.bufPrint(&buffer, fmt, args) catch unreachable;
        keep(&self.lines, &self.line_count, self.world.now_ns, text);
    }

    /// Take an ask off the list, the first of this service.
    pub fn takeAsk(self: *Edge, service: edge.Service) ?Ask {
        for (0..self.ask_count) |i| {
            if (self.asks[i].service != service) continue;
            const asked = self.asks[i];
            for (i + 1..self.ask_count) |later| self.asks[later - 1] = self.asks[later];
            self.ask_count -= 1;
            return asked;
        }
        return null;
    }

    pub fn printed(self: *const Edge, text: []const u8) usize {
        return countOf(self.lines[0..self.line_count], text);
    }

    pub fn recorded(self: *const Edge, text: []const u8) usize {
        return countOf(self.records[0..self.record_count], text);
    }

    pub fn lastPrinted(self: *const Edge, text: []const u8) ?u64 {
        var at: ?u64 = null;
        for (self.lines[0..self.line_count]) |*line| {
            if (std.mem.indexOf(u8, line.text[0..line.len], text) != null) at = line.at_ns;
        }
        return at;
    }
};

fn countOf(lines: []const Line, text: []const u8) usize {
    var count: usize = 0;
    for (lines) |*line| {
        count += @intFromBool(std.mem.indexOf(u8, line.text[0..line.len], text) != null);
    }
    return count;
}

fn keep(lines: *[prints_max]Line, count: *usize, at_ns: u64, text: []const u8) void {
    if (count.* == prints_max) return; // a flood: the first ones tell enough
    lines[count.*].at_ns = at_ns;
    lines[count.*].len = @min(text.len, text_max);
    @memcpy(lines[count.*].text[0..@min(text.len, text_max)], text[0..@min(text.len, text_max)]);
    count.* += 1;
}

/// Room and message of a note: `audit|message`.
fn recordOf(request: []const u8) []const u8 {
    const source_len = request[13];
    const head = 14 + @as(usize, source_len);
    const scope_len = request[head + 1];
    return request[head + 6 + scope_len ..];
}

/// Service and operation.
const operations = [_][2]u8{
    .{ 1, 6 }, .{ 2, 1 }, .{ 3, 1 }, .{ 3, 2 }, .{ 3, 3 }, .{ 3, 4 },
    .{ 4, 1 }, .{ 4, 2 }, .{ 4, 3 }, .{ 4, 4 }, .{ 4, 5 }, .{ 5, 2 },
};

pub const World = struct {
    now_ns: u64 = ms,
    delay_ns: u64 = ms / 2,
    count: u8 = 0,
    edges: [hosts_max]Edge = undefined,
    nodes: [hosts_max]NodeOf = undefined,
    configs: [hosts_max]config_file.Config = undefined,
    flights: [flights_max]Flight = undefined,
    flight_count: usize = 0,
    /// Of a thousand announces so many are lost.
    loss: u16 = 0,
    random: std.Random.DefaultPrng = .init(1),
    /// Of all that is sent only announces arrive.
    is_cut: bool = false,
    lost: Flight = undefined,

    pub fn create() !*World {
        const world = try std.testing.allocator.create(World);
        world.now_ns = ms;
        world.delay_ns = ms / 2;
        world.count = 0;
        world.flight_count = 0;
        world.loss = 0;
        world.is_cut = false;
        world.random = .init(1);
        return world;
    }

    pub fn destroy(world: *World) void {
        std.testing.allocator.destroy(world);
    }

    /// A host with a node, once all have been added: see `start`.
    pub fn add(world: *World) u8 {
        const host = world.count;
        world.count += 1;
        world.edges[host] = .{
            .world = world,
            .host = host,
            .ip = ipOf(host),
            .port = portOf(host),
        };
        world.configs[host] = configOf(host);
        return host;
    }

    /// Make `peer` known to `host`, all its state operations allowed.
    pub fn know(world: *World, host: u8, peer: u8, is_dialled: bool) void {
        const config = &world.configs[host];
        config.peer_list[config.peer_count] = .{
            .id = idOf(peer),
            .ip = ipOf(peer),
            .tcp_port = portOf(peer),
            .key = keyOf(peer).public,
            .dial = is_dialled,
        };
        const index: u8 = @intCast(config.peer_count);
        config.peer_count += 1;
        if (config.rule_count + operations.len > config_file.rules_max) return;
        for (operations) |pair| {
            config.rule_list[config.rule_count] =
                .{ .peer = index, .service = pair[0], .opcode = pair[1] };
            config.rule_count += 1;
        }
    }

    pub fn start(world: *World, host: u8) !void {
        try world.nodes[host].init(&world.edges[host], &world.configs[host], world.now_ns);
    }

    pub fn send(world: *World, to: u8, socket: u32, what: What) ?*Flight {
        if (world.is_cut and what != .datagram) return &world.lost;
        if (world.flight_count == flights_max) return null;
        const flight = &world.flights[world.flight_count];
        world.flight_count += 1;
        flight.at_ns = world.now_ns + world.delay_ns;
        flight.to = to;
        flight.socket = socket;
        flight.what = what;
        flight.len = 0;
        return flight;
    }

    /// A datagram to the discovery port, of any sender.
    pub fn announce(world: *World, to: u8, from_ip: [4]u8, packet: []const u8) void {
        if (world.random.random().uintLessThan(u16, 1000) < world.loss) return;
        const flight = world.send(to, 0, .datagram) orelse return;
        flight.from_ip = from_ip;
        flight.len = packet.len;
        @memcpy(flight.bytes[0..packet.len], packet);
    }

    /// Let time pass. `serve` plays the services: it is called after each turn of a host, and says
    /// whether it has answered.
    pub fn run(world: *World, until_ns: u64, serve: anytype) void {
        while (world.now_ns < until_ns) {
            for (0..world.count) |index| {
                const host: u8 = @intCast(index);
                const node = &world.nodes[host];
                for (0..64) |_| {
                    node.turn(world.now_ns);
                    world.confirm(host);
                    const has_come = world.edges[host].deliver();
                    if (!serve.run(world, host) and !has_come and !node.isHot()) break;
                }
            }
            world.advance(@min(until_ns, serve.deadline()));
        }
    }

    /// logd of a host: all that was noted is confirmed.
    fn confirm(world: *World, host: u8) void {
        const outside = &world.edges[host];
        if (!outside.has_log) return;
        var kept: usize = 0;
        for (0..outside.ask_count) |i| {
            const asked = &outside.asks[i];
            if (asked.service == .logd and asked.bytes[3] == 16) {
                var reply: [29]u8 = @splat(0);
                reply[0..5].* = "LO\x02\x90\x00".*;
                std.mem.writeInt(u64, reply[5..13], asked.ticket, .little);
                world.nodes[host].onReply(.logd, asked.ticket, &reply);
                continue;
            }
            if (kept != i) outside.asks[kept] = asked.*;
            kept += 1;
        }
        outside.ask_count = kept;
    }

    fn advance(world: *World, until_ns: u64) void {
        var at = until_ns;
        for (world.flights[0..world.flight_count]) |*flight| at = @min(at, flight.at_ns);
        for (0..world.count) |host| at = @min(at, world.nodes[host].deadline());
        world.now_ns = @max(at, world.now_ns + 1000);
        var i: usize = 0;
        while (i < world.flight_count) {
            if (world.flights[i].at_ns > world.now_ns) {
                i += 1;
                continue;
            }
            const flight = world.flights[i];
            // In order: bytes of one connection follow each other.
            for (i + 1..world.flight_count) |later| world.flights[later - 1] = world.flights[later];
            world.flight_count -= 1;
            world.arrive(&flight);
        }
    }

    fn arrive(world: *World, flight: *const Flight) void {
        const outside = &world.edges[flight.to];
        const node = &world.nodes[flight.to];
        switch (flight.what) {
            .datagram => {
                if (outside.heard_count == outside.heard.len) return;
                outside.heard[outside.heard_count] = flight.*;
                outside.heard_count += 1;
                node.onDatagram();
            },
            .syn => world.accept(flight),
            .accepted => {
                const slot = &outside.sockets[flight.socket];
                slot.is_connected = true;
                slot.peer_host = flight.from_host;
                slot.peer_socket = flight.from_socket;
                node.onSocket(flight.socket, .{ .connected = true, .writable = true });
            },
            .refused => node.onSocket(flight.socket, .{ .failed = true }),
            .data => {
                const slot = &outside.sockets[flight.socket];
                if (!slot.is_used) return;
                @memcpy(slot.bytes[slot.len..][0..flight.len], flight.bytes[0..flight.len]);
                slot.len += flight.len;
            },
            .fin => {
                outside.sockets[flight.socket].has_ended = true;
            },
            .reset => {
                outside.sockets[flight.socket].is_failed = true;
                node.onSocket(flight.socket, .{ .failed = true });
            },
        }
    }

    fn accept(world: *World, flight: *const Flight) void {
        const outside = &world.edges[flight.to];
        const socket = if (flight.len == outside.port) outside.free() else null;
        const back = world.send(
            flight.from_host,
            flight.from_socket,
            if (socket == null) .refused else .accepted,
        ) orelse return;
        const ours = socket orelse return;
        const slot = &outside.sockets[ours];
        slot.is_connected = true;
        slot.is_waiting = true;
        slot.ip = flight.from_ip;
        slot.peer_host = flight.from_host;
        slot.peer_socket = flight.from_socket;
        back.from_host = flight.to;
        back.from_socket = ours;
        world.nodes[flight.to].onListener();
    }
};

pub fn idOf(host: u8) Id {
    const name = [_]u8{ 'n', 'o', 'd', 'e', '-', 'a' + host };
    return Id.from(&name) catch unreachable;
}

pub fn ipOf(host: u8) [4]u8 {
    return .{ 10, 42, 0, 10 + host };
}

pub fn portOf(host: u8) u16 {
    return 34567 + @as(u16, host);
}

pub fn keyOf(host: u8) noise.KeyPair {
    return noise.KeyPair.fromSecret(@splat(host + 1)) catch unreachable;
}

fn configOf(host: u8) config_file.Config {
    return .{
        .id = idOf(host),
        .secret = @splat(host + 1),
        .listen_port = portOf(host),
        .limit = .{ .burst = 32, .per_second = 16 },
    };
}

/// No services at all.
pub const Nobody = struct {
    pub fn run(_: Nobody, _: *World, _: u8) bool {
        return false;
    }

    pub fn deadline(_: Nobody) u64 {
        return edge.never;
    }
};

/// A host without a node: it connects to one, says something or nothing, and comes back at once.
pub const Stranger = struct {
    ip: [4]u8,
    says: []const u8 = "",
    sockets: [lines_max]?u32 = @splat(null),
    opened: usize = 0,

    pub const lines_max = 17;

    /// Keep `count` connections to this host open.
    pub fn press(self: *Stranger, world: *World, host: u8, count: usize) void {
        const outside = &world.edges[host];
        for (self.sockets[0..count]) |*line| {
            if (line.*) |socket| {
                const slot = &outside.sockets[socket];
                if (slot.is_used and std.mem.eql(u8, &slot.ip, &self.ip)) continue;
                line.* = null;
            }
            const socket = outside.free() orelse return;
            const slot = &outside.sockets[socket];
            slot.is_waiting = true;
            slot.ip = self.ip;
            slot.peer_host = nobody;
            @memcpy(slot.bytes[0..self.says.len], self.says);
            slot.len = self.says.len;
            line.* = socket;
            self.opened += 1;
            world.nodes[host].onListener();
        }
    }
};

/// Bytes to it are lost.
const nobody = 0xFF;
