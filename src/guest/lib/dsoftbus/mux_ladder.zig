//! The ladder proves, by real bytes between two nodes, that streams work. docs/spec/streams.md has
//! its steps. A side reaches a milestone only by bytes that came from the other side.
//!
//!     opening ──▶ carrying ──▶ stalling ──▶ done        failed, from anywhere

const std = @import("std");
const mux_file = @import("mux.zig");
const burst_max = @import("mux_schedule.zig").burst_max;
const Mux = mux_file.Mux;
const Event = mux_file.Event;
const Open = @import("mux_frames.zig").Open;

/// The wait for a silent peer.
pub const time_ns: u64 = 3 * std.time.ns_per_s;
/// An acceptor's own calls wait this long for a dialler that may not climb at all.
pub const quiet_ns: u64 = 500 * std.time.ns_per_ms;
const control_name = "crossvm/control";
const bulk_name = "crossvm/bulk";
/// Frames of the first burst, and their size; `bulk` gets one frame behind it.
const burst_bytes = burst_max * control_data_max;
const control_data_max = 2;
const bulk_data_max = 16;
/// The bytes that each side writes beyond the other's first credit.
const beyond_bytes = 512;

pub const Milestone = enum {
    session_up,
    data_ok,
    control_ok,
    bulk_ok,
    backpressure_ok,
    failed,
};

/// One of the two streams, as one side sees it.
const Leg = struct {
    id: u32 = 0,
    priority: u3,
    /// Bytes of the first exchange: from the dialler, and to it.
    out_bytes: usize,
    back_bytes: usize,
    ready: bool = false,
    sent: usize = 0,
    got: usize = 0,
    closed: bool = false,

    fn sendBytes(self: *const Leg, side: mux_file.Side) usize {
        return if (side == .dialler) self.out_bytes else self.back_bytes;
    }

    fn hearBytes(self: *const Leg, side: mux_file.Side) usize {
        return if (side == .dialler) self.back_bytes else self.out_bytes;
    }
};

pub fn patternAt(i: usize, to_dialler: bool, priority: u3) u8 {
    const direction: usize = @intFromBool(to_dialler);
    return @intCast((7 * i + 13 * direction + 29 * @as(usize, priority)) % 251);
}

