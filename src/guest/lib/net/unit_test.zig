//! Small parts by themselves, each rule with its numbers: pings, timers, congestion, what came out
//! of order, rings. Whole connections have tests of their own.

const std = @import("std");
const testing = std.testing;
const congestion = @import("congestion.zig");
const ping = @import("ping.zig");
const trip = @import("round_trip.zig");
const Connection = @import("connection.zig").Connection;
const Pings = ping.Pings;
const Reassembly = @import("reassembly.zig").Reassembly;
const Ring = @import("ring.zig").Ring;
const RoundTrip = trip.RoundTrip;
const Segment = @import("segment.zig").Segment;

const ms = std.time.ns_per_ms;
const never = std.math.maxInt(u64);

test "pings: four at once, each with a number of its own, ended at its own instant" {
    var pings: Pings = .{};
    try testing.expectEqual(never, pings.nextDeadline());
    for (1..5) |number| {
        const token = pings.begin(7, 100, 1000 - 100 * number).?;
        try testing.expectEqual(number, token);
    }
    try testing.expectEqual(null, pings.begin(7, 100, 1));
    try testing.expectEqual(100 + 600, pings.nextDeadline());
    pings.poll(699);
    try testing.expectEqual(null, pings.nextDone());
    pings.poll(800); // two of them at once
    try testing.expectEqual(null, pings.begin(7, 100, 1)); // they were not collected yet
    for ([_]u16{ 3, 4 }) |number| {
        try testing.expectEqual(ping.Done{ .token = number, .rtt_ns = null }, pings.nextDone().?);
    }
    try testing.expectEqual(null, pings.nextDone());
    try testing.expectEqual(900, pings.nextDeadline());
    // Their places are used again, and what is late for them has no receiver.
    const fifth = pings.begin(8, 800, 5000).?;
    try testing.expectEqual(5, fifth);
    pings.gotReply(7, ping.ident, 4, 850);
    try testing.expectEqual(null, pings.nextDone());
    for (0..2) |_| pings.gotReply(8, ping.ident, 5, 860);
    try testing.expectEqual(ping.Done{ .token = 5, .rtt_ns = 60 }, pings.nextDone().?);
    try testing.expectEqual(null, pings.nextDone());
    pings.next_sequence = 0xFFFF;
    try testing.expectEqual(0xFFFF, pings.begin(7, 0, never).?);
    try testing.expectEqual(0, pings.begin(7, 5, never).?);
    try testing.expectEqual(0x4E58, ping.ident);
}

test "the timer is between a fifth of a second and a minute, and doubles in vain" {
    try testing.expectEqual(1000 * ms, trip.first_ns);
    try testing.expectEqual(200 * ms, trip.min_ns);
    try testing.expectEqual(60_000 * ms, trip.max_ns);
    var timer: RoundTrip = .{};
    timer.backOff();
    try testing.expectEqual(2000 * ms, timer.timeout);
    timer.restore(); // nothing was measured, so nothing is known
    try testing.expectEqual(2000 * ms, timer.timeout);
    timer.measured(100 * ms);
    timer.backOff();
    timer.backOff();
    try testing.expectEqual(1200 * ms, timer.timeout);
    timer.restore();
    try testing.expectEqual(300 * ms, timer.timeout);
    // A sample below the average: RTTVAR = 37.5 + 15, SRTT = 87.5 + 5.
    timer.measured(40 * ms);
    try testing.expectEqual(92_500_000, timer.smoothed);
    try testing.expectEqual(52_500_000, timer.variance);
    try testing.expectEqual(302_500_000, timer.timeout);
    timer.timeout = 30_001 * ms;
    timer.backOff();
    try testing.expectEqual(60_000 * ms, timer.timeout);
    timer.measured(never / 8);
    try testing.expectEqual(60_000 * ms, timer.timeout);
}

/// A connection that has sent `flight` bytes.
fn sending(flight: u32) Connection {
    var c: Connection = .{};
    c.mss = 100;
    c.snd_una = 0xFFFF_FF00;
    c.snd_max = c.snd_una +% flight;
    c.snd_wnd = 5000;
    c.cwnd = 1000;
    return c;
}

