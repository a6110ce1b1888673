//! The mux carries the streams of one ready session: plaintext frames come in, events and plaintext
//! frames go out. docs/spec/streams.md has the model, the frames and the rejects.
//!
//!     peer's frame ──receive──▶ event to the owner          send, open, grant, … from the owner
//!     nextFrame ◀── SETTINGS, RESET, OPEN, OPEN_ACK, CREDIT, then DATA by priority, then CLOSE
//!
//! The mux does not keep received bytes: the owner takes them from the event, and calls `grant`
//! when it is done with them. Unless it grants, it never holds more than `own.initial_credit` bytes
//! of a stream.
//!
//! How it works:
//!
//! - The mux queues bytes of streams and nothing else. A frame other than DATA that a stream has
//!   yet to send is a flag of the stream (`say_open`, `say_acknowledge`, `say_reset`, `owed`,
//!   `closing`). `nextFrame` looks for flags in the order in which frames must leave. So no peer
//!   can make the mux hold more than its streams.
//! - Both ends of a direction count its credit. `credit` is what we may still take over to send,
//!   and `window` what the peer may still send. `owed` is what the owner has dealt with and
//!   `nextFrame` has not given back yet. Window and owed together never exceed what was granted.
//! - No id is used twice. Our ids grow from `next_id`, and the peer cannot know those above
//!   `mine_known`. Its ids must grow above `theirs_known`. So a frame is for a live stream, or late
//!   for one that is over, or a reject. `live` decides that in one place.
//!
//! Circle: with mux_next_frame.zig, which is the method `nextFrame` of this type and holds the
//! order of its frames. It is a file of its own because of its length, and no other file imports
//! it.

const std = @import("std");
const frames = @import("mux_frames.zig");
const events = @import("mux_events.zig");
const Places = @import("mux_places.zig").Places;
const Schedule = @import("mux_schedule.zig").Schedule;
pub const Stream = @import("mux_stream.zig").Stream;
pub const Side = events.Side;
pub const Event = events.Event;
pub const OpenError = events.OpenError;
pub const Reason = frames.Reason;
pub const Reject = frames.Reject;
pub const label = frames.label;

/// The limits of a guest are small, because each of its links has memory for all of them.
pub const own: frames.Settings = .{
    .streams_max = 16,
    .message_bytes_max = @import("frames.zig").plaintext_bytes_max,
    .initial_credit = 4096,
};
/// Streams that a guest itself opens: the gateway, the ladder's two, and one to spare.
pub const mine_max = 4;
pub const remembered_max = @import("mux_places.zig").remembered_max;

