//! The newest records, in bounded memory: a ring of heads and a ring of their text.

const std = @import("std");
const lo = @import("wire").lo;

const scope_stored_max = 32;
const message_stored_max = 160;
const fields_stored_max = 128;

const Head = struct {
    id: u64,
    time_ns: u64,
    service: u64,
    level: lo.Level,
    scope_len: u8,
    message_len: u8,
    fields_len: u8,

    fn textLen(self: Head) usize {
        return @as(usize, self.scope_len) + self.message_len + self.fields_len;
    }
};

pub const Ring = struct {
    pub const records_max = 128;
    pub const bytes_max = 16 * 1024;
    /// Text of one record, out of the ring and in one piece.
    pub const Text = [scope_stored_max + message_stored_max + fields_stored_max]u8;

    heads: [records_max]Head = undefined,
    text: [bytes_max]u8 = undefined,
    /// Place of the oldest record and of the first byte of its text.
    oldest: usize = 0,
    text_start: usize = 0,
    count: usize = 0,
    bytes_used: usize = 0,
    /// Records ever appended, and how many of them have made room for newer ones.
    total: u64 = 0,
    dropped: u64 = 0,

    /// Id of the new record; ids count from 1.
    pub fn append(self: *Ring, record: lo.Append, service: u64, now_ns: u64) u64 {
        const scope = cut(record.scope, scope_stored_max);
        const message = cut(record.message, message_stored_max);
        const fields = cut(record.fields, fields_stored_max);
        const needed = scope.len + message.len + fields.len;
        while (self.count == records_max or bytes_max - self.bytes_used < needed) self.drop();
        self.total += 1;
        self.heads[(self.oldest + self.count) % records_max] = .{
            .id = self.total,
            .time_ns = now_ns,
            .service = service,
            .level = record.level,
            .scope_len = @intCast(scope.len),
            .message_len = @intCast(message.len),
            .fields_len = @intCast(fields.len),
        };
        self.count += 1;
        for ([_][]const u8{ scope, message, fields }) |part| self.putText(part);
        return self.total;
    }

    fn drop(self: *Ring) void {
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
        pub fn next(self: *Iterator, text: *Text) ?lo.Record {
            const ring = self.ring;
            if (self.index == ring.count) return null;
            const head = ring.heads[(ring.oldest + self.index) % records_max];
            const len = head.textLen();
            const first = @min(len, bytes_max - self.text_at);
            @memcpy(text[0..first], ring.text[self.text_at..][0..first]);
            @memcpy(text[first..len], ring.text[0 .. len - first]);
            self.index += 1;
            self.text_at = (self.text_at + len) % bytes_max;
            const fields_at = @as(usize, head.scope_len) + head.message_len;
            return .{
                .id = head.id,
                .time_ns = head.time_ns,
                .level = head.level,
                .service = head.service,
                .scope = text[0..head.scope_len],
                .message = text[head.scope_len..fields_at],
                .fields = text[fields_at..len],
            };
        }
    };

    pub fn iterate(self: *const Ring) Iterator {
        return .{ .ring = self, .text_at = self.text_start };
    }
};

fn cut(bytes: []const u8, limit: usize) []const u8 {
    return bytes[0..@min(bytes.len, limit)];
}

const testing = std.testing;

fn expectNewest(ring: *const Ring, written: usize, messages: []const []const u8) !void {
    var text: Ring.Text = undefined;
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
    try testing.expectEqual(@as(u64, written), ring.total);
    try testing.expectEqual(@as(u64, written - ring.count), ring.dropped);
}

fn fill(ring: *Ring, from: usize, to: usize, messages: []const []const u8) void {
    for (from..to) |i| _ = ring.append(.{
        .level = .debug,
        .scope = "sc",
        .message = messages[i % messages.len],
        .fields = "k=v",
    }, 1, i);
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
    // As full as it can be: one more of the longest would not have fitted.
    try testing.expect(ring.bytes_used > Ring.bytes_max - 2 * 165);
}