pub const Ladder = struct {
    state: enum { opening, carrying, stalling, done, failed } = .opening,
    side: mux_file.Side,
    started_ns: u64,
    control: Leg = .{ .priority = 0, .out_bytes = 32, .back_bytes = 24 },
    bulk: Leg = .{ .priority = 4, .out_bytes = 96, .back_bytes = 64 },
    /// The bytes of control that had come when the first of bulk came.
    control_before_bulk: ?usize = null,
    answered: bool = false,
    /// Our writing stood still, because the credit was used up.
    stood_still: bool = false,
    resumed: bool = false,
    /// The peer's credit on bulk has been given back.
    released: bool = false,
    reached: std.EnumSet(Milestone) = .{},
    told: std.EnumSet(Milestone) = .{},

    /// The invariants that hold between any two calls.
    fn check(self: *const Ladder) void {
        // A milestone is reported once it was reached, and failing is one of them.
        std.debug.assert(self.told.subsetOf(self.reached));
        std.debug.assert((self.state == .failed) == self.reached.contains(.failed));
        std.debug.assert(!self.resumed or self.stood_still);
    }

    /// The peer's SETTINGS have come.
    pub fn begin(self: *Ladder, mux: *Mux) void {
        if (self.side != .dialler) return;
        std.debug.assert(self.control.id == 0 and self.bulk.id == 0); // SETTINGS come once
        inline for (.{ &self.control, &self.bulk }, .{ control_name, bulk_name }) |leg, name| {
            leg.id = mux.open(name, leg.priority) catch return self.fail(mux);
            limit(mux, leg);
        }
    }

    pub fn isRunning(self: *const Ladder) bool {
        return self.state != .done and self.state != .failed;
    }

    /// The next milestone that was reached and has not been reported, in order.
    pub fn news(self: *Ladder) ?Milestone {
        for (std.enums.values(Milestone)) |milestone| {
            if (!self.reached.contains(milestone) or self.told.contains(milestone)) continue;
            self.told.insert(milestone);
            self.check();
            return milestone;
        }
        return null;
    }

    /// True: the node's own calls may go. While the ladder runs, their streams would take part in
    /// the order that it looks for.
    pub fn letsCall(self: *const Ladder, now_ns: u64) bool {
        if (!self.isRunning()) return true;
        return !self.hasBegun() and now_ns >= self.started_ns + quiet_ns;
    }

    /// The instant at which `expire` or `letsCall` may change their answer.
    pub fn deadline(self: *const Ladder, now_ns: u64) u64 {
        if (!self.isRunning()) return std.math.maxInt(u64);
        const is_quiet = !self.hasBegun() and now_ns < self.started_ns + quiet_ns;
        return self.started_ns + if (is_quiet) quiet_ns else time_ns;
    }

    fn hasBegun(self: *const Ladder) bool {
        return self.side == .dialler or self.control.id != 0;
    }

    /// The time is over. An acceptor whose dialler never began has nothing to report.
    pub fn expire(self: *Ladder, mux: *Mux, now_ns: u64) void {
        if (!self.isRunning() or now_ns < self.started_ns + time_ns) return;
        if (self.hasBegun()) self.fail(mux) else self.state = .done;
    }

    /// True if the event was the ladder's.
    pub fn take(self: *Ladder, mux: *Mux, event: Event) bool {
        defer self.check();
        switch (event) {
            .opened => |stream| return self.takeOpened(mux, stream),
            .settled => return false,
            .acknowledged => |id| (self.legOf(id) orelse return false).ready = true,
            .credited => |id| {
                const leg = self.legOf(id) orelse return false;
                if (leg == &self.bulk and self.stood_still) self.resumed = true;
            },
            .arrived => |data| self.hear(mux, self.legOf(data.id) orelse return false, data.bytes),
            .half_closed => |id| self.hearClose(mux, self.legOf(id) orelse return false),
            .was_reset => |what| {
                if (self.legOf(what.id) == null) return false;
                // What a ladder that is over has reported stands.
                if (!self.isRunning()) return true;
                // A side without a ladder resets the stream, and everything else works.
                if (self.state == .opening and what.reason == .unknown_stream) {
                    self.state = .done;
                    self.giveUp(mux);
                } else self.fail(mux);
            },
        }
        self.advance(mux);
        return true;
    }

    fn takeOpened(self: *Ladder, mux: *Mux, stream: Open) bool {
        const leg = if (std.mem.eql(u8, stream.name, control_name))
            &self.control
        else if (std.mem.eql(u8, stream.name, bulk_name)) &self.bulk else return false;
        // The dialler opens it once in a session. A second one is treated like an unknown name.
        if (self.side == .dialler or self.state != .opening or leg.id != 0) return false;
        leg.id = stream.id;
        if (stream.priority != leg.priority) {
            self.fail(mux);
            return true;
        }
        mux.accept(leg.id);
        limit(mux, leg);
        leg.ready = true;
        self.advance(mux);
        return true;
    }

    fn limit(mux: *Mux, leg: *const Leg) void {
        mux.limitData(leg.id, if (leg.priority == 0) control_data_max else bulk_data_max);
    }

    fn legOf(self: *Ladder, id: u32) ?*Leg {
        if (self.control.id == id) return &self.control;
        return if (self.bulk.id == id) &self.bulk else null;
    }

    fn hear(self: *Ladder, mux: *Mux, leg: *Leg, bytes: []const u8) void {
        if (!self.isRunning()) return;
        for (bytes, leg.got..) |byte, i| {
            if (byte != patternAt(i, self.side == .dialler, leg.priority)) return self.fail(mux);
        }
        if (leg == &self.bulk and self.control_before_bulk == null)
            self.control_before_bulk = self.control.got;
        leg.got += bytes.len;
        if (leg.got > self.allOf(leg)) return self.fail(mux);
        if (self.released) mux.grant(leg.id, bytes.len);
    }

    fn hearClose(self: *Ladder, mux: *Mux, leg: *Leg) void {
        leg.closed = true;
        if (self.isRunning() and leg.got != self.allOf(leg)) self.fail(mux);
    }

    /// The events of a stream until its end.
    fn allOf(self: *const Ladder, leg: *const Leg) usize {
        const is_bulk = leg.id == self.bulk.id;
        return if (is_bulk) bulkBytes(mux_file.own.initial_credit) else leg.hearBytes(self.side);
    }

    fn bulkBytes(credit: u32) usize {
        return @as(usize, credit) + beyond_bytes;
    }

    /// Call it also when bytes have left: there is room for more.
    pub fn advance(self: *Ladder, mux: *Mux) void {
        if (self.state == .opening and self.control.ready and self.bulk.ready) {
            self.reached.insert(.session_up);
            self.state = .carrying;
            if (self.side == .dialler) self.exchange(mux);
        }
        if (self.state == .carrying) self.carry(mux);
        if (self.state == .stalling) self.stall(mux);
        self.check();
    }

    /// Bulk is queued before control, so that only the priorities can let control go first.
    fn exchange(self: *Ladder, mux: *Mux) void {
        self.answered = true;
        for ([_]*Leg{ &self.bulk, &self.control }) |leg| {
            self.write(mux, leg, leg.sendBytes(self.side));
            if (leg.sent != leg.sendBytes(self.side)) self.fail(mux);
        }
    }

    fn carry(self: *Ladder, mux: *Mux) void {
        for ([_]*Leg{ &self.control, &self.bulk }) |leg| {
            if (leg.got < leg.hearBytes(self.side)) return;
        }
        if (!self.reached.contains(.data_ok)) self.judgeOrder(mux);
        if (self.state == .failed) return;
        if (!self.answered) self.exchange(mux);
        // Bytes beyond the exchange say that the other side has ours.
        const begins = self.side == .dialler or
            self.bulk.got > self.bulk.hearBytes(self.side);
        if (begins and self.state == .carrying) {
            mux.limitData(self.bulk.id, mux_file.own.message_bytes_max);
            mux.close(self.control.id) catch {};
            self.state = .stalling;
        }
    }

    fn judgeOrder(self: *Ladder, mux: *Mux) void {
        self.reached.insert(.data_ok);
        const before = self.control_before_bulk.?;
        if (before >= burst_bytes) self.reached.insert(.control_ok);
        if (before < self.control.hearBytes(self.side)) self.reached.insert(.bulk_ok);
        if (before != burst_bytes) self.fail(mux);
    }

    fn stall(self: *Ladder, mux: *Mux) void {
        const total = bulkBytes(mux.peer.?.initial_credit);
        self.write(mux, &self.bulk, total);
        if (self.bulk.sent < total) {
            if (mux.credit(self.bulk.id) == 0) self.stood_still = true;
        } else mux.close(self.bulk.id) catch {};
        if (!self.released and self.stood_still and
            self.bulk.got == mux_file.own.initial_credit)
        {
            self.released = true;
            mux.grant(self.bulk.id, self.bulk.got);
        }
        const all_sent = self.bulk.sent == total and mux.waiting(self.bulk.id) == 0;
        if (!all_sent or !self.resumed) return;
        if (!self.control.closed or !self.bulk.closed) return;
        self.reached.insert(.backpressure_ok);
        self.state = .done;
    }

    /// Write as much as the stream takes.
    fn write(self: *Ladder, mux: *Mux, leg: *Leg, until: usize) void {
        var bytes: [256]u8 = undefined;
        while (leg.sent < until) {
            const len = @min(bytes.len, until - leg.sent);
            for (bytes[0..len], leg.sent..) |*byte, i| {
                byte.* = patternAt(i, self.side == .acceptor, leg.priority);
            }
            const taken = mux.send(leg.id, bytes[0..len]);
            leg.sent += taken;
            if (taken < len) return;
        }
    }

    fn fail(self: *Ladder, mux: *Mux) void {
        self.state = .failed;
        self.reached.insert(.failed);
        self.giveUp(mux);
    }

    fn giveUp(self: *Ladder, mux: *Mux) void {
        for ([_]*Leg{ &self.control, &self.bulk }) |leg| mux.reset(leg.id, .unwanted);
    }
};
