//! Two joined cores under random use, and one under random frames, from fixed seeds.

const std = @import("std");
const mux = @import("mux.zig");
const frames = @import("mux_frames.zig");
const Mux = mux.Mux;

const seeds = 24;
const steps = 3000;
/// Frames on their way, as a connection holds them.
const flight_max = 6;

/// Byte `i` of what one side sends on a stream.
fn byteAt(id: u32, dialler: bool, i: usize) u8 {
    return @truncate(i *% 31 +% id *% 7 +% @intFromBool(dialler));
}

/// What one side knows of one stream, by id.
const Half = struct {
    sent: usize = 0,
    got: usize = 0,
    granted: usize = 0,
    is_open: bool = false,
};

const ids_max = 512;

const End = struct {
    mux: Mux,
    dialler: bool,
    half: [ids_max]Half = @splat(.{}),
    flight: [flight_max][mux.own.message_bytes_max]u8 = undefined,
    lens: [flight_max]usize = undefined,
    count: usize = 0,
    closed: usize = 0,

    fn begin(self: *End, dialler: bool) void {
        self.* = .{ .mux = undefined, .dialler = dialler };
        self.mux.init(if (dialler) .dialler else .acceptor);
        self.mux.start();
    }

    /// One random thing that an owner may do.
    fn act(self: *End, random: std.Random) !void {
        switch (random.uintLessThan(u8, 10)) {
            0 => self.open(random),
            1...5 => if (self.some(random)) |id| self.write(random, id),
            6...7 => if (self.some(random)) |id| {
                const half = &self.half[id];
                const bytes = random.uintAtMost(usize, half.got - half.granted);
                half.granted += bytes;
                self.mux.grant(id, bytes);
            },
            8 => if (self.some(random)) |id| self.mux.close(id) catch {},
            else => if (random.uintLessThan(u8, 8) == 0) {
                const id = self.some(random) orelse return;
                self.mux.reset(id, .unwanted);
                self.half[id].is_open = false;
            },
        }
    }

    fn open(self: *End, random: std.Random) void {
        const name = "abcdefgh"[random.uintLessThan(usize, 8)..];
        if (self.mux.next_id >= ids_max) return;
        const id = self.mux.open(name, random.int(u3)) catch return;
        self.half[id].is_open = true;
        if (random.boolean()) self.mux.limitData(id, 1 + random.uintLessThan(u32, 100));
    }

    fn write(self: *End, random: std.Random, id: u32) void {
        var bytes: [700]u8 = undefined;
        const len = random.uintAtMost(usize, bytes.len);
        const half = &self.half[id];
        for (bytes[0..len], half.sent..) |*byte, i| byte.* = byteAt(id, self.dialler, i);
        const room = self.mux.room(id);
        const taken = self.mux.send(id, bytes[0..len]);
        std.debug.assert(taken == @min(room, len));
        half.sent += taken;
    }

    fn some(self: *End, random: std.Random) ?u32 {
        const first = random.uintLessThan(u32, ids_max);
        for (0..ids_max) |step| {
            const id = (first + step) % ids_max;
            if (self.half[id].is_open) return @intCast(id);
        }
        return null;
    }

    fn speak(self: *End) void {
        if (self.count == flight_max) return;
        const frame = self.mux.nextFrame(&self.flight[self.count]) orelse return;
        self.lens[self.count] = frame.len;
        self.count += 1;
    }

    fn hear(self: *End, from: *End) !void {
        if (from.count == 0) return;
        const event = try self.mux.receive(from.flight[0][0..from.lens[0]]);
        if (event) |what| try self.take(what);
        from.count -= 1;
        std.mem.copyForwards([mux.own.message_bytes_max]u8, &from.flight, from.flight[1..]);
        std.mem.copyForwards(usize, &from.lens, from.lens[1..]);
    }

    fn take(self: *End, event: mux.Event) !void {
        switch (event) {
            .opened => |stream| {
                self.half[stream.id].is_open = true;
                self.mux.accept(stream.id);
            },
            .arrived => |data| {
                const half = &self.half[data.id];
                for (data.bytes, half.got..) |byte, i| {
                    try std.testing.expectEqual(byteAt(data.id, !self.dialler, i), byte);
                }
                half.got += data.bytes.len;
                // Never more in hand than was given.
                try std.testing.expect(half.got - half.granted <= mux.own.initial_credit);
            },
            .was_reset => |what| self.half[what.id].is_open = false,
            .half_closed => self.closed += 1,
            .settled, .acknowledged, .credited => {},
        }
    }
};

