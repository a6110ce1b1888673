//! One connection by itself, segment by segment: RFC 9293 section 3.10.7 state by state, and what a
//! user may do in each.

const std = @import("std");
const testing = std.testing;
const connection = @import("connection.zig");
const segment = @import("segment.zig");
const tcp_input = @import("tcp_input.zig");
const tcp_output = @import("tcp_output.zig");
const State = connection.State;
const ms = std.time.ns_per_ms;
const never = connection.never;
const common = @import("tcp_state_scene.zig");
const iss = common.iss;
const irs = common.irs;
const c = &common.c;
const begin = common.begin;
const What = common.What;
const hear = common.hear;
const expectDone = common.expectDone;
const expectSaid = common.expectSaid;
const syn = common.syn;
const syn_ack = common.syn_ack;
const fin_ack = common.fin_ack;
const our_syn = common.our_syn;
const our_syn_ack = common.our_syn_ack;
const establish = common.establish;
const meet = common.meet;
const expectRead = common.expectRead;

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
    c.close(common.now);
    try testing.expectEqual(State.fin_wait_1, c.state);
    try testing.expectEqual(common.now + connection.linger_ns, c.end_at);
    try expectSaid(.{ .seq = 1, .ack = 1, .flags = fin_ack });
    try expectDone(hear(.{ .seq = 1, .ack = 2 }));
    try testing.expectEqual(State.fin_wait_2, c.state);
    try testing.expectEqual(common.now + connection.orphan_ns, c.end_at);
    common.now += 5 * ms;
    try expectDone(hear(.{ .seq = 1, .ack = 2, .flags = fin_ack }));
    try testing.expectEqual(State.time_wait, c.state);
    try testing.expectEqual(common.now + connection.time_wait_ns, c.end_at);
    try testing.expectEqual(never, c.retransmit_at);
    try expectSaid(.{ .seq = 2, .ack = 2, .window = 4095 });
    // Its FIN again: it has not heard us. We say it again, and stay longer.
    common.now += 5 * ms;
    try expectDone(hear(.{ .seq = 1, .ack = 2, .flags = fin_ack }));
    try testing.expectEqual(common.now + connection.time_wait_ns, c.end_at);
    try expectSaid(.{ .seq = 2, .ack = 2, .window = 4095 });
    common.now = c.end_at - 1;
    try testing.expect(!tcp_output.poll(c, common.now));
    try testing.expectEqual(State.time_wait, c.state);
    common.now += 1;
    try testing.expect(!tcp_output.poll(c, common.now));
    try testing.expectEqual(State.closed, c.state);
    try testing.expect(!c.in_use);

    // Theirs first.
    try establish();
    try expectDone(hear(.{ .seq = 1, .ack = 1, .flags = fin_ack }));
    try testing.expectEqual(State.close_wait, c.state);
    try expectSaid(.{ .seq = 1, .ack = 2, .window = 4095 });
    c.close(common.now);
    try testing.expectEqual(State.last_ack, c.state);
    try expectSaid(.{ .seq = 1, .ack = 2, .flags = fin_ack, .window = 4095 });
    try expectDone(hear(.{ .seq = 2, .ack = 1 }));
    try testing.expectEqual(State.last_ack, c.state);
    try expectDone(hear(.{ .seq = 2, .ack = 2 }));
    try testing.expectEqual(State.closed, c.state);
    try testing.expect(!c.in_use);

    // Both at once.
    try establish();
    c.close(common.now);
    try expectSaid(.{ .seq = 1, .ack = 1, .flags = fin_ack });
    try expectDone(hear(.{ .seq = 1, .ack = 1, .flags = fin_ack }));
    try testing.expectEqual(State.closing, c.state);
    try expectDone(hear(.{ .seq = 2, .ack = 2 }));
    try testing.expectEqual(State.time_wait, c.state);
    try testing.expectEqual(common.now + connection.time_wait_ns, c.end_at);
}

test "a call that is closed before its answer, and one whose caller was answered meanwhile" {
    begin(.syn_sent);
    c.close(common.now);
    try testing.expectEqual(State.closed, c.state);
    try testing.expect(!c.in_use);
    try meet();
    c.close(common.now);
    try testing.expectEqual(State.syn_received, c.state);
    try testing.expect(c.is_fin_queued);
    try testing.expectEqual(common.now + connection.linger_ns, c.end_at);
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
