//! Audit records on their way to the log. The log confirms each. A record that it does not confirm
//! goes to the console, so that it is not lost, and is counted, so that the log itself shows the
//! gap.

const std = @import("std");
const marker = @import("contract").marker;
const wire = @import("wire");
const edge = @import("edge.zig");
const audit = @import("../audit.zig");
const Loss = @import("../loss.zig").Loss;

/// logd answers from memory, so after this time it counts as gone.
const timeout_ns: u64 = 250 * std.time.ns_per_ms;
const frame_bytes_max = 20 + wire.log.source_bytes_max + audit.scope.len + audit.bytes_max;
/// The number of records that may wait for their confirmation.
pub const pending_max = 8;

pub const Level = enum(u8) { warn = audit.warn, info = audit.info };
pub const Room = wire.log.Room;

/// The room in which the log keeps a record, and its subject: records that one source causes
/// displace none of another (docs/spec/local-services.md, *Rooms*).
pub const About = struct { room: Room = .plain, source: []const u8 = "" };

const Pending = struct {
    /// 0: this place is free.
    ticket: u16 = 0,
    until_ns: u64 = 0,
    /// The record counts `loss` lost records, and carries no decision of its own.
    loss: u64 = 0,
    len: u8 = 0,
    text: [audit.bytes_max]u8 = undefined,

    fn message(self: *const Pending) []const u8 {
        return self.text[0..self.len];
    }
};

pub const Journal = struct {
    pending: [pending_max]Pending = @splat(.{}),
    loss: Loss = .{},

    /// Report to the log. `node` has `edge`, `now_ns` and `nextTicket`.
    pub fn add(
        self: *Journal,
        node: anytype,
        about: About,
        level: Level,
        message: []const u8,
    ) void {
        if (!self.send(node, about, level, message, 0)) self.lose(node, message);
        const is_due = self.loss.count != 0 and !self.isTelling();
        if (is_due) self.tellLoss(node);
    }

    fn send(
        self: *Journal,
        node: anytype,
        about: About,
        level: Level,
        message: []const u8,
        loss: u64,
    ) bool {
        std.debug.assert(message.len != 0 and message.len <= audit.bytes_max);
        const place = for (&self.pending) |*place| {
            if (place.ticket == 0) break place;
        } else return false;
        const ticket = node.nextTicket();
        var buffer: [frame_bytes_max]u8 = undefined;
        const frame = wire.log.encodeRequest(&buffer, ticket, .{ .note = .{
            .room = about.room,
            .source = about.source[0..@min(about.source.len, wire.log.source_bytes_max)],
            .append = .{
                .level = @enumFromInt(@intFromEnum(level)),
                .scope = audit.scope,
                .message = message,
            },
        } }) catch unreachable; // it has room for the longest
        if (node.edge.ask(.logd, ticket, frame) != .sent) return false;
        place.ticket = ticket;
        place.until_ns = node.now_ns +| timeout_ns;
        place.loss = loss;
        place.len = @intCast(message.len);
        @memcpy(place.text[0..message.len], message);
        return true;
    }

    /// Take an answer of logd. False: it answers none of these records.
    pub fn settle(self: *Journal, node: anytype, ticket: u16, reply: []const u8) bool {
        const place = for (&self.pending) |*place| {
            if (ticket != 0 and place.ticket == ticket) break place;
        } else return false;
        self.end(node, place, wire.log.decodeNoteReply(reply, ticket) != null);
        return true;
    }

    pub fn awaits(self: *const Journal, ticket: u16) bool {
        for (&self.pending) |*place| if (ticket != 0 and place.ticket == ticket) return true;
        return false;
    }

    fn end(self: *Journal, node: anytype, place: *Pending, is_confirmed: bool) void {
        std.debug.assert(place.ticket != 0);
        // The reported losses are still in the count, which falls only here.
        std.debug.assert(place.loss <= self.loss.count);
        place.ticket = 0;
        if (place.loss == 0) {
            if (!is_confirmed) self.lose(node, place.message());
            return;
        }
        if (!is_confirmed) return self.loss.postpone(node.now_ns);
        // More may have been lost meanwhile.
        const more = self.loss.count - place.loss;
        self.loss.told();
        if (more != 0) self.loss.add(node.now_ns);
        self.loss.count = more;
        node.edge.print(marker.printed, .{place.message()});
    }

    fn lose(self: *Journal, node: anytype, message: []const u8) void {
        self.loss.add(node.now_ns);
        node.edge.print(marker.printed, .{message});
    }

    fn isTelling(self: *const Journal) bool {
        for (&self.pending) |*place| if (place.ticket != 0 and place.loss != 0) return true;
        return false;
    }

    /// Report the losses to the log, with the place where the records themselves are.
    fn tellLoss(self: *Journal, node: anytype) void {
        // One report at a time, or two would count the same losses.
        std.debug.assert(self.loss.count != 0 and !self.isTelling());
        var buffer: [audit.bytes_max]u8 = undefined;
        const message = audit.lossMessage(&buffer, self.loss.count);
        const about: About = .{ .room = .audit };
        if (!self.send(node, about, .warn, message, self.loss.count))
            self.loss.postpone(node.now_ns);
    }

    pub fn isFull(self: *const Journal) bool {
        for (&self.pending) |*place| if (place.ticket == 0) return false;
        return true;
    }

    pub fn deadline(self: *const Journal) u64 {
        var at = if (self.isTelling()) edge.never else self.loss.deadline();
        for (&self.pending) |*place| {
            if (place.ticket != 0) at = @min(at, place.until_ns);
        }
        return at;
    }

    pub fn tick(self: *Journal, node: anytype) void {
        for (&self.pending) |*place| {
            if (place.ticket != 0 and node.now_ns >= place.until_ns) self.end(node, place, false);
        }
        if (node.now_ns >= self.loss.deadline() and !self.isTelling()) self.tellLoss(node);
    }
};

