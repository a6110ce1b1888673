//! Remote state: which `SF` frames of a peer may reach the store. The decision is made once, before
//! anything is done, and from the frame alone.
//!
//! The order of the checks is part of the contract (docs/spec/statefs.md), so that a refusal has
//! one reason:
//!
//!     authenticated → frame → length of the key → escape → namespace → leaf → value or limit

const std = @import("std");
const contract = @import("contract");
const state = @import("wire").state;
const transfer_head = @import("transfer_head.zig");
const Id = @import("id.zig").Id;

pub const frame_bytes_max = contract.state.peer_frame_bytes_max;
pub const key_bytes_max = contract.state.peer_key_bytes_max;
pub const value_bytes_max = contract.state.peer_value_bytes_max;
pub const list_max = contract.state.peer_list_max;
pub const reply_bytes_max = contract.state.peer_reply_bytes_max;
pub const namespace = contract.state.peer_namespace;

pub const Reject = contract.state.Reject;

/// The answer to the peer.
pub fn statusOf(reject: Reject) state.Status {
    return switch (reject) {
        .bad_request => .malformed,
        .unauthenticated, .outside_acl => .access_denied,
        .prefix_escape => .invalid_key,
        .oversized => .value_too_large,
        .busy, .withdrawn => .io_error,
    };
}

pub const Verdict = union(enum) {
    accept: state.Request,
    /// The key, as far as the frame has one.
    reject: struct { op: state.Op, why: Reject, key: []const u8 },
};

pub fn judge(is_bound: bool, frame: []const u8) Verdict {
    const decoded = state.decodeRequest(frame);
    if (!is_bound) return refuse(decoded, .unauthenticated);
    if (frame.len > frame_bytes_max) return refuse(decoded, .oversized);
    switch (decoded) {
        .request => |request| {
            const why = check(request) orelse return .{ .accept = request };
            return refuse(decoded, why);
        },
        .refusal => |refusal| return refuse(decoded, switch (refusal.status) {
            .key_too_long, .value_too_large => .oversized,
            else => .bad_request,
        }),
    }
}

fn check(request: state.Request) ?Reject {
    switch (request.op) {
        .put, .get, .delete, .list, .txn_put => {},
        // The rules of the namespace do not apply to a frame without a key.
        .sync, .txn_begin, .txn_commit, .txn_abort => return null,
        .reopen, .read => return .bad_request,
    }
    const key = request.key;
    if (key.len == 0 or key.len > key_bytes_max) return .oversized;
    if (checkPath(key)) |why| return why;
    if (request.op != .list and key.len == namespace.len) return .outside_acl;
    switch (request.op) {
        .put, .txn_put => if (request.value.len == 0 or request.value.len > value_bytes_max)
            return .oversized,
        .list => if (request.limit > list_max) return .oversized,
        else => {},
    }
    return null;
}

/// Judge a transfer likewise, whose values are longer. The key is null where it is too long to be
/// awaited.
pub fn judgeTransfer(head: transfer_head.Head, key: ?[]const u8) ?Reject {
    const path = key orelse return .oversized;
    if (path.len == 0 or !std.unicode.utf8ValidateSlice(path)) return .bad_request;
    if (checkPath(path)) |why| return why;
    if (path.len == namespace.len) return .outside_acl;
    if (head.op == .get) return null;
    const fits = head.value_len >= 1 and head.value_len <= state.value_bytes_max;
    return if (fits) null else .oversized;
}

fn checkPath(key: []const u8) ?Reject {
    if (isEscape(key)) return .prefix_escape;
    return if (std.mem.startsWith(u8, key, namespace)) null else .outside_acl;
}

fn isEscape(key: []const u8) bool {
    if (std.mem.indexOfAny(u8, key, "\x00\\") != null) return true;
    for ([_][]const u8{ "//", "/./", "/../" }) |part| {
        if (std.mem.indexOf(u8, key, part) != null) return true;
    }
    return std.mem.endsWith(u8, key, "/.") or std.mem.endsWith(u8, key, "/..");
}

fn refuse(decoded: state.Decoded, why: Reject) Verdict {
    return switch (decoded) {
        .request => |request| .{ .reject = .{ .op = request.op, .why = why, .key = request.key } },
        .refusal => |refusal| .{ .reject = .{ .op = refusal.op, .why = why, .key = "" } },
    };
}

/// The end of a request, for the record. A late request ended after its peer had got the answer
/// IO_ERROR. The end is unknown if the store never said how the request ended.
pub const Outcome = union(enum) {
    allow,
    status,
    allow_late,
    status_late,
    unknown,
    reject: Reject,

    pub fn isGood(self: Outcome) bool {
        return self == .allow or self == .allow_late;
    }

    pub fn format(self: Outcome, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        const ending: contract.state.Ending = switch (self) {
            .allow => .allow,
            .status => .@"reject status",
            .allow_late => .@"allow late",
            .status_late => .@"reject status late",
            .unknown => .unknown,
            .reject => .reject,
        };
        try writer.writeAll(@tagName(ending));
        if (self == .reject) try writer.print(" {t}", .{self.reject});
    }
};

pub const record_bytes_max = 160;

/// The record of a change, whether or not it was let through: peer, outcome and a hash of the key,
/// but never the value. Null: the request was not a change.
pub fn record(
    out: *[record_bytes_max]u8,
    op: state.Op,
    outcome: Outcome,
    peer: *const Id,
    key: []const u8,
) ?[]const u8 {
    var writer: std.Io.Writer = .fixed(out);
    write(&writer, op, outcome, peer, key) catch return null;
    return writer.buffered();
}

fn write(
    writer: *std.Io.Writer,
    op: state.Op,
    outcome: Outcome,
    peer: *const Id,
    key: []const u8,
) !void {
    const verb: contract.state.Verb = switch (op) {
        .put => .put,
        .delete => .delete,
        .txn_put => .@"txn-put",
        .txn_commit => .@"txn-commit",
        .txn_abort => .@"txn-abort",
        else => return error.NoChange,
    };
    try writer.print(contract.audit.state_change, .{ verb, outcome, peer.*, Key{ .key = key } });
}

/// As much of a key as a record shows.
const Key = struct {
    key: []const u8,

    pub fn format(self: Key, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        if (self.key.len == 0) return writer.writeByte('-');
        try writer.print("{x:0>16}", .{keyHash(self.key)});
    }
};

/// The first eight bytes of SHA-256: enough to tell keys apart, not to read them.
pub fn keyHash(key: []const u8) u64 {
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(key, &digest, .{});
    return std.mem.readInt(u64, digest[0..8], .big);
}

test {
    _ = @import("remote_state_test.zig");
}
