//! One TCP connection: its state, its buffers and what its user may do with it (RFC 9293).
//! Segments come in through `tcp_input.zig` and go out through `tcp_output.zig`; this file knows of
//! neither frames nor addresses beyond the four that name the connection.
//!
//!     syn_sent ──┐              ┌─> fin_wait_1 ─> fin_wait_2 ─┐
//!                ├─> established┤        └─> closing ─────────┴─> time_wait ─> closed
//!     syn_received              └─> close_wait ─> last_ack ──────────────────> closed
//!
//! Sequence space of what we send:
//!
//!     data_base            snd_nxt        data_base + tx.len
//!     |  sent, unacknowledged | queued        | FIN, if `is_fin_queued`
//!
//! `snd_nxt` falls back to `snd_una` when the retransmission timer fires; `snd_max` never does.

const std = @import("std");
const address = @import("address.zig");
const segment = @import("segment.zig");
const sequence = @import("sequence.zig");
const Ring = @import("ring.zig").Ring;
const RoundTrip = @import("round_trip.zig").RoundTrip;
const Reassembly = @import("reassembly.zig").Reassembly;

pub const never = std.math.maxInt(u64);
/// Two full segments and more each way; with sixteen connections a fifth of a megabyte.
pub const buffer_bytes = 4096;
pub const send_buffer_bytes = buffer_bytes;
/// RFC 1122 4.2.3.2 allows 500 ms; less keeps request-and-answer traffic brisk.
pub const ack_delay_ns: u64 = 40 * std.time.ns_per_ms;
/// Twice a segment lifetime of five seconds: our links are one switch long.
pub const time_wait_ns: u64 = 10 * std.time.ns_per_s;
/// How long a peer may keep its direction open after we have closed and forgotten the connection.
pub const orphan_ns: u64 = 10 * std.time.ns_per_s;
/// How long a closed connection may take to get rid of what was written, however slow its peer.
pub const linger_ns: u64 = 60 * std.time.ns_per_s;
/// Questions of RFC 5961 ("is this segment really yours?") in a second. Without a bound, two ends
/// that disagree about their numbers would answer each other for ever.
const challenges_max = 10;
/// 1 + 2 + 4 + 8 + 16 s until a connection attempt is given up.
pub const syn_retries_max = 4;
/// From the smallest timeout on about 50 s of silence until a connection is given up.
pub const retries_max = 7;

pub const State = enum {
    closed,
    syn_sent,
    syn_received,
    established,
    fin_wait_1,
    fin_wait_2,
    close_wait,
    closing,
    last_ack,
    time_wait,
};

pub const Failure = enum { none, refused, reset, timed_out, unreachable_peer };

/// The owner of a connection: a listener's backlog, a user, or no owner any more.
pub const Holder = enum { nobody, backlog, user };

pub const ReadError = error{ WouldBlock, Failed };
pub const WriteError = error{ WouldBlock, Failed };

