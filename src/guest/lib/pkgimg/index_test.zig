//! Images built in memory: good ones answer, bent ones are refused by name, none does harm.

const std = @import("std");
const testing = std.testing;
const superblock = @import("superblock.zig");
const index = @import("index.zig");
const Superblock = superblock.Superblock;
const Index = index.Index;
const writeInt = std.mem.writeInt;

const File = struct { []const u8, []const u8, []const u8, u64, u64 };

fn at(bundle: []const u8, version: []const u8, path: []const u8, offset: u64, len: u64) File {
    return .{ bundle, version, path, offset, len };
}

fn empty(bundle: []const u8, version: []const u8, path: []const u8) File {
    return at(bundle, version, path, 0, 0);
}

const Image = struct {
    bytes: [8192]u8 = @splat(0),
    len: usize = 4,
    count: u32 = 0,

    fn of(files: []const File) Image {
        var self: Image = .{};
        for (files) |file| self.add(file);
        return self;
    }

    fn add(self: *Image, file: File) void {
        const head = self.bytes[self.len..][0..24];
        writeInt(u16, head[0..2], @intCast(file[0].len), .little);
        writeInt(u16, head[2..4], @intCast(file[1].len), .little);
        writeInt(u16, head[4..6], @intCast(file[2].len), .little);
        writeInt(u64, head[8..16], file[3], .little);
        writeInt(u64, head[16..24], file[4], .little);
        self.len += 24;
        for ([_][]const u8{ file[0], file[1], file[2] }) |text| {
            @memcpy(self.bytes[self.len..][0..text.len], text);
            self.len += text.len;
        }
        self.count += 1;
        writeInt(u32, self.bytes[0..4], self.count, .little);
    }

    fn parse(self: *const Image, starts: []u32) index.Error!Index {
        return parseBytes(self.bytes[0..self.len], starts);
    }
};

fn parseBytes(bytes: []const u8, starts: []u32) index.Error!Index {
    const head: Superblock =
        .{ .index_len = bytes.len, .data_off = 512, .data_len = 16384, .digest = undefined };
    const count = try index.countOf(bytes);
    if (count > starts.len) return error.TooMany;
    return Index.parse(bytes, starts[0..count], head);
}

// Bytes decide the order: '-' and '.' come before '/'.
const good = [_]File{
    empty("demo", "1", "bin-x"),
    empty("demo", "1", "bin.txt"),
    at("demo", "1", "bin/a", 0, 5),
    at("demo", "1", "bin/b", 4096, 4096),
    at("demo", "2", "bin/c", 8192, 8192),
    empty("demo", "2", "z"),
    at("system", "1.0.0", "build.prop", 0, 19),
};

test "a name leads to a file, a directory or nothing" {
    const image: Image = .of(&good);
    var starts: [16]u32 = undefined;
    const files = try image.parse(&starts);
    const Case = struct { []const u8, index.Found };
    for ([_]Case{
        .{ "demo@1/bin/a", .{ .file = 2 } },
        .{ "demo@1/bin-x", .{ .file = 0 } },
        .{ "demo@1/bin", .directory },
        .{ "demo@1/bi", .none },
        .{ "demo@1/bin/", .none },
        .{ "demo@1", .directory },
        .{ "demo@3", .none },
        .{ "demo@", .none },
        .{ "demo", .directory },
        .{ "demo/bin/a", .none },
        .{ "demo/bin/c", .{ .file = 4 } },
        .{ "demo/z", .{ .file = 5 } },
        .{ "demo/z/z", .none },
        .{ "dem", .none },
        .{ "demos", .none },
        .{ "system/build.prop", .{ .file = 6 } },
        .{ "system/build.pro", .none },
        .{ "system/build.propx", .none },
        .{ "SYSTEM/build.prop", .none },
        .{ "zz/a", .none },
        .{ "", .directory },
    }) |case| {
        testing.expectEqual(case[1], files.find(case[0])) catch |err| {
            std.debug.print("path {s}\n", .{case[0]});
            return err;
        };
    }
    try testing.expectEqual(@as(u64, 19), files.entry(6).len);
    try expectList(&files, "", "demo@1 demo@2 system@1.0.0 ");
    try expectList(&files, "demo@1", "bin-x bin.txt bin/ ");
    try expectList(&files, "demo@1/bin", "a b ");
    try expectList(&files, "demo", "bin/ z ");
    try expectList(&files, "demo@1/bin/a", "");
    try expectList(&files, "nothing", "");
}

fn expectList(files: *const Index, path: []const u8, expected: []const u8) !void {
    var text: [256]u8 = undefined;
    var out: std.Io.Writer = .fixed(&text);
    var cursor: u32 = 0;
    while (files.next(path, &cursor)) |child| {
        try out.writeAll(child.name);
        if (child.version) |version| try out.print("@{s}", .{version});
        try out.writeAll(if (child.file == null and child.version == null) "/ " else " ");
    }
    try testing.expectEqualStrings(expected, out.buffered());
}

test "an image without files is sound" {
    var starts: [1]u32 = undefined;
    const image: Image = .of(&.{});
    const files = try image.parse(&starts);
    try testing.expectEqual(index.Found.none, files.find("a/b"));
    var cursor: u32 = 0;
    try testing.expectEqual(@as(?index.Child, null), files.next("", &cursor));
}

