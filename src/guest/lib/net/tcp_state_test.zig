//! One connection by itself, segment by segment: RFC 9293 section 3.10.7 state by state, what a
//! user may do in each, and the timers with their numbers.

const std = @import("std");
const testing = std.testing;
const connection = @import("connection.zig");
const segment = @import("segment.zig");
const tcp_input = @import("tcp_input.zig");
const tcp_output = @import("tcp_output.zig");
const Connection = connection.Connection;
const Segment = segment.Segment;
const State = connection.State;

const ms = std.time.ns_per_ms;
const never = connection.never;
/// Close to the wrap on both sides.
const iss: u32 = 0xFFFF_FFFE;
const irs: u32 = 0xFFFF_FFF0;

var c: Connection = .{};
var now: u64 = 0;

fn begin(state: State) void {
    c.reset();
    now = 1000 * ms;
    c.holder = .user;
    c.remote = .{ .ip = 1, .port = 2 };
    c.open(state, iss, now);
}

const What = struct {
    seq: u32 = 0,
    ack: u32 = 0,
    flags: segment.Flags = .{ .ack = true },
    window: u16 = 4096,
    mss: ?u16 = null,
    data: []const u8 = "",
};

/// Numbers count from the first of each side: its SYN is 0.
fn hear(what: What) tcp_input.Verdict {
    const seg: Segment = .{
        .source_port = 2,
        .target_port = 3,
        .seq = irs +% what.seq,
        .ack = if (what.flags.ack) iss +% what.ack else 0,
        .flags = what.flags,
        .window = what.window,
        .mss = what.mss,
        .data = what.data,
    };
    return tcp_input.input(&c, seg, now);
}

fn expectDone(verdict: tcp_input.Verdict) !void {
    try testing.expectEqual(tcp_input.Verdict.done, verdict);
}

const Said = struct {
    seq: u32,
    ack: u32 = 0,
    flags: segment.Flags = .{ .ack = true },
    window: u16 = 4096,
    mss: ?u16 = null,
    len: usize = 0,
};

fn expectSaid(want: ?Said) !void {
    const said = tcp_output.output(&c, now);
    const wanted = want orelse return testing.expectEqual(null, said);
    const out = said orelse return error.Silent;
    try testing.expectEqual(iss +% wanted.seq, out.seq);
    const has_ack = wanted.flags.ack;
    try testing.expectEqual(if (has_ack) irs +% wanted.ack else 0, out.ack);
    try testing.expectEqual(wanted.flags, out.flags);
    try testing.expectEqual(wanted.window, out.window);
    try testing.expectEqual(wanted.mss, out.mss);
    try testing.expectEqual(wanted.len, out.data_len);
}

const syn: segment.Flags = .{ .syn = true };
const syn_ack: segment.Flags = .{ .syn = true, .ack = true };
const fin_ack: segment.Flags = .{ .fin = true, .ack = true };
const our_syn: Said = .{ .seq = 0, .flags = syn, .mss = 1460 };
const our_syn_ack: Said = .{ .seq = 0, .ack = 1, .flags = syn_ack, .mss = 1460 };

/// We have called, and the peer has answered.
fn establish() !void {
    begin(.syn_sent);
    try expectSaid(our_syn);
    try expectDone(hear(.{ .ack = 1, .flags = syn_ack, .mss = 1460 }));
    try expectSaid(.{ .seq = 1, .ack = 1 });
    try expectSaid(null);
    try testing.expectEqual(State.established, c.state);
}

/// Both sides have called, and the peer has heard nothing of us yet.
fn meet() !void {
    begin(.syn_sent);
    try expectSaid(our_syn);
    try expectDone(hear(.{ .flags = syn, .mss = 1460 }));
    try testing.expectEqual(State.syn_received, c.state);
    try expectSaid(our_syn_ack);
}

fn expectRead(text: []const u8) !void {
    var out: [16]u8 = undefined;
    const count = try c.read(&out);
    try testing.expectEqualStrings(text, out[0..count]);
}

