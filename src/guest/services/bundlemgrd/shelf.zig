//! The package image, as packagefsd describes it. `Files` asks packagefsd:
//!
//!     fn call(self: *Files, request: []const u8, reply: []u8) ?[]const u8
//!
//! The shelf remembers nothing: each request asks packagefsd anew.

const std = @import("std");
const wire = @import("wire");
const packages = wire.packages;

/// The longest file that is copied into the bundle image: one message of packagefsd.
const file_bytes_max = packages.read_bytes_max;
/// A page of the list goes on where the last one ended; more than an image has entries.
const pages_max = 65_536;

pub fn Shelf(comptime Files: type) type {
    return struct {
        const Self = @This();

        files: Files,
        bundle_page: [packages.reply_bytes_max]u8 = undefined,
        file_page: [packages.reply_bytes_max]u8 = undefined,
        file: [packages.reply_bytes_max]u8 = undefined,

        /// The number of bundles, each version counted; null without an image.
        pub fn count(self: *Self) ?u16 {
            var walk: Walk = .{ .path = "" };
            var found: u16 = 0;
            while (walk.next(&self.files, &self.bundle_page)) |_| found +|= 1;
            return if (walk.is_good) found else null;
        }

        /// The bundles' own files, without those in directories, and those that are too large for
        /// a message: they are read from packagefsd. Null without an image.
        pub fn image(self: *Self, room: []u8) ?[]u8 {
            var builder = wire.bundle_image.Builder.begin(room) catch return null;
            var bundles: Walk = .{ .path = "" };
            while (bundles.next(&self.files, &self.bundle_page)) |bundle| {
                self.addBundle(&builder, bundle.name);
            }
            return if (bundles.is_good) builder.done() else null;
        }

        fn addBundle(self: *Self, builder: *wire.bundle_image.Builder, name: []const u8) void {
            const at = std.mem.indexOfScalar(u8, name, '@') orelse return;
            var files: Walk = .{ .path = name };
            while (files.next(&self.files, &self.file_page)) |file| {
                if (file.kind != .file or file.size > file_bytes_max) continue;
                builder.add(.{
                    .bundle = name[0..at],
                    .version = name[at + 1 ..],
                    .path = file.name,
                    .data = self.read(name, file) orelse continue,
                }) catch continue; // a smaller one may still fit
            }
        }

        fn read(self: *Self, bundle: []const u8, file: packages.Listing.Entry) ?[]const u8 {
            if (file.size == 0) return "";
            var text: [packages.path_bytes_max]u8 = undefined;
            const path = std.fmt.bufPrint(&text, "{s}/{s}", .{ bundle, file.name }) catch
                return null;
            const found = self.ask(.{ .open = path }, .open) orelse return null;
            const opened = packages.decodeOpen(found) orelse return null;
            const what: packages.Read =
                .{ .file = opened.file, .offset = 0, .len = @intCast(file.size) };
            const bytes = packages.decodeRead(
                self.ask(.{ .read = what }, .read) orelse return null,
            );
            return if (bytes != null and bytes.?.len == file.size) bytes else null;
        }

        fn ask(self: *Self, request: packages.Request, op: packages.Op) ?wire.cursor.Reader {
            return askFor(&self.files, request, op, &self.file);
        }

        /// The entries of a directory, over all pages.
        const Walk = struct {
            path: []const u8,
            page: ?packages.Listing = null,
            pages: u32 = 0,
            /// packagefsd has answered every request so far.
            is_good: bool = false,

            fn next(self: *Walk, files: *Files, buffer: []u8) ?packages.Listing.Entry {
                while (true) {
                    const cursor = if (self.page) |*page| blk: {
                        if (page.next()) |entry| return entry;
                        if (page.is_last) return null;
                        break :blk page.next_cursor;
                    } else 0;
                    self.is_good = false;
                    self.pages += 1;
                    if (self.pages > pages_max) return null;
                    const request: packages.Request = .{ .list = .{
                        .cursor = cursor,
                        .limit = packages.list_entries_max,
                        .path = self.path,
                    } };
                    const tail = askFor(files, request, .list, buffer) orelse return null;
                    self.page = packages.decodeList(tail) orelse return null;
                    self.is_good = true;
                }
            }
        };

        fn askFor(
            files: *Files,
            request: packages.Request,
            op: packages.Op,
            buffer: []u8,
        ) ?wire.cursor.Reader {
            var frame: [packages.request_bytes_max]u8 = undefined;
            const bytes = packages.encodeRequest(&frame, request) catch return null;
            const answer = files.call(bytes, buffer) orelse return null;
            const reply = packages.decodeReply(answer, op) orelse return null;
            return if (reply.status == .ok) reply.tail else null;
        }
    };
}

