//! The serving side of one stream that moves a value (docs/spec/statefs.md, *Transfer*).
//!
//!     idle ──▶ head ──▶ value ──▶ answering ──▶ over       a put that is let through
//!                └────────────────────▲                    a get, and what is refused
//!
//! The store answers later. After each `ask` the machine stands still until `settle`; what the peer
//! says meanwhile waits in `waiting`, which holds as much as the peer has credit for.
//!
//! Rules of this file
//! 1. Nothing is done for a head that is not whole, and it is judged once.
//! 2. A put becomes visible at the peer's CLOSE behind its last byte, or never: whatever else ends
//!    the stream aborts its transaction.
//! 3. Each put that `admit` let through, or refused for its key or length, ends in one `ended`. The
//!    exception is a put whose commit is not answered in time, or not before its stream ends: the
//!    host learns later how the commit ended, and ends the put with that.
//! 4. All pieces of a get are of one version of the value.
//!
//! The host does what is to be done:
//!
//!     fn admit(self, head: Head, request: []const u8, key: ?[]const u8) Verdict
//!     fn ask(self, request: state.Request) void      its answer comes by `settle`
//!     fn abort(self, txn: u64) void               no call waits for the answer
//!     fn ended(self, head: Head, request: []const u8, end: End) void
//!     fn malformed(self) void

const std = @import("std");
const contract = @import("contract");
const state = @import("wire").state;
const remote_state = @import("remote_state.zig");
const codec = @import("transfer_head.zig");
const Reason = @import("mux_frames.zig").Reason;
pub const Head = codec.Head;

/// As much as a peer may send before it is given credit: one step of a transaction.
pub const chunk_bytes = @import("mux.zig").own.initial_credit;
/// Without a byte of either side.
pub const silence_ns: u64 = contract.state.transfer_silence_ns;
/// A store compacts nothing while a transaction is open: a kibibyte a second is the least.
pub const longest_ns: u64 = contract.state.transfer_longest_ns;

pub const Verdict = union(enum) {
    go,
    /// The answer to what is not done, or was done before.
    done: codec.Reply,
};

/// How a put or the first piece of a get ended. `reply` is null where the number stays free.
pub const End = struct { status: ?state.Status, reply: ?codec.Reply };
const nobody: End = .{ .status = null, .reply = null };

/// What the store was asked and has not answered.
pub const Step = enum { none, begin, chunk, commit, read };

