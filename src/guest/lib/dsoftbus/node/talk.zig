//! What travels inside one ready session: the streams, or frames alone with a peer that knows no
//! streams. Frames in, what they ask for out; nothing is decided here.

const std = @import("std");
const edge = @import("edge.zig");
const frames = @import("../frames.zig");
const mux_file = @import("../mux.zig");
const codec = @import("../transfer_head.zig");
const Assembly = @import("../assembly.zig").Assembly;
const Ladder = @import("../mux_ladder.zig").Ladder;
const Transfer = @import("../transfer.zig").Transfer;
const Mux = mux_file.Mux;
pub const Reject = mux_file.Reject;
pub const Reason = mux_file.Reason;

const gateway_name = "gateway";
pub const response_bytes_max = frames.response_head + frames.response_payload_max;

/// A stream that moves a value: a peer's transfers of one session follow each other.
pub const Moving = struct {
    /// 0: there is none.
    id: u32 = 0,
    /// A stream whose answer is reported once it has left.
    told_id: u32 = 0,
    /// The store could not be asked: the machine is to go on without its answer.
    is_unasked: bool = false,
    machine: Transfer = .{},
};

/// What a frame of the peer asks for.
pub const Happening = union(enum) {
    nothing,
    /// A whole frame of a peer that knows no streams.
    direct: []const u8,
    /// There may be responses: `nextResponse`.
    responses,
    /// Our own stream with requests is over.
    unheard,
    /// Something of the stream that moves a value.
    moving: mux_file.Event,
    /// The peer has opened its stream with requests.
    serving,
};

