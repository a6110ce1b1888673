//! The newest records, in bounded memory: a ring of heads and a ring of their text.

const std = @import("std");
const log = @import("wire").log;

const scope_stored_max = 32;
const message_stored_max = 160;
const fields_stored_max = 128;

/// The text of one record, in one piece.
pub const Text = [scope_stored_max + message_stored_max + fields_stored_max]u8;

/// The head of a record: everything except its text.
pub const Stamp = struct { id: u64, time_ns: u64, service: u64 };

pub const Head = struct {
    id: u64,
    time_ns: u64,
    service: u64,
    level: log.Level,
    scope_len: u8,
    message_len: u8,
    fields_len: u8,

    /// The head of a record whose text is cut to what is stored.
    pub fn of(append: log.Append, stamp: Stamp) Head {
        return .{
            .id = stamp.id,
            .time_ns = stamp.time_ns,
            .service = stamp.service,
            .level = append.level,
            .scope_len = @min(append.scope.len, scope_stored_max),
            .message_len = @min(append.message.len, message_stored_max),
            .fields_len = @min(append.fields.len, fields_stored_max),
        };
    }

    pub fn textLen(self: Head) usize {
        return @as(usize, self.scope_len) + self.message_len + self.fields_len;
    }

    pub fn putTexts(self: Head, append: log.Append, text: *Text) void {
        var at: usize = 0;
        for (self.parts(append)) |part| {
            @memcpy(text[at..][0..part.len], part);
            at += part.len;
        }
    }

    fn parts(self: Head, append: log.Append) [3][]const u8 {
        return .{
            append.scope[0..self.scope_len],
            append.message[0..self.message_len],
            append.fields[0..self.fields_len],
        };
    }

    /// It borrows from `text`.
    pub fn record(self: Head, text: *const Text) log.Record {
        const fields_at = @as(usize, self.scope_len) + self.message_len;
        return .{
            .id = self.id,
            .time_ns = self.time_ns,
            .level = self.level,
            .service = self.service,
            .scope = text[0..self.scope_len],
            .message = text[self.scope_len..fields_at],
            .fields = text[fields_at..self.textLen()],
        };
    }
};

pub const Ring = struct {
    pub const records_max = 128;
    pub const bytes_max = 16 * 1024;

    heads: [records_max]Head = undefined,
    text: [bytes_max]u8 = undefined,
    /// Place of the oldest record and of the first byte of its text.
    oldest: usize = 0,
    text_start: usize = 0,
    count: usize = 0,
    bytes_used: usize = 0,
    /// The number of records that have made room for newer ones.
    dropped: u64 = 0,

    pub fn append(self: *Ring, record: log.Append, stamp: Stamp) void {
        const head: Head = .of(record, stamp);
        const needed = head.textLen();
        comptime std.debug.assert(@sizeOf(Text) <= bytes_max); // else the loop would not end
        while (self.count == records_max or bytes_max - self.bytes_used < needed) self.drop();
        self.heads[(self.oldest + self.count) % records_max] = head;
        self.count += 1;
        for (head.parts(record)) |part| self.putText(part);
        self.check();
    }

    /// The invariants that hold between any two calls.
    fn check(self: *const Ring) void {
        std.debug.assert(self.count <= records_max and self.bytes_used <= bytes_max);
        std.debug.assert(self.oldest < records_max and self.text_start < bytes_max);
        std.debug.assert(self.count != 0 or self.bytes_used == 0);
    }

    fn drop(self: *Ring) void {
        std.debug.assert(self.count != 0);
        const len = self.heads[self.oldest].textLen();
        self.text_start = (self.text_start + len) % bytes_max;
        self.bytes_used -= len;
        self.oldest = (self.oldest + 1) % records_max;
        self.count -= 1;
        self.dropped += 1;
    }

    fn putText(self: *Ring, part: []const u8) void {
        const at = (self.text_start + self.bytes_used) % bytes_max;
        const first = @min(part.len, bytes_max - at);
        @memcpy(self.text[at..][0..first], part[0..first]);
        @memcpy(self.text[0 .. part.len - first], part[first..]);
        self.bytes_used += part.len;
    }

    pub const Iterator = struct {
        ring: *const Ring,
        index: usize = 0,
        text_at: usize,

        /// Oldest first. The record borrows from `text`.
        pub fn next(self: *Iterator, text: *Text) ?log.Record {
            const ring = self.ring;
            if (self.index == ring.count) return null;
            const head = ring.heads[(ring.oldest + self.index) % records_max];
            const len = head.textLen();
            const first = @min(len, bytes_max - self.text_at);
            @memcpy(text[0..first], ring.text[self.text_at..][0..first]);
            @memcpy(text[first..len], ring.text[0 .. len - first]);
            self.index += 1;
            self.text_at = (self.text_at + len) % bytes_max;
            return head.record(text);
        }
    };

    pub fn iterate(self: *const Ring) Iterator {
        return .{ .ring = self, .text_at = self.text_start };
    }
};