pub const Connection = struct {
    in_use: bool = false,
    state: State = .closed,
    failure: Failure = .none,
    holder: Holder = .nobody,
    listener: u8 = 0,
    opened_ns: u64 = 0,
    local_port: u16 = 0,
    remote: address.Endpoint = .{ .ip = 0, .port = 0 },

    iss: u32 = 0,
    snd_una: u32 = 0,
    snd_nxt: u32 = 0,
    snd_max: u32 = 0,
    snd_wnd: u32 = 0,
    snd_wnd_max: u32 = 0,
    snd_wl1: u32 = 0,
    snd_wl2: u32 = 0,
    data_base: u32 = 0,
    mss: u16 = segment.mss_default,
    is_fin_queued: bool = false,

    irs: u32 = 0,
    rcv_nxt: u32 = 0,
    /// Right edge of the window that the peer knows of; never moves left.
    rcv_edge: u32 = 0,
    /// Sequence number of the peer's FIN, once seen; data in front of it may still be missing.
    fin_at: ?u32 = null,
    is_peer_closed: bool = false,

    cwnd: u32 = 0,
    ssthresh: u32 = 0xFFFF,
    duplicate_acks: u8 = 0,
    is_recovering: bool = false,
    recover: u32 = 0,
    resend_first: bool = false,
    probe_due: bool = false,

    trip: RoundTrip = .{},
    timed_seq: ?u32 = null,
    timed_at: u64 = 0,
    retries: u8 = 0,
    retransmit_at: u64 = never,

    challenges: u8 = 0,
    challenges_since: u64 = 0,
    ack_now: bool = false,
    ack_at: u64 = never,
    segments_unacked: u8 = 0,
    end_at: u64 = never,
    retransmissions: u32 = 0,
    /// See `Events`: writable is reported again only after a quarter of the buffer is free.
    was_full: bool = false,

    ahead: Reassembly = .{},
    rx: Ring(buffer_bytes) = .{},
    tx: Ring(send_buffer_bytes) = .{},

    /// Everything but the contents of the buffers, which cost too much to clear.
    pub fn reset(self: *Connection) void {
        inline for (@typeInfo(Connection).@"struct".fields) |field| {
            if (comptime std.mem.eql(u8, field.name, "rx") or std.mem.eql(u8, field.name, "tx")) {
                @field(self, field.name).clear();
            } else {
                @field(self, field.name) = comptime field.defaultValue().?;
            }
        }
    }

    /// The invariants that hold between any two calls, whatever a peer has sent.
    pub fn check(self: *const Connection) void {
        // As in the drawing above: acknowledged, sent, and ever sent are in that order.
        std.debug.assert(sequence.beforeOrAt(self.snd_una, self.snd_nxt));
        std.debug.assert(sequence.beforeOrAt(self.snd_nxt, self.snd_max));
        // The window that the peer knows of never moves left, and the buffer has room for it.
        std.debug.assert(sequence.beforeOrAt(self.rcv_nxt, self.rcv_edge));
        std.debug.assert(self.rcv_edge -% self.rcv_nxt <= buffer_bytes);
        if (self.isConnected()) {
            std.debug.assert(self.mss >= segment.mss_min and self.mss <= segment.mss_ours);
            std.debug.assert(self.cwnd != 0);
        }
        // A connection that is over has no timer.
        if (self.state == .closed) std.debug.assert(self.nextDeadline() == never);
    }

    pub fn open(self: *Connection, state: State, iss: u32, now: u64) void {
        std.debug.assert(self.tx.len == 0 and self.rx.len == 0);
        self.in_use = true;
        self.state = state;
        self.opened_ns = now;
        self.iss = iss;
        self.snd_una = iss;
        self.snd_nxt = iss;
        self.snd_max = iss;
        self.data_base = iss +% 1;
    }

    /// The peer's SYN: where its numbers start and how much it takes.
    pub fn synchronize(self: *Connection, seg: segment.Segment) void {
        std.debug.assert(self.rx.len == 0 and self.ahead.count == 0); // nothing comes before it
        self.irs = seg.seq;
        self.rcv_nxt = seg.seq +% 1;
        self.rcv_edge = self.rcv_nxt +% buffer_bytes;
        const offered = seg.mss orelse segment.mss_default;
        self.mss = std.math.clamp(offered, segment.mss_min, segment.mss_ours);
        // RFC 5681 (3.1): an initial window of three segments of our size.
        self.cwnd = 3 * @as(u32, self.mss);
        self.setWindow(seg);
    }

    pub fn setWindow(self: *Connection, seg: segment.Segment) void {
        if (self.snd_wnd == 0 and seg.window != 0 and self.isConnected()) {
            // Bytes that were sent into the closed window are lost, and the timer counted a silence
            // that was not the fault of the path.
            self.snd_nxt = self.snd_una;
            self.probe_due = false;
            self.trip.restore();
            self.retransmit_at = never;
        }
        self.snd_wnd = seg.window;
        self.snd_wnd_max = @max(self.snd_wnd_max, self.snd_wnd);
        self.snd_wl1 = seg.seq;
        self.snd_wl2 = seg.ack;
        std.debug.assert(self.snd_wnd <= self.snd_wnd_max);
    }

    /// End the connection, for a reason that the user learns.
    pub fn fail(self: *Connection, why: Failure) void {
        self.failure = why;
        self.finish();
    }

    pub fn finish(self: *Connection) void {
        self.state = .closed;
        self.retransmit_at = never;
        self.ack_at = never;
        self.end_at = never;
        self.ack_now = false;
        if (self.holder != .user) self.in_use = false;
        std.debug.assert(self.nextDeadline() == never);
    }

    pub fn isConnected(self: *const Connection) bool {
        return switch (self.state) {
            .closed, .syn_sent, .syn_received => false,
            else => true,
        };
    }

    /// True: the user may still write. False once it has closed.
    pub fn canSend(self: *const Connection) bool {
        return (self.state == .established or self.state == .close_wait) and !self.is_fin_queued;
    }

    /// Read bytes. The result is their number; 0 means that the peer has closed its direction.
    pub fn read(self: *Connection, out: []u8) ReadError!usize {
        self.check();
        if (self.rx.len > 0) {
            const count = self.rx.read(out);
            // Starting over keeps most messages in one piece, and their copies fast. Bytes that
            // came ahead of their turn have their place already, though.
            if (self.rx.len == 0 and self.ahead.count == 0) self.rx.clear();
            // Tell the peer of new room, but not of every crumb (RFC 9293, 3.8.6.2.2).
            const is_open = self.isConnected() and !self.is_peer_closed;
            if (is_open and self.windowGrowth() >= window_step) self.ack_now = true;
            return count;
        }
        if (self.failure != .none) return error.Failed;
        if (self.is_peer_closed) return 0;
        return if (self.state == .closed) error.Failed else error.WouldBlock;
    }

    /// Write bytes. The result is the number taken, at least one.
    pub fn write(self: *Connection, data: []const u8) WriteError!usize {
        self.check();
        if (self.state == .syn_sent or self.state == .syn_received) return error.WouldBlock;
        if (!self.canSend()) return error.Failed;
        const count = self.tx.write(data);
        if (count < data.len) self.was_full = true;
        return if (count == 0 and data.len > 0) error.WouldBlock else count;
    }

    /// Close gracefully: bytes that were written still go out, then FIN. The connection has no
    /// holder any more.
    pub fn close(self: *Connection, now: u64) void {
        defer self.check();
        self.holder = .nobody;
        switch (self.state) {
            .closed, .syn_sent => self.finish(),
            .syn_received, .established, .close_wait => {
                self.is_fin_queued = true;
                if (self.state == .established) self.state = .fin_wait_1;
                if (self.state == .close_wait) self.state = .last_ack;
                self.end_at = now +| linger_ns;
            },
            .fin_wait_2 => self.end_at = now +| orphan_ns,
            else => {},
        }
    }

    /// Ask, by an acknowledgement, whether a doubtful segment was meant.
    pub fn challenge(self: *Connection, now: u64) void {
        std.debug.assert(self.challenges <= challenges_max);
        if (now -| self.challenges_since >= std.time.ns_per_s) {
            self.challenges_since = now;
            self.challenges = 0;
        }
        if (self.challenges == challenges_max) return;
        self.challenges += 1;
        self.ack_now = true;
    }

    /// The number of bytes by which our window could open beyond what the peer knows.
    pub fn windowGrowth(self: *const Connection) u32 {
        const edge = self.rcv_nxt +% @as(u32, @intCast(self.rx.free()));
        return @intCast(@max(0, sequence.distance(self.rcv_edge, edge)));
    }

    /// The window to advertise now; silly windows are avoided.
    pub fn advertise(self: *Connection) u16 {
        const growth = self.windowGrowth();
        if (growth >= window_step) self.rcv_edge +%= growth;
        return @intCast(@max(0, sequence.distance(self.rcv_nxt, self.rcv_edge)));
    }

    pub fn nextDeadline(self: *const Connection) u64 {
        return @min(self.retransmit_at, @min(self.ack_at, self.end_at));
    }
};

const window_step = @min(buffer_bytes / 2, segment.mss_ours);
