//! Two joined cores, and one that receives frames of a dishonest peer.

const std = @import("std");
const mux = @import("mux.zig");
const frames = @import("mux_frames.zig");
const Mux = mux.Mux;
const expectEqual = std.testing.expectEqual;

var a: Mux = undefined;
var b: Mux = undefined;

fn begin() void {
    a.init(.dialler);
    b.init(.acceptor);
    a.start();
    b.start();
}

fn frameOf(from: *Mux) ![]u8 {
    const Static = struct {
        var out: [mux.own.message_bytes_max]u8 = undefined;
    };
    return from.nextFrame(&Static.out) orelse error.TestUnexpectedResult;
}

/// The next frame of `from`, and what it is for `to`.
fn pass(from: *Mux, to: *Mux) !?mux.Event {
    return to.receive(try frameOf(from));
}

fn join() !void {
    begin();
    try expectEqual(mux.own, (try pass(&a, &b)).?.settled);
    try expectEqual(mux.own, (try pass(&b, &a)).?.settled);
}

/// A stream of `a` that `b` has acknowledged.
fn opened(name: []const u8, priority: u3) !u32 {
    const id = try a.open(name, priority);
    const event = (try pass(&a, &b)).?.opened;
    try expectEqual(id, event.id);
    b.accept(id);
    try expectEqual(id, (try pass(&b, &a)).?.acknowledged);
    return id;
}

fn expectData(bytes: []const u8, event: ?mux.Event) !void {
    try std.testing.expectEqualSlices(u8, bytes, event.?.arrived.bytes);
}

test "settings first, and nothing else before the peer's" {
    begin();
    try std.testing.expectError(error.NotReady, a.open("x", 0));
    _ = try frameOf(&a);
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
    try expectData("there", try pass(&a, &b));
    try a.close(id);
    try expectEqual(id, (try pass(&a, &b)).?.half_closed);
    try expectEqual(.half_closed_local, a.find(id).?.state());
    try expectEqual(.half_closed_remote, b.find(id).?.state());
    try expectEqual(0, a.send(id, "more"));
    try expectEqual(4, b.send(id, "back"));
    try b.close(id);
    try expectData("back", try pass(&b, &a));
    try expectEqual(id, (try pass(&b, &a)).?.half_closed);
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
    try expectEqual(3, (try pass(&a, &b)).?.opened.id);
    try expectEqual(5, (try pass(&a, &b)).?.opened.id);
    try expectEqual(2, (try pass(&b, &a)).?.opened.id);
}

test "data may follow its opening at once; an answer must not precede the acknowledgement" {
    try join();
    const id = try a.open("gateway", 0);
    try expectEqual(3, a.send(id, "ask"));
    _ = (try pass(&a, &b)).?.opened;
    try expectEqual(0, b.send(id, "early"));
    b.accept(id);
    try expectData("ask", try pass(&a, &b));
    try expectEqual(6, b.send(id, "answer"));
    try expectEqual(id, (try pass(&b, &a)).?.acknowledged);
    try expectData("answer", try pass(&b, &a));
}

test "credit: all of it, then nothing, then what was given back" {
    try join();
    const id = try opened("bulk", 4);
    const kilobyte: [1024]u8 = @splat('x');
    var got: usize = 0;
    for (0..8) |_| {
        _ = a.send(id, &kilobyte);
        const event = pass(&a, &b) catch break;
        got += event.?.arrived.bytes.len;
    }
    try expectEqual(mux.own.initial_credit, got);
    try expectEqual(0, a.credit(id));
    try expectEqual(0, a.send(id, "x"));
    b.grant(id, 2047);
    var out: [1024]u8 = undefined;
    try expectEqual(null, b.nextFrame(&out)); // not for so little
    b.grant(id, 1);
    try expectEqual(id, (try pass(&b, &a)).?.credited);
    try expectEqual(2048, a.credit(id));
    try expectEqual(1, a.send(id, "x"));
    try expectData("x", try pass(&a, &b));
}

test "data is cut to what the peer takes, and to the stream's own limit" {
    try join();
    a.peer.?.message_bytes_max = 512;
    const id = try opened("bulk", 4);
    const bytes: [600]u8 = @splat('x');
    _ = a.send(id, &bytes);
    try expectEqual(507, (try pass(&a, &b)).?.arrived.bytes.len);
    a.limitData(id, 2);
    try expectEqual(2, (try pass(&a, &b)).?.arrived.bytes.len);
}

test "a reset is sent once, late frames are ignored, the name is free" {
    try join();
    const id = try opened("bulk", 4);
    _ = a.send(id, "late");
    b.reset(id, .nonsense);
    b.reset(id, .unwanted);
    try std.testing.expectError(error.Reset, b.close(id));
    try expectEqual(null, try pass(&a, &b)); // before it is sent
    _ = a.send(id, "later");
    const told = try frameOf(&b);
    var copy: [16]u8 = undefined;
    @memcpy(copy[0..told.len], told);
    try expectEqual(null, try pass(&a, &b)); // after
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
    try std.testing.expectEqualSlices(u8, settings, try frameOf(&a));
}

