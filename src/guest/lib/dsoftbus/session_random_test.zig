//! Two sessions under random use, from fixed seeds: frames of random sizes in both directions, in
//! random pieces, with pings between; and strangers that send random bytes at every stage.

const std = @import("std");
const noise = @import("noise");
const frames = @import("frames.zig");
const session = @import("session.zig");
const Session = session.Session;
const Id = @import("id.zig").Id;

const steps = 400;
const pieces_max = 700;

fn key(seed: u8) noise.KeyPair {
    return noise.KeyPair.fromSecret(@splat(seed)) catch unreachable;
}

/// One direction: what was sent and not yet seen on the other side, by seed of its content.
const Stream = struct {
    sent: u64 = 0,
    seen: u64 = 0,

    fn fill(index: u64, buffer: *[frames.plaintext_bytes_max]u8) []u8 {
        var random = std.Random.DefaultPrng.init(index);
        const len = 17 + random.random().uintLessThan(usize, frames.plaintext_bytes_max - 16);
        random.random().bytes(buffer[0..len]);
        return buffer[0..len];
    }

    /// Like the daemon, speak only when the last word has left: two sides that both insist would
    /// wait for each other.
    fn send(self: *Stream, from: *Session) !void {
        if (from.state != .ready or from.output().len != 0) return;
        var buffer: [frames.plaintext_bytes_max]u8 = undefined;
        try from.send(fill(self.sent, &buffer));
        self.sent += 1;
    }

    fn see(self: *Stream, frame: []const u8) !void {
        var buffer: [frames.plaintext_bytes_max]u8 = undefined;
        try std.testing.expectEqualSlices(u8, fill(self.seen, &buffer), frame);
        self.seen += 1;
    }
};

fn carry(random: std.Random, from: *Session, to: *Session, stream: *Stream, now_ns: u64) !void {
    const output = from.output();
    const piece = @min(output.len, random.uintAtMost(usize, pieces_max));
    from.takeOutput(to.feed(output[0..piece]));
    while (to.take(now_ns)) |event| switch (event) {
        .key_wanted => unreachable, // all have theirs from the beginning
        .proven => try to.admit(now_ns),
        .ready => {},
        .received => |frame| try stream.see(frame),
        .refused => return error.TestUnexpectedResult,
    };
}

test "every frame arrives once, whole and in order" {
    const id = try Id.from("node");
    for (0..8) |seed| {
        var prng = std.Random.DefaultPrng.init(seed);
        const random = prng.random();
        var a: Session = undefined;
        var b: Session = undefined;
        const ephemeral = key(2);
        try a.dial(.{
            .id = &id,
            .static = key(1),
            .ephemeral = ephemeral,
            .now_ns = 0,
        }, key(3).public);
        b.accept(.{ .id = &id, .static = key(3), .ephemeral = key(4), .now_ns = 0 });
        var up: Stream = .{};
        var down: Stream = .{};
        for (0..steps) |step| {
            const now_ns = step * std.time.ns_per_ms;
            switch (random.uintLessThan(u8, 6)) {
                0 => try up.send(&a),
                1 => try down.send(&b),
                2 => if (a.state == .ready) a.send(&frames.encodePing(.ping, step)) catch {},
                3, 4 => try carry(random, &a, &b, &up, now_ns),
                else => try carry(random, &b, &a, &down, now_ns),
            }
        }
        try std.testing.expect(up.seen > 5 and down.seen > 5);
        try std.testing.expect(a.state == .ready and b.state == .ready);
    }
}

test "random bytes at any stage: refused or awaited, never a frame" {
    const id = try Id.from("node");
    for (0..200) |seed| {
        var prng = std.Random.DefaultPrng.init(seed);
        const random = prng.random();
        var target: Session = undefined;
        if (random.boolean()) {
            const options: session.Options = .{
                .id = &id,
                .static = key(1),
                .ephemeral = key(2),
                .now_ns = 0,
            };
            try target.dial(options, key(3).public);
        } else target.accept(.{ .id = &id, .static = key(3), .ephemeral = key(4), .now_ns = 0 });
        var noise_bytes: [300]u8 = undefined;
        random.bytes(&noise_bytes);
        // Often a plausible length, so that the bytes behind it are looked at.
        const plausible = [_]u16{ 48, 54, 70, 112 };
        if (random.boolean()) {
            const len = plausible[random.uintLessThan(usize, plausible.len)];
            std.mem.writeInt(u16, noise_bytes[0..2], len, .big);
        }
        _ = target.feed(&noise_bytes);
        while (target.take(0)) |event| {
            try std.testing.expectEqual(session.Refusal.unauthenticated, event.refused);
        }
        try std.testing.expectEqual(session.State.closed, target.state);
    }
}
