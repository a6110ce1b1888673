//! The intake of a transfer: the peer sends a head, the bytes of a put, and the end. The machine
//! deals with them only while the store owes no answer; else they wait.

const std = @import("std");
const state = @import("wire").state;
const remote_state = @import("remote_state.zig");
const codec = @import("transfer_head.zig");
const getting = @import("transfer_get.zig");
const putting = @import("transfer_put.zig");
const transfer = @import("transfer.zig");
const Reason = @import("mux_frames.zig").Reason;
const Transfer = transfer.Transfer;

/// Deal with the bytes that have come while the store was asked.
pub fn resumeWith(self: *Transfer, host: anytype) ?Reason {
    std.debug.assert(self.waiting_len <= self.waiting.len);
    if (self.waiting_len != 0 and self.asked == .none) {
        var bytes: [transfer.chunk_bytes]u8 = undefined;
        const len = self.waiting_len;
        @memcpy(bytes[0..len], self.waiting[0..len]);
        self.waiting_len = 0;
        if (take(self, host, bytes[0..len])) |reason| return reason;
    }
    const is_due = self.is_peer_closed and self.asked == .none and self.waiting_len == 0;
    return if (is_due) takeEnd(self, host) else null;
}

/// Take bytes of the peer. They wait while the store works on an earlier part.
pub fn take(self: *Transfer, host: anytype, bytes: []const u8) ?Reason {
    std.debug.assert(self.asked == .none and self.waiting_len == 0);
    var rest = bytes;
    while (rest.len != 0 and self.asked == .none) switch (self.stage) {
        .idle => return null,
        .head => {
            const count = takeHead(self, rest);
            self.done_with += count;
            rest = rest[count..];
            judge(self, host) catch {
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
            putting.takeValue(self, host, rest[0..count]);
            self.done_with += count;
            rest = rest[count..];
        },
        // The value of a refused put may still be on its way; the peer of a get has nothing to say.
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

/// Take the peer's CLOSE.
pub fn takeEnd(self: *Transfer, host: anytype) ?Reason {
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

/// Ask the host about the head as soon as there is enough of it.
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
            } else getting.askRead(self, host);
        },
    }
}
