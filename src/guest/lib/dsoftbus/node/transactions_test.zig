//! What a session may do with a transaction, stage by stage, and until when it is open.

const std = @import("std");
const testing = std.testing;
const contract = @import("contract");
const edge = @import("edge.zig");
const transactions = @import("transactions.zig");
const calls = @import("calls.zig");
const state = @import("wire").state;
const Open = transactions.Open;

const silence = contract.state.transaction_silence_ns;
const longest = contract.state.transaction_longest_ns;

/// Two peers, of which the second has nothing to do with it.
const Node = struct {
    talks: [2]struct { txn: Open = .{} } = @splat(.{}),
    now_ns: u64 = 0,
};

test "a transaction is open until it was silent for too long, or open for too long" {
    var open: Open = .{ .begun_ns = 7, .used_ns = 7 };
    for ([_]@TypeOf(open.stage){ .none, .beginning }) |stage| {
        open.stage = stage;
        try testing.expectEqual(edge.never, open.deadline());
    }
    open.stage = .open;
    try testing.expectEqual(7 + silence, open.deadline());
    open.used_ns = 7 + longest - silence - 1;
    try testing.expectEqual(7 + longest - 1, open.deadline());
    for ([_]u64{ 0, 1, silence }) |more| {
        open.used_ns = 7 + longest - silence + more;
        try testing.expectEqual(7 + longest, open.deadline());
    }
}

test "each request has its answer at each stage, and only what goes on is a use" {
    const Stage = @TypeOf((Open{}).stage);
    const Case = struct { op: state.Op, txn: u64, at: [3]?state.Status };
    const not_found: ?state.Status = .not_found;
    for ([_]Case{
        // At none, at beginning, and at open.
        .{ .op = .txn_begin, .txn = 0, .at = .{ null, .txn_limit, .txn_limit } },
        .{ .op = .txn_put, .txn = 5, .at = .{ not_found, not_found, null } },
        .{ .op = .txn_commit, .txn = 5, .at = .{ not_found, not_found, null } },
        .{ .op = .txn_abort, .txn = 5, .at = .{ not_found, not_found, null } },
        .{ .op = .txn_put, .txn = 6, .at = @splat(not_found) },
        .{ .op = .txn_commit, .txn = 4, .at = @splat(not_found) },
        .{ .op = .txn_abort, .txn = 0, .at = @splat(not_found) },
        .{ .op = .put, .txn = 0, .at = @splat(null) },
        .{ .op = .sync, .txn = 0, .at = @splat(null) },
    }) |case| for ([_]Stage{ .none, .beginning, .open }, case.at) |stage, wanted| {
        var node: Node = .{ .now_ns = 100 };
        node.talks[1].txn = .{ .stage = stage, .txn = 5, .begun_ns = 3, .used_ns = 3 };
        const request: state.Request = .{ .op = case.op, .txn = case.txn };
        try testing.expectEqual(wanted, transactions.refuses(&node, 1, request));
        const is_step = case.op == .txn_put or case.op == .txn_commit or case.op == .txn_abort;
        const used: u64 = if (is_step and wanted == null) 100 else 3;
        try testing.expectEqual(used, node.talks[1].txn.used_ns);
        try testing.expectEqual(3, node.talks[1].txn.begun_ns);
        // The other peer has no such transaction, whatever this one has.
        if (is_step) try testing.expectEqual(not_found, transactions.refuses(&node, 0, request));
    };
}

test "a session that asks for a transaction is beginning it, and no other request is" {
    for (std.enums.values(state.Op)) |op| {
        var node: Node = .{ .now_ns = 9 };
        transactions.asked(&node, 0, .{ .op = op, .nonce = 77 });
        const open = node.talks[0].txn;
        if (op == .txn_begin) {
            const wanted: Open = .{ .stage = .beginning, .nonce = 77, .begun_ns = 9, .used_ns = 9 };
            try testing.expectEqual(wanted, open);
        } else try testing.expectEqual(Open{}, open);
        try testing.expectEqual(Open{}, node.talks[1].txn);
    }
}

test "a named commit that is not of this session's transaction is a repetition" {
    var node: Node = .{};
    var call: calls.Call = .{ .peer = 1, .digest = @splat(1) };
    const commit: state.Request = .{ .op = .txn_commit, .txn = 5 };
    try testing.expect(transactions.isRepetition(&node, &call, commit));
    for ([_]struct { Open, bool }{
        .{ .{ .stage = .open, .txn = 5 }, false },
        .{ .{ .stage = .open, .txn = 6 }, true },
        .{ .{ .stage = .beginning, .txn = 5 }, true },
        .{ .{ .stage = .none, .txn = 5 }, true },
    }) |case| {
        node.talks[1].txn = case[0];
        try testing.expectEqual(case[1], transactions.isRepetition(&node, &call, commit));
    }
    node.talks[1].txn = .{};
    const put: state.Request = .{ .op = .txn_put, .txn = 5 };
    try testing.expect(!transactions.isRepetition(&node, &call, put));
    call.digest = null;
    try testing.expect(!transactions.isRepetition(&node, &call, commit));
}
