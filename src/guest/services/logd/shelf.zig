//! A bounded number of records, shared fairly among services and sources.
//!
//! When there is no place, a record makes room as follows: of the service with the most records,
//! and of its source with the most, the oldest record goes. So a source that floods displaces its
//! own records, and others keep at least their part.

const std = @import("std");
const log = @import("wire").log;
const ring = @import("ring.zig");
const Head = ring.Head;

pub fn Shelf(comptime places: usize) type {
    return struct {
        const Self = @This();
        pub const records_max = places;
        const Place = struct { head: Head, source: u64, text: ring.Text };

        all: [places]Place = undefined,
        /// The places in the order of their records, the oldest first.
        order: [places]u8 = undefined,
        count: usize = 0,
        dropped: u64 = 0,

        comptime {
            // `order` holds a place in a byte.
            std.debug.assert(places <= 256);
        }

        /// `source`: a digest of the subject of the record.
        pub fn append(self: *Self, record: log.Append, head: ring.Stamp, source: u64) void {
            const place = if (self.count < places) self.count else self.drop();
            const kept = &self.all[place];
            kept.source = source;
            kept.head = .of(record, head);
            kept.head.putTexts(record, &kept.text);
            // A place that is in the order twice would be one record shown as two.
            std.debug.assert(std.mem.indexOfScalar(
                u8,
                self.order[0..self.count],
                @intCast(place),
            ) == null);
            self.order[self.count] = @intCast(place);
            self.count += 1;
        }

        pub fn bytesUsed(self: *const Self) usize {
            var sum: usize = 0;
            for (self.order[0..self.count]) |place| sum += self.all[place].head.textLen();
            return sum;
        }

        /// The place that has come free.
        fn drop(self: *Self) usize {
            std.debug.assert(self.count == places);
            const victim = self.fullest();
            const at = for (self.order[0..self.count], 0..) |place, index| {
                if (self.isOf(place, victim)) break index;
            } else unreachable; // it is the source of one of them
            const place = self.order[at];
            std.mem.copyForwards(u8, self.order[at..], self.order[at + 1 .. self.count]);
            self.count -= 1;
            self.dropped += 1;
            return place;
        }

        const Owner = struct { service: u64, source: u64 };

        fn isOf(self: *const Self, place: usize, owner: Owner) bool {
            const kept = &self.all[place];
            return kept.source == owner.source and kept.head.service == owner.service;
        }

        /// The owner with the most records; of equals, the one with the oldest record.
        fn fullest(self: *const Self) Owner {
            var services: Counts(u64, places) = .{};
            var owners: Counts(Owner, places) = .{};
            for (self.order[0..self.count]) |place| {
                const kept = &self.all[place];
                services.add(kept.head.service);
                owners.add(.{ .service = kept.head.service, .source = kept.source });
            }
            var best: usize = 0;
            for (owners.keys[0..owners.len], 0..) |owner, index| {
                const other = owners.keys[best];
                const service = services.of(owner.service);
                const than = services.of(other.service);
                if (service < than) continue;
                if (service > than or owners.counts[index] > owners.counts[best]) best = index;
            }
            return owners.keys[best];
        }

        pub const Iterator = struct {
            shelf: *const Self,
            index: usize = 0,

            /// Oldest first. The record borrows from the shelf.
            pub fn next(self: *Iterator, _: *ring.Text) ?log.Record {
                if (self.index == self.shelf.count) return null;
                const kept = &self.shelf.all[self.shelf.order[self.index]];
                self.index += 1;
                return kept.head.record(&kept.text);
            }
        };

        pub fn iterate(self: *const Self) Iterator {
            return .{ .shelf = self };
        }
    };
}

/// The number of records of each, in the order in which they came. There are few.
fn Counts(comptime Key: type, comptime most: usize) type {
    return struct {
        keys: [most]Key = undefined,
        counts: [most]usize = @splat(0),
        len: usize = 0,

        fn find(self: *const @This(), key: Key) ?usize {
            for (self.keys[0..self.len], 0..) |each, index| {
                if (std.meta.eql(each, key)) return index;
            }
            return null;
        }

        fn add(self: *@This(), key: Key) void {
            const index = self.find(key) orelse self.len;
            if (index == self.len) {
                self.keys[index] = key;
                self.len += 1;
            }
            self.counts[index] += 1;
        }

        fn of(self: *const @This(), key: Key) usize {
            return self.counts[self.find(key).?];
        }
    };
}

const testing = std.testing;

fn put(shelf: anytype, id: u64, service: u64, source: u64) void {
    const record: log.Append = .{ .level = .info, .scope = "s", .message = "m", .fields = "f" };
    shelf.append(record, .{ .id = id, .time_ns = id, .service = service }, source);
}

fn expectIds(shelf: anytype, expected: []const u64) !void {
    var text: ring.Text = undefined;
    var each = shelf.iterate();
    for (expected) |id| try testing.expectEqual(id, each.next(&text).?.id);
    try testing.expectEqual(@as(?log.Record, null), each.next(&text));
}

test "a source that floods displaces its own records" {
    var shelf: Shelf(6) = .{};
    put(&shelf, 1, 1, 7);
    put(&shelf, 2, 1, 8);
    put(&shelf, 3, 1, 8);
    for (4..100) |id| put(&shelf, id, 1, 9);
    try expectIds(&shelf, &.{ 1, 2, 3, 97, 98, 99 });
    try testing.expectEqual(@as(u64, 93), shelf.dropped);
    // If all have equal parts, the oldest goes.
    put(&shelf, 100, 1, 7);
    put(&shelf, 101, 1, 7);
    try expectIds(&shelf, &.{ 2, 3, 98, 99, 100, 101 });
}

test "a service that floods under many sources displaces its own records" {
    var shelf: Shelf(4) = .{};
    put(&shelf, 1, 5, 7);
    put(&shelf, 2, 5, 7);
    for (3..60) |id| put(&shelf, id, 6, id);
    try expectIds(&shelf, &.{ 2, 57, 58, 59 });
}

test "the service with the most is found behind one that has fewer than another" {
    var shelf: Shelf(6) = .{};
    for ([_]u64{ 1, 1, 2, 3, 3, 3 }, 1..) |service, id| put(&shelf, id, service, 7);
    put(&shelf, 7, 2, 7);
    try expectIds(&shelf, &.{ 1, 2, 3, 5, 6, 7 });
    // Of one source two services have rooms apart, and so have two sources of one service.
    var other: Shelf(4) = .{};
    put(&other, 1, 1, 7);
    put(&other, 2, 2, 7);
    put(&other, 3, 2, 8);
    put(&other, 4, 2, 8);
    put(&other, 5, 1, 7);
    try expectIds(&other, &.{ 1, 2, 4, 5 });
}
