//! Two servers on one wire, and requests to them, for tests.

const std = @import("std");
const net = @import("net");
const netstack = @import("netstack");
const core = @import("core.zig");
const expectEqual = std.testing.expectEqual;
const expectEqualSlices = std.testing.expectEqualSlices;

pub const ms = std.time.ns_per_ms;
pub const alice = 0xA11CE;
pub const mallory = 0xBAD;
pub const watcher_slot = 40;

pub const World = struct {
    servers: [2]core.Server = undefined,
    now: u64 = 1,
    /// Which life of the clients asks.
    pid: u32 = 3,

    pub fn create() !*World {
        const world = try std.testing.allocator.create(World);
        world.now = 1;
        world.pid = 3;
        for (&world.servers, 10..) |*server, host| {
            server.init();
            server.bringUp(.{
                .mac = .{ 0x52, 0x54, 0, 0, 0, @intCast(host) },
                .ip = net.address.fromBytes(.{ 10, 42, 0, @intCast(host) }),
                .prefix = 24,
                .secret = @splat(7),
                .port_seed = 0,
            });
        }
        return world;
    }

    pub fn destroy(world: *World) void {
        std.testing.allocator.destroy(world);
    }

    /// Carry frames both ways until there are none; a frame takes a millisecond.
    pub fn pump(world: *World) void {
        var frame: [net.packet.frame_bytes_max]u8 align(8) = undefined;
        var quiet: usize = 0;
        while (quiet < 2) for (0..2) |side| {
            quiet += 1;
            while (world.servers[side].stack.transmit(&frame, world.now)) |sent| {
                quiet = 0;
                world.now += ms;
                world.servers[side ^ 1].stack.receive(sent, world.now);
            }
        };
        for (&world.servers) |*server| server.notice();
    }

    /// A request of `client` to one of the servers; the reply behind its status.
    pub fn ask(world: *World, side: usize, client: u64, frame: []const u8) !Reply {
        const caller: core.Caller = .{
            .service = client,
            .pid = world.pid,
            .moved = 20,
            .sequence = 5,
        };
        const outcome = world.servers[side].handle(frame, caller, world.now);
        const reply = outcome.reply;
        try expectEqualSlices(u8, netstack.magic, reply[0..3]);
        try expectEqual(frame[3] | netstack.reply_bit, reply[3]);
        return .{ .status = @enumFromInt(reply[4]), .tail = reply[5..] };
    }

    pub fn open(world: *World, side: usize, client: u64, frame: []const u8) !u32 {
        const reply = try world.ask(side, client, frame);
        try expectEqual(netstack.Status.ok, reply.status);
        return std.mem.readInt(u32, reply.tail[0..4], .little);
    }

    pub fn watch(world: *World, side: usize, client: u64, id: u8, slot: u32) core.Outcome {
        const caller: core.Caller = .{ .service = client, .moved = slot, .sequence = 0 };
        const frame = withId(12, id, "");
        return world.servers[side].handle(frame.bytes(), caller, world.now);
    }

    /// All that is owed to a watcher of socket `id`, taken as delivered.
    pub fn events(world: *World, side: usize, id: u32) u8 {
        const server = &world.servers[side];
        server.notice();
        const what = server.nextNotice(id - 1) orelse return 0;
        if (what.id != id) return 0;
        server.sent(what);
        return what.events;
    }
};

pub const Reply = struct { status: netstack.Status, tail: []const u8 };

pub const Frame = struct {
    buffer: [64]u8 = undefined,
    len: usize,

    pub fn bytes(self: *const Frame) []const u8 {
        return self.buffer[0..self.len];
    }
};

pub fn withId(op: u8, id: u8, rest: []const u8) Frame {
    var frame: Frame = .{ .len = 8 + rest.len };
    frame.buffer[0..8].* = .{ 'N', 'S', 1, op, id, 0, 0, 0 };
    @memcpy(frame.buffer[8..][0..rest.len], rest);
    return frame;
}

pub const listen_7 = "NS\x01\x01\x07\x00";
pub const bind_9 = "NS\x01\x06\x09\x00";
pub const connect_b_7 = "NS\x01\x03\x0a\x2a\x00\x0b\x07\x00";
pub const read_all = "\xff\xff";

pub const readable = (netstack.Events{ .readable = true }).bits();
pub const writable = (netstack.Events{ .writable = true }).bits();
pub const peer_closed = (netstack.Events{ .peer_closed = true }).bits();
pub const failed = (netstack.Events{ .failed = true }).bits();
pub const connected = (netstack.Events{ .connected = true }).bits();