const testing = std.testing;

/// Two versions of a bundle with three files, one a page, so that pages are turned.
const FakeFiles = struct {
    is_there: bool = true,

    pub fn call(self: *FakeFiles, request: []const u8, reply: []u8) ?[]const u8 {
        // Five bytes.
        if (!self.is_there) return packages.encodeRefusal(reply, .list, .io) catch unreachable;
        return answer(request, reply) catch unreachable;
    }

    fn answer(request: []const u8, reply: []u8) ![]const u8 {
        switch (packages.decodeRequest(request).request) {
            .list => |list| {
                const names: []const []const u8 =
                    if (list.path.len == 0) &.{ "a@1", "a@2" } else &.{ "big", "dir", "small" };
                const sizes = [_]u64{ 4097, 0, 3 };
                var page: packages.Page = try .begin(reply);
                const is_file = list.path.len != 0 and list.cursor != 1;
                const name = names[list.cursor];
                try page.add(if (is_file) .file else .directory, sizes[list.cursor], &.{name});
                return page.done(list.cursor + 1, list.cursor + 1 == names.len);
            },
            .open => |path| return if (std.mem.endsWith(u8, path, "/small"))
                packages.encodeOpenReply(reply, 7, 3)
            else
                packages.encodeRefusal(reply, .open, .not_found),
            .read => return packages.encodeReadReply(reply, "abc"),
            .stat => unreachable,
        }
    }
};

test "versions are counted, and their small files collected, over all pages" {
    var shelf: Shelf(FakeFiles) = .{ .files = .{} };
    try testing.expectEqual(@as(?u16, 2), shelf.count());
    var room: [128]u8 = undefined;
    var files = try wire.bundle_image.iterate(shelf.image(&room).?);
    for ([_][]const u8{ "1", "2" }) |version| {
        const file = (try files.next()).?;
        try testing.expectEqualStrings("a", file.bundle);
        try testing.expectEqualStrings(version, file.version);
        try testing.expectEqualStrings("small", file.path);
        try testing.expectEqualStrings("abc", file.data);
    }
    try testing.expectEqual(@as(?wire.bundle_image.Entry, null), try files.next());
    var little: [30]u8 = undefined;
    var fewer = try wire.bundle_image.iterate(shelf.image(&little).?);
    _ = (try fewer.next()).?;
    try testing.expectEqual(@as(?wire.bundle_image.Entry, null), try fewer.next());
}

test "no image, no bundles of one" {
    var shelf: Shelf(FakeFiles) = .{ .files = .{ .is_there = false } };
    try testing.expectEqual(@as(?u16, null), shelf.count());
    var room: [128]u8 = undefined;
    try testing.expectEqual(@as(?[]u8, null), shelf.image(&room));
}

