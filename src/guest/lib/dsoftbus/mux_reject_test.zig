//! A core of streams receives the frames of a dishonest peer.

const std = @import("std");
const mux = @import("mux.zig");
const expectEqual = std.testing.expectEqual;
const pair = @import("mux_scene.zig");
const a = &pair.a;
const b = &pair.b;
const begin = pair.begin;
const expectData = pair.expectData;
const join = pair.join;
const opened = pair.opened;
const settings = pair.settings;
const pass = pair.pass;

/// Stream 1 of the peer is open, 3 is reset here and the reset is sent, 5 is over. Of ours, 2 is
/// acknowledged, 4 is not, and 6 is not sent yet.
fn scene() !void {
    try join();
    inline for (.{ "one", "three", "five" }) |name| _ = try opened(name, 0);
    b.reset(3, .unwanted);
    try a.close(5);
    try b.close(5);
    inline for (.{ a, b }, .{ b, a }) |from, to| {
        var out: [1024]u8 = undefined;
        while (from.nextFrame(&out)) |frame| _ = try to.receive(frame);
    }
    inline for (.{ "two", "four" }) |name| {
        _ = try b.open(name, 0);
        _ = try pass(b, a);
    }
    _ = try b.receive("\x12\x02\x00\x00\x00");
    _ = try b.open("six", 0);
}

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