pub const Transfer = struct {
    stage: enum { idle, head, value, answering, over } = .idle,
    asked: Step = .none,
    heard_ns: u64 = undefined,
    until_ns: u64 = undefined,
    head: Head = undefined,
    request_len: usize = 0,
    request: [codec.head_bytes + remote_state.key_bytes_max]u8 = undefined,
    /// Bytes of the value that have come, or have been read.
    moved: u32 = 0,
    total: u32 = 0,
    ignored: usize = 0,
    txn: u64 = undefined,
    version: u64 = undefined,
    is_peer_closed: bool = false,
    /// A get has read its first piece.
    is_begun: bool = false,
    /// A get cannot go on: its value has changed on the way.
    is_broken: bool = false,
    /// What the peer has said while the store was asked.
    waiting_len: usize = 0,
    waiting: [chunk_bytes]u8 = undefined,
    /// Bytes of the peer that were dealt with since `takeGrant`.
    done_with: usize = 0,
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
        self.* = .{ .stage = .head, .heard_ns = now_ns, .until_ns = now_ns +| longest_ns };
    }

    /// What holds between any two calls.
    fn check(self: *const Transfer) void {
        std.debug.assert(self.request_len <= self.request.len);
        std.debug.assert(self.waiting_len <= self.waiting.len);
        std.debug.assert(self.start <= self.filled and self.filled <= self.chunk.len);
        std.debug.assert(self.said_start <= self.said_len and self.said_len <= self.said.len);
        std.debug.assert(self.moved <= self.total);
        // The store works for a stream that is there, and bytes wait for nothing else.
        std.debug.assert(self.asked == .none or self.stage != .idle);
    }

    /// Bytes of the peer, never more than it has credit for. A reason: the stream is to be reset,
    /// and this is idle again.
    pub fn feed(self: *Transfer, host: anytype, bytes: []const u8, now_ns: u64) ?Reason {
        if (self.stage == .idle) return null;
        self.check();
        self.heard_ns = now_ns;
        if (self.asked == .none) return self.take(host, bytes);
        std.debug.assert(bytes.len <= self.waiting.len - self.waiting_len);
        @memcpy(self.waiting[self.waiting_len..][0..bytes.len], bytes);
        self.waiting_len += bytes.len;
        return null;
    }

    /// How many bytes of the peer have been dealt with: it may send as many more.
    pub fn takeGrant(self: *Transfer) usize {
        defer self.done_with = 0;
        return self.done_with;
    }

    /// The peer says no more.
    pub fn closed(self: *Transfer, host: anytype, now_ns: u64) ?Reason {
        if (self.stage == .idle) return null;
        self.heard_ns = now_ns;
        self.is_peer_closed = true;
        return if (self.asked == .none) self.takeEnd(host) else null;
    }

    /// The stream is over, for whatever reason.
    pub fn abandon(self: *Transfer, host: anytype) void {
        if (self.stage == .value) switch (self.asked) {
            // Too late to call it back: the host ends the put when the answer is there.
            .commit => {},
            // What it begins is aborted when it is known, which is the host's to do too.
            .begin => host.ended(self.head, self.asRequested(), nobody),
            else => self.fail(host, null),
        };
        self.stage = .idle;
        self.asked = .none;
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
        if (self.is_broken) return error.Changed;
        if (self.stage == .idle or out.len == 0) return out[0..0];
        const ready = self.said[self.said_start..self.said_len];
        const count = @min(ready.len, out.len);
        @memcpy(out[0..count], ready[0..count]);
        self.said_start += count;
        var len = count;
        if (self.stage == .answering and self.head.op == .get and len < out.len) {
            if (self.start == self.filled) self.readOn(host);
            const part = @min(self.filled - self.start, out.len - len);
            @memcpy(out[len..][0..part], self.chunk[self.start..][0..part]);
            self.start += part;
            len += part;
        }
        if (len != 0) self.heard_ns = now_ns;
        self.check();
        return out[0..len];
    }

    /// All has been said: our half of the stream is to be closed, once.
    pub fn isSaid(self: *const Transfer) bool {
        return self.stage == .answering and self.asked == .none and
            self.said_start == self.said_len and self.start == self.filled and
            self.moved == self.total;
    }

    /// Our half is closed.
    pub fn sayOver(self: *Transfer) void {
        self.stage = if (self.is_peer_closed) .idle else .over;
    }

    /// The store's answer to what was asked; null: there is none.
    pub fn settle(self: *Transfer, host: anytype, reply: ?state.Reply) ?Reason {
        const step = self.asked;
        self.check();
        self.asked = .none;
        const status: state.Status = if (reply) |known| known.status else .io_error;
        switch (step) {
            .none => return null,
            .begin => self.settleBegin(host, status, reply),
            .chunk => if (status != .ok) self.fail(host, status),
            // Whether it was made is not known yet: the host ends the put when it is.
            .commit => if (reply == null)
                self.answer(.{ .op = .put, .status = status })
            else
                self.settleCommit(host, status),
            .read => self.settleRead(host, status, reply),
        }
        return self.resumeWith(host);
    }

    /// What has come while the store was asked.
    fn resumeWith(self: *Transfer, host: anytype) ?Reason {
        if (self.waiting_len != 0 and self.asked == .none) {
            var bytes: [chunk_bytes]u8 = undefined;
            const len = self.waiting_len;
            @memcpy(bytes[0..len], self.waiting[0..len]);
            self.waiting_len = 0;
            if (self.take(host, bytes[0..len])) |reason| return reason;
        }
        const is_due = self.is_peer_closed and self.asked == .none and self.waiting_len == 0;
        return if (is_due) self.takeEnd(host) else null;
    }

    fn take(self: *Transfer, host: anytype, bytes: []const u8) ?Reason {
        var rest = bytes;
        while (rest.len != 0 and self.asked == .none) switch (self.stage) {
            .idle => return null,
            .head => {
                const count = self.takeHead(rest);
                self.done_with += count;
                rest = rest[count..];
                self.judge(host) catch {
                    host.malformed();
                    return self.end(.nonsense);
                };
            },
            .value => {
                const count = @min(
                    rest.len,
                    self.total - self.moved,
                    self.chunk.len - self.filled,
                );
                if (count == 0) {
                    self.abandon(host);
                    return .nonsense;
                }
                self.takeValue(host, rest[0..count]);
                self.done_with += count;
                rest = rest[count..];
            },
            // A refused put's value may be on its way still; a get's peer has nothing to say.
            .answering, .over => {
                self.ignored += rest.len;
                self.done_with += rest.len;
                const is_put = self.head.op == .put and self.ignored <= state.value_bytes_max;
                return if (is_put) null else self.end(.nonsense);
            },
        };
        @memcpy(self.waiting[0..rest.len], rest);
        self.waiting_len = rest.len;
        return null;
    }

    fn takeEnd(self: *Transfer, host: anytype) ?Reason {
        switch (self.stage) {
            .idle, .answering => return null,
            .over => return self.end(null),
            .head => {
                host.malformed();
                return self.end(.nonsense);
            },
            .value => {
                if (self.moved != self.total) {
                    self.abandon(host);
                    return .nonsense;
                }
                self.ask(host, .commit, .{ .op = .txn_commit, .txn = self.txn });
                return null;
            },
        }
    }

    fn ask(self: *Transfer, host: anytype, step: Step, request: state.Request) void {
        self.asked = step;
        host.ask(request);
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
        const is_long = self.head.key_len > remote_state.key_bytes_max;
        const whole = codec.head_bytes + @as(usize, self.head.key_len);
        if (!is_long and self.request_len < whole) return;
        // A key that is too long is not awaited.
        const own_key = if (is_long) null else self.key();
        switch (host.admit(self.head, self.asRequested(), own_key)) {
            .done => |reply| self.answer(reply),
            .go => {
                self.stage = if (self.head.op == .put) .value else .answering;
                if (self.head.op == .put) {
                    self.total = self.head.value_len;
                    self.ask(host, .begin, .{ .op = .txn_begin });
                } else self.askRead(host);
            },
        }
    }

    fn key(self: *const Transfer) []const u8 {
        return self.request[codec.head_bytes..self.request_len];
    }

    fn asRequested(self: *const Transfer) []const u8 {
        return self.request[0..self.request_len];
    }

    // Put

    fn settleBegin(self: *Transfer, host: anytype, status: state.Status, reply: ?state.Reply) void {
        if (status == .ok) {
            if (txnOf(reply.?)) |txn| {
                self.txn = txn;
                return self.say(.{ .op = .put, .stage = .go_ahead });
            }
        }
        const told: state.Status = if (status == .ok) .io_error else status;
        host.ended(self.head, self.asRequested(), .{ .status = told, .reply = null });
        self.answer(.{ .op = .put, .status = told });
    }

    fn takeValue(self: *Transfer, host: anytype, bytes: []const u8) void {
        @memcpy(self.chunk[self.filled..][0..bytes.len], bytes);
        self.filled += bytes.len;
        self.moved += @intCast(bytes.len);
        if (self.filled < self.chunk.len and self.moved < self.total) return;
        const value = self.chunk[0..self.filled];
        self.filled = 0;
        self.ask(host, .chunk, .{
            .op = .txn_put,
            .txn = self.txn,
            .key = self.key(),
            .value = value,
        });
    }

    fn settleCommit(self: *Transfer, host: anytype, status: state.Status) void {
        if (status != .ok) host.abort(self.txn);
        const taken = if (status == .ok) self.total else 0;
        const reply: codec.Reply = .{ .op = .put, .status = status, .value_len = taken };
        host.ended(self.head, self.asRequested(), .{ .status = status, .reply = reply });
        self.answer(reply);
    }

    /// Nothing of it is kept; null: no peer waits for an answer.
    fn fail(self: *Transfer, host: anytype, status: ?state.Status) void {
        host.abort(self.txn);
        host.ended(self.head, self.asRequested(), .{ .status = status, .reply = null });
        if (status) |told| self.answer(.{ .op = .put, .status = told });
    }

    // Get

    fn askRead(self: *Transfer, host: anytype) void {
        self.ask(host, .read, .{
            .op = .read,
            .key = self.key(),
            .offset = self.moved,
            .length = chunk_bytes,
        });
    }

    /// The next piece, if there is one.
    fn readOn(self: *Transfer, host: anytype) void {
        if (self.asked != .none or self.moved == self.total) return;
        self.askRead(host);
    }

    fn settleRead(self: *Transfer, host: anytype, status: state.Status, reply: ?state.Reply) void {
        const piece = if (reply) |known| state.pieceOf(known) else null;
        const is_first = !self.is_begun;
        self.is_begun = true;
        const is_good = status == .ok and piece != null and
            piece.?.bytes.len <= @min(chunk_bytes, piece.?.total);
        const told: state.Status = if (status == .ok and !is_good) .io_error else status;
        if (is_first) {
            host.ended(self.head, self.asRequested(), .{ .status = told, .reply = null });
            self.answer(.{
                .op = .get,
                .status = told,
                .value_len = if (is_good) piece.?.total else 0,
            });
            if (!is_good) return;
            self.total = piece.?.total;
            self.version = piece.?.version;
        } else {
            const is_same = is_good and piece.?.version == self.version and
                piece.?.total == self.total and piece.?.bytes.len != 0 and
                piece.?.bytes.len <= self.total - self.moved;
            if (!is_same) {
                self.is_broken = true;
                return;
            }
        }
        const bytes = piece.?.bytes;
        @memcpy(self.chunk[0..bytes.len], bytes);
        self.start = 0;
        self.filled = bytes.len;
        self.moved += @intCast(bytes.len);
    }

    // The answer

    fn restart(self: *Transfer, total: u32) void {
        self.moved = 0;
        self.total = total;
        self.start = 0;
        self.filled = 0;
    }

    fn answer(self: *Transfer, reply: codec.Reply) void {
        self.stage = .answering;
        self.restart(0);
        self.say(reply);
    }

    fn say(self: *Transfer, reply: codec.Reply) void {
        self.said[self.said_len..][0..codec.reply_bytes].* = codec.encodeReply(reply);
        self.said_len += codec.reply_bytes;
    }

    fn end(self: *Transfer, reason: ?Reason) ?Reason {
        self.stage = .idle;
        self.asked = .none;
        return reason;
    }
};

/// The transaction in the store's answer to a begin.
pub fn txnOf(reply: state.Reply) ?u64 {
    if (reply.status != .ok or reply.tail.len != 8) return null;
    return std.mem.readInt(u64, reply.tail[0..8], .little);
}

test {
    _ = codec;
    _ = @import("transfer_test.zig");
    _ = @import("transfer_step_test.zig");
    _ = @import("transfer_answer_test.zig");
}
