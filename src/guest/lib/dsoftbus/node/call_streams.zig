//! The streams of calls inside one session. Each has one direction: on a stream that the peer has
//! opened the peer asks and is answered, and on a stream of ours this node asks. There is one of
//! each for each encoding.
//!
//! Frames may go as soon as their stream is open. Our stream for messages is an offer, and messages
//! may go once the peer has taken it:
//!
//!     none ──a call──▶ made ──OPEN_ACK──▶ taken ──the stream ends──▶ none
//!                       └──RESET, CLOSE──▶ declined: calls go in frames, or not at all (`manner`)
//!
//! Bytes that were not taken from a stream keep its credit, and a request is taken only while its
//! answer has room. So a peer that has yet to be served cannot send more. This file decides nothing
//! about a call.

const std = @import("std");
const frames = @import("../frames.zig");
const gateway = @import("../gateway.zig");
const rpc = @import("../rpc.zig");
const mux_file = @import("../mux.zig");
const assembly = @import("../assembly.zig");
const Assembly = assembly.Assembly;
const Encoding = gateway.Encoding;
const Mux = mux_file.Mux;
const Reason = mux_file.Reason;

/// A peer that does not know a stream resets it, so its name is the offer.
const names = std.EnumArray(Encoding, []const u8).init(.{
    .frames = "gateway",
    .schema = rpc.stream_name,
});

const response_bytes_max = frames.response_head + frames.response_payload_max;

/// A stream on which the peer asks; id 0: there is none.
const Serving = struct {
    id: u32,
    /// The peer has closed its half. It gets the answers that it is owed, then we close ours.
    is_last: bool,
    requests: Assembly,
};

/// A stream on which this node asks; id 0: there is none.
const Asking = struct {
    id: u32,
    /// The peer has acknowledged it, and so taken the offer. Frames may go before.
    is_taken: bool,
    responses: Assembly,
};

/// The manner of our calls: a peer may have to say first what it takes, and may take none of them.
pub const Manner = enum { frames, schema, unknown, never };

/// The responses of a peer, by encoding.
pub const Response = union(Encoding) { frames: frames.Response, schema: rpc.Answer };

pub const Happening = union(enum) {
    nothing,
    /// There may be responses: `nextResponse`.
    responses: Encoding,
    /// Our own stream of requests is over.
    unheard: Encoding,
    /// The peer has opened a stream of requests.
    serving,
    /// The peer has taken the offer of calls by schema.
    taken,
};

