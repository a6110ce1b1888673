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

const testing = std.testing;

fn expectReject(op: state.Op, why: Reject, frame: []const u8) !void {
    const verdict = judge(true, frame);
    try testing.expectEqual(op, verdict.reject.op);
    try testing.expectEqual(why, verdict.reject.why);
}

fn keyed(out: []u8, op: state.Op, key: []const u8) ![]const u8 {
    return state.encodeRequest(out, .{ .op = op, .key = key, .value = "v", .limit = 1 });
}

test "each key has one verdict, whatever is asked of it" {
    var buffer: [512]u8 = undefined;
    const table = [_]struct { []const u8, ?Reject }{
        .{ "/state/shared/a", null },
        .{ "/state/shared/..a/b.", null },
        .{ "/state/shared/" ++ "k" ** 82, null },
        .{ "/state/shared/" ++ "k" ** 83, .oversized },
        .{ "/state/keystore/x", .outside_acl },
        .{ "/state/sharedx", .outside_acl },
        .{ "/state/shared", .outside_acl },
        .{ "/state/", .outside_acl },
        .{ "/other/x", .outside_acl },
        .{ "x", .outside_acl },
        .{ "/state/shared/../keystore/x", .prefix_escape },
        .{ "/state/shared//x", .prefix_escape },
        .{ "/state/shared/./x", .prefix_escape },
        .{ "/state/shared/x/..", .prefix_escape },
        .{ "/state/shared/x/.", .prefix_escape },
        .{ "/state/shared/a\\b", .prefix_escape },
        .{ "/state/shared/a\x00", .prefix_escape },
        // The escape comes before the namespace, the length before both.
        .{ "/other/../x", .prefix_escape },
        .{ "/other/../" ++ "x" ** 90, .oversized },
    };
    for (table) |row| for ([_]state.Op{ .put, .get, .delete, .list }) |op| {
        const frame = try keyed(&buffer, op, row[0]);
        if (row[1]) |why| try expectReject(op, why, frame) else {
            try testing.expectEqual(op, judge(true, frame).accept.op);
        }
        try testing.expectEqual(Reject.unauthenticated, judge(false, frame).reject.why);
    };
}

test "the namespace itself may be listed, and nothing else" {
    var buffer: [64]u8 = undefined;
    for ([_]state.Op{ .put, .get, .delete }) |op| {
        try expectReject(op, .outside_acl, try keyed(&buffer, op, namespace));
    }
    const listed = judge(true, try keyed(&buffer, .list, namespace));
    try testing.expectEqual(state.Op.list, listed.accept.op);
}

test "a transfer's key and length have the verdict that a frame's have" {
    const table = [_]struct { ?[]const u8, u32, ?Reject }{
        .{ "/state/shared/a", 1, null },
        .{ "/state/shared/" ++ "k" ** 82, 65_536, null },
        .{ "/state/shared/a", 65_537, .oversized },
        .{ "/state/shared/a", 0, .oversized },
        .{ null, 1, .oversized },
        .{ "", 1, .bad_request },
        .{ "/state/shared/\xff", 1, .bad_request },
        .{ "/state/shared/", 1, .outside_acl },
        .{ "/state/keystore/x", 1, .outside_acl },
        .{ "/state/shared/../x", 1, .prefix_escape },
        // The key comes before the length.
        .{ "/other/x", 0, .outside_acl },
    };
    for (table) |row| for ([_]transfer_head.Op{ .put, .get }) |op| {
        const head: transfer_head.Head = .{
            .op = op,
            .id = 0,
            .key_len = 0,
            .value_len = if (op == .put) row[1] else 0,
        };
        const is_length = row[0] != null and row[2] == .oversized;
        const want = if (op == .get and is_length) null else row[2];
        try testing.expectEqual(want, judgeTransfer(head, row[0]));
    };
}

