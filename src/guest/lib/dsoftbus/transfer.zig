//! The serving side of one stream that moves a value (docs/spec/statefs.md, *Transfer*).
//!
//!     idle ──▶ head ──▶ value ──▶ answering ──▶ over       a put that is let through
//!                └────────────────────▲                    a get, and what is refused
//!
//! The store answers later. After each `ask` the machine stands still until `settle`. Bytes that
//! the peer sends meanwhile wait in `waiting`, which holds as much as the peer has credit for.
//!
//! Rules of this file
//! 1. A head is judged once, when it is whole. Before that nothing is done for it.
//! 2. A put becomes visible at the peer's CLOSE behind its last byte, or never: any other end of
//!    the stream aborts its transaction.
//! 3. Each put that `admit` let through, or refused because of its key or length, ends in one
//!    `ended`. The exception is a put whose commit is not answered in time, or not before its
//!    stream ends. The host learns later how the commit ended, and then ends the put.
//! 4. All pieces of a get are of one version of the value.
//!
//! The host acts for the machine:
//!
//!     fn admit(self, head: Head, request: []const u8, key: ?[]const u8) Verdict
//!     fn ask(self, request: state.Request) void      its answer comes by `settle`
//!     fn abort(self, txn: u64) void               no call waits for the answer
//!     fn ended(self, head: Head, request: []const u8, end: End) void
//!     fn malformed(self) void
//!
//! Circle: with transfer_intake.zig, transfer_put.zig and transfer_get.zig. They hold methods of
//! this type: what the peer says, and the two ways of a value. This file sets their order.

const std = @import("std");
const contract = @import("contract");
const state = @import("wire").state;
const remote_state = @import("remote_state.zig");
const codec = @import("transfer_head.zig");
const getting = @import("transfer_get.zig");
const intake = @import("transfer_intake.zig");
const putting = @import("transfer_put.zig");
const Reason = @import("mux_frames.zig").Reason;
pub const Head = codec.Head;
pub const txnOf = putting.txnOf;

/// The first credit of a peer, which is one step of a transaction.
pub const chunk_bytes = @import("mux.zig").own.initial_credit;
/// The longest time without a byte of either side.
pub const silence_ns: u64 = contract.state.transfer_silence_ns;
/// The longest time of a transfer. A store compacts nothing while a transaction is open, so a peer
/// must send at least a kibibyte a second.
pub const longest_ns: u64 = contract.state.transfer_longest_ns;

pub const Verdict = union(enum) {
    go,
    /// The answer to a change that is not made, or was made before.
    done: codec.Reply,
};

/// The end of a put or of the first piece of a get. `reply` is null where the number stays free.
pub const End = struct { status: ?state.Status, reply: ?codec.Reply };
const nobody: End = .{ .status = null, .reply = null };

/// The question that the store has not answered.
pub const Step = enum { none, begin, chunk, commit, read };

