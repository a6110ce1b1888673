//! The log: what may be appended, where it is kept, and the answers to queries.
//!
//! Rules of this file
//! 1. Records of services, decisions about peers and services, and refusals of strangers have rooms
//!    of their own. No room displaces anything of another one.
//! 2. A record that is not kept is counted, and the count becomes a record. This holds for refused
//!    appends of senders that do not wait for the answer, for refusals beyond the first of a source
//!    and interval, and for displaced records.

const std = @import("std");
const audit = @import("contract").audit;
const log = @import("wire").log;
const tally = @import("tally");
const fields = @import("fields.zig");
const Limiter = @import("limiter.zig").Limiter;
const Ring = @import("ring.zig").Ring;
const rooms = @import("rooms.zig");
const Room = rooms.Room;

pub const reply_bytes_max = log.reply_bytes_max;
pub const never: u64 = tally.never;

/// Strangers that are told apart; the others of an interval are counted together.
pub const sources_max = 32;
const scope_bytes_max = 32;

/// The sender of a frame, as the kernel says, and whether it awaits the answer.
pub const Sender = struct { id: u64, is_waiting: bool = true };

/// A service, and the sender that it refused.
const Refused = struct {
    sender: u64,
    source: Padded(log.source_bytes_max),
    scope: Padded(scope_bytes_max),
};

