//! Records under way: what the log is sent byte for byte, how many may wait and for how long, and
//! what is counted while the count itself is under way.

const std = @import("std");
const testing = std.testing;
const wire = @import("wire");
const audit = @import("../audit.zig");
const edge_file = @import("edge.zig");
const journal_file = @import("journal.zig");
const Journal = journal_file.Journal;

const ms = std.time.ns_per_ms;

const Edge = struct {
    verdict: edge_file.Asked = .sent,
    asked: usize = 0,
    frame: [512]u8 = undefined,
    frame_len: usize = 0,
    text: [200]u8 = undefined,
    text_len: usize = 0,

    pub fn ask(self: *Edge, _: edge_file.Service, _: u16, frame: []const u8) edge_file.Asked {
        self.asked += 1;
        @memcpy(self.frame[0..frame.len], frame);
        self.frame_len = frame.len;
        return self.verdict;
    }

    pub fn print(self: *Edge, comptime fmt: []const u8, args: anytype) void {
        // No text of a test is longer than the buffer.
        self.text_len = (std.fmt.bufPrint(&self.text, fmt, args) catch unreachable).len;
    }

    fn note(self: *const Edge) !wire.log.Request {
        const decoded = wire.log.decodeRequest(self.frame[0..self.frame_len]);
        return if (decoded == .request) decoded.request else error.NotARequest;
    }
};

const Node = struct {
    edge: *Edge,
    now_ns: u64 = 0,
    last: u16 = 0,

    pub fn nextTicket(self: *Node) u16 {
        self.last += 1;
        return self.last;
    }
};

fn confirmed(ticket: u16) [29]u8 {
    var reply: [29]u8 = @splat(0);
    reply[0..5].* = "LO\x02\x90\x00".*;
    std.mem.writeInt(u64, reply[5..13], ticket, .little);
    return reply;
}

test "a record arrives with its room, its source, its level and every byte of its text" {
    var outside: Edge = .{};
    var node: Node = .{ .edge = &outside };
    const longest: [audit.bytes_max]u8 = @splat('m');
    for ([_]usize{ 1, 63, 64, 65, 100 }) |len| {
        var journal: Journal = .{};
        const source = ("s" ** 100)[0..len];
        const about: journal_file.About = .{ .room = .refusal, .source = source };
        journal.add(&node, about, .warn, &longest);
        const request = try outside.note();
        try testing.expectEqual(node.last, request.header.nonce.?);
        const note = request.body.note;
        try testing.expectEqual(.refusal, note.room);
        try testing.expectEqualStrings(source[0..@min(len, 64)], note.source);
        try testing.expectEqual(.warn, note.append.level);
        try testing.expectEqualStrings(audit.scope, note.append.scope);
        try testing.expectEqualStrings(&longest, note.append.message);
        journal.add(&node, .{}, .info, "x");
        const second = (try outside.note()).body.note;
        try testing.expectEqual(.plain, second.room);
        try testing.expectEqual(.info, second.append.level);
        try testing.expectEqualStrings("x", second.append.message);
    }
}

test "eight wait, each for a quarter of a second" {
    var outside: Edge = .{};
    var node: Node = .{ .edge = &outside, .now_ns = 7 };
    var journal: Journal = .{};
    try testing.expectEqual(edge_file.never, journal.deadline());
    for (0..8) |i| {
        try testing.expect(!journal.isFull());
        journal.add(&node, .{}, .info, "x");
        try testing.expectEqual(i + 1, outside.asked);
        node.now_ns += 1;
    }
    try testing.expect(journal.isFull());
    try testing.expectEqual(7 + 250 * ms, journal.deadline());
    try testing.expect(!journal.awaits(0) and journal.awaits(1) and journal.awaits(8));
    try testing.expect(!journal.awaits(9));
    try testing.expect(!journal.settle(&node, 0, &confirmed(0)));
    try testing.expect(!journal.settle(&node, 9, &confirmed(9)));
    // Two end together, and the others wait on.
    node.now_ns = 7 + 250 * ms;
    journal.tick(&node);
    try testing.expectEqual(1, journal.loss.count);
    try testing.expect(!journal.isFull() and !journal.awaits(1) and journal.awaits(2));
    node.now_ns += 2;
    journal.tick(&node);
    try testing.expectEqual(3, journal.loss.count);
    try testing.expect(!journal.awaits(3) and journal.awaits(4));
    try testing.expectEqual(7 + 250 * ms + 3, journal.deadline());
}

