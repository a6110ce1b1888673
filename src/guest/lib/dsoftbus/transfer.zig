//! The serving side of one stream that moves a value (docs/spec/statefs.md, *Transfer*).
//!
//!     idle ──▶ head ──▶ value ──▶ answering ──▶ over       a put that is let through
//!                └────────────────────▲                    a get, and what is refused
//!
//! Rules of this file
//! 1. Nothing is done for a head that is not whole, and it is judged once.
//! 2. A put becomes visible at the peer's CLOSE behind its last byte, or never: whatever else ends
//!    the stream aborts its transaction.
//! 3. Each put that `admit` let through, or refused for its key or length, ends in one `ended`.
//! 4. All pieces of a get are of one version of the value.
//!
//! What is done is done by a host:
//!
//!     fn admit(self, head: Head, request: []const u8, key: ?[]const u8) Verdict
//!     fn begin(self) Begun                    fn chunk(self, txn, key, bytes) sf.Status
//!     fn commit(self, txn) sf.Status          fn abort(self, txn) void
//!     fn read(self, key, offset, out: []u8) Piece
//!     fn ended(self, head: Head, request: []const u8, end: End) void
//!     fn malformed(self) void

const std = @import("std");
const sf = @import("wire").sf;
const sf_gate = @import("sf_gate.zig");
const codec = @import("transfer_head.zig");
const Reason = @import("mux_frames.zig").Reason;
pub const Head = codec.Head;

/// As much as a peer may send before it is given credit: one step of a transaction.
pub const chunk_bytes = @import("mux.zig").own.initial_credit;
/// Without a byte of either side.
pub const silence_ns: u64 = 5 * std.time.ns_per_s;
/// A store compacts nothing while a transaction is open: a kibibyte a second is the least.
pub const longest_ns: u64 = 64 * std.time.ns_per_s;

pub const Verdict = union(enum) {
    go,
    /// The answer to what is not done, or was done before.
    done: codec.Reply,
};

pub const Begun = union(enum) { txn: u64, refused: sf.Status };

pub const Piece = union(enum) {
    /// `len` bytes of `out` are the value's from the offset on.
    bytes: struct { total: u32, version: u64, len: usize },
    refused: sf.Status,
};

/// How a put or the first piece of a get ended. `reply` is null where the number stays free.
pub const End = struct { status: ?sf.Status, reply: ?codec.Reply };

