//! The log's answers: which records are kept and where, which are refused, and that each loss is
//! reported.

const std = @import("std");
const log_frames = @import("wire").log;
const tally = @import("tally");
const core = @import("core.zig");

const testing = std.testing;
const second = std.time.ns_per_s;
const alice = 0xA;
const own = 0x10;

const Fixture = struct {
    log: core.Log = .{ .own_id = own },
    request: [log_frames.append_bytes_max]u8 = undefined,
    reply: [core.reply_bytes_max]u8 = undefined,

    fn ask(self: *Fixture, sender: u64, now_ns: u64, body: log_frames.Body) ![]const u8 {
        const frame = try log_frames.encodeRequest(&self.request, 7, body);
        return self.log.handle(frame, .{ .id = sender }, now_ns, &self.reply);
    }

    fn say(self: *Fixture, sender: u64, now_ns: u64, message: []const u8) !?u64 {
        const body: log_frames.Body = .{
            .append = .{ .level = .info, .scope = "s", .message = message },
        };
        return log_frames.decodeAppendReply(try self.ask(sender, now_ns, body), 7);
    }

    /// Without waiting for an answer.
    fn shout(self: *Fixture, sender: u64, now_ns: u64) !void {
        const body: log_frames.Body = .{
            .append = .{ .level = .info, .scope = "s", .message = "x" },
        };
        const frame = try log_frames.encodeRequest(&self.request, null, body);
        _ = self.log.handle(frame, .{ .id = sender, .is_waiting = false }, now_ns, &self.reply);
    }

    fn read(self: *Fixture, since_ns: u64, max: u16) !log_frames.RecordIterator {
        const body: log_frames.Body = .{ .query = .{ .since_ns = since_ns, .max = max } };
        return log_frames.decodeQueryReply(try self.ask(alice, 0, body), 7) orelse error.Refused;
    }
};

fn statusOf(reply: []const u8) log_frames.Status {
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
    try testing.expectEqual(@as(?log_frames.Record, null), try all.next());
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
    const spoof: log_frames.Append = .{
        .level = .info,
        .scope = "s",
        .message = "m",
        .fields = "f" ** 200 ++ "\nservice_id=0x1\n",
    };
    const refused = try it.ask(alice, 1, .{ .append = spoof });
    try testing.expectEqual(log_frames.Status.invalid, statusOf(refused));
    try testing.expectEqual(@as(u64, 1), it.log.rooms.total);
}

test "a sender over its rate is refused, others are not" {
    var it: Fixture = .{};
    for (0..24) |_| try testing.expect(try it.say(alice, second, "x") != null);
    const body: log_frames.Body = .{ .append = .{ .level = .info, .scope = "s", .message = "x" } };
    try testing.expectEqual(
        log_frames.Status.rate_limited,
        statusOf(try it.ask(alice, second, body)),
    );
    try testing.expect(try it.say(0xB, second, "x") != null);
    try testing.expect(try it.say(alice, 2 * second, "x") != null);
}

test "refusals that senders do not know are reported in the log, once a second, all of them" {
    var it: Fixture = .{};
    for (0..30) |_| try it.shout(alice, second);
    for (0..25) |_| try it.shout(0xB, second + 5);
    try testing.expectEqual(@as(u64, 7), it.log.untold);
    try testing.expectEqual(2 * @as(u64, second), it.log.deadline());
    it.log.tick(2 * second - 1);
    try testing.expectEqual(@as(u64, 48), it.log.rooms.total);
    it.log.tick(2 * second);
    try testing.expectEqual(@as(u64, 49), it.log.rooms.total);
    try testing.expectEqual(core.never, it.log.deadline());
    var last = try it.read(2 * second, 9);
    const record = (try last.next()).?;
    try testing.expectEqualStrings("audit limited=7", record.message);
    try testing.expectEqualStrings("logd", record.scope);
    try testing.expectEqual(@as(u64, own), record.service);
    try testing.expectEqual(log_frames.Level.warn, record.level);
    // Only a source that is refused again is reported again; a caller that waits has its answer.
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
    try testing.expectEqual(log_frames.Status.over_limit, statusOf(&it.reply));
}

