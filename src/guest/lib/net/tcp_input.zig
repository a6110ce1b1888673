//! The effect of a segment on a connection: RFC 9293 section 3.10.7, with the checks of RFC 5961.
//! The steps have the order of the standard, and its words as names.

const connection = @import("connection.zig");
const congestion = @import("congestion.zig");
const segment = @import("segment.zig");
const sequence = @import("sequence.zig");
const Connection = connection.Connection;
const Segment = segment.Segment;

/// The answer that the caller must give on its own.
pub const Verdict = union(enum) {
    done,
    /// Send `<SEQ=value><CTL=RST>`.
    reset: u32,
};

pub fn input(c: *Connection, seg: Segment, now: u64) Verdict {
    defer c.check();
    return switch (c.state) {
        .closed => .done,
        .syn_sent => inputSynSent(c, seg, now),
        else => inputSynchronized(c, seg, now),
    };
}

/// 3.10.7.3 SYN-SENT state.
fn inputSynSent(c: *Connection, seg: Segment, now: u64) Verdict {
    // "First, check the ACK bit": SEG.ACK =< ISS or SEG.ACK > SND.NXT is not ours.
    const is_ours = seg.flags.ack and seg.ack == c.snd_max and c.snd_max != c.iss;
    if (seg.flags.ack and !is_ours) return if (seg.flags.rst) .done else .{ .reset = seg.ack };
    // "Second, check the RST bit".
    if (seg.flags.rst) {
        if (is_ours) c.fail(.refused);
        return .done;
    }
    // "Fourth, check the SYN bit".
    if (!seg.flags.syn) return .done;
    c.synchronize(seg);
    c.ack_now = true;
    if (is_ours) {
        acknowledge(c, seg.ack, now);
        c.state = .established;
    } else {
        // Simultaneous open: say SYN again, now with an acknowledgement.
        c.state = .syn_received;
        c.snd_nxt = c.iss;
    }
    return .done;
}

/// 3.10.7.4 all other states.
fn inputSynchronized(c: *Connection, seg: Segment, now: u64) Verdict {
    // "First, check sequence number".
    if (!isAcceptable(c, seg)) {
        if (seg.flags.rst) return .done;
        // The peer did not hear our last word: say it again, and stay a little longer.
        if (c.state == .time_wait and seg.flags.fin) c.end_at = now +| connection.time_wait_ns;
        if (c.state == .syn_received and seg.flags.syn and !seg.flags.ack) c.snd_nxt = c.iss;
        if (seg.length() > 0) c.ack_now = true else c.challenge(now);
        return .done;
    }
    // "Second, check the RST bit": RFC 5961 wants the exact number, else asks by an ACK.
    if (seg.flags.rst) {
        if (seg.seq == c.rcv_nxt) gotReset(c) else c.challenge(now);
        return .done;
    }
    // "Fourth, check the SYN bit": RFC 5961 asks by an ACK here, too.
    if (seg.flags.syn) {
        if (!isTheirHalf(c, seg)) {
            c.challenge(now);
            return .done;
        }
    }
    // "Fifth, check the ACK field".
    if (!seg.flags.ack) return .done;
    switch (checkAck(c, seg, now)) {
        .drop => return .done,
        .reset => return .{ .reset = seg.ack },
        .go_on => {},
    }
    // "Seventh, process the segment text".
    if (c.state == .closed or c.state == .time_wait) return .done;
    gotText(c, seg, now);
    // "Eighth, check the FIN bit".
    if (seg.flags.fin and c.fin_at == null) {
        c.fin_at = seg.textStart() +% @as(u32, @intCast(seg.data.len));
    }
    if (c.fin_at) |at| if (at == c.rcv_nxt and !c.is_peer_closed) gotFin(c, now);
    return .done;
}

/// The SYN-ACK that answers our own when both ends called at once.
fn isTheirHalf(c: *const Connection, seg: Segment) bool {
    return c.state == .syn_received and seg.flags.syn and seg.flags.ack and seg.seq == c.irs;
}

/// Table 6 of RFC 9293: is any of it inside of our window?
fn isAcceptable(c: *const Connection, seg: Segment) bool {
    // The SYN of a SYN-ACK that crosses ours lies one in front of what we expect.
    if (isTheirHalf(c, seg)) return true;
    const window = sequence.distance(c.rcv_nxt, c.rcv_edge);
    const len = seg.length();
    const first = sequence.distance(c.rcv_nxt, seg.seq);
    // A segment that says nothing new may stand at the edge itself, as that of a peer does which
    // has filled the window and only acknowledges. (The table asks for less than the edge. Then
    // such a peer would not be heard until its last segment, if lost, has come again.)
    if (len == 0) return first >= 0 and first <= @max(window, 0);
    if (window <= 0) return false;
    const last = sequence.distance(c.rcv_nxt, seg.seq +% (len - 1));
    return (first >= 0 and first < window) or (last >= 0 and last < window);
}

fn gotReset(c: *Connection) void {
    c.fail(if (c.state == .syn_received) .refused else .reset);
}

const AckVerdict = enum { go_on, drop, reset };