test "each answer to our SYN: a right one opens, a refusal ends, and others are reset or dropped" {
    const Case = struct {
        what: What,
        state: State = .syn_sent,
        failure: connection.Failure = .none,
        reset: ?u32 = null,
    };
    for ([_]Case{
        .{ .what = .{ .ack = 1, .flags = syn_ack }, .state = .established },
        .{ .what = .{ .flags = syn }, .state = .syn_received },
        .{ .what = .{ .ack = 0, .flags = syn_ack }, .reset = 0 },
        .{ .what = .{ .ack = 2, .flags = syn_ack }, .reset = 2 },
        .{ .what = .{ .ack = 2 }, .reset = 2 },
        // An acknowledgement alone is not an answer.
        .{ .what = .{ .ack = 1 } },
        .{ .what = .{ .flags = .{ .rst = true } } },
        .{ .what = .{ .ack = 2, .flags = .{ .rst = true, .ack = true } } },
        .{
            .what = .{ .ack = 1, .flags = .{ .rst = true, .ack = true } },
            .state = .closed,
            .failure = .refused,
        },
    }) |case| {
        begin(.syn_sent);
        try expectSaid(our_syn);
        try expectSaid(null);
        const verdict = hear(case.what);
        if (case.reset) |ack| {
            try testing.expectEqual(tcp_input.Verdict{ .reset = iss +% ack }, verdict);
        } else try expectDone(verdict);
        try testing.expectEqual(case.state, c.state);
        try testing.expectEqual(case.failure, c.failure);
        switch (case.state) {
            .established => try expectSaid(.{ .seq = 1, .ack = 1 }),
            .syn_received => try expectSaid(our_syn_ack),
            else => {},
        }
        try expectSaid(null);
    }
    // Of what was not sent yet nothing can be acknowledged.
    begin(.syn_sent);
    try testing.expectEqual(tcp_input.Verdict{ .reset = iss }, hear(.{ .flags = syn_ack }));
    try testing.expectEqual(State.syn_sent, c.state);
}

test "both sides call at once: each half of the handshake may cross the other, with text on it" {
    for ([_][]const u8{ "", "a", "abc" }) |text| for ([_]bool{ false, true }) |is_last| {
        try meet();
        const verdict = hear(.{
            .ack = 1,
            .flags = .{ .syn = true, .ack = true, .fin = is_last },
            .data = text,
        });
        try expectDone(verdict);
        const state: State = if (is_last) .close_wait else .established;
        try testing.expectEqual(state, c.state);
        if (text.len != 0) try expectRead(text);
        const next: u32 = @intCast(1 + text.len + @intFromBool(is_last));
        try testing.expectEqual(irs +% next, c.rcv_nxt);
        try testing.expectEqual(is_last, c.is_peer_closed);
        if (!is_last) {
            try expectDone(hear(.{ .seq = next, .ack = 1, .data = "more" }));
            try expectRead("more");
        }
    };
}

test "while both sides call an acknowledgement alone is enough, and its text is the first" {
    try meet();
    try expectDone(hear(.{ .seq = 1, .ack = 1, .data = "abc" }));
    try testing.expectEqual(State.established, c.state);
    try expectRead("abc");
}

test "a half open connection answers a SYN again, and refuses what is not of it" {
    try meet();
    try expectSaid(null);
    try expectDone(hear(.{ .flags = syn }));
    try expectSaid(our_syn_ack);
    for ([_]u32{ 0, 2 }) |ack| {
        const verdict = hear(.{ .seq = 1, .ack = ack });
        try testing.expectEqual(tcp_input.Verdict{ .reset = iss +% ack }, verdict);
        try testing.expectEqual(State.syn_received, c.state);
    }
    // A SYN-ACK with another number is asked about.
    try expectDone(hear(.{ .seq = 1, .ack = 1, .flags = syn_ack }));
    try testing.expectEqual(State.syn_received, c.state);
    try expectSaid(.{ .seq = 1, .ack = 1 });
    try expectDone(hear(.{ .seq = 1, .flags = .{ .rst = true } }));
    try testing.expectEqual(State.closed, c.state);
    try testing.expectEqual(connection.Failure.refused, c.failure);
}

