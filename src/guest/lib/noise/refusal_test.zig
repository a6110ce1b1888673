//! What the handshake refuses, and that a refusal changes nothing.

const std = @import("std");
const noise = @import("root.zig");
const Handshake = noise.Handshake;
const KeyPair = noise.KeyPair;
const expectError = std.testing.expectError;

const prologue = "nexus-dsoftbus/1";

fn pair(seed: u8) KeyPair {
    return KeyPair.fromSecret(@splat(seed)) catch unreachable;
}

const Two = struct {
    near: Handshake,
    far: Handshake,

    fn init() Two {
        return .{
            .near = Handshake.initiator(prologue, pair(1), pair(2), pair(3).public),
            .far = Handshake.responder(prologue, pair(3), pair(4)),
        };
    }

    /// Bring both sides to just before message `step`.
    fn advance(self: *Two, step: usize) !void {
        var wire: [128]u8 = undefined;
        var plain: [128]u8 = undefined;
        for (0..step) |index| {
            const writer, const reader = self.sides(index);
            _ = try reader.read(try writer.write("id", &wire), &plain);
        }
    }

    fn sides(self: *Two, step: usize) struct { *Handshake, *Handshake } {
        return if (step % 2 == 0) .{ &self.near, &self.far } else .{ &self.far, &self.near };
    }
};

fn sameState(a: *const Handshake, b: *const Handshake) bool {
    return a.step == b.step and std.mem.eql(u8, &a.symmetric.h, &b.symmetric.h) and
        std.mem.eql(u8, &a.symmetric.ck, &b.symmetric.ck) and
        a.symmetric.cipher.n == b.symmetric.cipher.n and
        std.meta.eql(a.symmetric.cipher.k, b.symmetric.cipher.k) and
        std.meta.eql(a.re, b.re) and std.meta.eql(a.rs, b.rs) and
        std.mem.eql(u8, &a.e.secret, &b.e.secret) and std.mem.eql(u8, &a.s.secret, &b.s.secret);
}

test "a damaged or cut message is refused, leaves no trace, and the right one still works" {
    for (0..3) |step| {
        var two = Two.init();
        try two.advance(step);
        const writer, const reader = two.sides(step);
        var wire: [128]u8 = undefined;
        var plain: [128]u8 = undefined;
        const message = try writer.write("id", &wire);
        const before = reader.*;
        for (0..message.len) |len| {
            const result = reader.read(message[0..len], &plain);
            try std.testing.expect(std.meta.isError(result));
            try std.testing.expect(sameState(&before, reader));
        }
        for (0..message.len) |index| {
            var damaged: [128]u8 = undefined;
            @memcpy(damaged[0..message.len], message);
            damaged[index] ^= 0x40;
            try std.testing.expect(std.meta.isError(reader.read(damaged[0..message.len], &plain)));
            try std.testing.expect(sameState(&before, reader));
        }
        try std.testing.expectEqualStrings("id", try reader.read(message, &plain));
    }
}

test "each side speaks only in its turn" {
    var two = Two.init();
    var wire: [128]u8 = undefined;
    var plain: [128]u8 = undefined;
    try expectError(error.Turn, two.far.write("", &wire));
    try expectError(error.Turn, two.near.read(&wire, &plain));
    try expectError(error.Turn, two.near.finish());
    try two.advance(3);
    try expectError(error.Turn, two.near.write("", &wire));
    try expectError(error.Turn, two.far.read(&wire, &plain));
    _ = try two.near.finish();
    try expectError(error.Turn, two.near.finish());
}

test "finish wipes the handshake" {
    var two = Two.init();
    try two.advance(3);
    var transport = try two.near.finish();
    defer transport.wipe();
    const zero: [32]u8 = @splat(0);
    try std.testing.expectEqualSlices(u8, &zero, &two.near.s.secret);
    try std.testing.expectEqualSlices(u8, &zero, &two.near.e.secret);
    try std.testing.expectEqualSlices(u8, &zero, &two.near.symmetric.ck);
    try std.testing.expect(two.near.symmetric.cipher.k == null);
}

test "an ephemeral key of small order is refused" {
    var two = Two.init();
    var plain: [128]u8 = undefined;
    try expectError(error.WeakKey, two.far.read(&@as([48]u8, @splat(0)), &plain));
    try std.testing.expectEqual(@as(u8, 0), two.far.step);
}