const testing = std.testing;

fn expectNewest(ring: *const Ring, written: usize, messages: []const []const u8) !void {
    var text: Text = undefined;
    var each = ring.iterate();
    var id = written - ring.count;
    while (each.next(&text)) |record| {
        try testing.expectEqual(@as(u64, id + 1), record.id);
        try testing.expectEqualStrings(messages[id % messages.len], record.message);
        try testing.expectEqualStrings("sc", record.scope);
        try testing.expectEqualStrings("k=v", record.fields);
        id += 1;
    }
    try testing.expectEqual(written, id);
    try testing.expectEqual(@as(u64, written - ring.count), ring.dropped);
}

fn fill(ring: *Ring, from: usize, to: usize, messages: []const []const u8) void {
    for (from..to) |i| ring.append(.{
        .level = .debug,
        .scope = "sc",
        .message = messages[i % messages.len],
        .fields = "k=v",
    }, .{ .id = i + 1, .time_ns = i, .service = 1 });
}

test "short records: the number of records is the bound" {
    var ring: Ring = .{};
    const messages = [_][]const u8{ "a", "", "ccc" };
    fill(&ring, 0, 128, &messages);
    try expectNewest(&ring, 128, &messages);
    fill(&ring, 128, 1000, &messages);
    try testing.expectEqual(Ring.records_max, ring.count);
    try expectNewest(&ring, 1000, &messages);
}

test "long records: their text is the bound, and wraps anywhere" {
    var ring: Ring = .{};
    const messages = [_][]const u8{ "x" ** 160, "y" ** 159, "z" ** 151 };
    var written: usize = 0;
    for (0..200) |_| {
        fill(&ring, written, written + 7, &messages);
        written += 7;
        try expectNewest(&ring, written, &messages);
        try testing.expect(ring.bytes_used <= Ring.bytes_max);
    }
    try testing.expect(ring.count < Ring.records_max);
    // The ring is as full as it can be: another record of the longest would not have fitted.
    try testing.expect(ring.bytes_used > Ring.bytes_max - 2 * 165);
}

test "text that fills the ring exactly displaces nothing, and a byte more does" {
    const longest = scope_stored_max + message_stored_max + fields_stored_max;
    const whole = Ring.bytes_max / longest;
    const rest = Ring.bytes_max % longest;
    const letters = "x" ** (message_stored_max + 1);
    for ([_]usize{ rest - 1, rest, rest + 1 }) |len| {
        var ring: Ring = .{};
        const stamp: Stamp = .{ .id = 1, .time_ns = 0, .service = 1 };
        // Each text has a byte more than is stored.
        for (0..whole) |_| ring.append(.{
            .level = .info,
            .scope = letters[0 .. scope_stored_max + 1],
            .message = letters,
            .fields = letters[0 .. fields_stored_max + 1],
        }, stamp);
        try testing.expectEqual(whole * longest, ring.bytes_used);
        ring.append(.{ .level = .info, .scope = "", .message = letters[0..len] }, stamp);
        const dropped: usize = if (len > rest) 1 else 0;
        try testing.expectEqual(dropped, ring.dropped);
        try testing.expectEqual(whole + 1 - dropped, ring.count);
        // A record without text needs no room for any.
        ring.append(.{ .level = .info, .scope = "", .message = "" }, stamp);
        try testing.expectEqual(dropped, ring.dropped);
    }
}
