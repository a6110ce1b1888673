//! The output of a connection, one segment at a time, and its timers.

const std = @import("std");
const address = @import("address.zig");
const connection = @import("connection.zig");
const congestion = @import("congestion.zig");
const packet = @import("packet.zig");
const segment = @import("segment.zig");
const sequence = @import("sequence.zig");
const Connection = connection.Connection;
const never = connection.never;

/// A segment to build: `data_len` bytes from `data_offset` in the send buffer.
pub const Out = struct {
    seq: u32,
    ack: u32,
    flags: segment.Flags,
    window: u16,
    mss: ?u16 = null,
    data_offset: usize = 0,
    data_len: usize = 0,
};

/// The interfaces between which a frame travels.
pub const Path = struct { source_mac: address.Mac, source_ip: address.Ip, target_mac: address.Mac };

/// Write the frame of a segment to `out`.
pub fn write(c: *const Connection, what: Out, path: Path, out: []u8) []u8 {
    const seg: segment.Segment = .{
        .source_port = c.local_port,
        .target_port = c.remote.port,
        .seq = what.seq,
        .ack = what.ack,
        .flags = what.flags,
        .window = what.window,
        .mss = what.mss,
    };
    const head = seg.headerLen();
    const len = head + what.data_len;
    std.debug.assert(len <= segment.header_bytes + segment.mss_ours);
    const frame = out[0 .. packet.payload_at + len];
    packet.putEthernet(frame, path.target_mac, path.source_mac, packet.EtherType.ipv4);
    const ip = frame[packet.ethernet_bytes..];
    packet.Ipv4.write(ip, path.source_ip, c.remote.ip, packet.Protocol.tcp, len);
    c.tx.peek(what.data_offset, frame[packet.payload_at + head ..]);
    seg.write(frame[packet.payload_at..], path.source_ip, c.remote.ip);
    return frame;
}

/// The next segment, if there is one. It counts as sent.
pub fn output(c: *Connection, now: u64) ?Out {
    defer c.check();
    switch (c.state) {
        .closed => return null,
        .syn_sent, .syn_received => return outputSyn(c, now),
        else => {},
    }
    if (c.resend_first) {
        c.resend_first = false;
        const room = @min(c.mss, c.snd_wnd);
        if (c.snd_una != c.snd_max and room > 0) return outputFrom(c, c.snd_una, room, now);
    }
    if (c.probe_due) {
        c.probe_due = false;
        if (c.snd_wnd == 0) return probe(c);
        if (queuedEnd(c) != c.snd_una) {
            return outputFrom(c, c.snd_una, @min(c.snd_wnd, c.mss), now);
        }
    }
    if (nextLength(c)) |len| return outputFrom(c, c.snd_nxt, len, now);
    // Bytes wait for a window: look again when the timer fires, if no segment comes.
    if (c.retransmit_at == never and c.snd_nxt != queuedEnd(c)) {
        c.retransmit_at = now +| c.trip.timeout;
    }
    if (!c.ack_now) return null;
    return bare(c);
}

/// One behind the last thing that is queued, the FIN included.
fn queuedEnd(c: *const Connection) u32 {
    return c.data_base +% @as(u32, @intCast(c.tx.len)) +% @intFromBool(c.is_fin_queued);
}

/// Our FIN, until it has been acknowledged.
fn isFinPending(c: *const Connection) bool {
    const fin = c.data_base +% @as(u32, @intCast(c.tx.len));
    return c.is_fin_queued and sequence.beforeOrAt(c.snd_una, fin);
}

/// The number of data bytes that may go now. Zero: the FIN alone. Null: nothing.
fn nextLength(c: *const Connection) ?u32 {
    const waiting: u32 = queuedEnd(c) -% c.snd_nxt;
    if (waiting == 0) return null;
    const flight = c.snd_nxt -% c.snd_una;
    const usable = @min(c.snd_wnd, c.cwnd) -| flight;
    const data: u32 = (c.data_base +% @as(u32, @intCast(c.tx.len))) -% c.snd_nxt;
    // The FIN takes no place in the peer's buffer, so it may follow into a full window's edge.
    if (data == 0) return if (usable > 0 or flight == 0 and c.snd_wnd > 0) 0 else null;
    const len = @min(data, @min(usable, c.mss));
    if (len == 0) return null;
    // The sender's side of silly window avoidance (RFC 9293, 3.8.6.2.1), without Nagle's wait.
    // Bytes that are sent again always go, since nothing else would end the wait.
    const is_again = sequence.before(c.snd_nxt, c.snd_max);
    const is_worth_it = len == c.mss or len == data or len >= c.snd_wnd_max / 2;
    return if (is_again or is_worth_it) len else null;
}