fn checkAck(c: *Connection, seg: Segment, now: u64) AckVerdict {
    if (c.state == .syn_received) {
        if (seg.ack != c.iss +% 1 or c.snd_max == c.iss) return .reset;
        c.state = if (c.is_fin_queued) .fin_wait_1 else .established;
        c.setWindow(seg);
    }
    // This acknowledges bytes that were never sent, or is too old to be of this connection (RFC
    // 5961 section 5): ask by an ACK.
    const is_future = sequence.before(c.snd_max, seg.ack);
    const age = sequence.distance(seg.ack, c.snd_una);
    if (is_future or age > @as(i64, @max(c.snd_wnd_max, 1))) {
        c.challenge(now);
        return .drop;
    }
    const is_new = age < 0;
    if (is_new) {
        acknowledge(c, seg.ack, now);
    } else if (age == 0) {
        congestion.maybeDuplicate(c, seg);
    }
    // SND.WL1 and SND.WL2 keep an old segment from setting the window. A new acknowledgement is
    // never old news, whatever its own number: the window counts from it, and leaving the former
    // one in place would move its right edge to where the peer never opened it.
    const is_fresh = sequence.before(c.snd_wl1, seg.seq) or
        (c.snd_wl1 == seg.seq and sequence.beforeOrAt(c.snd_wl2, seg.ack));
    if (is_new or (age == 0 and is_fresh)) c.setWindow(seg);
    // The peer lives. That also keeps a zero window from ending the connection.
    c.retries = 0;
    if (is_new) afterOurFin(c, now);
    return .go_on;
}

/// Everything before `ack` has arrived.
fn acknowledge(c: *Connection, ack: u32, now: u64) void {
    const before_una = c.snd_una;
    c.snd_una = ack;
    if (sequence.before(c.snd_nxt, ack)) c.snd_nxt = ack;
    const acked_data = @min(
        c.tx.len,
        @as(usize, @intCast(@max(0, sequence.distance(c.data_base, ack)))),
    );
    c.tx.drop(acked_data);
    c.data_base +%= @intCast(acked_data);
    if (c.timed_seq) |timed| if (sequence.before(timed, ack)) {
        c.trip.measured(now - c.timed_at);
        c.timed_seq = null;
    };
    c.retries = 0;
    congestion.onAck(c, ack -% before_una);
    // RFC 6298 (5.2) and (5.3).
    const is_all = c.snd_una == c.snd_max;
    c.retransmit_at = if (is_all) connection.never else now +| c.trip.timeout;
}

/// State changes that wait for the acknowledgement of our FIN.
fn afterOurFin(c: *Connection, now: u64) void {
    if (!c.is_fin_queued or c.tx.len != 0) return;
    if (c.snd_una != c.data_base +% 1) return;
    switch (c.state) {
        .fin_wait_1 => {
            c.state = .fin_wait_2;
            if (c.holder != .user) c.end_at = now +| connection.orphan_ns;
        },
        .closing => enterTimeWait(c, now),
        .last_ack => c.finish(),
        else => {},
    }
}

fn gotText(c: *Connection, seg: Segment, now: u64) void {
    if (seg.data.len == 0 or c.is_peer_closed) {
        // A segment of length that says nothing new still wants an answer.
        if (seg.length() > 0) c.ack_now = true;
        return;
    }
    // Cut off the bytes that came already and those beyond the window.
    var data = seg.data;
    var at = sequence.distance(c.rcv_nxt, seg.textStart());
    if (at < 0) {
        data = data[@min(data.len, @as(usize, @intCast(-at)))..];
        at = 0;
    }
    const offset: usize = @intCast(at);
    const window: usize = @intCast(@max(0, sequence.distance(c.rcv_nxt, c.rcv_edge)));
    const room = @min(c.rx.free(), window);
    data = data[0..@min(data.len, room -| offset)];
    if (data.len == 0) {
        c.ack_now = true;
        return;
    }
    const start = c.rcv_nxt +% @as(u32, @intCast(offset));
    const is_in_order = offset == 0;
    if (!is_in_order and !c.ahead.add(start, start +% @as(u32, @intCast(data.len)))) return;
    c.rx.place(offset, data);
    if (!is_in_order) {
        // RFC 5681 (4.2): an immediate duplicate ACK tells the sender what is missing.
        c.ack_now = true;
        return;
    }
    const filled_hole = c.ahead.count > 0;
    const end = c.ahead.advance(start +% @as(u32, @intCast(data.len)));
    const fresh: usize = @intCast(sequence.distance(c.rcv_nxt, end));
    c.rx.extend(fresh);
    c.rcv_nxt = end;
    // No user will read these bytes, but the peer must be able to end in good order.
    if (c.holder == .nobody) c.rx.clear();
    // RFC 1122 4.2.3.2: acknowledge every second full segment at once, the rest a little later.
    c.segments_unacked += 1;
    if (c.segments_unacked >= 2 or filled_hole) c.ack_now = true;
    if (c.ack_at == connection.never) c.ack_at = now +| connection.ack_delay_ns;
}

fn gotFin(c: *Connection, now: u64) void {
    c.is_peer_closed = true;
    c.rcv_nxt +%= 1;
    if (sequence.before(c.rcv_edge, c.rcv_nxt)) c.rcv_edge = c.rcv_nxt;
    c.ack_now = true;
    switch (c.state) {
        .established => c.state = .close_wait,
        .fin_wait_1 => c.state = .closing,
        .fin_wait_2 => enterTimeWait(c, now),
        else => {},
    }
}

fn enterTimeWait(c: *Connection, now: u64) void {
    c.state = .time_wait;
    c.retransmit_at = connection.never;
    c.end_at = now +| connection.time_wait_ns;
}
