//! The talk inside one ready session: streams, or frames alone with a peer that knows no streams.
//! Frames come in, and what they ask for goes out. This file decides nothing about it.
//!
//! The peer's first frame says for the whole session which of the two it is:
//!
//!     unknown ──a frame of the mux──▶ streams      all others are of the mux, too
//!        └──any other frame─────────▶ direct       each frame is a request or a response
//!
//! An event of the streams goes to the first of these that knows its stream: the ladder, which
//! proves that streams work; the stream that moves a value; the streams of calls, which also reset
//! those of an unknown name.

const std = @import("std");
const edge = @import("edge.zig");
const call_streams = @import("call_streams.zig");
const rpc = @import("../rpc.zig");
const mux_file = @import("../mux.zig");
const codec = @import("../transfer_head.zig");
const CallStreams = call_streams.CallStreams;
const Ladder = @import("../mux_ladder.zig").Ladder;
const transactions = @import("transactions.zig");
const Transfer = @import("../transfer.zig").Transfer;
const Mux = mux_file.Mux;
pub const Reject = mux_file.Reject;

/// A stream that moves a value: a peer's transfers of one session follow each other.
pub const Moving = struct {
    /// 0: there is none.
    id: u32 = 0,
    /// A stream whose answer has a line once it has left.
    told_id: u32 = 0,
    /// The store could not be asked, so the machine must go on without its answer.
    is_unasked: bool = false,
    machine: Transfer = .{},
};

/// The work that a frame of the peer asks for.
pub const Happening = union(enum) {
    nothing,
    /// A whole frame of a peer that knows no streams.
    direct: []const u8,
    /// An event of the stream that moves a value.
    moving: mux_file.Event,
    /// An event of the streams of calls.
    calls: call_streams.Happening,
};

pub const Talk = struct {
    /// The peer's first frame decides between them.
    kind: enum { unknown, direct, streams },
    mux: Mux,
    /// Null: the configuration does not ask for a proof of the streams.
    ladder: ?Ladder,
    calls: CallStreams,
    moving: Moving,
    /// The peer's transaction at the store.
    txn: transactions.Open,
    /// Answers on their way that a marker will report, by service.
    served: [8]u8,
    served_count: u16,

    /// The invariants that hold between any two calls.
    fn check(self: *const Talk) void {
        // A peer that knows no streams has none.
        std.debug.assert(self.kind == .streams or self.mux.peer == null);
        // The machine works as long as its stream is there.
        std.debug.assert((self.moving.id == 0) == (self.moving.machine.stage == .idle));
    }

    /// The session has become ready. Begin in place, since the talk is large.
    pub fn begin(
        self: *Talk,
        is_dialler: bool,
        is_proving: bool,
        mode: rpc.Mode,
        now_ns: u64,
    ) void {
        const side: mux_file.Side = if (is_dialler) .dialler else .acceptor;
        self.kind = .unknown;
        self.mux.init(side);
        self.mux.start();
        self.ladder = if (is_proving) .{ .side = side, .started_ns = now_ns } else null;
        self.calls.begin(mode);
        self.moving.id = 0;
        self.moving.told_id = 0;
        self.moving.is_unasked = false;
        self.moving.machine.reset();
        self.txn = .{};
        self.served = @splat(0);
        self.served_count = 0;
        self.check();
    }

    /// Take a frame of the peer. An error ends the session.
    pub fn take(self: *Talk, frame: []const u8) Reject!Happening {
        self.check();
        if (self.kind == .unknown) {
            const settings = @intFromEnum(@import("../mux_frames.zig").Type.settings);
            self.kind = if (frame.len == 0 or frame[0] < settings) .direct else .streams;
        }
        if (self.kind == .direct) return .{ .direct = frame };
        const event = try self.mux.receive(frame) orelse return .nothing;
        if (self.ladder) |*ladder| if (ladder.take(&self.mux, event)) return .nothing;
        if (self.isMoving(event)) return .{ .moving = event };
        if (event == .settled) if (self.ladder) |*ladder| ladder.begin(&self.mux);
        return .{ .calls = self.calls.take(&self.mux, event) };
    }

    fn isMoving(self: *const Talk, event: mux_file.Event) bool {
        const id = switch (event) {
            .opened => |stream| return std.mem.eql(u8, stream.name, codec.stream_name),
            .arrived => |data| data.id,
            .half_closed => |id| id,
            .was_reset => |what| what.id,
            else => return false,
        };
        return id == self.moving.id and id != 0;
    }

    /// All answers are on their way.
    pub fn hasLeft(self: *const Talk) bool {
        return self.kind != .streams or self.calls.hasLeft(&self.mux);
    }

    /// True: the node's own calls may go this way now.
    pub fn canAsk(self: *const Talk, now_ns: u64) bool {
        if (self.kind != .streams) return self.kind == .direct;
        return if (self.ladder) |*ladder| ladder.letsCall(now_ns) else self.mux.peer != null;
    }

    /// The encoding of these calls.
    pub fn manner(self: *Talk) call_streams.Manner {
        if (self.kind == .streams) return self.calls.manner(&self.mux);
        return if (self.calls.mode == .messages) .never else .frames;
    }

    pub fn deadline(self: *const Talk, now_ns: u64) u64 {
        if (self.kind == .direct) return self.txn.deadline();
        const proof = if (self.ladder) |*ladder| ladder.deadline(now_ns) else edge.never;
        return @min(proof, @min(self.moving.machine.deadline(), self.txn.deadline()));
    }
};
