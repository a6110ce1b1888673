//! The log: what may be appended, and the answers to queries.

const std = @import("std");
const lo = @import("wire").lo;
const fields = @import("fields.zig");
const Limiter = @import("limiter.zig").Limiter;
const Ring = @import("ring.zig").Ring;

pub const reply_bytes_max = lo.reply_bytes_max;
pub const never: u64 = std.math.maxInt(u64);

/// Who sent a frame, as the kernel says, and whether it awaits the answer.
pub const Sender = struct { id: u64, is_waiting: bool = true };

pub const Log = struct {
    /// Who writes the log's own records.
    own_id: u64,
    ring: Ring = .{},
    limiter: Limiter = .{},
    /// Records refused by the limiter whose senders do not know it, and when that is told.
    untold: u64 = 0,
    tell_ns: u64 = never,

    /// `now_ns` becomes a record's time.
    pub fn handle(
        self: *Log,
        frame: []const u8,
        sender: Sender,
        now_ns: u64,
        out: *[reply_bytes_max]u8,
    ) []const u8 {
        self.tick(now_ns);
        return switch (lo.decodeRequest(frame)) {
            .refusal => |refusal| status(out, refusal.header, refusal.status),
            .request => |request| switch (request.body) {
                .append => |record| self.append(request.header, record, sender, now_ns, out),
                .query => |wanted| self.query(request.header, wanted, out),
                .stats => self.stats(request.header, out),
            } catch unreachable, // Only a query's records may fail to fit, and it stops there.
        };
    }

    fn append(
        self: *Log,
        header: lo.Header,
        record: lo.Append,
        sender: Sender,
        now_ns: u64,
        out: []u8,
    ) ![]const u8 {
        // Spoofing is looked for before anything is cut off the end.
        if (fields.claimIdentity(record.fields)) return status(out, header, .invalid);
        const verdict = self.limiter.admit(sender.id, now_ns);
        if (verdict != .admitted) {
            if (!sender.is_waiting) self.miss(now_ns);
            return status(out, header, if (verdict == .no_room) .over_limit else .rate_limited);
        }
        const id = self.ring.append(record, sender.id, now_ns);
        var writer = try lo.startReply(out, header, .ok);
        try writer.int(u64, id);
        try writer.int(u64, self.ring.dropped);
        return writer.done();
    }

    /// When `tick` has something to tell.
    pub fn deadline(self: *const Log) u64 {
        return self.tell_ns;
    }

    /// The second in which records were refused is over: the log says how many are missing.
    pub fn tick(self: *Log, now_ns: u64) void {
        if (now_ns < self.tell_ns) return;
        var text: [40]u8 = undefined;
        const message = std.fmt.bufPrint(&text, "audit limited={d}", .{self.untold}) catch
            unreachable; // 34 bytes at most
        _ = self.ring.append(
            .{ .level = .warn, .scope = "logd", .message = message },
            self.own_id,
            now_ns,
        );
        self.untold = 0;
        self.tell_ns = never;
    }

    fn miss(self: *Log, now_ns: u64) void {
        if (self.untold == 0) self.tell_ns = now_ns +| std.time.ns_per_s;
        self.untold += 1;
    }

    /// The oldest records from `since_ns` on that fit whole; the caller asks on from the last.
    fn query(self: *const Log, header: lo.Header, wanted: lo.Query, out: []u8) ![]const u8 {
        var writer = try lo.startReply(out, header, .ok);
        try writer.int(u64, self.ring.total);
        try writer.int(u64, self.ring.dropped);
        const count_at = writer.len;
        try writer.int(u16, 0);
        var count: u16 = 0;
        var text: Ring.Text = undefined;
        var each = self.ring.iterate();
        while (count < wanted.max) {
            const record = each.next(&text) orelse break;
            if (record.time_ns < wanted.since_ns) continue;
            lo.putRecord(&writer, record) catch break;
            count += 1;
        }
        std.mem.writeInt(u16, out[count_at..][0..2], count, .little);
        return writer.done();
    }

    fn stats(self: *const Log, header: lo.Header, out: []u8) ![]const u8 {
        var writer = try lo.startReply(out, header, .ok);
        try lo.putStats(&writer, .{
            .total = self.ring.total,
            .dropped = self.ring.dropped,
            .records_cap = Ring.records_max,
            .bytes_cap = Ring.bytes_max,
            .records_used = @intCast(self.ring.count),
            .bytes_used = @intCast(self.ring.bytes_used),
        });
        return writer.done();
    }
};