test "another prologue or another pinned key does not get past the first message" {
    var wire: [128]u8 = undefined;
    var plain: [128]u8 = undefined;
    var other = Handshake.initiator("nexus-dsoftbus/2", pair(1), pair(2), pair(3).public);
    var far = Handshake.responder(prologue, pair(3), pair(4));
    try expectError(error.Decrypt, far.read(try other.write("", &wire), &plain));
    other = Handshake.initiator(prologue, pair(1), pair(2), pair(9).public);
    try expectError(error.Decrypt, far.read(try other.write("", &wire), &plain));
}

test "a buffer that is too small is the caller's error and changes nothing" {
    for (0..3) |step| {
        var two = Two.init();
        try two.advance(step);
        const writer, const reader = two.sides(step);
        var wire: [128]u8 = undefined;
        var plain: [128]u8 = undefined;
        const before = writer.*;
        const full = 48 + @as(usize, if (step == 2) 16 else 0) + 2;
        for (0..full) |len| {
            try expectError(error.Buffer, writer.write("id", wire[0..len]));
            try std.testing.expect(sameState(&before, writer));
        }
        const message = try writer.write("id", wire[0..full]);
        try std.testing.expectEqual(full, message.len);
        try expectError(error.Buffer, reader.read(message, plain[0..1]));
        try std.testing.expectEqualStrings("id", try reader.read(message, plain[0..2]));
    }
}

test "a replayed transport message is refused" {
    var two = Two.init();
    try two.advance(3);
    var near = try two.near.finish();
    var far = try two.far.finish();
    var wire: [64]u8 = undefined;
    var plain: [64]u8 = undefined;
    const message = try near.encrypt("once", &wire);
    _ = try far.decrypt(message, &plain);
    try expectError(error.Decrypt, far.decrypt(message, &plain));
    try expectError(error.Decrypt, near.decrypt(message, &plain));
}

test "no message is longer than 65535 bytes" {
    var two = Two.init();
    try two.advance(3);
    var near = try two.near.finish();
    const big = try std.testing.allocator.alloc(u8, 65536 * 2);
    defer std.testing.allocator.free(big);
    @memset(big[0..65536], 0);
    const out = big[65536..];
    try expectError(error.Length, near.encrypt(big[0 .. 65535 - 15], out));
    _ = try near.encrypt(big[0 .. 65535 - 16], out);
    try expectError(error.Length, near.decrypt(big[0..65536], out));
    // The longest is a message like any other.
    var far = try two.far.finish();
    const plain = try std.testing.allocator.alloc(u8, 65535 - 16);
    defer std.testing.allocator.free(plain);
    try expectError(error.Buffer, far.decrypt(out[0..65535], plain[0 .. plain.len - 1]));
    try std.testing.expectEqual(65535 - 16, (try far.decrypt(out[0..65535], plain)).len);
}

test "no message of the handshake is longer than 65535 bytes, either" {
    var two = Two.init();
    const big = try std.testing.allocator.alloc(u8, 65536);
    defer std.testing.allocator.free(big);
    const payload = try std.testing.allocator.alloc(u8, 65536 - 48);
    defer std.testing.allocator.free(payload);
    @memset(payload, 'x');
    const before = two.near;
    try expectError(error.Length, two.near.write(payload, big));
    try std.testing.expect(sameState(&before, &two.near));
    const message = try two.near.write(payload[1..], big);
    try std.testing.expectEqual(65535, message.len);
    try expectError(error.Length, two.far.read(big, payload));
    try std.testing.expectEqual(65535 - 48, (try two.far.read(message, payload)).len);
}

test "a handshake that was wiped on its way says and hears nothing more" {
    for (0..3) |step| {
        var two = Two.init();
        try two.advance(step);
        two.near.wipe();
        two.far.wipe();
        var wire: [128]u8 = undefined;
        for ([_]*Handshake{ &two.near, &two.far }) |each| {
            try expectError(error.Turn, each.write("id", &wire));
            try expectError(error.Turn, each.read(&wire, &wire));
            try expectError(error.Turn, each.finish());
            try std.testing.expect(each.isOver());
        }
    }
}
