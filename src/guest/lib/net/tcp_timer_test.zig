//! One connection by itself: what is said when, how often, and with which window.

const std = @import("std");
const testing = std.testing;
const connection = @import("connection.zig");
const segment = @import("segment.zig");
const tcp_output = @import("tcp_output.zig");
const State = connection.State;
const ms = std.time.ns_per_ms;
const never = connection.never;
const common = @import("tcp_state_scene.zig");
const irs = common.irs;
const c = &common.c;
const begin = common.begin;
const hear = common.hear;
const expectDone = common.expectDone;
const Said = common.Said;
const expectSaid = common.expectSaid;
const syn_ack = common.syn_ack;
const fin_ack = common.fin_ack;
const our_syn = common.our_syn;
const establish = common.establish;
const expectRead = common.expectRead;

test "a full buffer takes what fits, then nothing, and remembers that it was full" {
    try establish();
    const words: [4096]u8 = @splat('w');
    try testing.expectEqual(4000, try c.write(words[0..4000]));
    try testing.expect(!c.was_full);
    try testing.expectEqual(96, try c.write(words[0..97]));
    try testing.expect(c.was_full);
    try testing.expectError(error.WouldBlock, c.write("x"));
    try testing.expectEqual(0, try c.write(""));
}

test "text goes in segments of the peer's size, as far as its window; the last one is pushed" {
    try establish();
    const words: [4096]u8 = @splat('w');
    _ = try c.write(&words);
    c.snd_wnd = 3000;
    try expectSaid(.{ .seq = 1, .ack = 1, .len = 1460 });
    try expectSaid(.{ .seq = 1461, .ack = 1, .len = 1460 });
    // 80 bytes are a silly window: less than half of the largest, and not all that waits.
    try expectSaid(null);
    try testing.expectEqual(common.now + c.trip.timeout, c.retransmit_at);
    common.now += 30 * ms;
    try expectDone(hear(.{ .seq = 1, .ack = 2921, .window = 4096 }));
    // The SYN took no time, so an eighth of this.
    try testing.expectEqual(30 * ms / 8, c.trip.smoothed);
    try testing.expectEqual(never, c.retransmit_at);
    const last: segment.Flags = .{ .ack = true, .psh = true };
    try expectSaid(.{ .seq = 2921, .ack = 1, .flags = last, .len = 1176 });
    try expectSaid(null);
    try testing.expectEqual(1176, c.tx.len);
    try expectDone(hear(.{ .seq = 1, .ack = 4097 }));
    try testing.expectEqual(0, c.tx.len);
    try testing.expectEqual(never, c.retransmit_at);
    try testing.expectEqual(0, c.retransmissions);
}

test "a SYN is said five times with twice the pause each, then the host is not there" {
    begin(.syn_sent);
    var pause: u64 = 1000 * ms;
    for (0..5) |_| {
        try expectSaid(our_syn);
        try testing.expectEqual(common.now + pause, c.retransmit_at);
        try testing.expect(!tcp_output.poll(c, common.now + pause - 1));
        common.now += pause;
        pause *= 2;
        const is_more = tcp_output.poll(c, common.now);
        try testing.expectEqual(c.state != .closed, is_more);
        // There is no window yet that could be too large.
        try testing.expectEqual(0, c.cwnd);
    }
    try testing.expectEqual(State.closed, c.state);
    try testing.expectEqual(connection.Failure.timed_out, c.failure);
    try testing.expectEqual(4, c.retransmissions);
    // The user has it still, to learn of that.
    try testing.expect(c.in_use);
}

test "text is said eight times; what is acknowledged begins the count anew" {
    try establish();
    _ = try c.write("x");
    const text: Said = .{ .seq = 1, .ack = 1, .flags = .{ .ack = true, .psh = true }, .len = 1 };
    for (0..2) |turn| {
        for (0..8) |n| {
            try expectSaid(text);
            try testing.expectEqual(n, c.retries);
            common.now = c.retransmit_at;
            try testing.expectEqual(n != 7, tcp_output.poll(c, common.now));
            // What was lost has filled the path: one segment at a time from here on.
            if (n != 7) try testing.expectEqual(c.mss, c.cwnd);
            if (n == 0) try testing.expectEqual(2 * 1460, c.ssthresh);
            if (n == 6 and turn == 0) break;
        }
        if (turn == 1) break;
        // The peer lives, without having heard it.
        try expectDone(hear(.{ .seq = 1, .ack = 1, .window = 4000 }));
        try testing.expectEqual(0, c.retries);
    }
    try testing.expectEqual(connection.Failure.timed_out, c.failure);
}