const testing = std.testing;

const Fake = struct {
    edge: *FakeEdge,
    now_ns: u64 = 0,
    last: u16 = 0,

    fn nextTicket(self: *Fake) u16 {
        self.last += 1;
        return self.last;
    }
};

const FakeEdge = struct {
    verdict: edge.Asked = .sent,
    asked: usize = 0,
    printed: usize = 0,
    text: [200]u8 = undefined,
    len: usize = 0,

    fn ask(self: *FakeEdge, service: edge.Service, _: u16, _: []const u8) edge.Asked {
        std.debug.assert(service == .logd);
        self.asked += @intFromBool(self.verdict == .sent);
        return self.verdict;
    }

    fn print(self: *FakeEdge, comptime fmt: []const u8, args: anytype) void {
        self.len = (std.fmt.bufPrint(&self.text, fmt, args) catch unreachable).len;
        self.printed += 1;
    }

    fn expectLast(self: *const FakeEdge, text: []const u8) !void {
        try testing.expectEqualStrings(text, self.text[0..self.len]);
    }
};

fn confirmed(ticket: u16) [29]u8 {
    var reply: [29]u8 = @splat(0);
    reply[0..5].* = "LO\x02\x90\x00".*;
    std.mem.writeInt(u64, reply[5..13], ticket, .little);
    return reply;
}

test "what the log confirms is not printed; what it refuses or never answers is, and is counted" {
    var outside: FakeEdge = .{};
    var node: Fake = .{ .edge = &outside };
    var journal: Journal = .{};
    journal.add(&node, .{}, .info, "one");
    try testing.expect(journal.settle(&node, 1, &confirmed(1)));
    try testing.expect(!journal.settle(&node, 1, &confirmed(1)));
    try testing.expectEqual(0, outside.printed);
    journal.add(&node, .{}, .warn, "two");
    try testing.expect(journal.settle(&node, 2, "LO\x02\x90\x06"));
    try outside.expectLast("dsoftbusd: two");
    journal.tick(&node);
    try testing.expectEqual(2, outside.asked);
    node.now_ns = journal.deadline();
    journal.tick(&node);
    try testing.expectEqual(3, outside.asked);
    // The report of the loss was lost, too. It is not printed, and goes out again later.
    node.now_ns = journal.deadline();
    journal.tick(&node);
    try testing.expectEqual(1, outside.printed);
    node.now_ns = journal.deadline();
    journal.tick(&node);
    try testing.expect(journal.settle(&node, 4, &confirmed(4)));
    try outside.expectLast("dsoftbusd: audit unlogged=1");
    try testing.expectEqual(edge.never, journal.deadline());
}

test "more records than wait for a confirmation, and a log that is not there, are printed at once" {
    var outside: FakeEdge = .{};
    var node: Fake = .{ .edge = &outside };
    var journal: Journal = .{};
    for (0..pending_max + 3) |_| journal.add(&node, .{}, .info, "x");
    try testing.expectEqual(3, outside.printed);
    for (1..pending_max + 1) |ticket| {
        try testing.expect(journal.settle(&node, @intCast(ticket), &confirmed(@intCast(ticket))));
    }
    outside.verdict = .absent;
    journal.add(&node, .{}, .info, "y");
    try testing.expectEqual(4, outside.printed);
    try testing.expectEqual(4, journal.loss.count);
}