pub const Transfer = struct {
    stage: enum { idle, head, value, answering, over } = .idle,
    heard_ns: u64 = 0,
    until_ns: u64 = 0,
    head: Head = undefined,
    request_len: usize = 0,
    request: [codec.head_bytes + sf_gate.key_bytes_max]u8 = undefined,
    /// Of the value: what has come, or has been read.
    moved: u32 = 0,
    total: u32 = 0,
    ignored: usize = 0,
    txn: u64 = 0,
    version: u64 = 0,
    /// A put's bytes that wait for a chunk to be full, or a get's that wait to be sent.
    start: usize = 0,
    filled: usize = 0,
    chunk: [chunk_bytes]u8 = undefined,
    /// Replies that wait to be sent: a go ahead and a done.
    said_start: usize = 0,
    said_len: usize = 0,
    said: [2 * codec.reply_bytes]u8 = undefined,

    /// The peer has opened the stream.
    pub fn begin(self: *Transfer, now_ns: u64) void {
        self.stage = .head;
        self.heard_ns = now_ns;
        self.until_ns = now_ns +| longest_ns;
        self.request_len = 0;
        self.moved = 0;
        self.total = 0;
        self.ignored = 0;
        self.start = 0;
        self.filled = 0;
        self.said_start = 0;
        self.said_len = 0;
    }

    /// Bytes of the peer. A reason: the stream is to be reset, and this is idle again.
    pub fn feed(self: *Transfer, host: anytype, bytes: []const u8, now_ns: u64) ?Reason {
        self.heard_ns = now_ns;
        var rest = bytes;
        while (rest.len != 0) switch (self.stage) {
            .idle => return null,
            .head => {
                rest = rest[self.takeHead(rest)..];
                self.judge(host) catch {
                    host.malformed();
                    return self.end(.senseless);
                };
            },
            .value => {
                const count = @min(rest.len, self.total - self.moved);
                if (count == 0) {
                    self.abandon(host);
                    return .senseless;
                }
                self.takeValue(host, rest[0..count]);
                rest = rest[count..];
            },
            // A refused put's value may be on its way still; a get's peer has nothing to say.
            .answering, .over => {
                self.ignored += rest.len;
                const is_put = self.head.op == .put and self.ignored <= sf.value_bytes_max;
                return if (is_put) null else self.end(.senseless);
            },
        };
        return null;
    }

    /// The peer says no more.
    pub fn closed(self: *Transfer, host: anytype, now_ns: u64) ?Reason {
        self.heard_ns = now_ns;
        switch (self.stage) {
            .idle, .answering => return null,
            .over => return self.end(null),
            .head => {
                host.malformed();
                return self.end(.senseless);
            },
            .value => {
                if (self.moved != self.total) {
                    self.abandon(host);
                    return .senseless;
                }
                self.commit(host);
                return null;
            },
        }
    }

    /// The stream is over, for whatever reason.
    pub fn abandon(self: *Transfer, host: anytype) void {
        if (self.stage == .value) self.fail(host, null);
        self.stage = .idle;
    }

    /// When `expire` has something to do.
    pub fn deadline(self: *const Transfer) u64 {
        if (self.stage == .idle) return std.math.maxInt(u64);
        return @min(self.heard_ns +| silence_ns, self.until_ns);
    }

    pub fn expire(self: *Transfer, host: anytype, now_ns: u64) ?Reason {
        if (now_ns < self.deadline()) return null;
        self.abandon(host);
        return .unwanted;
    }

    /// The next bytes for the peer, at most `out.len` of them. None: nothing for now.
    pub fn pull(self: *Transfer, host: anytype, out: []u8, now_ns: u64) error{Changed}![]u8 {
        if (self.stage == .idle or out.len == 0) return out[0..0];
        const waiting = self.said[self.said_start..self.said_len];
        const count = @min(waiting.len, out.len);
        @memcpy(out[0..count], waiting[0..count]);
        self.said_start += count;
        var len = count;
        if (self.stage == .answering and self.head.op == .get and len < out.len) {
            if (self.start == self.filled) try self.readOn(host);
            const part = @min(self.filled - self.start, out.len - len);
            @memcpy(out[len..][0..part], self.chunk[self.start..][0..part]);
            self.start += part;
            len += part;
        }
        if (len != 0) self.heard_ns = now_ns;
        return out[0..len];
    }

    /// All has been said: our half of the stream is to be closed, once.
    pub fn isSaid(self: *const Transfer) bool {
        return self.stage == .answering and self.said_start == self.said_len and
            self.start == self.filled and self.moved == self.total;
    }

    /// Our half is closed.
    pub fn sayOver(self: *Transfer, is_peer_closed: bool) void {
        self.stage = if (is_peer_closed) .idle else .over;
    }

    // The head

    fn takeHead(self: *Transfer, bytes: []const u8) usize {
        const wanted = if (self.request_len < codec.head_bytes)
            codec.head_bytes
        else
            codec.head_bytes + @as(usize, self.head.key_len);
        const count = @min(bytes.len, wanted - self.request_len);
        @memcpy(self.request[self.request_len..][0..count], bytes[0..count]);
        self.request_len += count;
        return count;
    }

    /// As soon as there is enough of it.
    fn judge(self: *Transfer, host: anytype) error{Malformed}!void {
        if (self.request_len < codec.head_bytes) return;
        if (self.request_len == codec.head_bytes) {
            self.head = try codec.decode(self.request[0..codec.head_bytes]);
        }
        const is_long = self.head.key_len > sf_gate.key_bytes_max;
        const whole = codec.head_bytes + @as(usize, self.head.key_len);
        if (!is_long and self.request_len < whole) return;
        const request = self.request[0..self.request_len];
        // A key that is too long is not awaited.
        const own_key = if (is_long) null else self.key();
        switch (host.admit(self.head, request, own_key)) {
            .done => |reply| self.answer(reply),
            .go => if (self.head.op == .put) self.beginPut(host) else self.beginGet(host),
        }
    }

    fn key(self: *const Transfer) []const u8 {
        return self.request[codec.head_bytes..self.request_len];
    }

    // Put

    fn beginPut(self: *Transfer, host: anytype) void {
        switch (host.begin()) {
            .txn => |txn| {
                self.txn = txn;
                self.total = self.head.value_len;
                self.stage = .value;
                self.say(.{ .op = .put, .stage = .go_ahead });
            },
            .refused => |status| {
                host.ended(self.head, self.request[0..self.request_len], .{
                    .status = status,
                    .reply = null,
                });
                self.answer(.{ .op = .put, .status = status });
            },
        }
    }

    fn takeValue(self: *Transfer, host: anytype, bytes: []const u8) void {
        var rest = bytes;
        while (rest.len != 0) {
            const count = @min(rest.len, self.chunk.len - self.filled);
            @memcpy(self.chunk[self.filled..][0..count], rest[0..count]);
            self.filled += count;
            self.moved += @intCast(count);
            rest = rest[count..];
            if (self.filled < self.chunk.len and self.moved < self.total) continue;
            const status = host.chunk(self.txn, self.key(), self.chunk[0..self.filled]);
            self.filled = 0;
            if (status != .ok) return self.fail(host, status);
        }
    }

    fn commit(self: *Transfer, host: anytype) void {
        const status = host.commit(self.txn);
        // Whether an unanswered commit was made cannot be told; if not, nothing may stay open.
        if (status != .ok) host.abort(self.txn);
        const taken = if (status == .ok) self.total else 0;
        const reply: codec.Reply = .{ .op = .put, .status = status, .value_len = taken };
        const request = self.request[0..self.request_len];
        host.ended(self.head, request, .{ .status = status, .reply = reply });
        self.answer(reply);
    }

    /// Nothing of it is kept; null is that nobody waits for an answer.
    fn fail(self: *Transfer, host: anytype, status: ?sf.Status) void {
        host.abort(self.txn);
        const request = self.request[0..self.request_len];
        host.ended(self.head, request, .{ .status = status, .reply = null });
        if (status) |told| self.answer(.{ .op = .put, .status = told });
    }

    // Get

    fn beginGet(self: *Transfer, host: anytype) void {
        const request = self.request[0..self.request_len];
        switch (host.read(self.key(), 0, &self.chunk)) {
            .bytes => |piece| {
                host.ended(self.head, request, .{ .status = .ok, .reply = null });
                self.answer(.{ .op = .get, .value_len = piece.total });
                self.total = piece.total;
                self.version = piece.version;
                self.filled = piece.len;
                self.moved = @intCast(piece.len);
            },
            .refused => |status| {
                host.ended(self.head, request, .{ .status = status, .reply = null });
                self.answer(.{ .op = .get, .status = status });
            },
        }
    }

    /// The next piece, if there is one.
    fn readOn(self: *Transfer, host: anytype) error{Changed}!void {
        self.start = 0;
        self.filled = 0;
        if (self.moved == self.total) return;
        switch (host.read(self.key(), self.moved, &self.chunk)) {
            .bytes => |piece| {
                const is_same = piece.version == self.version and piece.total == self.total;
                if (!is_same or piece.len == 0) return error.Changed;
                if (piece.len > self.total - self.moved) return error.Changed;
                self.filled = piece.len;
                self.moved += @intCast(piece.len);
            },
            .refused => return error.Changed,
        }
    }

    // The answer

    fn answer(self: *Transfer, reply: codec.Reply) void {
        self.stage = .answering;
        self.moved = 0;
        self.total = 0;
        self.start = 0;
        self.filled = 0;
        self.say(reply);
    }

    fn say(self: *Transfer, reply: codec.Reply) void {
        self.said[self.said_len..][0..codec.reply_bytes].* = codec.encodeReply(reply);
        self.said_len += codec.reply_bytes;
    }

    fn end(self: *Transfer, reason: ?Reason) ?Reason {
        self.stage = .idle;
        return reason;
    }
};

test {
    _ = codec;
    _ = @import("transfer_test.zig");
}