test "a window that is closed is asked about one in front of what the peer has, until it opens" {
    try establish();
    try expectDone(hear(.{ .seq = 1, .ack = 1, .window = 0 }));
    _ = try c.write("abc");
    try expectSaid(null);
    for (0..20) |_| {
        common.now = c.retransmit_at;
        try testing.expect(tcp_output.poll(c, common.now));
        try expectSaid(.{ .seq = 0, .ack = 1 });
        try expectSaid(null);
        // The answer keeps it alive, however long it takes.
        try expectDone(hear(.{ .seq = 1, .ack = 1, .window = 0 }));
    }
    try expectDone(hear(.{ .seq = 1, .ack = 1, .window = 2 }));
    try testing.expectEqual(never, c.retransmit_at);
    try expectSaid(null);
    try expectDone(hear(.{ .seq = 1, .ack = 1, .window = 3 }));
    try expectSaid(.{ .seq = 1, .ack = 1, .flags = .{ .ack = true, .psh = true }, .len = 3 });
}

test "an acknowledgement waits 40 ms for something to say, and goes along with it" {
    try establish();
    try expectDone(hear(.{ .seq = 1, .ack = 1, .data = "x" }));
    try testing.expectEqual(common.now + 40 * ms, c.ack_at);
    try expectSaid(null);
    try testing.expect(!tcp_output.poll(c, common.now + 40 * ms - 1));
    common.now += 40 * ms;
    try testing.expect(tcp_output.poll(c, common.now));
    try expectSaid(.{ .seq = 1, .ack = 2, .window = 4095 });
    try testing.expectEqual(never, c.ack_at);
    try expectDone(hear(.{ .seq = 2, .ack = 1, .data = "y" }));
    const first = c.ack_at;
    common.now += 1;
    _ = try c.write("z");
    try testing.expectEqual(first, c.ack_at);
    const along: segment.Flags = .{ .ack = true, .psh = true };
    try expectSaid(.{ .seq = 1, .ack = 3, .flags = along, .window = 4094, .len = 1 });
    try testing.expectEqual(never, c.ack_at);
    try testing.expectEqual(0, c.segments_unacked);
}

test "the window moves when there is room for a segment more, and never back" {
    try establish();
    const words: [1460]u8 = @splat('w');
    var at: u32 = 1;
    for (0..2) |_| {
        try expectDone(hear(.{ .seq = at, .ack = 1, .data = &words }));
        at += 1460;
    }
    try expectSaid(.{ .seq = 1, .ack = 2921, .window = 1176 });
    var out: [1460]u8 = undefined;
    try testing.expectEqual(1459, try c.read(out[0..1459]));
    try testing.expect(!c.ack_now);
    try testing.expectEqual(1459, c.windowGrowth());
    try testing.expectEqual(1, try c.read(out[0..1]));
    try testing.expect(c.ack_now);
    try testing.expectEqual(1460, c.windowGrowth());
    try expectSaid(.{ .seq = 1, .ack = 2921, .window = 1176 + 1460 });
    try testing.expectEqual(0, c.windowGrowth());
    // To a peer that says no more nothing is said of room.
    try testing.expectEqual(1460, try c.read(&out));
    c.ack_now = false;
    try expectDone(hear(.{ .seq = at, .ack = 1, .data = &words }));
    try expectDone(hear(.{ .seq = at + 1460, .ack = 1, .flags = fin_ack }));
    try expectSaid(.{ .seq = 1, .ack = 4382, .window = 2636 });
    try testing.expectEqual(1460, try c.read(&out));
    try testing.expect(!c.ack_now);
}

test "ten doubtful segments a second are asked about, and ten more in the next" {
    try establish();
    for (0..2) |_| {
        for (0..12) |n| {
            try expectDone(hear(.{ .seq = 2, .ack = 1, .flags = .{ .rst = true } }));
            try testing.expectEqual(n < 10, c.ack_now);
            if (n < 10) try expectSaid(.{ .seq = 1, .ack = 1 });
        }
        common.now += 1000 * ms - 1;
        try expectDone(hear(.{ .seq = 2, .ack = 1, .flags = syn_ack }));
        try testing.expect(!c.ack_now);
        common.now += 1;
    }
}

