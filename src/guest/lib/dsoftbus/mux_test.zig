//! Two joined cores of streams: what each may do, and what the other learns.

const std = @import("std");
const mux = @import("mux.zig");
const frames = @import("mux_frames.zig");
const expectEqual = std.testing.expectEqual;
const pair = @import("mux_scene.zig");
const a = &pair.a;
const b = &pair.b;
const begin = pair.begin;
const expectData = pair.expectData;
const frameOf = pair.frameOf;
const join = pair.join;
const opened = pair.opened;
const settings = pair.settings;
const pass = pair.pass;

test "settings first, and nothing else before the peer's" {
    begin();
    try std.testing.expectError(error.NotReady, a.open("x", 0));
    _ = try frameOf(a);
    var out: [1024]u8 = undefined;
    try expectEqual(null, a.nextFrame(&out));
    b.authenticated = false;
    try expectEqual(null, b.nextFrame(&out));
    try std.testing.expectError(error.UnauthenticatedSession, b.receive("\x15\x01\x00\x00\x00"));
}

test "open, data both ways, half-close, close" {
    try join();
    const id = try opened("bulk", 4);
    try expectEqual(5, a.send(id, "there"));
    try expectData("there", try pass(a, b));
    try a.close(id);
    try expectEqual(id, (try pass(a, b)).?.half_closed);
    try expectEqual(.half_closed_local, a.find(id).?.state());
    try expectEqual(.half_closed_remote, b.find(id).?.state());
    try expectEqual(0, a.send(id, "more"));
    try expectEqual(4, b.send(id, "back"));
    try b.close(id);
    try expectData("back", try pass(b, a));
    try expectEqual(id, (try pass(b, a)).?.half_closed);
    try expectEqual(null, a.find(id));
    try expectEqual(null, b.find(id));
    // The name is free again.
    try expectEqual(id + 2, try opened("bulk", 4));
}

test "ids are odd of the dialler, even of the other, and increase on the wire" {
    try join();
    try expectEqual(1, try a.open("p", 0));
    try expectEqual(3, try a.open("q", 0));
    try expectEqual(2, try b.open("p", 0));
    a.reset(1, .unwanted); // never sent
    try expectEqual(5, try a.open("r", 0));
    try expectEqual(3, (try pass(a, b)).?.opened.id);
    try expectEqual(5, (try pass(a, b)).?.opened.id);
    try expectEqual(2, (try pass(b, a)).?.opened.id);
}

test "data may follow its opening at once; an answer must not precede the acknowledgement" {
    try join();
    const id = try a.open("gateway", 0);
    try expectEqual(3, a.send(id, "ask"));
    _ = (try pass(a, b)).?.opened;
    try expectEqual(0, b.send(id, "early"));
    b.accept(id);
    try expectData("ask", try pass(a, b));
    try expectEqual(6, b.send(id, "answer"));
    try expectEqual(id, (try pass(b, a)).?.acknowledged);
    try expectData("answer", try pass(b, a));
}

test "credit: all of it, then nothing, then what was given back" {
    try join();
    const id = try opened("bulk", 4);
    const kilobyte: [1024]u8 = @splat('x');
    var got: usize = 0;
    for (0..8) |_| {
        _ = a.send(id, &kilobyte);
        const event = pass(a, b) catch break;
        got += event.?.arrived.bytes.len;
    }
    try expectEqual(mux.own.initial_credit, got);
    try expectEqual(0, a.credit(id));
    try expectEqual(0, a.send(id, "x"));
    b.grant(id, 2047);
    var out: [1024]u8 = undefined;
    try expectEqual(null, b.nextFrame(&out)); // not for so little
    b.grant(id, 1);
    try expectEqual(id, (try pass(b, a)).?.credited);
    try expectEqual(2048, a.credit(id));
    try expectEqual(1, a.send(id, "x"));
    try expectData("x", try pass(a, b));
}

test "data is cut to what the peer takes, and to the stream's own limit" {
    try join();
    a.peer.?.message_bytes_max = 512;
    const id = try opened("bulk", 4);
    const bytes: [600]u8 = @splat('x');
    _ = a.send(id, &bytes);
    try expectEqual(507, (try pass(a, b)).?.arrived.bytes.len);
    a.limitData(id, 2);
    try expectEqual(2, (try pass(a, b)).?.arrived.bytes.len);
}

test "a reset is sent once, late frames are ignored, the name is free" {
    try join();
    const id = try opened("bulk", 4);
    _ = a.send(id, "late");
    b.reset(id, .nonsense);
    b.reset(id, .unwanted);
    try std.testing.expectError(error.Reset, b.close(id));
    try expectEqual(null, try pass(a, b)); // before it is sent
    _ = a.send(id, "later");
    const told = try frameOf(b);
    var copy: [16]u8 = undefined;
    @memcpy(copy[0..told.len], told);
    try expectEqual(null, try pass(a, b)); // after
    const event = (try a.receive(copy[0..told.len])).?.was_reset;
    try expectEqual(.nonsense, event.reason);
    try expectEqual(null, try a.receive(copy[0..told.len]));
    try expectEqual(id + 2, try opened("bulk", 4));
}

test "streams: as many as were said" {
    try join();
    var name: [3]u8 = "s00".*;
    for (0..mux.own.streams_max) |i| {
        name[1] = @intCast('a' + i);
        var out: [80]u8 = undefined;
        const id: u32 = @intCast(2 * i + 1);
        const open = frames.encode(&out, .{ .open = .{ .id = id, .priority = 0, .name = &name } });
        b.accept((try b.receive(open)).?.opened.id);
    }
    try std.testing.expectError(
        error.StreamLimitExceeded,
        b.receive("\x11\x63\x00\x00\x00\x00\x01x"),
    );
    // Ours are no worse off for it.
    for ("wxyz") |letter| _ = try b.open(&.{letter}, 0);
    try std.testing.expectError(error.Limit, b.open("more", 0));
    a.peer.?.streams_max = 0;
    try std.testing.expectError(error.Limit, a.open("x", 0));
}

test "what a guest accepts is what it has memory for, in numbers" {
    begin();
    try std.testing.expectEqualSlices(u8, settings, try frameOf(a));
}

test "late frames of the last thirty-two streams that were reset are ignored, no older ones" {
    try join();
    for (0..33) |_| {
        const id = try opened("again", 0);
        b.reset(id, .unwanted);
        _ = try pass(b, a);
    }
    for (1..33) |i| {
        const id: u8 = @intCast(2 * i + 1);
        try expectEqual(null, try b.receive(&.{ 0x13, id, 0, 0, 0, 'x' }));
    }
    const oldest = b.receive("\x13\x01\x00\x00\x00x");
    try std.testing.expectError(error.InvalidStreamStateTransition, oldest);
}

test "a caller's mistake is an error and no frame" {
    try join();
    _ = try a.open("x", 0);
    try std.testing.expectError(error.DuplicateStreamName, a.open("x", 1));
    try std.testing.expectError(error.InvalidStreamName, a.open("", 0));
    try std.testing.expectError(error.InvalidStreamName, a.open("x" ** 65, 0));
    try expectEqual(0, a.send(99, "x"));
    try std.testing.expectError(error.Reset, a.close(99));
}