test "values, limits, operations, and what is not a frame" {
    var buffer: [512]u8 = undefined;
    const longest = "v" ** 129;
    for ([_]usize{ 0, 1, 128, 129 }) |len| {
        const frame = try state.encodeRequest(&buffer, .{
            .op = .put,
            .key = "/state/shared/a",
            .value = longest[0..len],
        });
        if (len == 1 or len == 128) {
            try testing.expectEqual(len, judge(true, frame).accept.value.len);
        } else try expectReject(.put, .oversized, frame);
    }
    for ([_]u16{ 0, 64, 65 }) |limit| {
        const request: state.Request = .{ .op = .list, .key = namespace, .limit = limit };
        const frame = try state.encodeRequest(&buffer, request);
        if (limit == 65) try expectReject(.list, .oversized, frame) else {
            try testing.expectEqual(limit, judge(true, frame).accept.limit);
        }
    }
    try expectReject(.list, .oversized, try keyed(&buffer, .list, ""));
    try testing.expectEqual(state.Op.sync, judge(true, "SF\x01\x05").accept.op);
    try expectReject(.reopen, .bad_request, "SF\x01\x06");
    try testing.expectEqual(state.Op.txn_begin, judge(true, "SF\x01\x07").accept.op);
    try expectReject(.read, .bad_request, "SF\x01\x0b");
    try expectReject(.sync, .bad_request, "");
    try expectReject(.sync, .bad_request, "SF\x09\x01");
    try expectReject(.get, .bad_request, "SF\x01\x02\x00\x00");
    try expectReject(.get, .bad_request, "SF\x01\x02\x01\x00\xff");
    try expectReject(.put, .bad_request, "SF\x01\x01\x01");
    const long = try keyed(&buffer, .get, "/state/shared/" ++ "k" ** 241);
    try expectReject(.get, .oversized, long);
    try testing.expectEqual(Reject.unauthenticated, judge(false, "").reject.why);
}

test "the answers to the peer" {
    try testing.expectEqual(state.Status.access_denied, statusOf(.outside_acl));
    try testing.expectEqual(state.Status.access_denied, statusOf(.unauthenticated));
    try testing.expectEqual(state.Status.invalid_key, statusOf(.prefix_escape));
    try testing.expectEqual(state.Status.value_too_large, statusOf(.oversized));
    try testing.expectEqual(state.Status.malformed, statusOf(.bad_request));
}

test "changes are recorded, with peer and key, never with a value" {
    var out: [record_bytes_max]u8 = undefined;
    const peer = try Id.from("node-a");
    try testing.expectEqualStrings(
        "audit remote statefs put allow peer=node-a key=9f86d081884c7d65",
        record(&out, .put, .allow, &peer, "test").?,
    );
    try testing.expectEqualStrings(
        "audit remote statefs delete reject status peer=node-a key=9f86d081884c7d65",
        record(&out, .delete, .status, &peer, "test").?,
    );
    try testing.expectEqualStrings(
        "audit remote statefs put reject outside_acl peer=node-a key=-",
        record(&out, .put, .{ .reject = .outside_acl }, &peer, "").?,
    );
    for ([_]state.Op{ .get, .list, .sync }) |op| {
        try testing.expect(record(&out, op, .allow, &peer, "test") == null);
    }
    const longest = try Id.from("p" ** 64);
    const text = record(&out, .delete, .{ .reject = .unauthenticated }, &longest, "test").?;
    try testing.expect(std.mem.endsWith(u8, text, "key=9f86d081884c7d65"));
}

test "each outcome has its words, and two of them are good" {
    const Row = struct { Outcome, []const u8, bool };
    const rows = [_]Row{
        .{ .allow, "allow", true },
        .{ .status, "reject status", false },
        .{ .allow_late, "allow late", true },
        .{ .status_late, "reject status late", false },
        .{ .unknown, "unknown", false },
        .{ .{ .reject = .busy }, "reject busy", false },
        .{ .{ .reject = .withdrawn }, "reject withdrawn", false },
    };
    const peer = try Id.from("node-a");
    for (rows) |row| {
        var out: [record_bytes_max]u8 = undefined;
        var line: [record_bytes_max]u8 = undefined;
        const format = "audit remote statefs put {s} peer=node-a key=9f86d081884c7d65";
        const want = try std.fmt.bufPrint(&line, format, .{row[1]});
        try testing.expectEqualStrings(want, record(&out, .put, row[0], &peer, "test").?);
        try testing.expectEqual(row[2], row[0].isGood());
    }
}

test "a frame is too long before it is anything else, and each reject has its status" {
    const letters = "x" ** (frame_bytes_max + 1);
    for ([_]usize{ frame_bytes_max - 1, frame_bytes_max }) |len| {
        try testing.expectEqual(Reject.bad_request, judge(true, letters[0..len]).reject.why);
        try testing.expectEqual(Reject.unauthenticated, judge(false, letters[0..len]).reject.why);
    }
    try testing.expectEqual(Reject.oversized, judge(true, letters).reject.why);
    try testing.expectEqual(Reject.unauthenticated, judge(false, letters).reject.why);
    const Row = struct { Reject, state.Status };
    for ([_]Row{
        .{ .bad_request, .malformed },
        .{ .unauthenticated, .access_denied },
        .{ .outside_acl, .access_denied },
        .{ .prefix_escape, .invalid_key },
        .{ .oversized, .value_too_large },
        .{ .busy, .io_error },
        .{ .withdrawn, .io_error },
    }) |row| try testing.expectEqual(row[1], statusOf(row[0]));
}