pub const Log = struct {
    /// The writer of the log's own records.
    own_id: u64,
    rooms: rooms.Rooms = .{},
    limiter: Limiter = .{},
    refusals: tally.Tally(Refused, sources_max) = .{},
    /// Records that the limiter refused without their senders' knowledge, and the instant of the
    /// report.
    untold: u64 = 0,
    tell_ns: u64 = never,
    /// For each room: how many displaced records were reported, and when the rest will be.
    told_dropped: std.EnumArray(Room, u64) = .initFill(0),
    tell_dropped_ns: std.EnumArray(Room, u64) = .initFill(never),

    /// `now_ns` becomes a record's time.
    pub fn handle(
        self: *Log,
        frame: []const u8,
        sender: Sender,
        now_ns: u64,
        out: *[reply_bytes_max]u8,
    ) []const u8 {
        self.tick(now_ns);
        return switch (log.decodeRequest(frame)) {
            .refusal => |refusal| status(out, refusal.header, refusal.status),
            .request => |request| switch (request.body) {
                .append => |record| self.append(request.header, record, sender, now_ns, out),
                .note => |note| self.take(request.header, note, sender, now_ns, out),
                .query => |wanted| self.query(request.header, wanted, out),
                .stats => self.stats(request.header, out),
            } catch unreachable, // Only a query's records may fail to fit, and it stops there.
        };
    }

    fn append(
        self: *Log,
        header: log.Header,
        record: log.Append,
        sender: Sender,
        now_ns: u64,
        out: []u8,
    ) ![]const u8 {
        // The check for spoofed fields comes before anything is cut off the end.
        if (fields.claimIdentity(record.fields)) return status(out, header, .invalid);
        const verdict = self.limiter.admit(sender.id, now_ns);
        if (verdict != .admitted) {
            if (!sender.is_waiting) self.miss(now_ns);
            return status(out, header, if (verdict == .no_room) .over_limit else .rate_limited);
        }
        return self.keep(header, .plain, record, sender.id, "", now_ns, out);
    }

    /// Take a note. Notes have no limiter: a flood of decisions can only fill their room, and each
    /// peer its part of that room; refusals are counted instead.
    fn take(
        self: *Log,
        header: log.Header,
        wanted: log.Note,
        sender: Sender,
        now_ns: u64,
        out: []u8,
    ) ![]const u8 {
        const record = wanted.append;
        if (fields.claimIdentity(record.fields)) return status(out, header, .invalid);
        switch (wanted.room) {
            .plain => return self.append(header, record, sender, now_ns, out),
            .audit => return self.keep(
                header,
                .audit,
                record,
                sender.id,
                wanted.source,
                now_ns,
                out,
            ),
            .refusal => {},
        }
        const key: Refused = .{
            .sender = sender.id,
            .source = .of(wanted.source),
            .scope = .of(record.scope),
        };
        if (self.refusals.add(key, now_ns) == .counted) return self.acknowledge(header, 0, out);
        return self.keep(header, .refusal, record, sender.id, wanted.source, now_ns, out);
    }

    fn keep(
        self: *Log,
        header: log.Header,
        room: Room,
        record: log.Append,
        service: u64,
        source: []const u8,
        now_ns: u64,
        out: []u8,
    ) ![]const u8 {
        return self.acknowledge(header, self.put(room, record, service, source, now_ns), out);
    }

    fn acknowledge(self: *const Log, header: log.Header, id: u64, out: []u8) ![]const u8 {
        var writer = try log.startReply(out, header, .ok);
        try writer.int(u64, id);
        try writer.int(u64, self.rooms.dropped());
        return writer.done();
    }

    fn put(
        self: *Log,
        room: Room,
        record: log.Append,
        service: u64,
        source: []const u8,
        now_ns: u64,
    ) u64 {
        const id = self.rooms.append(room, record, service, source, now_ns);
        const is_untold = self.rooms.droppedOf(room) != self.told_dropped.get(room);
        // Records of losses say how many there were altogether: displaced ones need none.
        if (is_untold and room != .loss and self.tell_dropped_ns.get(room) == never)
            self.tell_dropped_ns.set(room, now_ns +| tally.interval_ns);
        return id;
    }

    /// The instant at which `tick` has something to report.
    pub fn deadline(self: *const Log) u64 {
        var at = @min(self.tell_ns, self.refusals.deadline());
        for (self.tell_dropped_ns.values) |each| at = @min(at, each);
        return at;
    }

    /// Make records of the counts whose time has come.
    pub fn tick(self: *Log, now_ns: u64) void {
        self.check();
        while (self.refusals.due(now_ns)) |sum| self.tellRefused(sum.key, sum.count, now_ns);
        if (now_ns >= self.tell_ns) {
            // Where the refused records would have been.
            self.tell(.plain, audit.log_limited, .{self.untold}, now_ns);
            self.untold = 0;
            self.tell_ns = never;
        }
        for (std.enums.values(Room)) |room| {
            if (now_ns < self.tell_dropped_ns.get(room)) continue;
            self.tell_dropped_ns.set(room, never);
            const dropped = self.rooms.droppedOf(room);
            const more = dropped - self.told_dropped.get(room);
            self.told_dropped.set(room, dropped);
            self.tell(.loss, audit.log_dropped, .{ more, room, dropped }, now_ns);
        }
    }

    /// The invariant between any two calls: what is counted has an instant at which it is reported.
    fn check(self: *const Log) void {
        std.debug.assert((self.untold == 0) == (self.tell_ns == never));
        for (std.enums.values(Room)) |room| {
            std.debug.assert(self.told_dropped.get(room) <= self.rooms.droppedOf(room));
        }
        std.debug.assert(self.tell_dropped_ns.get(.loss) == never);
    }

    fn tellRefused(self: *Log, key: ?Refused, count: u64, now_ns: u64) void {
        var text: [message_bytes_max]u8 = undefined;
        const source = if (key) |who| who.source.slice() else "others";
        const message = std.fmt.bufPrint(&text, audit.log_refused, .{ count, source }) catch
            unreachable; // 106 bytes at most
        _ = self.put(.refusal, .{
            .level = .warn,
            .scope = if (key) |who| who.scope.slice() else "logd",
            .message = message,
        }, if (key) |who| who.sender else self.own_id, source, now_ns);
    }

    fn tell(
        self: *Log,
        room: Room,
        comptime format: []const u8,
        values: anytype,
        now_ns: u64,
    ) void {
        var text: [message_bytes_max]u8 = undefined;
        const message = std.fmt.bufPrint(&text, format, values) catch unreachable;
        const record: log.Append = .{ .level = .warn, .scope = "logd", .message = message };
        _ = self.put(room, record, self.own_id, "", now_ns);
    }

    fn miss(self: *Log, now_ns: u64) void {
        if (self.untold == 0) self.tell_ns = now_ns +| std.time.ns_per_s;
        self.untold += 1;
    }

    /// The oldest records from `since_ns` on that fit whole; the caller asks on from the last.
    fn query(self: *const Log, header: log.Header, wanted: log.Query, out: []u8) ![]const u8 {
        var writer = try log.startReply(out, header, .ok);
        try writer.int(u64, self.rooms.total);
        try writer.int(u64, self.rooms.dropped());
        const count_at = writer.len;
        try writer.int(u16, 0);
        var count: u16 = 0;
        var each: rooms.Iterator = undefined;
        self.rooms.iterate(&each);
        while (count < wanted.max) {
            const record = each.next() orelse break;
            if (record.time_ns < wanted.since_ns) continue;
            log.putRecord(&writer, record) catch break;
            count += 1;
        }
        std.mem.writeInt(u16, out[count_at..][0..2], count, .little);
        return writer.done();
    }

    /// Counts and uses are sums over all rooms; the caps are those of the plain room.
    fn stats(self: *const Log, header: log.Header, out: []u8) ![]const u8 {
        const use = self.rooms.use();
        var writer = try log.startReply(out, header, .ok);
        try log.putStats(&writer, .{
            .total = self.rooms.total,
            .dropped = self.rooms.dropped(),
            .records_cap = Ring.records_max,
            .bytes_cap = Ring.bytes_max,
            .records_used = use.records,
            .bytes_used = use.bytes,
        });
        return writer.done();
    }
};

/// The longest is of a source of 64 bytes.
const message_bytes_max = 112;

fn status(out: []u8, header: log.Header, value: log.Status) []const u8 {
    const writer = log.startReply(out, header, value) catch unreachable; // 13 bytes at most.
    return writer.done();
}

/// Text of at most so many bytes, comparable as a value.
fn Padded(comptime most: usize) type {
    return struct {
        bytes: [most]u8 = @splat(0),
        len: u8,

        fn of(text: []const u8) @This() {
            var self: @This() = .{ .len = @intCast(@min(text.len, most)) };
            @memcpy(self.bytes[0..self.len], text[0..self.len]);
            return self;
        }

        fn slice(self: *const @This()) []const u8 {
            return self.bytes[0..self.len];
        }
    };
}

test {
    _ = fields;
    _ = @import("core_test.zig");
    _ = @import("limiter.zig");
    _ = @import("ring.zig");
    _ = @import("rooms.zig");
    _ = @import("shelf.zig");
}
