//! The index of an image. `parse` checks all of it; after that, look-ups trust it.
//!
//! Entries are sorted by bundle, version and path as byte strings. So the files of a bundle, of a
//! version and of a directory lie together, and bisection finds them.

const std = @import("std");
const contract = @import("contract");
const name = @import("name.zig");
const Superblock = @import("superblock.zig").Superblock;
const readInt = std.mem.readInt;

pub const entries_max = contract.image.entries_max;
pub const file_bytes_max = contract.image.file_bytes_max;
const file_align = contract.image.file_align_bytes;
const head_bytes = 24;

pub const Error = error{
    Truncated,
    TooMany,
    BadEntry,
    BadName,
    Traversal,
    FileTooLarge,
    BadBounds,
    OutOfOrder,
    Duplicate,
    TrailingBytes,
};

pub const Entry = struct {
    bundle: []const u8,
    version: []const u8,
    path: []const u8,
    /// The offset within the data section.
    offset: u64,
    len: u64,
};

/// The target of a path.
pub const Found = union(enum) { none, directory, file: u32 };

/// An item of a directory.
pub const Child = struct { name: []const u8, version: ?[]const u8 = null, file: ?u32 };

/// The number of entries that the index states, so that the caller can make room.
pub fn countOf(bytes: []const u8) Error!u32 {
    if (bytes.len < 4) return error.Truncated;
    const count = readInt(u32, bytes[0..4], .little);
    return if (count > entries_max) error.TooMany else count;
}

pub const Index = struct {
    bytes: []const u8,
    /// The place at which each entry starts.
    starts: []const u32,

    /// Check everything. `starts` has room for `countOf(bytes)`; the index keeps it, as it does
    /// `bytes`.
    pub fn parse(bytes: []const u8, starts: []u32, superblock: Superblock) Error!Index {
        std.debug.assert(starts.len == try countOf(bytes));
        const self: Index = .{ .bytes = bytes, .starts = starts };
        var at: usize = 4;
        for (starts, 0..) |*start, i| {
            if (bytes.len - at < head_bytes) return error.Truncated;
            if (readInt(u16, bytes[at + 6 ..][0..2], .little) != 0) return error.BadEntry;
            start.* = @intCast(at);
            at += head_bytes + stringBytes(bytes[at..][0..head_bytes]);
            if (at > bytes.len) return error.Truncated;
            try check(self.entry(@intCast(i)), superblock);
            if (i > 0) try checkOrder(self.entry(@intCast(i - 1)), self.entry(@intCast(i)));
        }
        return if (at == bytes.len) self else error.TrailingBytes;
    }

    pub fn count(self: *const Index) u32 {
        return @intCast(self.starts.len);
    }

    pub fn entry(self: *const Index, i: u32) Entry {
        const bytes = self.bytes[self.starts[i]..];
        const bundle_len = readInt(u16, bytes[0..2], .little);
        const version_len = readInt(u16, bytes[2..4], .little);
        const path_len = readInt(u16, bytes[4..6], .little);
        const text = bytes[head_bytes..];
        return .{
            .bundle = text[0..bundle_len],
            .version = text[bundle_len..][0..version_len],
            .path = text[@as(usize, bundle_len) + version_len ..][0..path_len],
            .offset = readInt(u64, bytes[8..16], .little),
            .len = readInt(u64, bytes[16..24], .little),
        };
    }

    /// `bundle/path` or `bundle@version/path`; without a version the last one in the index. A
    /// bundle alone is a directory, and so is the empty path, in which the bundles are.
    pub fn find(self: *const Index, path: []const u8) Found {
        if (path.len == 0) return .directory;
        const place = self.placeOf(path) orelse return .none;
        if (place.rest.len == 0) return .directory;
        std.debug.assert(place.bundle.len != 0 and place.version.len != 0);
        const i = self.lowerBound(place.bundle, place.version, place.rest, "");
        if (i < self.count() and self.isAt(i, place) and
            std.mem.eql(u8, self.entry(i).path, place.rest)) return .{ .file = i };
        const inner = self.lowerBound(place.bundle, place.version, place.rest, "/");
        return if (inner < self.count() and self.isBelow(inner, place)) .directory else .none;
    }

    /// The items of a directory, one after the other. `cursor` is 0 at first, and then the place to
    /// go on. Null: the end, or the path is not a directory.
    pub fn next(self: *const Index, path: []const u8, cursor: *u32) ?Child {
        if (path.len == 0) return self.nextBundle(cursor);
        const place = self.placeOf(path) orelse return null;
        const slash = if (place.rest.len == 0) "" else "/";
        const first = self.lowerBound(place.bundle, place.version, place.rest, slash);
        const i = @max(first, cursor.*);
        if (i >= self.count() or !self.isBelow(i, place)) return null;
        const rest = self.entry(i).path[place.rest.len + slash.len ..];
        const cut = std.mem.indexOfScalar(u8, rest, '/') orelse {
            cursor.* = i + 1;
            return .{ .name = rest, .file = i };
        };
        const end = self.entry(i).path.len - rest.len + cut;
        std.debug.assert(cut != 0); // no segment of a path is empty
        cursor.* = i + 1;
        while (cursor.* < self.count() and self.shares(i, cursor.*, end + 1)) cursor.* += 1;
        return .{ .name = rest[0..cut], .file = null };
    }

    /// The number of versions of all bundles.
    fn nextBundle(self: *const Index, cursor: *u32) ?Child {
        const i = cursor.*;
        if (i >= self.count()) return null;
        const first = self.entry(i);
        cursor.* = i + 1;
        while (cursor.* < self.count() and self.shares(i, cursor.*, 0)) cursor.* += 1;
        return .{ .name = first.bundle, .version = first.version, .file = null };
    }

    const Place = struct { bundle: []const u8, version: []const u8, rest: []const u8 };

    /// The version that a path means, and the rest of the path. Null: there is no such bundle.
    fn placeOf(self: *const Index, path: []const u8) ?Place {
        const cut = std.mem.indexOfScalar(u8, path, '/') orelse path.len;
        const rest = path[@min(cut + 1, path.len)..];
        const first = path[0..cut];
        if (std.mem.indexOfScalar(u8, first, '@')) |at| {
            const place: Place =
                .{ .bundle = first[0..at], .version = first[at + 1 ..], .rest = rest };
            const i = self.lowerBound(place.bundle, place.version, "", "");
            return if (i < self.count() and self.isAt(i, place)) place else null;
        }
        const last = self.lastOf(first) orelse return null;
        return .{ .bundle = first, .version = self.entry(last).version, .rest = rest };
    }

    fn lastOf(self: *const Index, bundle: []const u8) ?u32 {
        var low: u32 = 0;
        var high = self.count();
        while (low < high) {
            const middle = low + (high - low) / 2;
            const order = std.mem.order(u8, self.entry(middle).bundle, bundle);
            if (order == .gt) high = middle else low = middle + 1;
        }
        if (low == 0 or !std.mem.eql(u8, self.entry(low - 1).bundle, bundle)) return null;
        return low - 1;
    }

    /// The first entry that is not before (bundle, version, path ++ tail).
    fn lowerBound(
        self: *const Index,
        bundle: []const u8,
        version: []const u8,
        path: []const u8,
        tail: []const u8,
    ) u32 {
        var low: u32 = 0;
        var high = self.count();
        while (low < high) {
            const middle = low + (high - low) / 2;
            const found = self.entry(middle);
            const order = compare(found.bundle, bundle) orelse
                compare(found.version, version) orelse orderJoined(found.path, path, tail);
            if (order == .lt) low = middle + 1 else high = middle;
        }
        return low;
    }

    fn isAt(self: *const Index, i: u32, place: Place) bool {
        const found = self.entry(i);
        return std.mem.eql(u8, found.bundle, place.bundle) and
            std.mem.eql(u8, found.version, place.version);
    }

    fn isBelow(self: *const Index, i: u32, place: Place) bool {
        if (!self.isAt(i, place)) return false;
        if (place.rest.len == 0) return true;
        const path = self.entry(i).path;
        return path.len > place.rest.len and path[place.rest.len] == '/' and
            std.mem.startsWith(u8, path, place.rest);
    }

    /// True: both are in the same version, and the first `len` bytes of their paths are equal.
    fn shares(self: *const Index, i: u32, j: u32, len: usize) bool {
        const one = self.entry(i);
        const other = self.entry(j);
        return std.mem.eql(u8, one.bundle, other.bundle) and
            std.mem.eql(u8, one.version, other.version) and
            other.path.len >= len and std.mem.eql(u8, one.path[0..len], other.path[0..len]);
    }
};