test "the window opens by what was acknowledged, then by a part of it, up to its end" {
    const Case = struct { cwnd: u32, ssthresh: u32, acked: u32, want: u32 };
    for ([_]Case{
        .{ .cwnd = 1000, .ssthresh = 1001, .acked = 99, .want = 1099 },
        .{ .cwnd = 1000, .ssthresh = 1001, .acked = 101, .want = 1100 },
        .{ .cwnd = 1000, .ssthresh = 1000, .acked = 99, .want = 1010 },
        .{ .cwnd = 1000, .ssthresh = 999, .acked = 1, .want = 1010 },
        .{ .cwnd = 20_000, .ssthresh = 999, .acked = 1, .want = 20_001 },
        .{ .cwnd = 0xFFFE, .ssthresh = 999, .acked = 1, .want = 0xFFFF },
        .{ .cwnd = 0xFFFF, .ssthresh = 999, .acked = 1, .want = 0xFFFF },
        .{ .cwnd = 0xFFFF, .ssthresh = 0x1_0000, .acked = 100, .want = 0xFFFF },
    }) |case| {
        var c = sending(0);
        c.cwnd = case.cwnd;
        c.ssthresh = case.ssthresh;
        c.duplicate_acks = 2;
        congestion.onAck(&c, case.acked);
        try testing.expectEqual(case.want, c.cwnd);
        try testing.expectEqual(0, c.duplicate_acks);
    }
}

test "recovery goes on until what was sent before it is acknowledged" {
    var c = sending(1000);
    c.is_recovering = true;
    c.recover = c.snd_max;
    c.ssthresh = 300;
    c.snd_una = c.recover -% 1;
    congestion.onAck(&c, 250);
    try testing.expect(c.is_recovering and c.resend_first);
    try testing.expectEqual(1000 - 250 + 100, c.cwnd);
    congestion.onAck(&c, 5000); // more than the window: one segment is left
    try testing.expectEqual(100, c.cwnd);
    c.snd_una = c.recover;
    congestion.onAck(&c, 1);
    try testing.expect(!c.is_recovering and !c.resend_first);
    try testing.expectEqual(300, c.cwnd);
}

const duplicate: Segment = .{
    .source_port = 1,
    .target_port = 2,
    .seq = 0,
    .flags = .{ .ack = true },
    .window = 5000,
};

test "how many duplicates say that a segment is lost depends on how many could say so" {
    const Case = struct { flight: u32, enough: usize };
    for ([_]Case{
        .{ .flight = 1, .enough = 1 },   .{ .flight = 100, .enough = 1 },
        .{ .flight = 101, .enough = 1 }, .{ .flight = 200, .enough = 1 },
        .{ .flight = 201, .enough = 2 }, .{ .flight = 300, .enough = 2 },
        .{ .flight = 301, .enough = 3 }, .{ .flight = 900, .enough = 3 },
    }) |case| {
        var c = sending(case.flight);
        for (1..case.enough) |_| congestion.maybeDuplicate(&c, duplicate);
        try testing.expect(!c.is_recovering and !c.resend_first);
        congestion.maybeDuplicate(&c, duplicate);
        try testing.expect(c.is_recovering and c.resend_first);
        try testing.expectEqual(c.snd_max, c.recover);
        const half = @max(case.flight / 2, 200);
        try testing.expectEqual(half, c.ssthresh);
        try testing.expectEqual(half + 300, c.cwnd);
        // Each further one has left the network.
        congestion.maybeDuplicate(&c, duplicate);
        try testing.expectEqual(half + 400, c.cwnd);
        c.cwnd = 0xFFFF - 50;
        c.resend_first = false;
        congestion.maybeDuplicate(&c, duplicate);
        try testing.expectEqual(0xFFFF, c.cwnd);
        try testing.expect(!c.resend_first);
        congestion.onTimeout(&c);
        try testing.expectEqual(100, c.cwnd);
        try testing.expectEqual(half, c.ssthresh);
        try testing.expectEqual(0, c.duplicate_acks);
        try testing.expect(!c.is_recovering and !c.resend_first);
    }
}