fn status(out: []u8, header: lo.Header, value: lo.Status) []const u8 {
    const writer = lo.startReply(out, header, value) catch unreachable; // 13 bytes at most.
    return writer.done();
}

const testing = std.testing;
const second = std.time.ns_per_s;
const alice = 0xA;
const own = 0x10;

const Fixture = struct {
    log: Log = .{ .own_id = own },
    request: [lo.append_bytes_max]u8 = undefined,
    reply: [reply_bytes_max]u8 = undefined,

    fn ask(self: *Fixture, sender: u64, now_ns: u64, body: lo.Body) ![]const u8 {
        const frame = try lo.encodeRequest(&self.request, 7, body);
        return self.log.handle(frame, .{ .id = sender }, now_ns, &self.reply);
    }

    fn say(self: *Fixture, sender: u64, now_ns: u64, message: []const u8) !?u64 {
        const body: lo.Body = .{ .append = .{ .level = .info, .scope = "s", .message = message } };
        return lo.decodeAppendReply(try self.ask(sender, now_ns, body), 7);
    }

    /// Without waiting for an answer.
    fn shout(self: *Fixture, sender: u64, now_ns: u64) !void {
        const body: lo.Body = .{ .append = .{ .level = .info, .scope = "s", .message = "x" } };
        const frame = try lo.encodeRequest(&self.request, null, body);
        _ = self.log.handle(frame, .{ .id = sender, .is_waiting = false }, now_ns, &self.reply);
    }

    fn read(self: *Fixture, since_ns: u64, max: u16) !lo.RecordIterator {
        const body: lo.Body = .{ .query = .{ .since_ns = since_ns, .max = max } };
        return lo.decodeQueryReply(try self.ask(alice, 0, body), 7) orelse error.Refused;
    }
};

fn statusOf(reply: []const u8) lo.Status {
    return @enumFromInt(reply[4]);
}

test "what was appended comes back, with the sender the kernel named" {
    var it: Fixture = .{};
    try testing.expectEqual(@as(?u64, 1), try it.say(alice, 100, "one"));
    try testing.expectEqual(@as(?u64, 2), try it.say(0xB, 200, "two"));
    var all = try it.read(0, 10);
    const one = (try all.next()).?;
    try testing.expectEqualStrings("one", one.message);
    try testing.expectEqualStrings("s", one.scope);
    try testing.expectEqual(@as(u64, alice), one.service);
    try testing.expectEqual(@as(u64, 100), one.time_ns);
    try testing.expectEqual(@as(u64, 0xB), (try all.next()).?.service);
    try testing.expectEqual(@as(?lo.Record, null), try all.next());
    var later = try it.read(101, 10);
    try testing.expectEqualStrings("two", (try later.next()).?.message);
    const few = try it.read(0, 1);
    try testing.expectEqual(@as(u16, 1), few.left);
    try testing.expectEqual(@as(u64, 2), few.counters.total);
}

test "long text is stored cut, an identity claim is refused even where it would be cut" {
    var it: Fixture = .{};
    _ = try it.ask(alice, 1, .{ .append = .{
        .level = .warn,
        .scope = "s" ** 64,
        .message = "m" ** 256,
        .fields = "f" ** 512,
    } });
    var all = try it.read(0, 10);
    const record = (try all.next()).?;
    try testing.expectEqual(@as(usize, 32), record.scope.len);
    try testing.expectEqual(@as(usize, 160), record.message.len);
    try testing.expectEqual(@as(usize, 128), record.fields.len);
    const spoof: lo.Append = .{
        .level = .info,
        .scope = "s",
        .message = "m",
        .fields = "f" ** 200 ++ "\nservice_id=0x1\n",
    };
    const refused = try it.ask(alice, 1, .{ .append = spoof });
    try testing.expectEqual(lo.Status.invalid, statusOf(refused));
    try testing.expectEqual(@as(u64, 1), it.log.ring.total);
}

