//! Two nodes (or more) joined in memory, in virtual time: what a `Node` has of the world, without a
//! world. What is on its way is in `network_fake`, what a node sees of it in `edge_fake`.

const std = @import("std");
const edge = @import("edge.zig");
const config_file = @import("../config.zig");
const edge_fake = @import("edge_fake.zig");
const network = @import("network_fake.zig");
const noise = @import("noise");
const Flight = network.Flight;
const Id = @import("../id.zig").Id;
const Network = network.Network;

pub const ms = network.ms;
pub const hosts_max = network.hosts_max;
pub const Ask = edge_fake.Ask;
pub const Edge = edge_fake.Edge;
pub const NodeOf = @import("node.zig").Node(Edge);

/// Service and operation.
const operations = [_][2]u8{
    .{ 1, 6 }, .{ 2, 1 }, .{ 3, 1 }, .{ 3, 2 }, .{ 3, 3 }, .{ 3, 4 },
    .{ 4, 1 }, .{ 4, 2 }, .{ 4, 3 }, .{ 4, 4 }, .{ 4, 5 }, .{ 5, 2 },
};

pub const World = struct {
    now_ns: u64 = ms,
    net: Network = undefined,
    count: u8 = 0,
    edges: [hosts_max]Edge = undefined,
    nodes: [hosts_max]NodeOf = undefined,
    configs: [hosts_max]config_file.Config = undefined,

    pub fn create() !*World {
        const world = try std.testing.allocator.create(World);
        world.now_ns = ms;
        world.count = 0;
        world.net.begin(&world.now_ns);
        return world;
    }

    pub fn destroy(world: *World) void {
        std.testing.allocator.destroy(world);
    }

    /// A host with a node, once all have been added: see `start`.
    pub fn add(world: *World) u8 {
        const host = world.net.add(ipOf(world.count));
        world.count += 1;
        world.edges[host] = .{
            .net = &world.net,
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
                    const has_come = world.edges[host].deliver(node);
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
        var at = world.net.nextArrival(until_ns);
        for (0..world.count) |host| at = @min(at, world.nodes[host].deadline());
        world.now_ns = @max(at, world.now_ns + 1000);
        while (world.net.takeArrived()) |flight| world.arrive(&flight);
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
        const back = world.net.send(
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
            slot.peer_host = edge_fake.nobody;
            @memcpy(slot.bytes[0..self.says.len], self.says);
            slot.len = self.says.len;
            line.* = socket;
            self.opened += 1;
            world.nodes[host].onListener();
        }
    }
};