test "a loss during the report of a loss is reported next, with its own number" {
    var outside: Edge = .{ .verdict = .absent };
    var node: Node = .{ .edge = &outside };
    var journal: Journal = .{};
    journal.add(&node, .{}, .warn, "first");
    try testing.expectEqual(1, journal.loss.count);
    outside.verdict = .sent;
    node.now_ns = journal.deadline();
    journal.tick(&node);
    const telling = node.last;
    const told = (try outside.note()).body.note;
    try testing.expectEqualStrings("audit unlogged=1", told.append.message);
    try testing.expectEqual(.audit, told.room);
    try testing.expectEqual(.warn, told.append.level);
    // The number is under way: it is not reported twice, and does not count what is lost now.
    const asked = outside.asked;
    journal.tick(&node);
    try testing.expectEqual(asked, outside.asked);
    outside.verdict = .absent;
    for (0..2) |_| journal.add(&node, .{}, .warn, "more");
    try testing.expectEqual(3, journal.loss.count);
    const at_once = node.now_ns;
    outside.verdict = .sent;
    try testing.expect(journal.settle(&node, telling, &confirmed(telling)));
    try testing.expectEqualStrings(
        "dsoftbusd: audit unlogged=1",
        outside.text[0..outside.text_len],
    );
    try testing.expectEqual(2, journal.loss.count);
    try testing.expectEqual(at_once + 1000 * ms, journal.deadline());
    node.now_ns = journal.deadline();
    journal.tick(&node);
    const next = (try outside.note()).body.note;
    try testing.expectEqualStrings("audit unlogged=2", next.append.message);
    try testing.expect(journal.settle(&node, node.last, &confirmed(node.last)));
    try testing.expectEqual(0, journal.loss.count);
    try testing.expectEqual(edge_file.never, journal.deadline());
}

test "a log that confirms another record has not confirmed this one" {
    var outside: Edge = .{};
    var node: Node = .{ .edge = &outside };
    var journal: Journal = .{};
    journal.add(&node, .{}, .warn, "kept on the console");
    try testing.expect(journal.settle(&node, 1, &confirmed(2)));
    try testing.expectEqualStrings(
        "dsoftbusd: kept on the console",
        outside.text[0..outside.text_len],
    );
    try testing.expectEqual(1, journal.loss.count);
}

test "a ticket of 0 is that of no record, also where places are free" {
    var outside: Edge = .{};
    var node: Node = .{ .edge = &outside };
    var journal: Journal = .{};
    for (0..2) |_| {
        try testing.expect(!journal.awaits(0));
        try testing.expect(!journal.settle(&node, 0, &confirmed(0)));
        journal.add(&node, .{}, .warn, "one");
        try testing.expect(journal.settle(&node, node.last, &confirmed(node.last)));
    }
    try testing.expectEqual(0, journal.loss.count);
    try testing.expectEqual(0, outside.text_len);
}

test "a place that carried the number of lost records carries a record next" {
    var outside: Edge = .{ .verdict = .absent };
    var node: Node = .{ .edge = &outside };
    var journal: Journal = .{};
    journal.add(&node, .{}, .warn, "lost");
    outside.verdict = .sent;
    node.now_ns = journal.deadline();
    journal.tick(&node);
    try testing.expect(journal.settle(&node, node.last, &confirmed(node.last)));
    // The log does not confirm this one: it is on the console, and is counted.
    journal.add(&node, .{}, .warn, "next");
    try testing.expect(journal.settle(&node, node.last, "LO\x02\x90\x06"));
    try testing.expectEqualStrings("dsoftbusd: next", outside.text[0..outside.text_len]);
    try testing.expectEqual(1, journal.loss.count);
}

test "the log is tried again after one second, then after two and four, and from one again" {
    var outside: Edge = .{ .verdict = .absent };
    var node: Node = .{ .edge = &outside, .now_ns = 5 };
    var journal: Journal = .{};
    // It is told at once that it lost one, and is not there.
    journal.add(&node, .{}, .warn, "first");
    try testing.expectEqual(5 + 2000 * ms, journal.deadline());
    node.now_ns = journal.deadline();
    journal.tick(&node);
    try testing.expectEqual(5 + 6000 * ms, journal.deadline());
    outside.verdict = .sent;
    node.now_ns = journal.deadline();
    journal.tick(&node);
    // While the number is under way there is only its own time.
    try testing.expectEqual(node.now_ns + 250 * ms, journal.deadline());
    // It is refused once more, which counts as an attempt, and then confirmed.
    try testing.expect(journal.settle(&node, node.last, "LO\x02\x90\x06"));
    try testing.expectEqual(node.now_ns + 8000 * ms, journal.deadline());
    node.now_ns = journal.deadline();
    journal.tick(&node);
    try testing.expect(journal.settle(&node, node.last, &confirmed(node.last)));
    outside.verdict = .absent;
    journal.add(&node, .{}, .warn, "second");
    try testing.expectEqual(node.now_ns + 2000 * ms, journal.deadline());
}
