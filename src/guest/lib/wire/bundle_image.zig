//! `NXBI` v1: the image of installed bundles that bundlemgrd hands out.

const std = @import("std");
const contract = @import("contract");
const cursor = @import("cursor.zig");
const Reader = cursor.Reader;
const Writer = cursor.Writer;

const magic = contract.bundle.image_magic;
const version: u8 = contract.bundle.image_version;
const kind_file: u16 = contract.bundle.image_kind_file;

pub const Entry = struct {
    bundle: []const u8,
    version: []const u8,
    path: []const u8,
    data: []const u8,
};

pub fn encode(buffer: []u8, entries: []const Entry) cursor.Error![]u8 {
    var builder: Builder = try .begin(buffer);
    for (entries) |entry| try builder.add(entry);
    return builder.done();
}

/// An image, file by file.
pub const Builder = struct {
    writer: Writer,
    count: u16 = 0,

    const count_at = magic.len + 1;

    pub fn begin(buffer: []u8) cursor.Error!Builder {
        var writer: Writer = .{ .buffer = buffer };
        try writer.put(magic);
        try writer.int(u8, version);
        try writer.int(u16, 0);
        return .{ .writer = writer };
    }

    /// `error.NoRoom` leaves the image as it was.
    pub fn add(self: *Builder, entry: Entry) cursor.Error!void {
        std.debug.assert(self.writer.len >= count_at + 2); // `begin` has made the head
        if (self.count == std.math.maxInt(u16)) return error.NoRoom;
        var writer = self.writer;
        try writer.int(u8, std.math.cast(u8, entry.bundle.len) orelse return error.NoRoom);
        try writer.put(entry.bundle);
        try writer.int(u8, std.math.cast(u8, entry.version.len) orelse return error.NoRoom);
        try writer.put(entry.version);
        try writer.int(u16, std.math.cast(u16, entry.path.len) orelse return error.NoRoom);
        try writer.put(entry.path);
        try writer.int(u16, kind_file);
        try writer.int(u32, std.math.cast(u32, entry.data.len) orelse return error.NoRoom);
        try writer.put(entry.data);
        self.writer = writer;
        self.count += 1;
    }

    pub fn done(self: *Builder) []u8 {
        const image = self.writer.done();
        std.mem.writeInt(u16, image[count_at..][0..2], self.count, .little);
        return image;
    }
};

pub const Error = error{ Truncated, BadImage };

pub const Iterator = struct {
    reader: Reader,
    left: u16,

    /// Files in order. Null at the end, which must be the end of the bytes as well.
    pub fn next(self: *Iterator) Error!?Entry {
        // No assert: an image comes from outside, and is judged.
        if (self.left == 0) return if (self.reader.atEnd()) null else error.BadImage;
        self.left -= 1;
        return self.entry() catch |err| switch (err) {
            error.BadImage => error.BadImage,
            else => error.Truncated,
        };
    }

    fn entry(self: *Iterator) !Entry {
        const reader = &self.reader;
        const bundle = try reader.take(try reader.int(u8));
        const bundle_version = try reader.take(try reader.int(u8));
        const path = try reader.take(try reader.int(u16));
        if (try reader.int(u16) != kind_file) return error.BadImage;
        const data = try reader.take(try reader.int(u32));
        return .{ .bundle = bundle, .version = bundle_version, .path = path, .data = data };
    }
};

pub fn iterate(image: []const u8) Error!Iterator {
    var reader: Reader = .init(image);
    const head = reader.take(magic.len) catch return error.Truncated;
    if (!std.mem.eql(u8, head, magic)) return error.BadImage;
    const found = reader.int(u8) catch return error.Truncated;
    if (found != version) return error.BadImage;
    const count = reader.int(u16) catch return error.Truncated;
    return .{ .reader = reader, .left = count };
}

test "the layout, byte by byte, and back" {
    const testing = std.testing;
    var buffer: [128]u8 = undefined;
    const entry: Entry = .{
        .bundle = "system",
        .version = "1.0.0-a",
        .path = "build.prop",
        .data = "ro.x=1\n",
    };
    const image = try encode(&buffer, &.{entry});
    const expected = "NXBI\x01\x01\x00\x06system\x071.0.0-a\x0a\x00build.prop" ++
        "\x00\x00\x07\x00\x00\x00ro.x=1\n";
    try testing.expectEqualSlices(u8, expected, image);
    var files = try iterate(image);
    try testing.expectEqualDeep(@as(?Entry, entry), try files.next());
    try testing.expectEqual(@as(?Entry, null), try files.next());
    // Every shorter image is refused, and so is a longer one.
    for (0..image.len) |len| {
        var cut = iterate(image[0..len]) catch continue;
        try testing.expectError(error.Truncated, cut.next());
    }
    buffer[image.len] = 0;
    var longer = try iterate(buffer[0 .. image.len + 1]);
    _ = try longer.next();
    try testing.expectError(error.BadImage, longer.next());
}

test "a file that does not fit leaves the image as it was" {
    const testing = std.testing;
    var buffer: [40]u8 = undefined;
    var builder: Builder = try .begin(&buffer);
    try builder.add(.{ .bundle = "a", .version = "1", .path = "b", .data = "c" });
    const large: Entry = .{ .bundle = "a", .version = "1", .path = "d", .data = "e" ** 30 };
    try testing.expectError(error.NoRoom, builder.add(large));
    var files = try iterate(builder.done());
    try testing.expectEqualStrings("c", (try files.next()).?.data);
    try testing.expectEqual(@as(?Entry, null), try files.next());
}