test "a place that is given up has nothing of its connection" {
    try establish();
    _ = try c.write("abc");
    try expectDone(hear(.{ .seq = 3, .ack = 1, .flags = fin_ack, .data = "de" }));
    c.fail(.reset);
    c.reset();
    try testing.expect(!c.in_use and !c.is_fin_queued and !c.is_peer_closed and !c.was_full);
    try testing.expect(!c.is_recovering and !c.resend_first and !c.probe_due and !c.ack_now);
    try testing.expectEqual(State.closed, c.state);
    try testing.expectEqual(connection.Failure.none, c.failure);
    try testing.expectEqual(connection.Holder.nobody, c.holder);
    try testing.expectEqual(0, c.listener);
    try testing.expectEqual(0, c.opened_ns);
    try testing.expectEqual(0, c.local_port);
    try testing.expectEqual(0, c.remote.ip);
    try testing.expectEqual(0, c.remote.port);
    for ([_]u32{
        c.iss,             c.snd_una, c.snd_nxt,   c.snd_max, c.snd_wnd,  c.snd_wnd_max, c.snd_wl1,
        c.snd_wl2,         c.irs,     c.data_base, c.rcv_nxt, c.rcv_edge, c.cwnd,        c.recover,
        c.retransmissions,
    }) |number| try testing.expectEqual(0, number);
    try testing.expectEqual(536, c.mss);
    try testing.expectEqual(0xFFFF, c.ssthresh);
    for ([_]u8{ c.duplicate_acks, c.retries, c.challenges, c.segments_unacked }) |number| {
        try testing.expectEqual(0, number);
    }
    try testing.expectEqual(0, c.timed_at);
    try testing.expectEqual(0, c.challenges_since);
    try testing.expectEqual(null, c.timed_seq);
    try testing.expectEqual(null, c.fin_at);
    try testing.expectEqual(never, c.nextDeadline());
    try testing.expectEqual(0, c.ahead.count);
    try testing.expectEqual(0, c.rx.len + c.tx.len);
    try testing.expectEqual(1000 * ms, c.trip.timeout);
}

test "a FIN is taken when all before it has come, and once" {
    try establish();
    try expectDone(hear(.{ .seq = 4, .ack = 1, .flags = fin_ack, .data = "de" }));
    try testing.expectEqual(State.established, c.state);
    try testing.expect(!c.is_peer_closed);
    try expectSaid(.{ .seq = 1, .ack = 1 });
    try expectDone(hear(.{ .seq = 1, .ack = 1, .data = "abc" }));
    try testing.expectEqual(State.close_wait, c.state);
    try testing.expectEqual(irs +% 7, c.rcv_nxt);
    try expectRead("abcde");
    try expectRead("");
    try expectSaid(.{ .seq = 1, .ack = 7, .window = 4090 });
    try expectDone(hear(.{ .seq = 6, .ack = 1, .flags = fin_ack }));
    try testing.expectEqual(irs +% 7, c.rcv_nxt);
    try testing.expectEqual(State.close_wait, c.state);
    // Text behind it belongs to no connection.
    try expectDone(hear(.{ .seq = 7, .ack = 1, .data = "late" }));
    try expectRead("");
}

test "bytes without a reader are taken and forgotten, so that the peer can end in good order" {
    try establish();
    c.close(common.now);
    try expectDone(hear(.{ .seq = 1, .ack = 1, .data = "abc" }));
    try testing.expectEqual(0, c.rx.len);
    try testing.expectEqual(irs +% 4, c.rcv_nxt);
}

test "a round trip is measured once, however late the next one begins" {
    begin(.syn_sent);
    try expectSaid(our_syn);
    common.now += 80 * ms;
    try expectDone(hear(.{ .ack = 1, .flags = common.syn_ack, .mss = 1460 }));
    try testing.expectEqual(80 * ms, c.trip.smoothed);
    try expectSaid(.{ .seq = 1, .ack = 1 });
    for (1..4) |n| {
        common.now += std.time.ns_per_hour;
        _ = try c.write("x");
        const seq: u32 = @intCast(n);
        const push: segment.Flags = .{ .ack = true, .psh = true };
        try expectSaid(.{ .seq = seq, .ack = 1, .flags = push, .len = 1 });
        common.now += 80 * ms;
        try expectDone(hear(.{ .seq = 1, .ack = seq + 1 }));
        try testing.expectEqual(80 * ms, c.trip.smoothed);
        // To hear the same again says nothing of the way.
        common.now += 500 * ms;
        try expectDone(hear(.{ .seq = 1, .ack = seq + 1 }));
        try testing.expectEqual(80 * ms, c.trip.smoothed);
    }
}

test "the answer to a SYN is measured only if the SYN was said once" {
    begin(.syn_sent);
    try expectSaid(our_syn);
    common.now = c.retransmit_at;
    try testing.expect(tcp_output.poll(c, common.now));
    try expectSaid(our_syn);
    common.now += 80 * ms;
    try expectDone(hear(.{ .ack = 1, .flags = common.syn_ack, .mss = 1460 }));
    try testing.expectEqual(State.established, c.state);
    try testing.expect(!c.trip.is_measured);
    // Both have called, so ours was said twice without a timer.
    try common.meet();
    common.now += 80 * ms;
    try expectDone(hear(.{ .seq = 1, .ack = 1 }));
    try testing.expectEqual(State.established, c.state);
    try testing.expect(!c.trip.is_measured);
    try testing.expectEqual(1, c.retransmissions);
}
