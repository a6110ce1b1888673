//! Remote state: the verdict on each key, value and operation, and the words of the records.

const std = @import("std");
const remote_state = @import("remote_state.zig");
const transfer_head = @import("transfer_head.zig");
const state = @import("wire").state;
const Id = @import("id.zig").Id;
const frame_bytes_max = remote_state.frame_bytes_max;
const namespace = remote_state.namespace;
const Reject = remote_state.Reject;
const statusOf = remote_state.statusOf;
const judge = remote_state.judge;
const judgeTransfer = remote_state.judgeTransfer;
const Outcome = remote_state.Outcome;
const record_bytes_max = remote_state.record_bytes_max;
const record = remote_state.record;

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