fn stringBytes(head: *const [head_bytes]u8) usize {
    return @as(usize, readInt(u16, head[0..2], .little)) +
        readInt(u16, head[2..4], .little) + readInt(u16, head[4..6], .little);
}

fn check(entry: Entry, superblock: Superblock) Error!void {
    if (!name.isName(entry.bundle) or !name.isName(entry.version)) return error.BadName;
    if (!name.isPath(entry.path)) {
        return if (name.areSegments(entry.path)) error.BadName else error.Traversal;
    }
    if (entry.len > file_bytes_max) return error.FileTooLarge;
    if (entry.offset % file_align != 0 or entry.offset > superblock.data_len) {
        return error.BadBounds;
    }
    if (entry.len > superblock.data_len - entry.offset) return error.BadBounds;
}

fn checkOrder(before: Entry, after: Entry) Error!void {
    const order = compare(before.bundle, after.bundle) orelse
        compare(before.version, after.version) orelse
        std.mem.order(u8, before.path, after.path);
    return switch (order) {
        .lt => {},
        .eq => error.Duplicate,
        .gt => error.OutOfOrder,
    };
}

/// The order of two fields; null: they are equal, so the next field decides.
fn compare(one: []const u8, other: []const u8) ?std.math.Order {
    const order = std.mem.order(u8, one, other);
    return if (order == .eq) null else order;
}

/// The order of `text` relative to `path ++ tail`.
fn orderJoined(text: []const u8, path: []const u8, tail: []const u8) std.math.Order {
    const shared = @min(text.len, path.len);
    return compare(text[0..shared], path[0..shared]) orelse
        if (text.len < path.len) .lt else std.mem.order(u8, text[path.len..], tail);
}