pub const CallStreams = struct {
    /// How this node calls, and may be called.
    mode: rpc.Mode,
    serving: std.EnumArray(Encoding, Serving),
    asking: std.EnumArray(Encoding, Asking),
    /// The peer has declined the offer: it takes no messages.
    is_declined: bool,

    /// The invariants that hold between any two calls.
    fn check(self: *const CallStreams) void {
        // Each stream has one use. The peer's ids and ours are never the same.
        inline for (.{ &self.serving, &self.asking }) |streams| {
            const one = streams.getPtrConst(.frames).id;
            std.debug.assert(one == 0 or one != streams.getPtrConst(.schema).id);
        }
        // A peer that takes no messages is not sent any.
        std.debug.assert(!self.is_declined or self.asking.getPtrConst(.schema).id == 0);
    }

    pub fn begin(self: *CallStreams, mode: rpc.Mode) void {
        self.mode = mode;
        for (&self.serving.values) |*serving| serving.id = 0;
        for (&self.asking.values) |*asking| asking.id = 0;
        self.is_declined = false;
        self.check();
    }

    /// Take an event of a stream that no other owner has.
    pub fn take(self: *CallStreams, mux: *Mux, event: mux_file.Event) Happening {
        defer self.check();
        switch (event) {
            .opened => |stream| return self.serve(mux, stream.id, stream.name),
            .acknowledged => |id| {
                const encoding = self.askingOf(id) orelse return .nothing;
                self.asking.getPtr(encoding).is_taken = true;
                if (encoding == .schema) return .taken;
            },
            .arrived => |data| {
                // Both buffers have room for the whole credit, and the mux lets no more through.
                if (self.servingOf(data.id)) |encoding| {
                    if (!self.serving.getPtr(encoding).requests.put(data.bytes)) unreachable;
                    return .nothing;
                }
                const encoding = self.askingOf(data.id) orelse return .nothing;
                if (!self.asking.getPtr(encoding).responses.put(data.bytes)) unreachable;
                return .{ .responses = encoding };
            },
            .half_closed => |id| {
                if (self.servingOf(id)) |encoding| self.serving.getPtr(encoding).is_last = true;
                // No answers will come.
                if (self.askingOf(id)) |encoding| return self.abandon(mux, encoding, .unwanted);
            },
            .was_reset => |what| return self.lose(what.id),
            .settled, .credited => {},
        }
        return .nothing;
    }

    fn serve(self: *CallStreams, mux: *Mux, id: u32, name: []const u8) Happening {
        for (std.enums.values(Encoding)) |encoding| {
            if (encoding == .schema and self.mode == .frames) continue;
            if (!std.mem.eql(u8, name, names.get(encoding))) continue;
            mux.accept(id);
            const serving = self.serving.getPtr(encoding);
            serving.id = id;
            serving.is_last = false;
            serving.requests.begin(if (encoding == .frames) .request else .message);
            return .serving;
        }
        mux.reset(id, .unknown_stream);
        return .nothing;
    }

    /// The peer has reset a stream.
    fn lose(self: *CallStreams, id: u32) Happening {
        if (self.servingOf(id)) |encoding| self.serving.getPtr(encoding).id = 0;
        const encoding = self.askingOf(id) orelse return .nothing;
        const asking = self.asking.getPtr(encoding);
        asking.id = 0;
        if (encoding == .schema and !asking.is_taken) self.is_declined = true;
        return .{ .unheard = encoding };
    }

    fn servingOf(self: *const CallStreams, id: u32) ?Encoding {
        for (std.enums.values(Encoding)) |encoding| {
            if (id != 0 and self.serving.getPtrConst(encoding).id == id) return encoding;
        }
        return null;
    }

    fn askingOf(self: *const CallStreams, id: u32) ?Encoding {
        for (std.enums.values(Encoding)) |encoding| {
            if (id != 0 and self.asking.getPtrConst(encoding).id == id) return encoding;
        }
        return null;
    }

    // This node asks

    /// The encoding of a call to a peer that knows streams.
    pub fn manner(self: *CallStreams, mux: *Mux) Manner {
        if (self.mode == .frames) return .frames;
        // The one stream that such a peer takes is for frames.
        const is_asked = !self.is_declined and mux.peer.?.streams_max > 1;
        if (!is_asked) return if (self.mode == .auto) .frames else .never;
        const asking = self.asking.getPtr(.schema);
        if (asking.id == 0) self.open(mux, .schema);
        return if (asking.id != 0 and asking.is_taken) .schema else .unknown;
    }

    fn open(self: *CallStreams, mux: *Mux, encoding: Encoding) void {
        const asking = self.asking.getPtr(encoding);
        std.debug.assert(asking.id == 0);
        asking.id = mux.open(names.get(encoding), 0) catch return;
        asking.is_taken = false;
        asking.responses.begin(if (encoding == .frames) .response else .message);
    }

    /// Put a request on our own stream. False: the stream has no room now.
    pub fn ask(self: *CallStreams, mux: *Mux, encoding: Encoding, bytes: []const u8) bool {
        const asking = self.asking.getPtr(encoding);
        if (asking.id == 0) self.open(mux, encoding);
        self.check();
        if (mux.room(asking.id) < bytes.len) return false;
        return mux.send(asking.id, bytes) == bytes.len;
    }

    pub fn abandon(
        self: *CallStreams,
        mux: *Mux,
        encoding: Encoding,
        reason: Reason,
    ) Happening {
        const asking = self.asking.getPtr(encoding);
        std.debug.assert(asking.id != 0);
        mux.reset(asking.id, reason);
        asking.id = 0;
        if (encoding == .schema and !asking.is_taken) self.is_declined = true;
        return .{ .unheard = encoding };
    }

    /// A response that has come; null: none, or not yet. Valid until `dropResponse`, which follows.
    pub fn nextResponse(self: *CallStreams, encoding: Encoding) error{Senseless}!?Response {
        const asking = self.asking.getPtr(encoding);
        if (asking.id == 0) return null;
        const bytes = (asking.responses.next() catch return error.Senseless) orelse return null;
        return switch (encoding) {
            .frames => .{ .frames = frames.decodeResponse(bytes) catch return error.Senseless },
            .schema => .{ .schema = .of(bytes) },
        };
    }

    pub fn dropResponse(self: *CallStreams, mux: *Mux, encoding: Encoding) void {
        const asking = self.asking.getPtr(encoding);
        std.debug.assert(asking.id != 0);
        const len = (asking.responses.next() catch unreachable).?.len; // `nextResponse` gave it
        mux.grant(asking.id, len);
        asking.responses.drop(len);
    }

    // The peer asks

    /// The next request, if its answer has room; its taker calls `dropRequest`. If the peer has
    /// closed in the middle of a request, this is its beginning.
    pub fn nextRequest(
        self: *CallStreams,
        mux: *const Mux,
        encoding: Encoding,
    ) assembly.Error!?[]const u8 {
        const serving = self.serving.getPtr(encoding);
        if (serving.id == 0) return null;
        const room: usize = if (encoding == .frames) response_bytes_max else rpc.answer_bytes_max;
        if (mux.room(serving.id) < room) return null;
        if (try serving.requests.next()) |bytes| return bytes;
        const is_cut = serving.is_last and serving.requests.len != 0;
        return if (is_cut) serving.requests.rest() else null;
    }

    pub fn dropRequest(self: *CallStreams, mux: *Mux, encoding: Encoding, len: usize) void {
        const serving = self.serving.getPtr(encoding);
        std.debug.assert(serving.id != 0); // answering a request does not end its stream
        mux.grant(serving.id, len);
        serving.requests.drop(len);
    }

    /// The bytes on the stream with requests are not requests: the stream is over.
    pub fn refuseRequests(self: *CallStreams, mux: *Mux, encoding: Encoding) void {
        const serving = self.serving.getPtr(encoding);
        std.debug.assert(serving.id != 0);
        mux.reset(serving.id, .nonsense);
        serving.id = 0;
    }

    /// All that was asked is answered, and the peer asks no more.
    pub fn finishServing(self: *CallStreams, mux: *Mux, encoding: Encoding) void {
        const serving = self.serving.getPtr(encoding);
        if (serving.id == 0 or !serving.is_last or serving.requests.len != 0) return;
        mux.close(serving.id) catch {};
        serving.id = 0;
    }

    /// Put an answer on the stream of its request. False: the stream has no room now.
    pub fn answer(self: *CallStreams, mux: *Mux, encoding: Encoding, bytes: []const u8) bool {
        const id = self.serving.getPtr(encoding).id;
        if (id == 0) return true; // no call waits for it any more
        if (mux.room(id) < bytes.len) return false;
        return mux.send(id, bytes) == bytes.len;
    }

    /// All answers are on their way.
    pub fn hasLeft(self: *const CallStreams, mux: *const Mux) bool {
        for (std.enums.values(Encoding)) |encoding| {
            const id = self.serving.getPtrConst(encoding).id;
            if (id != 0 and mux.waiting(id) != 0) return false;
        }
        return true;
    }
};
