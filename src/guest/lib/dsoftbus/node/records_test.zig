//! Records of what was decided: in which room, under whose name, at which level, with which words;
//! and the lines that go with them.

const std = @import("std");
const testing = std.testing;
const audit = @import("../audit.zig");
const denials = @import("denials.zig");
const gateway = @import("../gateway.zig");
const journal = @import("journal.zig");
const records = @import("records.zig");
const refusals = @import("refusals.zig");
const remote_state = @import("../remote_state.zig");
const state_records = @import("state_records.zig");
const strangers = @import("strangers.zig");
const Id = @import("../id.zig").Id;
const state = @import("wire").state;

const Told = struct {
    count: usize = 0,
    room: journal.Room = .plain,
    level: journal.Level = .info,
    source: [96]u8 = undefined,
    source_len: usize = 0,
    text: [audit.bytes_max]u8 = undefined,
    text_len: usize = 0,

    /// As the journal's.
    pub fn add(
        self: *Told,
        _: anytype,
        about: journal.About,
        level: journal.Level,
        message: []const u8,
    ) void {
        self.count += 1;
        self.room = about.room;
        self.level = level;
        self.source_len = about.source.len;
        @memcpy(self.source[0..about.source.len], about.source);
        self.text_len = message.len;
        @memcpy(self.text[0..message.len], message);
    }

    fn expect(
        self: *const Told,
        room: journal.Room,
        level: journal.Level,
        source: []const u8,
        text: []const u8,
    ) !void {
        try testing.expectEqual(room, self.room);
        try testing.expectEqual(level, self.level);
        try testing.expectEqualStrings(source, self.source[0..self.source_len]);
        try testing.expectEqualStrings(text, self.text[0..self.text_len]);
    }
};

const Console = struct {
    count: usize = 0,
    text: [200]u8 = undefined,
    len: usize = 0,

    pub fn print(self: *Console, comptime fmt: []const u8, args: anytype) void {
        self.count += 1;
        // No line of a test is longer than the buffer.
        self.len = (std.fmt.bufPrint(&self.text, fmt, args) catch unreachable).len;
    }

    fn last(self: *const Console) []const u8 {
        return self.text[0..self.len];
    }
};

const Peer = struct { id: Id };
const Config = struct {
    all: [2]Peer,

    pub fn peers(self: *const Config) []const Peer {
        return &self.all;
    }
};

const Node = struct {
    config: Config,
    journal: Told = .{},
    edge: *Console,
    peers: [2]struct { denials: denials.Denials = .{} } = @splat(.{}),
    strangers: strangers.Strangers = .{},
    now_ns: u64 = 0,

    fn on(console: *Console) !Node {
        const a: Peer = .{ .id = try .from("node-a") };
        const b: Peer = .{ .id = try .from("node-b") };
        return .{ .config = .{ .all = .{ a, b } }, .edge = console };
    }
};

const subject: gateway.Subject = .{ .service = 4, .opcode = 1 };

test "a decision is the peer's own record: good news is information, all else a warning" {
    var console: Console = .{};
    var node: Node = try .on(&console);
    records.note(&node, 1, .ok, subject);
    const ok = "audit remote call outcome=ok peer=node-b service=statefsd op=1";
    try node.journal.expect(.plain, .info, "node-b", ok);
    records.note(&node, 0, .failed, subject);
    const failed = "audit remote call outcome=failed peer=node-a service=statefsd op=1";
    try node.journal.expect(.plain, .warn, "node-a", failed);
    try testing.expectEqual(0, console.count);
}

test "what is denied has a record and a line, until there is too much of it" {
    var console: Console = .{};
    var node: Node = try .on(&console);
    records.refuse(&node, 1, .rate, subject);
    const text = "audit remote call outcome=denied-rate peer=node-b service=statefsd op=1";
    try node.journal.expect(.plain, .warn, "node-b", text);
    try testing.expectEqualStrings("dsoftbusd: remote proxy denied (rate)", console.last());
    records.refuse(&node, 1, .service, subject);
    const named = "dsoftbusd: remote proxy denied (service=statefsd)";
    try testing.expectEqualStrings(named, console.last());
    for (2..denials.records_max + 5) |_| records.refuse(&node, 1, .rate, subject);
    try testing.expectEqual(denials.records_max, node.journal.count);
    try testing.expectEqual(denials.records_max, console.count);
    // The other peer's are its own.
    records.refuse(&node, 0, .rate, subject);
    try testing.expectEqual(denials.records_max + 1, node.journal.count);
}

test "a change of state is kept in the room of audits, what only reads is not" {
    var console: Console = .{};
    var node: Node = try .on(&console);
    const Case = struct { op: state.Op, outcome: remote_state.Outcome, text: ?[]const u8 };
    for ([_]Case{
        .{ .op = .put, .outcome = .allow, .text = "put allow" },
        .{ .op = .put, .outcome = .allow_late, .text = "put allow late" },
        .{ .op = .put, .outcome = .status, .text = "put reject status" },
        .{ .op = .delete, .outcome = .unknown, .text = "delete unknown" },
        .{ .op = .txn_commit, .outcome = .{ .reject = .busy }, .text = "txn-commit reject busy" },
        .{ .op = .get, .outcome = .allow, .text = null },
        .{ .op = .list, .outcome = .status, .text = null },
    }) |case| {
        const is_good = case.outcome == .allow or case.outcome == .allow_late;
        state_records.record(&node, 0, subject, case.op, case.outcome, "test");
        var buffer: [audit.bytes_max]u8 = undefined;
        const room: journal.Room = if (case.text == null) .plain else .audit;
        const word = if (is_good) "ok" else "failed";
        const text = if (case.text) |words| try std.fmt.bufPrint(
            &buffer,
            "audit remote statefs {s} peer=node-a key=9f86d081884c7d65",
            .{words},
        ) else try std.fmt.bufPrint(
            &buffer,
            "audit remote call outcome={s} peer=node-a service=statefsd op=1",
            .{word},
        );
        try node.journal.expect(room, if (is_good) .info else .warn, "node-a", text);
    }
    try testing.expectEqual(0, console.count);
}

test "a stranger's refusal has the room of refusals, and names where it came from" {
    var console: Console = .{};
    var node: Node = try .on(&console);
    const ip: [4]u8 = .{ 10, 42, 0, 66 };
    const claimed = try Id.from("node-a");
    refusals.identity(&node, ip, claimed);
    const text = "audit remote call outcome=denied-unauthenticated peer=node-a service=- op=-";
    try node.journal.expect(.refusal, .warn, "10.42.0.66 node-a", text);
    try testing.expectEqual(1, console.count);
    // What is only counted has neither.
    refusals.count(&node, ip, .timeout);
    try testing.expectEqual(1, node.journal.count);
    try testing.expectEqual(1, node.strangers.sources[0].count(.timeout));
    // Beyond a few they are counted, too.
    for (0..2 * strangers.own_records_max) |_| refusals.identity(&node, ip, claimed);
    try testing.expectEqual(strangers.own_records_max, node.journal.count);
    try testing.expectEqual(strangers.own_records_max, console.count);
}
