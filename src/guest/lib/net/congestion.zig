//! The congestion window, that is, the number of bytes that may be on their way: slow start,
//! congestion avoidance, fast retransmit and recovery (RFC 5681 and NewReno, RFC 6582), with the
//! earlier trigger of RFC 5827 for small windows.

const std = @import("std");
const connection = @import("connection.zig");
const segment = @import("segment.zig");
const sequence = @import("sequence.zig");
const Connection = connection.Connection;

const duplicates_for_loss = 3;
/// This is more than any window without the scale option can use.
const cwnd_max = 0xFFFF;

pub fn onAck(c: *Connection, acked: u32) void {
    defer std.debug.assert(c.cwnd != 0);
    const mss: u32 = c.mss;
    c.duplicate_acks = 0;
    if (c.is_recovering) {
        if (sequence.before(c.snd_una, c.recover)) {
            // A partial acknowledgement: the next hole is known, and the window deflates.
            c.resend_first = true;
            c.cwnd = @max(mss, (c.cwnd -| acked) +| mss);
            return;
        }
        c.is_recovering = false;
        c.resend_first = false;
        c.cwnd = c.ssthresh;
        return;
    }
    const growth = if (c.cwnd < c.ssthresh)
        @min(acked, mss)
    else
        @max(1, mss * mss / @max(c.cwnd, 1));
    c.cwnd = @min(c.cwnd + growth, cwnd_max);
}

/// RFC 5681 section 2 says what a duplicate is: nothing new in it, and the same window.
pub fn maybeDuplicate(c: *Connection, seg: segment.Segment) void {
    if (seg.length() != 0 or seg.window != c.snd_wnd or c.snd_una == c.snd_max) return;
    // An answer to a probe says that nothing may be sent, not that something is missing.
    if (c.snd_wnd == 0) return;
    c.duplicate_acks +|= 1;
    if (c.is_recovering) {
        c.cwnd = @min(c.cwnd + c.mss, cwnd_max);
        return;
    }
    const flight = c.snd_max -% c.snd_una;
    const segments = (flight + c.mss - 1) / c.mss;
    const enough = if (segments < 4) @max(1, segments -| 1) else duplicates_for_loss;
    if (c.duplicate_acks < enough) return;
    c.ssthresh = halved(c);
    c.cwnd = @min(c.ssthresh + duplicates_for_loss * @as(u32, c.mss), cwnd_max);
    std.debug.assert(c.cwnd != 0);
    c.recover = c.snd_max;
    c.is_recovering = true;
    c.resend_first = true;
}

pub fn onTimeout(c: *Connection) void {
    c.ssthresh = halved(c);
    c.cwnd = c.mss;
    c.duplicate_acks = 0;
    c.is_recovering = false;
    c.resend_first = false;
    std.debug.assert(c.cwnd != 0 and c.cwnd < c.ssthresh); // slow start follows
}

fn halved(c: *const Connection) u32 {
    return @max((c.snd_max -% c.snd_una) / 2, 2 * @as(u32, c.mss));
}