test "entries that are refused, and why" {
    const Case = struct { File, index.Error };
    for ([_]Case{
        .{ empty("", "1", "a"), error.BadName },
        .{ empty("a", "", "a"), error.BadName },
        .{ empty("a", "1", ""), error.Traversal },
        .{ empty("a/b", "1", "a"), error.BadName },
        .{ empty("a@b", "1", "a"), error.BadName },
        .{ empty("..", "1", "a"), error.BadName },
        .{ empty("a", "..", "a"), error.BadName },
        .{ empty("n" ** 257, "1", "a"), error.BadName },
        .{ empty("a", "1", "../b"), error.Traversal },
        .{ empty("a", "1", "b/.."), error.Traversal },
        .{ empty("a", "1", "./b"), error.Traversal },
        .{ empty("a", "1", "/b"), error.Traversal },
        .{ empty("a", "1", "b//c"), error.Traversal },
        .{ empty("a", "1", "b/"), error.Traversal },
        .{ empty("a", "1", "b\\c"), error.Traversal },
        .{ empty("a", "1", "b\x00"), error.Traversal },
        .{ empty("a", "1", "\xff"), error.BadName },
        .{ empty("a", "1", "p" ** 1025), error.BadName },
        .{ at("a", "1", "b", 1, 0), error.BadBounds },
        .{ at("a", "1", "b", 20480, 0), error.BadBounds },
        .{ at("a", "1", "b", 12288, 4097), error.BadBounds },
        .{ at("a", "1", "b", 0, 16385), error.BadBounds },
        .{ at("a", "1", "b", 0, index.file_bytes_max + 1), error.FileTooLarge },
        .{ at("a", "1", "b", 0, std.math.maxInt(u64)), error.FileTooLarge },
        .{ at("a", "1", "b", std.math.maxInt(u64) - 4095, 4096), error.BadBounds },
    }) |case| {
        var starts: [1]u32 = undefined;
        const image: Image = .of(&.{case[0]});
        try testing.expectError(case[1], image.parse(&starts));
    }
}

test "entries out of order or twice are refused" {
    var starts: [2]u32 = undefined;
    const Case = struct { File, File, index.Error };
    for ([_]Case{
        .{ empty("b", "1", "a"), empty("a", "1", "a"), error.OutOfOrder },
        .{ empty("a", "2", "a"), empty("a", "1", "b"), error.OutOfOrder },
        .{ empty("a", "1", "b"), empty("a", "1", "a"), error.OutOfOrder },
        .{ empty("a", "1", "a/b"), empty("a", "1", "a"), error.OutOfOrder },
        .{ empty("a", "1", "a"), empty("a", "1", "a"), error.Duplicate },
    }) |case| {
        const image: Image = .of(&.{ case[0], case[1] });
        try testing.expectError(case[2], image.parse(&starts));
    }
}

test "counts, reserved fields and ends that do not fit" {
    var starts: [16]u32 = undefined;
    var image: Image = .of(good[6..]);
    for (0..image.len) |len| {
        try testing.expectError(error.Truncated, parseBytes(image.bytes[0..len], &starts));
    }
    const longer = image.bytes[0 .. image.len + 1];
    try testing.expectError(error.TrailingBytes, parseBytes(longer, &starts));
    image.bytes[0] = 0;
    try testing.expectError(error.TrailingBytes, image.parse(&starts));
    image.bytes[0] = 2;
    try testing.expectError(error.Truncated, image.parse(&starts));
    writeInt(u32, image.bytes[0..4], index.entries_max + 1, .little);
    try testing.expectError(error.TooMany, image.parse(&starts));
    image.bytes[0..4].* = .{ 1, 0, 0, 0 };
    image.bytes[4 + 6] = 1;
    try testing.expectError(error.BadEntry, image.parse(&starts));
}

test "whatever the bytes: a refusal, or an index whose look-ups end" {
    var random: std.Random.DefaultPrng = .init(2);
    const rng = random.random();
    const original: Image = .of(&good);
    var accepted: u32 = 0;
    for (0..20_000) |_| {
        var image = original;
        for (0..1 + rng.uintLessThan(usize, 3)) |_| {
            image.bytes[rng.uintLessThan(usize, image.len)] = rng.int(u8);
        }
        var starts: [16]u32 = undefined;
        const files = image.parse(&starts) catch continue;
        accepted += 1;
        for (0..files.count()) |i| {
            const entry = files.entry(@intCast(i));
            try testing.expect(entry.offset + entry.len <= 16384);
        }
        var cursor: u32 = 0;
        while (files.next("", &cursor)) |_| {}
        _ = files.find("demo/bin/c");
    }
    try testing.expect(accepted > 0);
}

test "each version is listed once, with one file, two or three" {
    const files = [_]File{
        empty("a", "1", "x"), empty("a", "2", "x"), empty("b", "1", "x"), empty("b", "1", "y"),
        empty("c", "1", "x"), empty("d", "1", "x"), empty("d", "1", "y"), empty("d", "1", "z"),
        empty("e", "1", "x"),
    };
    var starts: [files.len]u32 = undefined;
    const image: Image = .of(&files);
    try expectList(&try image.parse(&starts), "", "a@1 a@2 b@1 c@1 d@1 e@1 ");
}