test "a query reply stays within its bound and stops at a whole record" {
    var it: Fixture = .{};
    for (0..20) |i| _ = try it.say(alice, i, "m" ** 160);
    var part = try it.read(0, 100);
    const fitting = (core.reply_bytes_max - 31) / (log_frames.Record.fixed_bytes + 161);
    try testing.expectEqual(@as(u16, fitting), part.left);
    var last: u64 = 0;
    while (try part.next()) |record| last = record.id;
    try testing.expectEqual(@as(u64, fitting), last);
}

test "what is shorter than the record that did not fit does not come before it" {
    var it: Fixture = .{};
    const fitting = (core.reply_bytes_max - 31) / (log_frames.Record.fixed_bytes + 161);
    for (0..fitting + 1) |i| _ = try it.say(alice, i, "m" ** 160);
    _ = try it.say(alice, fitting + 1, "short");
    var part = try it.read(0, 100);
    var last: u64 = 0;
    while (try part.next()) |record| : (last = record.id) {
        try testing.expectEqual(last + 1, record.id);
    }
    try testing.expectEqual(@as(u64, fitting), last);
}

test "the bytes in use are those of all rooms" {
    var it: Fixture = .{};
    _ = try it.say(alice, 1, "abc");
    _ = try change(&it, "host-1", 1, "changed");
    _ = try refuse(&it, "host-2", 1);
    const stats = try it.ask(alice, 1, .stats);
    const use = stats[stats.len - 8 ..];
    try testing.expectEqual(3, std.mem.readInt(u32, use[0..4], .little));
    const texts = "sabc".len + "dsoftbusdchanged".len + "dsoftbusdaudit refused a frame".len;
    try testing.expectEqual(texts, std.mem.readInt(u32, use[4..8], .little));
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

fn refuse(it: *Fixture, source: []const u8, now_ns: u64) !u64 {
    const frame = try it.ask(alice, now_ns, .{ .note = .{
        .room = .refusal,
        .source = source,
        .append = .{ .level = .warn, .scope = "dsoftbusd", .message = "audit refused a frame" },
    } });
    return log_frames.decodeNoteReply(frame, 7) orelse error.Refused;
}

fn change(it: *Fixture, source: []const u8, now_ns: u64, message: []const u8) !u64 {
    const frame = try it.ask(alice, now_ns, .{ .note = .{
        .room = .audit,
        .source = source,
        .append = .{ .level = .info, .scope = "dsoftbusd", .message = message },
    } });
    return log_frames.decodeNoteReply(frame, 7) orelse error.Refused;
}

/// All records there are, asked for page by page as a reader does; counts those with this text.
fn countOf(it: *Fixture, text: []const u8) !usize {
    var since: u64 = 0;
    var last: u64 = 0;
    var found: usize = 0;
    while (true) {
        var each = try it.read(since, 100);
        const before = last;
        while (try each.next()) |record| {
            since = record.time_ns;
            if (record.id <= last) continue;
            last = record.id;
            found += @intFromBool(std.mem.indexOf(u8, record.message, text) != null);
        }
        if (last == before) return found;
    }
}

fn expectOne(it: *Fixture, text: []const u8) !void {
    try testing.expectEqual(@as(usize, 1), try countOf(it, text));
}

test "no number of strangers displaces the record of a peer's change" {
    var it: Fixture = .{};
    const made = try change(&it, "host-1", 1, "audit remote statefs put allow peer=host-1");
    try testing.expectEqual(@as(u64, 1), made);
    _ = try it.say(0xC, 1, "of a service");
    var name: [16]u8 = undefined;
    for (0..5000) |round| {
        // Fifty a second for long, of one address and of ever new ones.
        const now = 2 + round * (second / 50);
        const source = try std.fmt.bufPrint(&name, "10.0.0.{d}", .{round});
        _ = try refuse(&it, if (round % 2 == 0) "10.42.0.66" else source, now);
    }
    // Nor does it displace what services have said.
    try testing.expectEqual(@as(usize, 1), try countOf(&it, "of a service"));
    // The log's other writers may flood it too.
    for (0..300) |round| _ = try it.say(0xB, 101 * second + round * second / 24, "x");
    try testing.expectEqual(@as(usize, 1), try countOf(&it, "put allow peer=host-1"));
}

test "refusals of a source are one record, and then a count when their interval is over" {
    var it: Fixture = .{};
    try testing.expectEqual(@as(u64, 1), try refuse(&it, "10.42.0.66", 5));
    for (0..600) |_| try testing.expectEqual(@as(u64, 0), try refuse(&it, "10.42.0.66", 6));
    try testing.expectEqual(@as(u64, 2), try refuse(&it, "10.42.0.67", 7));
    try testing.expectEqual(@as(usize, 2), try countOf(&it, "audit refused"));
    try testing.expectEqual(5 + tally.interval_ns, it.log.deadline());
    it.log.tick(5 + tally.interval_ns);
    try testing.expectEqual(@as(usize, 1), try countOf(&it, "audit refused=600 source=10.42.0.66"));
    it.log.tick(9 + tally.interval_ns);
    // A source that came once has one record and no count.
    try testing.expectEqual(@as(usize, 0), try countOf(&it, "source=10.42.0.67"));
}

test "refusals of more sources than are told apart are counted together" {
    var it: Fixture = .{};
    var name: [16]u8 = undefined;
    for (0..core.sources_max + 9) |number| {
        _ = try refuse(&it, try std.fmt.bufPrint(&name, "10.42.0.{d}", .{number}), 5);
    }
    it.log.tick(5 + tally.interval_ns);
    try testing.expectEqual(@as(usize, 1), try countOf(&it, "audit refused=9 source=others"));
}

test "a peer that changes much displaces its own records, and their number is a record" {
    var it: Fixture = .{};
    _ = try change(&it, "host-1", 1, "of host-1");
    for (0..1000) |number| _ = try change(&it, "host-2", 2 + number, "of host-2");
    try testing.expectEqual(@as(usize, 1), try countOf(&it, "of host-1"));
    try testing.expectEqual(@as(usize, 127), try countOf(&it, "of host-2"));
    it.log.tick(200 + tally.interval_ns);
    try expectOne(&it, "audit dropped=873 room=audit total=873");
    for (0..2) |_| _ = try change(&it, "host-2", 300 + tally.interval_ns, "of host-2");
    it.log.tick(300 + 2 * tally.interval_ns);
    try expectOne(&it, "audit dropped=2 room=audit total=875");
}

test "what was appended is kept or dropped, in whichever room" {
    var it: Fixture = .{};
    for (0..200) |number| {
        _ = try change(&it, "host-1", number, "m" ** 160);
        _ = try it.say(number, number * second, "m" ** 160);
        var name: [16]u8 = undefined;
        _ = try refuse(&it, try std.fmt.bufPrint(&name, "{d}", .{number}), number * second);
        const reply = try it.ask(alice, number * second, .stats);
        var tail = log_frames.replyTail(reply, .{ .op = .stats, .nonce = 7 }).?;
        const total = try tail.int(u64);
        const dropped = try tail.int(u64);
        _ = try tail.int(u64);
        try testing.expectEqual(total, dropped + try tail.int(u32));
    }
}

test "a note in the plain room is an append, and none may claim an identity" {
    var it: Fixture = .{};
    const note: log_frames.Note = .{
        .room = .plain,
        .source = "",
        .append = .{ .level = .info, .scope = "s", .message = "x" },
    };
    for (0..24) |_| _ = try it.ask(alice, 5, .{ .note = note });
    const limited = try it.ask(alice, 5, .{ .note = note });
    try testing.expectEqual(log_frames.Status.rate_limited, statusOf(limited));
    for ([_]log_frames.Room{ .plain, .audit, .refusal }) |room| {
        var spoof = note;
        spoof.room = room;
        spoof.append.fields = "service_id=1";
        const refused = try it.ask(0xB, 5, .{ .note = spoof });
        try testing.expectEqual(log_frames.Status.invalid, statusOf(refused));
    }
}
