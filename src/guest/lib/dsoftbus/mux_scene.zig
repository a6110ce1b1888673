//! Two cores of streams, joined, for tests.

const std = @import("std");
const mux = @import("mux.zig");
const Mux = mux.Mux;
const expectEqual = std.testing.expectEqual;

pub var a: Mux = undefined;
pub var b: Mux = undefined;

/// The frame that a guest begins with.
pub const settings = "\x10\x01\x10\x00\x00\x04\x00\x00\x00\x10\x00\x00";

pub fn begin() void {
    a.init(.dialler);
    b.init(.acceptor);
    a.start();
    b.start();
}

pub fn frameOf(from: *Mux) ![]u8 {
    const Static = struct {
        var out: [mux.own.message_bytes_max]u8 = undefined;
    };
    return from.nextFrame(&Static.out) orelse error.TestUnexpectedResult;
}

/// The next frame of `from`, and what it is for `to`.
pub fn pass(from: *Mux, to: *Mux) !?mux.Event {
    return to.receive(try frameOf(from));
}

pub fn join() !void {
    begin();
    try expectEqual(mux.own, (try pass(&a, &b)).?.settled);
    try expectEqual(mux.own, (try pass(&b, &a)).?.settled);
}

/// A stream of `a` that `b` has acknowledged.
pub fn opened(name: []const u8, priority: u3) !u32 {
    const id = try a.open(name, priority);
    const event = (try pass(&a, &b)).?.opened;
    try expectEqual(id, event.id);
    b.accept(id);
    try expectEqual(id, (try pass(&b, &a)).?.acknowledged);
    return id;
}

pub fn expectData(bytes: []const u8, event: ?mux.Event) !void {
    try std.testing.expectEqualSlices(u8, bytes, event.?.arrived.bytes);
}