test "what has data, changes the window, or comes while nothing is under way is not a duplicate" {
    var with_data = duplicate;
    with_data.data = "x";
    var with_end = duplicate;
    with_end.flags.fin = true;
    var other_window = duplicate;
    other_window.window = 4999;
    for ([_]Segment{ with_data, with_end, other_window }) |each| {
        var c = sending(900);
        for (0..5) |_| congestion.maybeDuplicate(&c, each);
        try testing.expectEqual(0, c.duplicate_acks);
    }
    var idle = sending(0);
    congestion.maybeDuplicate(&idle, duplicate);
    try testing.expectEqual(0, idle.duplicate_acks);
    var closed = sending(900);
    closed.snd_wnd = 0;
    var none = duplicate;
    none.window = 0;
    congestion.maybeDuplicate(&closed, none);
    try testing.expectEqual(0, closed.duplicate_acks);
}

test "ranges that touch, cover or repeat each other are one; a fifth has no room" {
    const Range = struct { u32, u32 };
    const Case = struct { first: Range, second: Range, count: usize, end: u32 };
    for ([_]Case{
        .{ .first = .{ 10, 20 }, .second = .{ 20, 30 }, .count = 1, .end = 30 },
        .{ .first = .{ 20, 30 }, .second = .{ 10, 20 }, .count = 1, .end = 30 },
        .{ .first = .{ 10, 20 }, .second = .{ 21, 30 }, .count = 2, .end = 20 },
        .{ .first = .{ 10, 30 }, .second = .{ 15, 20 }, .count = 1, .end = 30 },
        .{ .first = .{ 15, 20 }, .second = .{ 10, 30 }, .count = 1, .end = 30 },
        .{ .first = .{ 10, 20 }, .second = .{ 10, 20 }, .count = 1, .end = 20 },
        .{ .first = .{ 10, 20 }, .second = .{ 10, 21 }, .count = 1, .end = 21 },
    }) |case| for ([_]u32{ 0, 0xFFFF_FFF0 }) |base| {
        var ahead: Reassembly = .{};
        for ([_]Range{ case.first, case.second }) |range| {
            try testing.expect(ahead.add(base +% range[0], base +% range[1]));
        }
        try testing.expectEqual(case.count, ahead.count);
        try testing.expectEqual(base +% 9, ahead.advance(base +% 9));
        try testing.expectEqual(base +% case.end, ahead.advance(base +% 10));
        try testing.expectEqual(case.count - 1, ahead.count);
    };
    var full: Reassembly = .{};
    for ([_]u32{ 10, 30, 50, 70 }) |at| try testing.expect(full.add(at, at + 10));
    try testing.expect(!full.add(90, 91));
    try testing.expect(!full.add(81, 90));
    try testing.expectEqual(4, full.count);
    try testing.expect(full.add(20, 80)); // all of them, and what was between
    try testing.expectEqual(1, full.count);
    try testing.expectEqual(80, full.advance(10));
    // What was passed over is taken when its turn comes, in whatever order it lies there.
    for ([_]u32{ 120, 110, 100 }) |at| try testing.expect(full.add(at, at + 9));
    for ([_]u32{ 119, 109 }) |at| try testing.expect(full.add(at, at + 1));
    try testing.expectEqual(129, full.advance(100));
    try testing.expectEqual(0, full.count);
}

test "a ring that is exactly full, empty, and full again over its end" {
    var ring: Ring(4) = .{};
    var out: [4]u8 = undefined;
    for (0..5) |_| {
        try testing.expectEqual(4, ring.free());
        try testing.expectEqual(0, ring.read(&out));
        try testing.expectEqual(3, ring.write("abc"));
        try testing.expectEqual(1, ring.free());
        try testing.expectEqual(1, ring.write("de"));
        try testing.expectEqual(0, ring.write("f"));
        ring.peek(1, out[0..3]);
        try testing.expectEqualStrings("bcd", out[0..3]);
        ring.drop(1);
        try testing.expectEqual(3, ring.read(&out));
        try testing.expectEqualStrings("bcd", out[0..3]);
        ring.drop(0);
        _ = ring.write("x"); // so that each round begins elsewhere
        _ = ring.read(&out);
    }
    _ = ring.write("abc");
    ring.clear();
    try testing.expectEqual(4, ring.free());
    try testing.expectEqual(4, ring.write("wxyz"));
    ring.peek(0, &out);
    try testing.expectEqualStrings("wxyz", &out);
}
