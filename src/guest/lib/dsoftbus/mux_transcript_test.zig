//! Streams between a guest and the host, frame for frame. The host's tests replay the same lines
//! from the other side, so the two cannot differ in a byte without one of them failing.
//!
//! The guest dials and asks on a gateway stream of its own; the host asks on one of its own, opens
//! a stream that the guest does not know, and ends.

const std = @import("std");
const mux = @import("mux.zig");

const Line = struct { enum { guest, host }, []const u8 };

const lines = [_]Line{
    .{ .guest, "100110000004000000100000" },
    .{ .host, "10018000efff000000000100" },
    .{ .guest, "1101000000000767617465776179" },
    .{ .guest, "130100000061736b" },
    .{ .host, "1201000000" },
    .{ .host, "1301000000616e73776572" },
    .{ .host, "1102000000000767617465776179" },
    .{ .host, "13020000006d6f7265" },
    .{ .guest, "1202000000" },
    .{ .guest, "1302000000646f6e65" },
    .{ .host, "11040000000707756e6b6e6f776e" },
    .{ .host, "13040000006c617465" },
    .{ .guest, "160400000001" },
    .{ .host, "1502000000" },
    .{ .guest, "1501000000" },
    .{ .guest, "1502000000" },
    .{ .host, "1501000000" },
    .{ .host, "11060000000302c3a4" },
    .{ .guest, "1206000000" },
    .{ .host, "160600000000" },
};

var guest: mux.Mux = undefined;

/// What the guest's owner does when this has come.
fn act(event: mux.Event) !void {
    switch (event) {
        .settled => {
            const id = try guest.open("gateway", 0);
            try std.testing.expectEqual(3, guest.send(id, "ask"));
        },
        .opened => |stream| if (stream.priority == 7) guest.reset(stream.id, .unknown_stream) else {
            guest.accept(stream.id);
        },
        .arrived => |data| if (data.id == 2) {
            try std.testing.expectEqualStrings("more", data.bytes);
            try std.testing.expectEqual(4, guest.send(2, "done"));
        } else try std.testing.expectEqualStrings("answer", data.bytes),
        .half_closed => |id| if (id == 2) {
            try guest.close(2);
            try guest.close(1);
        },
        .was_reset => |what| try std.testing.expectEqual(.unwanted, what.reason),
        .acknowledged, .credited => {},
    }
}

test "streams with the host, frame for frame" {
    guest.init(.dialler);
    guest.start();
    for (lines) |line| {
        var bytes: [64]u8 = undefined;
        const frame = try std.fmt.hexToBytes(&bytes, line[1]);
        if (line[0] == .host) {
            if (try guest.receive(frame)) |event| try act(event);
        } else {
            var out: [mux.own.message_bytes_max]u8 = undefined;
            try std.testing.expectEqualSlices(u8, frame, guest.nextFrame(&out).?);
        }
    }
    var out: [mux.own.message_bytes_max]u8 = undefined;
    try std.testing.expectEqual(null, guest.nextFrame(&out));
    for (&guest.streams.all) |*stream| try std.testing.expectEqual(0, stream.id);
}