pub const Transfer = struct {
    stage: enum { idle, head, value, answering, over } = .idle,
    asked: Step = .none,
    heard_ns: u64 = undefined,
    until_ns: u64 = undefined,
    head: Head = undefined,
    request_len: usize = 0,
    request: [codec.head_bytes + remote_state.key_bytes_max]u8 = undefined,
    /// The bytes of the value that have come, or have been read.
    moved: u32 = 0,
    total: u32 = 0,
    ignored: usize = 0,
    txn: u64 = undefined,
    version: u64 = undefined,
    is_peer_closed: bool = false,
    /// A get has read its first piece.
    is_begun: bool = false,
    /// A get cannot go on, because its value has changed on the way.
    is_broken: bool = false,
    /// The bytes that the peer has sent while the store was asked.
    waiting_len: usize = 0,
    waiting: [chunk_bytes]u8 = undefined,
    /// Bytes of the peer that were dealt with since `takeGrant`.
    done_with: usize = 0,
    /// Bytes of a put that wait until a chunk is full, or of a get that wait to be sent.
    start: usize = 0,
    filled: usize = 0,
    chunk: [chunk_bytes]u8 = undefined,
    /// Replies that wait to be sent: a go ahead and a done.
    said_start: usize = 0,
    said_len: usize = 0,
    said: [2 * codec.reply_bytes]u8 = undefined,

    /// There is no stream. In place: the buffers keep what is in them.
    pub fn reset(self: *Transfer) void {
        self.stage = .idle;
        self.asked = .none;
    }

    /// The peer has opened the stream.
    pub fn begin(self: *Transfer, now_ns: u64) void {
        self.* = .{ .stage = .head, .heard_ns = now_ns, .until_ns = now_ns +| longest_ns };
    }

    /// The invariants that hold between any two calls.
    pub fn check(self: *const Transfer) void {
        // The store works for a stream that is there. All else is of the stream, too.
        if (self.stage == .idle) return std.debug.assert(self.asked == .none);
        std.debug.assert(self.request_len <= self.request.len);
        std.debug.assert(self.waiting_len <= self.waiting.len);
        std.debug.assert(self.start <= self.filled and self.filled <= self.chunk.len);
        std.debug.assert(self.said_start <= self.said_len and self.said_len <= self.said.len);
        std.debug.assert(self.moved <= self.total);
        // Bytes wait for the store alone.
        std.debug.assert(self.asked != .none or self.waiting_len == 0);
    }

    /// Take bytes of the peer, never more than it has credit for. If the result is a reason, the
    /// stream must be reset, and this machine is idle again.
    pub fn feed(self: *Transfer, host: anytype, bytes: []const u8, now_ns: u64) ?Reason {
        if (self.stage == .idle) return null;
        self.check();
        self.heard_ns = now_ns;
        if (self.asked == .none) return intake.take(self, host, bytes);
        std.debug.assert(bytes.len <= self.waiting.len - self.waiting_len);
        @memcpy(self.waiting[self.waiting_len..][0..bytes.len], bytes);
        self.waiting_len += bytes.len;
        return null;
    }

    /// The number of bytes of the peer that have been dealt with: it may send as many more.
    pub fn takeGrant(self: *Transfer) usize {
        defer self.done_with = 0;
        return self.done_with;
    }

    /// The peer says no more.
    pub fn closed(self: *Transfer, host: anytype, now_ns: u64) ?Reason {
        if (self.stage == .idle) return null;
        self.check();
        self.heard_ns = now_ns;
        self.is_peer_closed = true;
        return if (self.asked == .none) intake.takeEnd(self, host) else null;
    }

    /// The stream is over, for whatever reason.
    pub fn abandon(self: *Transfer, host: anytype) void {
        self.check();
        if (self.stage == .value) switch (self.asked) {
            // A commit cannot be called back: the host ends the put when the answer is there.
            .commit => {},
            // The host aborts the transaction, too, once its number is known.
            .begin => host.ended(self.head, self.asRequested(), nobody),
            else => putting.fail(self, host, null),
        };
        self.reset();
    }

    /// The instant at which `expire` has something to do.
    pub fn deadline(self: *const Transfer) u64 {
        if (self.stage == .idle) return std.math.maxInt(u64);
        return @min(self.heard_ns +| silence_ns, self.until_ns);
    }

    pub fn expire(self: *Transfer, host: anytype, now_ns: u64) ?Reason {
        if (now_ns < self.deadline()) return null;
        self.abandon(host);
        return .unwanted;
    }

    /// The next bytes for the peer, at most `out.len` of them. An empty slice: there are none now.
    pub fn pull(self: *Transfer, host: anytype, out: []u8, now_ns: u64) error{Changed}![]u8 {
        if (self.is_broken) return error.Changed;
        if (self.stage == .idle or out.len == 0) return out[0..0];
        const ready = self.said[self.said_start..self.said_len];
        const count = @min(ready.len, out.len);
        @memcpy(out[0..count], ready[0..count]);
        self.said_start += count;
        var len = count;
        if (self.stage == .answering and self.head.op == .get and len < out.len) {
            if (self.start == self.filled) getting.readOn(self, host);
            const part = @min(self.filled - self.start, out.len - len);
            @memcpy(out[len..][0..part], self.chunk[self.start..][0..part]);
            self.start += part;
            len += part;
        }
        if (len != 0) self.heard_ns = now_ns;
        self.check();
        return out[0..len];
    }

    /// True, once: everything has been said, and our half of the stream must be closed.
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
            .begin => putting.settleBegin(self, host, status, reply),
            .chunk => if (status != .ok) putting.fail(self, host, status),
            // The machine does not know whether the change was made. The host ends the put when it
            // learns.
            .commit => if (reply == null)
                self.answer(.{ .op = .put, .status = status })
            else
                putting.settleCommit(self, host, status),
            .read => getting.settleRead(self, host, status, reply),
        }
        return intake.resumeWith(self, host);
    }

    /// The store could not be asked, so it did nothing of the step: there is no doubt about a
    /// commit.
    pub fn unasked(self: *Transfer, host: anytype) ?Reason {
        self.check();
        if (self.asked != .commit) return self.settle(host, null);
        self.asked = .none;
        putting.fail(self, host, .io_error);
        return intake.resumeWith(self, host);
    }

    // What its parts have in common

    /// The machine stands still until `settle`.
    pub fn ask(self: *Transfer, host: anytype, step: Step, request: state.Request) void {
        self.asked = step;
        host.ask(request);
    }

    pub fn key(self: *const Transfer) []const u8 {
        return self.request[codec.head_bytes..self.request_len];
    }

    pub fn asRequested(self: *const Transfer) []const u8 {
        return self.request[0..self.request_len];
    }

    /// Report the end. Behind it no byte of a value goes either way, until a get has read one.
    pub fn answer(self: *Transfer, reply: codec.Reply) void {
        self.stage = .answering;
        self.moved = 0;
        self.total = 0;
        self.start = 0;
        self.filled = 0;
        self.say(reply);
        std.debug.assert(self.asked == .none);
    }

    pub fn say(self: *Transfer, reply: codec.Reply) void {
        // A go ahead and a done, each at most once.
        std.debug.assert(self.said_len + codec.reply_bytes <= self.said.len);
        self.said[self.said_len..][0..codec.reply_bytes].* = codec.encodeReply(reply);
        self.said_len += codec.reply_bytes;
    }

    /// The stream is over, and there is nothing to undo.
    pub fn end(self: *Transfer, reason: ?Reason) ?Reason {
        self.reset();
        return reason;
    }
};

test {
    _ = codec;
    _ = @import("transfer_test.zig");
    _ = @import("transfer_step_test.zig");
    _ = @import("transfer_answer_test.zig");
}