pub const Talk = struct {
    /// Told apart by the peer's first frame.
    mode: enum { unknown, direct, streams },
    mux: Mux,
    /// Null: this node proves nothing of its streams (configuration).
    ladder: ?Ladder,
    /// The peer's gateway stream, and ours; 0: there is none.
    serving: u32,
    /// The peer has closed its half: what it has asked is answered, then we close ours.
    is_last: bool,
    asking: u32,
    requests: Assembly,
    responses: Assembly,
    moving: Moving,
    /// Answers on their way that a marker will report, by service.
    served: [8]u8,
    served_count: u16,

    /// The session has become ready. In place: it is large.
    pub fn begin(self: *Talk, is_dialler: bool, is_proving: bool, now_ns: u64) void {
        const side: mux_file.Side = if (is_dialler) .dialler else .acceptor;
        self.mode = .unknown;
        self.mux.init(side);
        self.mux.start();
        self.ladder = if (is_proving) .{ .side = side, .started_ns = now_ns } else null;
        self.serving = 0;
        self.is_last = false;
        self.asking = 0;
        self.moving.id = 0;
        self.moving.told_id = 0;
        self.moving.is_unasked = false;
        self.moving.machine.stage = .idle;
        self.served = @splat(0);
        self.served_count = 0;
    }

    /// A frame of the peer. An error ends the session.
    pub fn take(self: *Talk, frame: []const u8) Reject!Happening {
        if (self.mode == .unknown) {
            const settings = @intFromEnum(@import("../mux_frames.zig").Type.settings);
            self.mode = if (frame.len == 0 or frame[0] < settings) .direct else .streams;
        }
        if (self.mode == .direct) return .{ .direct = frame };
        const event = try self.mux.receive(frame) orelse return .nothing;
        if (self.ladder) |*ladder| if (ladder.take(&self.mux, event)) return .nothing;
        if (self.isMoving(event)) return .{ .moving = event };
        return self.dispatch(event);
    }

    fn isMoving(self: *const Talk, event: mux_file.Event) bool {
        const id = switch (event) {
            .opened => |stream| return std.mem.eql(u8, stream.name, codec.stream_name),
            .data => |data| data.id,
            .closed => |id| id,
            .reset => |what| what.id,
            else => return false,
        };
        return id == self.moving.id and id != 0;
    }

    fn dispatch(self: *Talk, event: mux_file.Event) Happening {
        switch (event) {
            .settings => if (self.ladder) |*ladder| ladder.begin(&self.mux),
            .opened => |stream| {
                if (!std.mem.eql(u8, stream.name, gateway_name)) {
                    self.mux.reset(stream.id, .unknown_stream);
                    return .nothing;
                }
                self.mux.accept(stream.id);
                self.serving = stream.id;
                self.is_last = false;
                self.requests.begin(.request);
                return .serving;
            },
            .data => |data| {
                const is_request = data.id == self.serving;
                const assembly = if (is_request) &self.requests else &self.responses;
                // It holds what the credit allows, and the mux lets no more through.
                if (!assembly.put(data.bytes)) unreachable;
                return if (is_request) .nothing else .responses;
            },
            .closed => |id| {
                if (id == self.serving) self.is_last = true;
                // No answers will come.
                if (id == self.asking) return self.abandon(.unwanted);
            },
            .reset => |what| {
                if (what.id == self.serving) self.serving = 0;
                if (what.id == self.asking) {
                    self.asking = 0;
                    return .unheard;
                }
            },
            .acknowledged, .credit => {},
        }
        return .nothing;
    }

    pub fn abandon(self: *Talk, reason: Reason) Happening {
        self.mux.reset(self.asking, reason);
        self.asking = 0;
        return .unheard;
    }

    /// A response that has come; null: none, or not yet. Valid until `dropResponse`, which follows.
    pub fn nextResponse(self: *Talk) error{Senseless}!?frames.Response {
        if (self.asking == 0) return null;
        const frame = (self.responses.next() catch return error.Senseless) orelse return null;
        return frames.decodeResponse(frame) catch error.Senseless;
    }

    pub fn dropResponse(self: *Talk, response: frames.Response) void {
        const len = frames.response_head + response.payload.len;
        self.mux.grant(self.asking, len);
        self.responses.drop(len);
    }

    /// The next request, if its answer has room; whoever takes it calls `dropRequest`.
    pub fn nextRequest(self: *Talk) @import("../assembly.zig").Error!?[]const u8 {
        if (self.mode != .streams or self.serving == 0) return null;
        if (self.mux.room(self.serving) < response_bytes_max) return null;
        return self.requests.next();
    }

    pub fn dropRequest(self: *Talk, frame: []const u8) void {
        self.mux.grant(self.serving, frame.len);
        self.requests.drop(frame.len);
    }

    /// What has come on the stream with requests is none: it is over.
    pub fn refuseRequests(self: *Talk) void {
        self.mux.reset(self.serving, .nonsense);
        self.serving = 0;
    }

    /// All that was asked is answered, and the peer asks no more.
    pub fn finishServing(self: *Talk) void {
        if (!self.is_last or self.serving == 0 or self.requests.len != 0) return;
        self.mux.close(self.serving) catch {};
        self.serving = 0;
    }

    /// Answers can be written: frames of streams here, others in the session itself.
    pub fn answer(self: *Talk, frame: []const u8) bool {
        if (self.serving == 0) return true; // nobody waits for it any more
        if (self.mux.room(self.serving) < frame.len) return false;
        return self.mux.write(self.serving, frame) == frame.len;
    }

    /// All answers are on their way.
    pub fn hasLeft(self: *const Talk) bool {
        return self.mode != .streams or self.serving == 0 or self.mux.waiting(self.serving) == 0;
    }

    /// May the node's own calls go this way now?
    pub fn canAsk(self: *const Talk, now_ns: u64) bool {
        if (self.mode != .streams) return self.mode == .direct;
        return if (self.ladder) |*ladder| ladder.letsCall(now_ns) else self.mux.peer != null;
    }

    /// Put a request on our own stream. False: it has no room now.
    pub fn ask(self: *Talk, frame: []const u8) bool {
        if (self.asking == 0) {
            self.asking = self.mux.open(gateway_name, 0) catch return false;
            self.responses.begin(.response);
        }
        if (self.mux.room(self.asking) < frame.len) return false;
        return self.mux.write(self.asking, frame) == frame.len;
    }

    pub fn deadline(self: *const Talk, now_ns: u64) u64 {
        if (self.mode == .direct) return edge.never;
        const proof = if (self.ladder) |*ladder| ladder.deadline(now_ns) else edge.never;
        return @min(proof, self.moving.machine.deadline());
    }
};