test "a segment is as large as the peer takes, within our bounds; three of them go at first" {
    for ([_]struct { ?u16, u16 }{
        .{ null, 536 }, .{ 0, 64 },      .{ 63, 64 },     .{ 64, 64 },       .{ 65, 65 },
        .{ 536, 536 },  .{ 1459, 1459 }, .{ 1460, 1460 }, .{ 0xFFFF, 1460 },
    }) |row| {
        begin(.syn_received);
        c.synchronize(.{
            .source_port = 2,
            .target_port = 3,
            .seq = irs,
            .flags = syn,
            .window = 77,
            .mss = row[0],
        });
        try testing.expectEqual(row[1], c.mss);
        try testing.expectEqual(3 * @as(u32, row[1]), c.cwnd);
        try testing.expectEqual(77, c.snd_wnd);
        try testing.expectEqual(77, c.snd_wnd_max);
        try testing.expectEqual(irs +% 1, c.rcv_nxt);
        try testing.expectEqual(irs +% 1 +% 4096, c.rcv_edge);
    }
}

test "closing: ours first, theirs first, and both at once" {
    // Ours first.
    try establish();
    c.close(now);
    try testing.expectEqual(State.fin_wait_1, c.state);
    try testing.expectEqual(now + connection.linger_ns, c.end_at);
    try expectSaid(.{ .seq = 1, .ack = 1, .flags = fin_ack });
    try expectDone(hear(.{ .seq = 1, .ack = 2 }));
    try testing.expectEqual(State.fin_wait_2, c.state);
    try testing.expectEqual(now + connection.orphan_ns, c.end_at);
    now += 5 * ms;
    try expectDone(hear(.{ .seq = 1, .ack = 2, .flags = fin_ack }));
    try testing.expectEqual(State.time_wait, c.state);
    try testing.expectEqual(now + connection.time_wait_ns, c.end_at);
    try testing.expectEqual(never, c.retransmit_at);
    try expectSaid(.{ .seq = 2, .ack = 2, .window = 4095 });
    // Its FIN again: it has not heard us. We say it again, and stay longer.
    now += 5 * ms;
    try expectDone(hear(.{ .seq = 1, .ack = 2, .flags = fin_ack }));
    try testing.expectEqual(now + connection.time_wait_ns, c.end_at);
    try expectSaid(.{ .seq = 2, .ack = 2, .window = 4095 });
    now = c.end_at - 1;
    try testing.expect(!tcp_output.poll(&c, now));
    try testing.expectEqual(State.time_wait, c.state);
    now += 1;
    try testing.expect(!tcp_output.poll(&c, now));
    try testing.expectEqual(State.closed, c.state);
    try testing.expect(!c.in_use);

    // Theirs first.
    try establish();
    try expectDone(hear(.{ .seq = 1, .ack = 1, .flags = fin_ack }));
    try testing.expectEqual(State.close_wait, c.state);
    try expectSaid(.{ .seq = 1, .ack = 2, .window = 4095 });
    c.close(now);
    try testing.expectEqual(State.last_ack, c.state);
    try expectSaid(.{ .seq = 1, .ack = 2, .flags = fin_ack, .window = 4095 });
    try expectDone(hear(.{ .seq = 2, .ack = 1 }));
    try testing.expectEqual(State.last_ack, c.state);
    try expectDone(hear(.{ .seq = 2, .ack = 2 }));
    try testing.expectEqual(State.closed, c.state);
    try testing.expect(!c.in_use);

    // Both at once.
    try establish();
    c.close(now);
    try expectSaid(.{ .seq = 1, .ack = 1, .flags = fin_ack });
    try expectDone(hear(.{ .seq = 1, .ack = 1, .flags = fin_ack }));
    try testing.expectEqual(State.closing, c.state);
    try expectDone(hear(.{ .seq = 2, .ack = 2 }));
    try testing.expectEqual(State.time_wait, c.state);
    try testing.expectEqual(now + connection.time_wait_ns, c.end_at);
}