test "a sender over its rate is refused, others are not" {
    var it: Fixture = .{};
    for (0..24) |_| try testing.expect(try it.say(alice, second, "x") != null);
    const body: lo.Body = .{ .append = .{ .level = .info, .scope = "s", .message = "x" } };
    try testing.expectEqual(lo.Status.rate_limited, statusOf(try it.ask(alice, second, body)));
    try testing.expect(try it.say(0xB, second, "x") != null);
    try testing.expect(try it.say(alice, 2 * second, "x") != null);
}

test "what senders were not told is told in the log, once a second, with all of them" {
    var it: Fixture = .{};
    for (0..30) |_| try it.shout(alice, second);
    for (0..25) |_| try it.shout(0xB, second + 5);
    try testing.expectEqual(@as(u64, 7), it.log.untold);
    try testing.expectEqual(2 * @as(u64, second), it.log.deadline());
    it.log.tick(2 * second - 1);
    try testing.expectEqual(@as(u64, 48), it.log.ring.total);
    it.log.tick(2 * second);
    try testing.expectEqual(@as(u64, 49), it.log.ring.total);
    try testing.expectEqual(never, it.log.deadline());
    var last = try it.read(2 * second, 9);
    const record = (try last.next()).?;
    try testing.expectEqualStrings("audit limited=7", record.message);
    try testing.expectEqualStrings("logd", record.scope);
    try testing.expectEqual(@as(u64, own), record.service);
    try testing.expectEqual(lo.Level.warn, record.level);
    // Nobody but who is refused again is told of again, and who waits for the answer knows.
    for (0..25) |_| try it.shout(alice, 3 * second);
    for (0..30) |_| _ = try it.say(0xB, 3 * second, "x");
    _ = try it.say(0xC, 5 * second, "y");
    var later = try it.read(5 * second, 9);
    try testing.expectEqualStrings("audit limited=1", (try later.next()).?.message);
    try testing.expectEqualStrings("y", (try later.next()).?.message);
}

test "senders that find no place are counted like those that are too fast" {
    var it: Fixture = .{};
    for (0..64) |sender| try it.shout(sender, second);
    for (0..3) |_| try it.shout(99, second);
    try testing.expectEqual(@as(u64, 3), it.log.untold);
    try testing.expectEqual(lo.Status.over_limit, statusOf(&it.reply));
}

test "a query reply stays within its bound and stops at a whole record" {
    var it: Fixture = .{};
    for (0..20) |i| _ = try it.say(alice, i, "m" ** 160);
    var part = try it.read(0, 100);
    const fitting = (reply_bytes_max - 31) / (lo.Record.fixed_bytes + 161);
    try testing.expectEqual(@as(u16, fitting), part.left);
    var last: u64 = 0;
    while (try part.next()) |record| last = record.id;
    try testing.expectEqual(@as(u64, fitting), last);
}

test "stats and refusals echo version and nonce" {
    var it: Fixture = .{};
    _ = try it.say(alice, 1, "abc");
    const stats = try it.ask(alice, 1, .stats);
    const expected = "LO\x02\x83\x00\x07" ++ "\x00" ** 7 ++ "\x01" ++ "\x00" ** 15 ++
        "\x80\x00\x00\x00\x00\x40\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00";
    try testing.expectEqualSlices(u8, expected, stats);
    const bare = it.log.handle("LO\x01\x03\x00", .{ .id = alice }, 1, &it.reply);
    try testing.expectEqualSlices(u8, "LO\x01\x83\x01", bare);
    const garbage = it.log.handle("hello", .{ .id = alice }, 1, &it.reply);
    try testing.expectEqualSlices(u8, "LO\x01\x80\x01", garbage);
}

test {
    _ = fields;
    _ = @import("limiter.zig");
    _ = @import("ring.zig");
}
