//! A put opens a transaction, adds the chunks of its value, and commits.

const std = @import("std");
const state = @import("wire").state;
const codec = @import("transfer_head.zig");
const Transfer = @import("transfer.zig").Transfer;

/// The store has begun the transaction, or refused it.
pub fn settleBegin(self: *Transfer, host: anytype, status: state.Status, reply: ?state.Reply) void {
    std.debug.assert(self.stage == .value and self.head.op == .put);
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

/// Take a part of the value. A full chunk, or the last one, goes to the store.
pub fn takeValue(self: *Transfer, host: anytype, bytes: []const u8) void {
    std.debug.assert(bytes.len != 0 and bytes.len <= self.total - self.moved);
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

/// The store has made the change, or refused it.
pub fn settleCommit(self: *Transfer, host: anytype, status: state.Status) void {
    if (status != .ok) host.abort(self.txn);
    const taken = if (status == .ok) self.total else 0;
    const reply: codec.Reply = .{ .op = .put, .status = status, .value_len = taken };
    host.ended(self.head, self.asRequested(), .{ .status = status, .reply = reply });
    self.answer(reply);
}

/// Give up the put and keep nothing of it. Null: no peer waits for an answer.
pub fn fail(self: *Transfer, host: anytype, status: ?state.Status) void {
    host.abort(self.txn);
    host.ended(self.head, self.asRequested(), .{ .status = status, .reply = null });
    if (status) |told| self.answer(.{ .op = .put, .status = told });
}

/// The transaction in the store's answer to a begin.
pub fn txnOf(reply: state.Reply) ?u64 {
    if (reply.status != .ok or reply.tail.len != 8) return null;
    return std.mem.readInt(u64, reply.tail[0..8], .little);
}
