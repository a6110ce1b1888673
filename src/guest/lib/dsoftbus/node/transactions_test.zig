//! What a session may do with a transaction, stage by stage, and until when it is open.

const std = @import("std");
const testing = std.testing;
const contract = @import("contract");
const edge = @import("edge.zig");
const transactions = @import("transactions.zig");
const calls = @import("calls.zig");
const journal = @import("journal.zig");
const Id = @import("../id.zig").Id;
const state = @import("wire").state;
const behalf = @import("wire").behalf;
const Open = transactions.Open;
const Stage = @TypeOf((Open{}).stage);

const silence = contract.state.transaction_silence_ns;
const longest = contract.state.transaction_longest_ns;

/// Two peers, of which the second has nothing to do with it.
const Node = struct {
    talks: [2]struct { txn: Open = .{} } = @splat(.{}),
    now_ns: u64 = 0,
};

test "a transaction is open until it was silent for too long, or open for too long" {
    var open: Open = .{ .begun_ns = 7, .used_ns = 7 };
    for ([_]Stage{ .none, .beginning }) |stage| {
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

const Told = struct {
    count: usize = 0,

    pub fn add(
        self: *Told,
        _: anytype,
        about: journal.About,
        _: journal.Level,
        message: []const u8,
    ) void {
        self.count += 1;
        std.debug.assert(about.room == .audit);
        std.debug.assert(std.mem.indexOf(u8, message, " txn-abort allow ") != null);
    }
};

/// Counts what the store is asked: nothing but aborts.
const Edge = struct {
    aborts: usize = 0,

    pub fn ask(self: *Edge, service: edge.Service, _: u16, frame: []const u8) edge.Asked {
        std.debug.assert(service == .statefsd);
        const call = behalf.decodeCall(frame).?;
        std.debug.assert(state.decodeRequest(call.frame).request.op == .txn_abort);
        self.aborts += 1;
        return .sent;
    }
};

const Peer = struct { id: Id };
const Config = struct {
    all: [2]Peer,

    pub fn peers(self: *const Config) []const Peer {
        return &self.all;
    }
};

/// A node with a store.
const Whole = struct {
    talks: [2]struct { txn: Open = .{} } = @splat(.{}),
    now_ns: u64 = 50,
    calls: calls.Calls = .{},
    config: Config,
    edge: Edge = .{},
    journal: Told = .{},
    inner: [1024]u8 = undefined,
    asked: [2048]u8 = undefined,
    nonce: u64 = 100,

    pub fn nextNonce(self: *Whole) u64 {
        self.nonce += 1;
        return self.nonce;
    }

    pub fn nextTicket(self: *Whole) u16 {
        return self.calls.nextTicket();
    }

    fn expect(self: *const Whole, stage: Stage, aborts: usize, told: usize) !void {
        try testing.expectEqual(stage, self.talks[1].txn.stage);
        try testing.expectEqual(aborts, self.edge.aborts);
        try testing.expectEqual(told, self.journal.count);
    }
};

var whole: Whole = undefined;

fn begin(open: Open) !void {
    whole = .{ .config = .{ .all = .{
        .{ .id = try .from("node-a") },
        .{ .id = try .from("node-b") },
    } } };
    whole.talks[1].txn = open;
}

const five = "\x05\x00\x00\x00\x00\x00\x00\x00";

fn replyOf(buffer: []u8, op: state.Op, status: state.Status, tail: []const u8) !state.Reply {
    var writer = try state.startReply(buffer, op, status, 1);
    try writer.put(tail);
    return state.decodeReply(writer.done(), op, 1) orelse error.NoReply;
}

test "what the store began is the session's, unless it is late or another's: then it is aborted" {
    const Case = struct {
        nonce: u64 = 9,
        is_late: bool = false,
        status: ?state.Status = .ok,
        stage: Stage,
        aborts: usize = 0,
    };
    for ([_]Case{
        .{ .stage = .open },
        .{ .nonce = 8, .stage = .beginning, .aborts = 1 },
        .{ .is_late = true, .stage = .none, .aborts = 1 },
        .{ .status = .txn_limit, .stage = .none },
        .{ .status = null, .stage = .none },
        .{ .nonce = 8, .status = null, .stage = .beginning },
    }) |case| {
        try begin(.{ .stage = .beginning, .nonce = 9, .begun_ns = 3, .used_ns = 3 });
        var buffer: [64]u8 = undefined;
        const call: calls.Call =
            .{ .peer = 1, .op = .txn_begin, .txn = case.nonce, .is_late = case.is_late };
        const tail = if (case.status == .ok) five else "";
        const reply = if (case.status) |status|
            try replyOf(&buffer, .txn_begin, status, tail)
        else
            null;
        transactions.settle(&whole, &call, reply, case.status == .ok);
        try whole.expect(case.stage, case.aborts, 0);
        if (case.stage != .open) continue;
        try testing.expectEqual(5, whole.talks[1].txn.txn);
        try testing.expectEqual(50, whole.talks[1].txn.used_ns);
    }
}

fn stepOf(call: *calls.Call, op: state.Op, txn: u64) !void {
    const request: state.Request =
        .{ .op = op, .txn = txn, .key = if (op == .txn_put) "k" else "", .value = "" };
    const frame = try state.encodeRequest(&call.request, request);
    call.request_len = @intCast(frame.len);
    call.peer = 1;
    call.op = op;
}

test "a commit or an abort that was made ends it, a put does not, and what is gone is over" {
    const Case = struct {
        op: state.Op,
        txn: u64 = 5,
        status: ?state.Status,
        is_open: bool,
        told: usize = 0,
    };
    for ([_]Case{
        .{ .op = .txn_put, .status = .ok, .is_open = true },
        .{ .op = .txn_commit, .status = .ok, .is_open = false },
        .{ .op = .txn_abort, .status = .ok, .is_open = false },
        .{ .op = .txn_put, .status = .not_found, .is_open = false },
        .{ .op = .txn_commit, .status = .not_found, .is_open = false },
        .{ .op = .txn_commit, .status = .over_share, .is_open = true, .told = 1 },
        .{ .op = .txn_commit, .status = null, .is_open = true },
        .{ .op = .txn_commit, .txn = 6, .status = .ok, .is_open = true },
        .{ .op = .txn_abort, .txn = 4, .status = .not_found, .is_open = true },
    }) |case| for ([_]bool{ false, true }) |owes_abort| {
        try begin(.{ .stage = .open, .txn = 5 });
        var buffer: [64]u8 = undefined;
        var call: calls.Call = .{ .owes_abort = owes_abort };
        try stepOf(&call, case.op, case.txn);
        const reply = if (case.status) |status| try replyOf(&buffer, case.op, status, "") else null;
        transactions.settle(&whole, &call, reply, case.status == .ok);
        const is_put = case.op == .txn_put and case.status == .ok;
        const told = if (!owes_abort) 0 else if (is_put) 1 else case.told;
        try whole.expect(if (case.is_open) .open else .none, 0, told);
    };
}

test "at its last instant it is aborted and recorded; behind its commit only if that is refused" {
    for ([_]u64{ silence - 1, silence }) |at| {
        try begin(.{ .stage = .open, .txn = 5 });
        whole.now_ns = at;
        transactions.tick(&whole, 1);
        const is_over: usize = if (at == silence) 1 else 0;
        try whole.expect(if (is_over == 1) .none else .open, is_over, is_over);
    }
    for ([_]Stage{ .none, .beginning }) |stage| {
        try begin(.{ .stage = stage, .txn = 5 });
        transactions.abandon(&whole, 1);
        try whole.expect(.none, 0, 0);
    }
    const Near = enum { it, other_txn, other_peer, asked_no_more, a_put };
    for (std.enums.values(Near)) |near| {
        try begin(.{ .stage = .open, .txn = 5 });
        const call = whole.calls.take(1, 4).?;
        call.kind = .state;
        try stepOf(call, if (near == .a_put) .txn_put else .txn_commit, 5);
        if (near == .other_txn) try stepOf(call, .txn_commit, 6);
        if (near == .other_peer) call.peer = 0;
        call.ticket = if (near == .asked_no_more) 0 else 1;
        transactions.abandon(&whole, 1);
        try whole.expect(.none, 1, if (near == .it) 0 else 1);
        try testing.expectEqual(near == .it, call.owes_abort);
    }
}