var ends: [2]End = undefined;

test "honest sides never reject each other, and every byte comes in order" {
    var opened: usize = 0;
    var carried: usize = 0;
    var closed: usize = 0;
    for (0..seeds) |seed| {
        var prng = std.Random.DefaultPrng.init(seed);
        const random = prng.random();
        ends[0].begin(true);
        ends[1].begin(false);
        for (0..steps) |_| {
            const end = &ends[random.uintLessThan(usize, 2)];
            const other = if (end == &ends[0]) &ends[1] else &ends[0];
            switch (random.uintLessThan(u8, 4)) {
                0 => try end.act(random),
                1, 2 => end.speak(),
                else => try end.hear(other),
            }
        }
        for (&ends, 0..) |*end, i| for (end.half, ends[1 - i].half) |half, theirs| {
            opened += @intFromBool(half.sent + half.got != 0);
            carried += half.got;
            try std.testing.expect(half.got <= theirs.sent);
        };
        closed += ends[0].closed + ends[1].closed;
    }
    // The test has really done something.
    try std.testing.expect(opened > 10 * seeds and carried > 10_000 * seeds and closed > seeds);
}

/// A frame that is often nearly right.
fn invent(random: std.Random, out: *[64]u8) []u8 {
    random.bytes(out);
    out[0] = if (random.uintLessThan(u8, 32) == 0) random.int(u8) else 17 + out[0] % 6;
    if (random.uintLessThan(u8, 8) != 0) {
        std.mem.writeInt(u32, out[1..5], 1 + random.uintLessThan(u32, 4), .little);
    }
    const len: usize = switch (out[0]) {
        16 => blk: {
            @memcpy(out[1..12], "\x01\x10\x00\x00\x04\x00\x00\x00\x10\x00\x00");
            break :blk frames.settings_bytes;
        },
        17 => blk: {
            out[5] %= 9;
            out[6] = 1 + out[6] % 4;
            for (out[7..11]) |*byte| byte.* = 'a' + byte.* % 4;
            break :blk frames.open_head + @as(usize, out[6]);
        },
        18, 21 => 5,
        20 => blk: {
            if (random.boolean()) @memset(out[5..9], 0xff);
            break :blk 9;
        },
        22 => 6,
        else => 1 + random.uintLessThan(usize, 63),
    };
    return out[0..if (random.uintLessThan(u8, 16) == 0) random.uintAtMost(usize, 64) else len];
}

test "whatever a stranger says: an event, silence or a labelled end" {
    var labels: [9][]const u8 = @splat("");
    for (0..4000) |seed| {
        var prng = std.Random.DefaultPrng.init(seed);
        const random = prng.random();
        const victim = &ends[0];
        victim.begin(seed % 2 == 0);
        _ = try victim.mux.receive("\x10\x01\x10\x00\x00\x04\x00\x00\x00\x10\x00\x00");
        var first = "\x11\x01\x00\x00\x00\x00\x01a".*;
        if (seed % 2 == 0) first[1] = 2;
        victim.mux.accept((try victim.mux.receive(&first)).?.opened.id);
        _ = try victim.mux.open("mine", 0);
        for (0..40) |_| {
            var buffer: [64]u8 = undefined;
            const event = victim.mux.receive(invent(random, &buffer)) catch |reject| {
                note(&labels, mux.label(reject));
                break;
            };
            if (event) |what| if (what == .opened) {
                if (random.boolean()) victim.mux.accept(what.opened.id) else {
                    victim.mux.reset(what.opened.id, .unknown_stream);
                }
            };
            var out: [mux.own.message_bytes_max]u8 = undefined;
            if (random.boolean()) _ = victim.mux.nextFrame(&out);
        }
    }
    var kinds: usize = 0;
    for (labels) |text| kinds += @intFromBool(text.len != 0);
    try std.testing.expect(kinds >= 5);
}

fn note(labels: [][]const u8, text: []const u8) void {
    for (labels) |*known| {
        if (known.len == 0) known.* = text;
        if (std.mem.eql(u8, known.*, text)) return;
    }
}
