//! Two stacks joined by a link that loses, repeats, damages and reorders frames, by a seed.
//! For tests alone. Time is virtual and jumps from event to event.

const std = @import("std");
const address = @import("address.zig");
const net_stack = @import("stack.zig");
const packet = @import("packet.zig");
const Stack = net_stack.Stack;

pub const ip_a = address.fromBytes(.{ 10, 42, 0, 10 });
pub const ip_b = address.fromBytes(.{ 10, 42, 0, 11 });
pub const group = address.fromBytes(.{ 239, 42, 0, 1 });
pub const ms = std.time.ns_per_ms;

/// Chances in 1/256.
pub const Faults = struct {
    loss: u8 = 0,
    duplicate: u8 = 0,
    damage: u8 = 0,
    delay_min_ns: u64 = 1 * ms,
    delay_max_ns: u64 = 1 * ms,
};

const Flight = struct {
    ready_ns: u64,
    number: u64,
    to: u1,
    len: usize,
    bytes: [packet.frame_bytes_max]u8 align(8),
};

/// Far more than the windows of a test's connections put in flight.
const flights_max = 512;

pub const World = struct {
    stacks: [2]Stack = undefined,
    now: u64 = 1,
    faults: Faults = .{},
    is_cut: bool = false,
    prng: std.Random.DefaultPrng,
    flights: [flights_max]Flight = undefined,
    count: usize = 0,
    numbered: u64 = 0,
    frames: usize = 0,
    lost: usize = 0,
    /// Frames that the first stack sent, last one kept for a look at it.
    last_from_a: [packet.frame_bytes_max]u8 align(8) = undefined,
    last_from_a_len: usize = 0,

    pub fn create(seed: u64, faults: Faults) !*World {
        const world = try std.testing.allocator.create(World);
        world.* = .{ .prng = .init(seed), .faults = faults };
        for (&world.stacks, 0..) |*one, i| one.init(.{
            .mac = .{ 0x52, 0x54, 0, 0x12, 0x34, 0x0A + @as(u8, @intCast(i)) },
            .ip = if (i == 0) ip_a else ip_b,
            .prefix = 24,
            .group = group,
            .secret = @splat(@truncate(seed +% i)),
            .port_seed = @truncate(seed),
        });
        return world;
    }

    pub fn destroy(world: *World) void {
        std.testing.allocator.destroy(world);
    }

    pub fn a(world: *World) *Stack {
        return &world.stacks[0];
    }

    pub fn b(world: *World) *Stack {
        return &world.stacks[1];
    }

    /// Take what both stacks want to send.
    pub fn pump(world: *World) void {
        for (0..2) |side| while (true) {
            var out: [packet.frame_bytes_max]u8 align(8) = undefined;
            const frame = world.stacks[side].transmit(&out, world.now) orelse break;
            if (side == 0) {
                @memcpy(world.last_from_a[0..frame.len], frame);
                world.last_from_a_len = frame.len;
            }
            world.offer(@intCast(side ^ 1), frame);
        };
    }

    fn chance(world: *World, of: u8) bool {
        return of != 0 and world.prng.random().int(u8) < of;
    }

    pub fn offer(world: *World, to: u1, frame: []const u8) void {
        world.frames += 1;
        if (world.is_cut or world.chance(world.faults.loss)) {
            world.lost += 1;
            return;
        }
        const copies: usize = if (world.chance(world.faults.duplicate)) 2 else 1;
        for (0..copies) |_| {
            std.debug.assert(world.count < flights_max);
            const flight = &world.flights[world.count];
            world.count += 1;
            world.numbered += 1;
            flight.number = world.numbered;
            flight.to = to;
            flight.len = frame.len;
            @memcpy(flight.bytes[0..frame.len], frame);
            const range = world.faults.delay_max_ns - world.faults.delay_min_ns;
            const extra = if (range == 0) 0 else world.prng.random().uintLessThan(u64, range);
            flight.ready_ns = world.now + world.faults.delay_min_ns + extra;
            if (!world.chance(world.faults.damage)) continue;
            const bit = world.prng.random().uintLessThan(usize, frame.len * 8);
            flight.bytes[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
        }
    }

    fn soonest(world: *World) ?usize {
        var best: ?usize = null;
        for (world.flights[0..world.count], 0..) |*flight, i| {
            const is_better = best == null or flight.ready_ns < world.flights[best.?].ready_ns or
                (flight.ready_ns == world.flights[best.?].ready_ns and
                    flight.number < world.flights[best.?].number);
            if (is_better) best = i;
        }
        return best;
    }

    /// Go on to the next event. False: nothing will ever happen again.
    pub fn step(world: *World) bool {
        return world.stepUntil(net_stack_never - 1);
    }

    /// Go on to the next event, if it comes no later than `end`.
    fn stepUntil(world: *World, end: u64) bool {
        world.pump();
        const index = world.soonest();
        const arrival = if (index) |i| world.flights[i].ready_ns else net_stack_never;
        const deadline = @min(world.a().nextDeadline(), world.b().nextDeadline());
        const next = @min(arrival, deadline);
        if (next > end) return false;
        world.now = @max(world.now, next);
        if (arrival <= deadline) {
            const flight = &world.flights[index.?];
            const to = &world.stacks[flight.to];
            to.receive(flight.bytes[0..flight.len], world.now);
            world.count -= 1;
            if (index.? != world.count) flight.* = world.flights[world.count];
        } else {
            for (&world.stacks) |*one| one.poll(world.now);
        }
        world.pump();
        return true;
    }

    /// Until nothing happens any more, or `ns` have passed.
    pub fn run(world: *World, ns: u64) void {
        const end = world.now + ns;
        while (world.stepUntil(end)) {}
        world.now = end;
    }
};

const net_stack_never = std.math.maxInt(u64);