test "late frames of the last thirty-two streams that were reset are ignored, no older ones" {
    try join();
    for (0..33) |_| {
        const id = try opened("again", 0);
        b.reset(id, .unwanted);
        _ = try pass(&b, &a);
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

/// Stream 1 of the peer is open, 3 is reset here and the reset is sent, 5 is over. Of ours, 2 is
/// acknowledged, 4 is not, and 6 is not sent yet.
fn scene() !void {
    try join();
    inline for (.{ "one", "three", "five" }) |name| _ = try opened(name, 0);
    b.reset(3, .unwanted);
    try a.close(5);
    try b.close(5);
    inline for (.{ &a, &b }, .{ &b, &a }) |from, to| {
        var out: [1024]u8 = undefined;
        while (from.nextFrame(&out)) |frame| _ = try to.receive(frame);
    }
    inline for (.{ "two", "four" }) |name| {
        _ = try b.open(name, 0);
        _ = try pass(&b, &a);
    }
    _ = try b.receive("\x12\x02\x00\x00\x00");
    _ = try b.open("six", 0);
}

const settings = "\x10\x01\x10\x00\x00\x04\x00\x00\x00\x10\x00\x00";

test "every frame that does not fit the state has its label" {
    const State = error{InvalidStreamStateTransition};
    const Unknown = error{UnknownStreamFrame};
    const Credit = error{WindowCreditOverflowOrUnderflow};
    const rows = [_]struct { []const u8, mux.Reject }{
        .{ settings, State.InvalidStreamStateTransition },
        .{ "\x01", error.MalformedFrame },
        .{ "\x13\x01\x00\x00\x00" ++ "x" ** 1020, error.FrameOversize },
        .{ "\x11\x00\x00\x00\x00\x00\x01x", State.InvalidStreamStateTransition },
        .{ "\x11\x08\x00\x00\x00\x00\x01x", State.InvalidStreamStateTransition },
        .{ "\x11\x05\x00\x00\x00\x00\x01x", State.InvalidStreamStateTransition },
        .{ "\x11\x07\x00\x00\x00\x00\x03one", error.DuplicateStreamName },
        .{ "\x11\x07\x00\x00\x00\x00\x01\xff", error.InvalidStreamName },
        .{ "\x12\x01\x00\x00\x00", State.InvalidStreamStateTransition },
        .{ "\x12\x02\x00\x00\x00", State.InvalidStreamStateTransition },
        .{ "\x12\x06\x00\x00\x00", Unknown.UnknownStreamFrame },
        .{ "\x12\x07\x00\x00\x00", Unknown.UnknownStreamFrame },
        .{ "\x13\x00\x00\x00\x00x", Unknown.UnknownStreamFrame },
        .{ "\x13\x07\x00\x00\x00x", Unknown.UnknownStreamFrame },
        .{ "\x13\x05\x00\x00\x00x", State.InvalidStreamStateTransition },
        .{ "\x13\x04\x00\x00\x00x", State.InvalidStreamStateTransition },
        .{ "\x14\x04\x00\x00\x00\x01\x00\x00\x00", State.InvalidStreamStateTransition },
        .{ "\x14\x01\x00\x00\x00\x00\x00\x00\x00", Credit.WindowCreditOverflowOrUnderflow },
        .{ "\x14\x01\x00\x00\x00\xff\xff\xff\xff", Credit.WindowCreditOverflowOrUnderflow },
        .{ "\x14\x06\x00\x00\x00\x01\x00\x00\x00", Unknown.UnknownStreamFrame },
        .{ "\x15\x04\x00\x00\x00", State.InvalidStreamStateTransition },
        .{ "\x15\x05\x00\x00\x00", State.InvalidStreamStateTransition },
        .{ "\x15\x09\x00\x00\x00", Unknown.UnknownStreamFrame },
        .{ "\x16\x06\x00\x00\x00\x00", Unknown.UnknownStreamFrame },
        .{ "\x16\x09\x00\x00\x00\x00", Unknown.UnknownStreamFrame },
    };
    for (rows) |row| {
        try scene();
        std.testing.expectError(row[1], b.receive(row[0])) catch |err| {
            std.debug.print("frame {x}\n", .{row[0][0..@min(row[0].len, 12)]});
            return err;
        };
    }
}

test "what may be late is ignored" {
    const reset_here = [_][]const u8{
        "\x13\x03\x00\x00\x00x",
        "\x15\x03\x00\x00\x00",
        "\x14\x03\x00\x00\x00\x01\x00\x00\x00",
    };
    const over = [_][]const u8{
        "\x14\x05\x00\x00\x00\x01\x00\x00\x00",
        "\x16\x05\x00\x00\x00\x00",
    };
    for (reset_here ++ over) |frame| {
        try scene();
        try expectEqual(null, try b.receive(frame));
    }
}

test "data beyond the credit, and after the close" {
    try scene();
    b.find(1).?.window = 3;
    try expectData("abc", try b.receive("\x13\x01\x00\x00\x00abc"));
    const overflow = b.receive("\x13\x01\x00\x00\x00d");
    try std.testing.expectError(error.WindowCreditOverflowOrUnderflow, overflow);
    try scene();
    try expectEqual(1, (try b.receive("\x15\x01\x00\x00\x00")).?.half_closed);
    const after = b.receive("\x13\x01\x00\x00\x00d");
    try std.testing.expectError(error.InvalidStreamStateTransition, after);
    const twice = b.receive("\x15\x01\x00\x00\x00");
    try std.testing.expectError(error.InvalidStreamStateTransition, twice);
}

test "a frame before settings is rejected" {
    begin();
    const first = b.receive("\x11\x01\x00\x00\x00\x00\x01x");
    try std.testing.expectError(error.InvalidStreamStateTransition, first);
    try expectEqual(16, (try b.receive(settings)).?.settled.streams_max);
}

test "each reject has a label of its own" {
    const rejects = @typeInfo(mux.Reject).error_set.?;
    inline for (rejects) |one| {
        const text = mux.label(@field(mux.Reject, one.name));
        try std.testing.expect(std.mem.startsWith(u8, text, "mux.reject."));
        // The name of the error is the label in another spelling.
        try expectEqual(one.name.len, text.len - "mux.reject.".len -
            std.mem.count(u8, text["mux.reject.".len..], "_"));
    }
}