test "a call that is closed before its answer, and one whose caller was answered meanwhile" {
    begin(.syn_sent);
    c.close(now);
    try testing.expectEqual(State.closed, c.state);
    try testing.expect(!c.in_use);
    try meet();
    c.close(now);
    try testing.expectEqual(State.syn_received, c.state);
    try testing.expect(c.is_fin_queued);
    try testing.expectEqual(now + connection.linger_ns, c.end_at);
    try expectDone(hear(.{ .seq = 1, .ack = 1 }));
    try testing.expectEqual(State.fin_wait_1, c.state);
    try expectSaid(.{ .seq = 1, .ack = 1, .flags = fin_ack });
}

test "what a user may do in each state" {
    const Case = struct {
        state: State,
        write: connection.WriteError!usize,
        read: connection.ReadError!usize = error.WouldBlock,
        can_send: bool = false,
        is_connected: bool = true,
    };
    for ([_]Case{
        .{
            .state = .closed,
            .write = error.Failed,
            .read = error.Failed,
            .is_connected = false,
        },
        .{ .state = .syn_sent, .write = error.WouldBlock, .is_connected = false },
        .{ .state = .syn_received, .write = error.WouldBlock, .is_connected = false },
        .{ .state = .established, .write = 1, .can_send = true },
        .{ .state = .close_wait, .write = 1, .can_send = true },
        .{ .state = .fin_wait_1, .write = error.Failed },
        .{ .state = .fin_wait_2, .write = error.Failed },
        .{ .state = .closing, .write = error.Failed },
        .{ .state = .last_ack, .write = error.Failed },
        .{ .state = .time_wait, .write = error.Failed },
    }) |case| {
        try establish();
        c.state = case.state;
        try testing.expectEqual(case.can_send, c.canSend());
        try testing.expectEqual(case.is_connected, c.isConnected());
        try testing.expectEqual(case.write, c.write("x"));
        c.tx.clear();
        var out: [1]u8 = undefined;
        try testing.expectEqual(case.read, c.read(&out));
        // What has come is read in any of them; then the end, or the failure.
        _ = c.rx.write("y");
        try testing.expectEqual(1, try c.read(&out));
        c.is_peer_closed = true;
        try testing.expectEqual(0, try c.read(&out));
        c.failure = .reset;
        try testing.expectError(error.Failed, c.read(&out));
    }
    try establish();
    c.is_fin_queued = true;
    try testing.expect(!c.canSend());
}

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
    try testing.expectEqual(now + c.trip.timeout, c.retransmit_at);
    now += 30 * ms;
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
        try testing.expectEqual(now + pause, c.retransmit_at);
        try testing.expect(!tcp_output.poll(&c, now + pause - 1));
        now += pause;
        pause *= 2;
        const is_more = tcp_output.poll(&c, now);
        try testing.expectEqual(c.state != .closed, is_more);
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
            now = c.retransmit_at;
            try testing.expectEqual(n != 7, tcp_output.poll(&c, now));
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
        now = c.retransmit_at;
        try testing.expect(tcp_output.poll(&c, now));
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
    try testing.expectEqual(now + 40 * ms, c.ack_at);
    try expectSaid(null);
    try testing.expect(!tcp_output.poll(&c, now + 40 * ms - 1));
    now += 40 * ms;
    try testing.expect(tcp_output.poll(&c, now));
    try expectSaid(.{ .seq = 1, .ack = 2, .window = 4095 });
    try testing.expectEqual(never, c.ack_at);
    try expectDone(hear(.{ .seq = 2, .ack = 1, .data = "y" }));
    const first = c.ack_at;
    now += 1;
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
        now += 1000 * ms - 1;
        try expectDone(hear(.{ .seq = 2, .ack = 1, .flags = syn_ack }));
        try testing.expect(!c.ack_now);
        now += 1;
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
    // Text behind it is of nobody.
    try expectDone(hear(.{ .seq = 7, .ack = 1, .data = "late" }));
    try expectRead("");
}

test "bytes without a reader are taken and forgotten, so that the peer can end in good order" {
    try establish();
    c.close(now);
    try expectDone(hear(.{ .seq = 1, .ack = 1, .data = "abc" }));
    try testing.expectEqual(0, c.rx.len);
    try testing.expectEqual(irs +% 4, c.rcv_nxt);
}