/// One bundle with these files, and what goes wrong with it.
const OddFiles = struct {
    const File = struct { name: []const u8, size: u64, given: usize };

    files: []const File,
    /// Of a listing so many pages are answered.
    pages: u32 = 100,
    is_endless: bool = false,
    lists: u32 = 0,
    opens: u32 = 0,

    pub fn call(self: *OddFiles, request: []const u8, reply: []u8) ?[]const u8 {
        // Each answer of a test fits.
        return self.answer(request, reply) catch unreachable;
    }

    fn answer(self: *OddFiles, request: []const u8, reply: []u8) ![]const u8 {
        switch (packages.decodeRequest(request).request) {
            .list => |list| {
                self.lists += 1;
                if (self.lists > self.pages) return packages.encodeRefusal(reply, .list, .io);
                var page: packages.Page = try .begin(reply);
                if (list.path.len == 0) {
                    try page.add(.directory, 0, &.{"a@1"});
                    return page.done(1, true);
                }
                const file = self.files[list.cursor % self.files.len];
                try page.add(.file, file.size, &.{file.name});
                const next = list.cursor + 1;
                return page.done(next, next == self.files.len and !self.is_endless);
            },
            .open => |path| {
                self.opens += 1;
                for (self.files, 0..) |file, number| {
                    if (!std.mem.endsWith(u8, path, file.name)) continue;
                    return packages.encodeOpenReply(reply, @intCast(number), file.size);
                }
                unreachable;
            },
            .read => |what| {
                const file = self.files[what.file];
                try testing.expectEqual(0, what.offset);
                try testing.expectEqual(file.size, what.len);
                return packages.encodeReadReply(reply, letters[0..file.given]);
            },
            .stat => unreachable,
        }
    }
};

const letters: [file_bytes_max]u8 = @splat('x');

fn expectFiles(files: *OddFiles, wanted: []const []const u8) !void {
    var shelf: Shelf(OddFiles) = .{ .files = files.* };
    var room: [3 * file_bytes_max]u8 = undefined;
    var found = try wire.bundle_image.iterate(shelf.image(&room).?);
    for (wanted) |name| {
        const file = (try found.next()).?;
        try testing.expectEqualStrings(name, file.path);
        for (files.files) |each| {
            if (std.mem.eql(u8, each.name, name)) try testing.expectEqual(each.size, file.data.len);
        }
    }
    try testing.expectEqual(null, try found.next());
    files.* = shelf.files;
}

test "a file of the most bytes is taken, an empty one is not even opened, a cut one is left out" {
    const most = file_bytes_max;
    var files: OddFiles = .{ .files = &.{
        .{ .name = "longest", .size = most, .given = most },
        .{ .name = "longer", .size = most + 1, .given = 0 },
        .{ .name = "empty", .size = 0, .given = 0 },
        .{ .name = "cut", .size = 5, .given = 4 },
        .{ .name = "one", .size = 1, .given = 1 },
    } };
    try expectFiles(&files, &.{ "longest", "empty", "one" });
    try testing.expectEqual(3, files.opens);
}

test "a file that has no room leaves a smaller one behind it its own" {
    var files: OddFiles = .{ .files = &.{
        .{ .name = "1", .size = file_bytes_max, .given = file_bytes_max },
        .{ .name = "2", .size = file_bytes_max, .given = file_bytes_max },
        .{ .name = "3", .size = file_bytes_max, .given = file_bytes_max },
        .{ .name = "4", .size = 4, .given = 4 },
    } };
    try expectFiles(&files, &.{ "1", "2", "4" });
}

test "a listing that fails on its way is none, and one without an end is left" {
    // They are too long to be asked for.
    const long: []const OddFiles.File = &.{
        .{ .name = "1", .size = file_bytes_max + 1, .given = 0 },
        .{ .name = "2", .size = file_bytes_max + 1, .given = 0 },
    };
    var room: [256]u8 = undefined;
    var none: Shelf(OddFiles) = .{ .files = .{ .files = long, .pages = 0 } };
    try testing.expectEqual(null, none.count());
    try testing.expectEqual(1, none.files.lists);
    var endless: Shelf(OddFiles) = .{ .files = .{
        .files = long,
        .pages = std.math.maxInt(u32),
        .is_endless = true,
    } };
    _ = endless.image(&room);
    // The bundles' page, and as many of its files.
    try testing.expectEqual(1 + pages_max, endless.files.lists);
}