/// Up to `len_max` bytes from `seq` on, with the FIN if they reach it.
fn outputFrom(c: *Connection, seq: u32, len_max: u32, now: u64) Out {
    const offset: u32 = seq -% c.data_base;
    const len = @min(@as(u32, @intCast(c.tx.len)) -| offset, len_max);
    const is_last = offset + len >= c.tx.len;
    const has_fin = is_last and isFinPending(c);
    const end = seq +% len +% @intFromBool(has_fin);
    std.debug.assert(end != seq);
    const is_again = sequence.before(seq, c.snd_max);
    if (is_again) {
        c.retransmissions +|= 1;
        // Karn: the answer to something sent twice measures nothing.
        if (c.timed_seq) |timed| if (sequence.beforeOrAt(seq, timed)) {
            c.timed_seq = null;
        };
    } else if (c.timed_seq == null) {
        c.timed_seq = seq;
        c.timed_at = now;
    }
    if (seq == c.snd_nxt) c.snd_nxt = end;
    if (sequence.before(c.snd_max, end)) c.snd_max = end;
    if (sequence.before(c.snd_nxt, c.snd_una)) c.snd_nxt = c.snd_una;
    if (c.retransmit_at == never) c.retransmit_at = now +| c.trip.timeout;
    var out = bare(c);
    out.seq = seq;
    out.flags.fin = has_fin;
    out.flags.psh = is_last and len > 0;
    out.data_offset = offset;
    out.data_len = len;
    return out;
}

fn outputSyn(c: *Connection, now: u64) ?Out {
    const is_answer = c.state == .syn_received;
    if (c.snd_nxt != c.iss) {
        return if (is_answer and c.ack_now) bare(c) else null;
    }
    c.snd_nxt = c.iss +% 1;
    if (c.snd_max == c.iss) {
        c.snd_max = c.snd_nxt;
        c.timed_seq = c.iss;
        c.timed_at = now;
    } else {
        c.timed_seq = null;
        c.retransmissions +|= 1;
    }
    if (c.retransmit_at == never) c.retransmit_at = now +| c.trip.timeout;
    var out = bare(c);
    out.seq = c.iss;
    out.ack = if (is_answer) c.rcv_nxt else 0;
    out.flags = .{ .syn = true, .ack = is_answer };
    out.mss = segment.mss_ours;
    if (!is_answer) out.window = connection.buffer_bytes;
    return out;
}

/// An acknowledgement, alone or to be completed. It has SND.MAX and not SND.NXT: after a timeout
/// the latter lies behind what the peer has, and the peer would not look at the rest of the
/// segment. For the same reason it is never beyond the window, of which the peer may have taken
/// back a part.
fn bare(c: *Connection) Out {
    c.ack_now = false;
    c.ack_at = never;
    c.segments_unacked = 0;
    const edge = c.snd_una +% c.snd_wnd;
    const is_beyond = c.isConnected() and sequence.before(edge, c.snd_max);
    return .{
        .seq = if (is_beyond) edge else c.snd_max,
        .ack = c.rcv_nxt,
        .flags = .{ .ack = true },
        .window = c.advertise(),
    };
}

/// A zero-window probe: an empty segment one in front of what the peer has. It lies outside of any
/// window, so the peer must answer with its present one; unlike a byte of data it puts nothing in
/// flight that both sides could come to see differently.
fn probe(c: *Connection) Out {
    var out = bare(c);
    out.seq = c.snd_una -% 1;
    return out;
}

/// Do what is due at `now`. True: the connection may have something to send.
pub fn poll(c: *Connection, now: u64) bool {
    if (c.nextDeadline() > now) return false;
    c.check();
    if (c.end_at <= now) {
        c.finish();
        return false;
    }
    if (c.ack_at <= now) {
        c.ack_at = never;
        c.ack_now = true;
    }
    if (c.retransmit_at <= now) retransmit(c, now);
    return c.state != .closed;
}

fn retransmit(c: *Connection, now: u64) void {
    const is_opening = c.state == .syn_sent or c.state == .syn_received;
    c.retries += 1;
    const enough: u8 = if (is_opening) connection.syn_retries_max else connection.retries_max;
    if (c.retries > enough) {
        c.fail(.timed_out);
        return;
    }
    c.trip.backOff();
    c.retransmit_at = now +| c.trip.timeout;
    c.timed_seq = null;
    if (!is_opening and (c.snd_wnd == 0 or c.snd_una == c.snd_max)) {
        c.probe_due = true;
        return;
    }
    c.snd_nxt = c.snd_una;
    if (!is_opening) congestion.onTimeout(c);
}