pub const Mux = struct {
    side: Side,
    authenticated: bool = false,
    said_settings: bool = false,
    /// `nextFrame` has found nothing to say, and nothing has happened since.
    is_quiet: bool = false,
    peer: ?frames.Settings = null,
    next_id: u32,
    /// The highest of our ids that the peer can know.
    mine_known: u32 = 0,
    theirs_known: u32 = 0,
    schedule: Schedule = .{},
    streams: Places(own.streams_max + mine_max) = .{},

    pub fn init(self: *Mux, side: Side) void {
        self.* = .{ .side = side, .next_id = if (side == .dialler) 1 else 2 };
    }

    /// The invariants that hold between any two calls.
    pub fn check(self: *const Mux) void {
        self.streams.check();
        // Each side counts its own ids, and no id is used twice.
        std.debug.assert(self.isMine(self.next_id) and self.mine_known < self.next_id);
        std.debug.assert(self.mine_known == 0 or self.isMine(self.mine_known));
        std.debug.assert(self.theirs_known == 0 or !self.isMine(self.theirs_known));
        // Nothing that the peer says counts before the session is ready.
        std.debug.assert(self.authenticated or self.peer == null);
    }

    /// The session is ready.
    pub fn start(self: *Mux) void {
        self.is_quiet = false;
        self.authenticated = true;
    }

    /// Open a stream; its OPEN and what is written leave through `nextFrame`.
    pub fn open(self: *Mux, name: []const u8, priority: u3) OpenError!u32 {
        self.is_quiet = false;
        const peer = self.peer orelse return error.NotReady;
        if (name.len == 0 or name.len > frames.name_bytes_max) return error.InvalidStreamName;
        var count: usize = 0;
        for (self.used()) |*stream| {
            if (stream.id == 0 or !stream.mine) continue;
            count += 1;
            if (stream.say_reset == null and std.mem.eql(u8, stream.name(), name))
                return error.DuplicateStreamName;
        }
        if (count >= @min(peer.streams_max, mine_max)) return error.Limit;
        const stream = self.create(self.next_id, name, priority) orelse return error.Limit;
        stream.mine = true;
        stream.say_open = true;
        self.next_id += 2;
        std.debug.assert(self.isMine(stream.id) and stream.id > self.mine_known);
        self.check();
        return stream.id;
    }

    /// Acknowledge a stream that the peer has opened.
    pub fn accept(self: *Mux, id: u32) void {
        self.is_quiet = false;
        const stream = self.find(id) orelse return;
        if (stream.mine or stream.acknowledged) return;
        stream.acknowledged = true;
        stream.say_acknowledge = true;
        stream.check();
    }

    /// Take over bytes to send. The result is how many were taken; the rest would block.
    pub fn send(self: *Mux, id: u32, bytes: []const u8) usize {
        self.is_quiet = false;
        return if (self.find(id)) |stream| stream.put(bytes) else 0;
    }

    /// The number of bytes that `send` takes now.
    pub fn room(self: *const Mux, id: u32) usize {
        return if (self.streams.findConst(id)) |stream| stream.room() else 0;
    }

    pub fn credit(self: *const Mux, id: u32) usize {
        return if (self.streams.findConst(id)) |stream| stream.credit else 0;
    }

    /// Bytes taken over that have not left yet.
    pub fn waiting(self: *const Mux, id: u32) usize {
        return if (self.streams.findConst(id)) |stream| stream.len else 0;
    }

    /// From now on make DATA frames of at most this many bytes for this stream.
    pub fn limitData(self: *Mux, id: u32, bytes: u32) void {
        if (self.find(id)) |stream| stream.data_max = bytes;
    }

    /// The owner is done with this many received bytes.
    pub fn grant(self: *Mux, id: u32, bytes: usize) void {
        const stream = self.find(id) orelse return;
        self.is_quiet = false;
        if (!stream.remote_closed) stream.owed += @intCast(bytes);
        // The owner gives back bytes that have come, and none of them twice.
        std.debug.assert(stream.owed + stream.window <= own.initial_credit);
    }

    pub fn close(self: *Mux, id: u32) error{Reset}!void {
        const stream = self.find(id) orelse return error.Reset;
        if (stream.say_reset != null) return error.Reset;
        self.is_quiet = false;
        stream.closing = true;
        stream.check();
    }

    pub fn reset(self: *Mux, id: u32, reason: Reason) void {
        const stream = self.find(id) orelse return;
        if (stream.say_reset != null) return;
        self.is_quiet = false;
        // The peer has never heard of this stream.
        if (stream.say_open) return stream.release();
        stream.say_reset = reason;
        self.streams.forget(id);
        self.check();
    }

    pub fn used(self: *Mux) []Stream {
        return self.streams.used();
    }

    pub fn find(self: *Mux, id: u32) ?*Stream {
        return self.streams.find(id);
    }

    fn create(self: *Mux, id: u32, name: []const u8, priority: u3) ?*Stream {
        std.debug.assert(id != 0 and self.find(id) == null);
        std.debug.assert(name.len != 0 and name.len <= frames.name_bytes_max);
        const stream = self.streams.free() orelse return null;
        stream.* = .{
            .id = id,
            .priority = priority,
            .credit = self.peer.?.initial_credit,
            .window = own.initial_credit,
            .name_len = @intCast(name.len),
        };
        @memcpy(stream.name_bytes[0..name.len], name);
        stream.check();
        return stream;
    }

    // What the peer says.

    /// Judge a frame of the peer. An error ends the session. Null: the owner has nothing to do.
    pub fn receive(self: *Mux, bytes: []const u8) Reject!?Event {
        if (!self.authenticated) return error.UnauthenticatedSession;
        defer self.check();
        self.is_quiet = false;
        if (bytes.len > own.message_bytes_max) return error.FrameOversize;
        const frame = try frames.decode(bytes);
        if ((frame == .settings) != (self.peer == null)) return error.InvalidStreamStateTransition;
        switch (frame) {
            .settings => |settings| {
                self.peer = settings;
                return .{ .settled = settings };
            },
            .open => |wanted| return try self.receiveOpen(wanted),
            .open_ack => |id| {
                const stream = try self.live(id, .open_ack) orelse return null;
                if (!stream.mine or stream.acknowledged) return error.InvalidStreamStateTransition;
                stream.acknowledged = true;
                return .{ .acknowledged = id };
            },
            .data => |data| return try self.receiveData(data.id, data.bytes),
            .credit => |given| return try self.receiveCredit(given.id, given.bytes),
            .close => |id| return try self.receiveClose(id),
            .reset => |what| return try self.receiveReset(what.id, what.reason),
        }
    }

    fn receiveOpen(self: *Mux, wanted: frames.Open) Reject!?Event {
        if (wanted.id == 0 or self.isMine(wanted.id) or wanted.id <= self.theirs_known)
            return error.InvalidStreamStateTransition;
        var count: usize = 0;
        for (self.used()) |*stream| {
            if (stream.id == 0 or stream.mine) continue;
            count += 1;
            if (std.mem.eql(u8, stream.name(), wanted.name)) return error.DuplicateStreamName;
        }
        if (count >= own.streams_max) return error.StreamLimitExceeded;
        self.theirs_known = wanted.id;
        // There is a place, since this side opens at most `mine_max` streams.
        _ = self.create(wanted.id, wanted.name, wanted.priority).?;
        return .{ .opened = wanted };
    }

    fn receiveData(self: *Mux, id: u32, bytes: []const u8) Reject!?Event {
        const stream = try self.spoken(id, .data) orelse return null;
        if (stream.remote_closed) return error.InvalidStreamStateTransition;
        if (bytes.len > stream.window) return error.WindowCreditOverflowOrUnderflow;
        stream.window -= @intCast(bytes.len);
        stream.check();
        return .{ .arrived = .{ .id = id, .bytes = bytes } };
    }

    fn receiveCredit(self: *Mux, id: u32, bytes: u32) Reject!?Event {
        const stream = try self.spoken(id, .credit) orelse return null;
        if (bytes == 0) return error.WindowCreditOverflowOrUnderflow;
        stream.credit = std.math.add(u32, stream.credit, bytes) catch
            return error.WindowCreditOverflowOrUnderflow;
        return .{ .credited = id };
    }

    fn receiveClose(self: *Mux, id: u32) Reject!?Event {
        const stream = try self.spoken(id, .close) orelse return null;
        if (stream.remote_closed) return error.InvalidStreamStateTransition;
        stream.remote_closed = true;
        stream.owed = 0;
        if (stream.isOver()) stream.release();
        return .{ .half_closed = id };
    }

    fn receiveReset(self: *Mux, id: u32, reason: Reason) Reject!?Event {
        const stream = self.find(id) orelse {
            _ = try self.live(id, .reset);
            return null;
        };
        if (stream.say_open) return error.UnknownStreamFrame;
        const known = stream.say_reset != null;
        stream.release();
        return if (known) null else .{ .was_reset = .{ .id = id, .reason = reason } };
    }

    fn isMine(self: *const Mux, id: u32) bool {
        return id % 2 == @intFromEnum(self.side);
    }

    /// The stream that a frame is for. Null: the frame is late, and to be ignored.
    fn live(self: *Mux, id: u32, kind: frames.Type) Reject!?*Stream {
        const known = if (self.isMine(id)) self.mine_known else self.theirs_known;
        if (id == 0 or id > known) return error.UnknownStreamFrame;
        if (self.find(id)) |stream| return if (stream.say_reset == null) stream else null;
        if (kind == .credit or kind == .reset) return null;
        return if (self.streams.isForgotten(id)) null else error.InvalidStreamStateTransition;
    }

    /// A stream on which the peer may say more than OPEN_ACK and RESET.
    fn spoken(self: *Mux, id: u32, kind: frames.Type) Reject!?*Stream {
        const stream = try self.live(id, kind) orelse return null;
        if (stream.mine and !stream.acknowledged) return error.InvalidStreamStateTransition;
        return stream;
    }

    /// The next frame for the peer, in `out`, which holds at least `message_bytes_least`.
    pub const nextFrame = @import("mux_next_frame.zig").nextFrame;
};
