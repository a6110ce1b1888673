//! All records, in rooms that displace nothing of each other, with ids that count over all of them.

const std = @import("std");
const log = @import("wire").log;
const Ring = @import("ring.zig").Ring;
const Shelf = @import("shelf.zig").Shelf;
const ring = @import("ring.zig");

/// Room for the decisions of eight peers in a second at the default rate, or of one in eight
/// seconds.
const audits_max = 128;
/// Twice the firsts and sums of all sources that are told apart.
const refusals_max = 128;
/// The log's own records about its losses.
const losses_max = 32;

pub const Room = enum { plain, audit, refusal, loss };

pub const Rooms = struct {
    plain: Ring = .{},
    audit: Shelf(audits_max) = .{},
    refusal: Shelf(refusals_max) = .{},
    loss: Shelf(losses_max) = .{},
    /// Records ever appended.
    total: u64 = 0,

    /// Id of the new record; ids count from 1.
    pub fn append(
        self: *Rooms,
        room: Room,
        record: log.Append,
        service: u64,
        source: []const u8,
        now_ns: u64,
    ) u64 {
        self.total += 1;
        const stamp: ring.Stamp = .{ .id = self.total, .time_ns = now_ns, .service = service };
        const digest = std.hash.Fnv1a_64.hash(source);
        switch (room) {
            .plain => self.plain.append(record, stamp),
            inline else => |name| @field(self, @tagName(name)).append(record, stamp, digest),
        }
        // No record is lost in silence: each is here, or counted as dropped.
        std.debug.assert(self.total == self.records() + self.dropped());
        return self.total;
    }

    fn records(self: *const Rooms) usize {
        return self.plain.count + self.audit.count + self.refusal.count + self.loss.count;
    }

    pub fn droppedOf(self: *const Rooms, room: Room) u64 {
        return switch (room) {
            inline else => |name| @field(self, @tagName(name)).dropped,
        };
    }

    /// Records that have made room for newer ones.
    pub fn dropped(self: *const Rooms) u64 {
        var sum: u64 = 0;
        for (std.enums.values(Room)) |room| sum += self.droppedOf(room);
        return sum;
    }

    pub fn use(self: *const Rooms) struct { records: u32, bytes: u32 } {
        var bytes: usize = self.plain.bytes_used;
        inline for (.{ &self.audit, &self.refusal, &self.loss }) |shelf| bytes += shelf.bytesUsed();
        return .{ .records = @intCast(self.records()), .bytes = @intCast(bytes) };
    }

    pub fn iterate(self: *const Rooms, each: *Iterator) void {
        each.* = .{
            .plain = self.plain.iterate(),
            .audit = self.audit.iterate(),
            .refusal = self.refusal.iterate(),
            .loss = self.loss.iterate(),
        };
        inline for (std.enums.values(Room)) |room| each.advance(room);
    }
};

/// The records of all rooms, oldest first. The value stays in place, as its records borrow from it
/// and the rooms.
pub const Iterator = struct {
    plain: Ring.Iterator,
    audit: Shelf(audits_max).Iterator,
    refusal: Shelf(refusals_max).Iterator,
    loss: Shelf(losses_max).Iterator,
    /// The next of each room.
    heads: std.EnumArray(Room, ?log.Record) = .initFill(null),
    text: ring.Text = undefined,
    current: ring.Text = undefined,

    pub fn next(self: *Iterator) ?log.Record {
        var first: ?Room = null;
        for (std.enums.values(Room)) |room| {
            const head = self.heads.get(room) orelse continue;
            const best = if (first) |other| self.heads.get(other).?.id else head.id + 1;
            if (head.id < best) first = room;
        }
        const room = first orelse return null;
        var record = self.heads.get(room).?;
        if (room == .plain) {
            // The text of the next record will lie in the same place, so copy this one out of the
            // way.
            self.current = self.text;
            inline for (.{ "scope", "message", "fields" }) |name| {
                const at = @intFromPtr(@field(record, name).ptr) - @intFromPtr(&self.text);
                @field(record, name) = self.current[at..][0..@field(record, name).len];
            }
        }
        switch (room) {
            inline else => |name| self.advance(name),
        }
        return record;
    }

    fn advance(self: *Iterator, comptime room: Room) void {
        self.heads.set(room, @field(self, @tagName(room)).next(&self.text));
    }
};
