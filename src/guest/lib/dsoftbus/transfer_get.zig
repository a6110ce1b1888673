//! A get reads the pieces of the value one after the other. All are of one version.

const std = @import("std");
const state = @import("wire").state;
const transfer = @import("transfer.zig");
const Transfer = transfer.Transfer;

/// Ask the store for the piece that comes next.
pub fn askRead(self: *Transfer, host: anytype) void {
    self.ask(host, .read, .{
        .op = .read,
        .key = self.key(),
        .offset = self.moved,
        .length = transfer.chunk_bytes,
    });
}

/// Ask for the next piece, if there is one.
pub fn readOn(self: *Transfer, host: anytype) void {
    if (self.asked != .none or self.moved == self.total) return;
    askRead(self, host);
}

/// Take the piece, or the reason why there is none. The first piece decides the answer.
pub fn settleRead(self: *Transfer, host: anytype, status: state.Status, reply: ?state.Reply) void {
    std.debug.assert(self.stage == .answering and self.head.op == .get);
    const piece = if (reply) |known| state.pieceOf(known) else null;
    const is_first = !self.is_begun;
    self.is_begun = true;
    const is_good = status == .ok and piece != null and
        piece.?.bytes.len <= @min(transfer.chunk_bytes, piece.?.total);
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
    std.debug.assert(self.moved <= self.total);
}
