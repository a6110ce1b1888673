//! Answers from an image in memory: every operation, block by block, and a disk that fails.

const std = @import("std");
const core = @import("core.zig");
const pkgimg = @import("pkgimg");
const packages = @import("wire").packages;
const block_bytes = core.block_bytes;
const Server = core.Server;

const testing = std.testing;

/// Block after block of letters; block 3 cannot be read.
const Letters = struct {
    reads: u32 = 0,

    pub fn readBlock(self: *Letters, at: u64, out: *[block_bytes]u8) error{Io}!void {
        self.reads += 1;
        // A disk that fails may have done a part of it.
        @memset(out, '!');
        if (at == 3 * block_bytes) return error.Io;
        @memset(out, 'a' + @as(u8, @intCast(at / block_bytes)));
    }
};

const Fixture = struct {
    bytes: [512]u8 = undefined,
    starts: [8]u32 = undefined,
    server: Server(Letters) = .{ .index = null, .medium = .{} },
    out: [packages.reply_bytes_max]u8 = undefined,

    fn setUp(self: *Fixture) !void {
        const files = [_]struct { []const u8, u64, u64 }{
            .{ "bin/a", 0, 5000 },
            .{ "bin/b", 8192, 6000 },
            .{ "build.prop", 4096, 3 },
        };
        var writer: std.Io.Writer = .fixed(&self.bytes);
        try writer.writeInt(u32, files.len, .little);
        for (files) |file| {
            const path: u16 = @intCast(file[0].len);
            for ([_]u16{ 6, 1, path, 0 }) |word| try writer.writeInt(u16, word, .little);
            try writer.writeInt(u64, file[1], .little);
            try writer.writeInt(u64, file[2], .little);
            try writer.print("system1{s}", .{file[0]});
        }
        const bytes = writer.buffered();
        const head: pkgimg.Superblock =
            .{ .index_len = bytes.len, .data_off = 512, .data_len = 16384, .digest = undefined };
        self.server.index = try .parse(bytes, self.starts[0..files.len], head);
    }

    fn ask(self: *Fixture, request: packages.Request) ![]const u8 {
        var buffer: [64]u8 = undefined;
        return self.server.handle(try packages.encodeRequest(&buffer, request), &self.out);
    }

    fn status(self: *Fixture, request: packages.Request) !packages.Status {
        return @enumFromInt((try self.ask(request))[4]);
    }
};

test "stat and open distinguish a file, a directory and a path without either" {
    var fixture: Fixture = .{};
    try fixture.setUp();
    const Case = struct { []const u8, packages.Status, packages.Status };
    for ([_]Case{
        .{ "system/build.prop", .ok, .ok },
        .{ "system@1/bin/a", .ok, .ok },
        .{ "system/bin", .ok, .is_directory },
        .{ "system", .ok, .is_directory },
        .{ "system/none", .not_found, .not_found },
        .{ "../system", .not_found, .not_found },
    }) |case| {
        try testing.expectEqual(case[1], try fixture.status(.{ .stat = case[0] }));
        try testing.expectEqual(case[2], try fixture.status(.{ .open = case[0] }));
    }
    const reply = packages.decodeReply(try fixture.ask(.{ .open = "system/build.prop" }), .open).?;
    try testing.expectEqual(
        packages.Opened{ .file = 2, .size = 3 },
        packages.decodeOpen(reply.tail).?,
    );
    for ([_][]const u8{ "system", "system/bin" }) |path| {
        const told = packages.decodeReply(try fixture.ask(.{ .stat = path }), .stat).?;
        const folder: packages.Stat = .{ .size = 0, .kind = .directory };
        try testing.expectEqual(folder, packages.decodeStat(told.tail).?);
    }
}

fn read(fixture: *Fixture, file: u32, offset: u64, len: u16) !?[]const u8 {
    const frame = try fixture.ask(.{ .read = .{ .file = file, .offset = offset, .len = len } });
    return packages.decodeRead((packages.decodeReply(frame, .read) orelse return null).tail);
}

test "reads cross blocks, stop at the end, and take a block from the disk once" {
    var fixture: Fixture = .{};
    try fixture.setUp();
    const across = (try read(&fixture, 0, 4090, 10)).?;
    try testing.expectEqualStrings("aaaaaabbbb", across);
    try testing.expectEqualStrings("bbb", (try read(&fixture, 2, 0, 100)).?);
    try testing.expectEqual(@as(u32, 2), fixture.server.medium.reads);
    try testing.expectEqualStrings("", (try read(&fixture, 0, 5000, 1)).?);
    try testing.expectEqualStrings("", (try read(&fixture, 0, std.math.maxInt(u64), 1)).?);
    try testing.expectEqual(@as(usize, 4096), (try read(&fixture, 0, 0, 4096)).?.len);
    // The longest read, across blocks.
    try testing.expectEqualStrings("a" ** 4095 ++ "b", (try read(&fixture, 0, 1, 4096)).?);
    try testing.expectEqualStrings("a" ** 4096, (try read(&fixture, 0, 0, 4096)).?);
}

test "a path that is not a file, and a disk that fails" {
    var fixture: Fixture = .{};
    try fixture.setUp();
    const none: packages.Request = .{ .read = .{ .file = 3, .offset = 0, .len = 1 } };
    try testing.expectEqual(packages.Status.not_found, try fixture.status(none));
    const broken: packages.Request = .{ .read = .{ .file = 1, .offset = 4096, .len = 1 } };
    try testing.expectEqual(packages.Status.io, try fixture.status(broken));
    try testing.expectEqualStrings("c", (try read(&fixture, 1, 0, 1)).?);
    // What was read before it is read again, and not taken from what it left.
    try testing.expectEqual(packages.Status.io, try fixture.status(broken));
    try testing.expectEqualStrings("c", (try read(&fixture, 1, 0, 1)).?);
    try testing.expectEqual(packages.Status.io, try fixture.status(broken));
}

test "a folder is listed page by page" {
    var fixture: Fixture = .{};
    try fixture.setUp();
    var text: [128]u8 = undefined;
    var out: std.Io.Writer = .fixed(&text);
    for ([_][]const u8{ "", "system", "system@1/bin" }) |path| {
        var cursor: u32 = 0;
        while (true) {
            const request: packages.Request =
                .{ .list = .{ .cursor = cursor, .limit = 1, .path = path } };
            const reply = packages.decodeReply(try fixture.ask(request), .list).?;
            var page = packages.decodeList(reply.tail).?;
            while (page.next()) |entry| try out.print("{s}:{d} ", .{ entry.name, entry.size });
            cursor = page.next_cursor;
            if (page.is_last) break;
        }
    }
    const expected = "system@1:0 bin:0 build.prop:3 a:5000 b:6000 ";
    try testing.expectEqualStrings(expected, out.buffered());
    const far: packages.Request = .{ .list = .{ .cursor = 999, .limit = 9, .path = "system" } };
    try testing.expectEqual(packages.Status.ok, try fixture.status(far));
    const file: packages.Request = .{
        .list = .{ .cursor = 0, .limit = 9, .path = "system/build.prop" },
    };
    try testing.expectEqual(packages.Status.not_found, try fixture.status(file));
}

/// How many entries a page of the folder `system` has, and where the next one begins.
fn pageOf(fixture: *Fixture, cursor: u32, limit: u16) !struct { usize, u32, bool } {
    const request: packages.Request =
        .{ .list = .{ .cursor = cursor, .limit = limit, .path = "system" } };
    const reply = packages.decodeReply(try fixture.ask(request), .list).?;
    var page = packages.decodeList(reply.tail).?;
    var count: usize = 0;
    while (page.next()) |_| count += 1;
    return .{ count, page.next_cursor, page.is_last };
}

test "a page has as many entries as were asked for, and never none while there are more" {
    var fixture: Fixture = .{};
    try fixture.setUp();
    for ([_]u16{ 0, 1 }) |limit| {
        const count, const cursor, const is_last = try pageOf(&fixture, 0, limit);
        try testing.expectEqual(1, count);
        try testing.expectEqual(false, is_last);
        const rest, _, const is_end = try pageOf(&fixture, cursor, limit);
        try testing.expectEqual(1, rest);
        try testing.expectEqual(true, is_end);
    }
    for ([_]u16{ 2, 3, std.math.maxInt(u16) }) |limit| {
        const count, _, const is_last = try pageOf(&fixture, 0, limit);
        try testing.expectEqual(2, count);
        try testing.expectEqual(true, is_last);
    }
}

test "without an image everything is io, and a malformed request still says so" {
    var fixture: Fixture = .{};
    for ([_]packages.Request{
        .{ .stat = "a" },
        .{ .open = "a" },
        .{ .read = .{ .file = 0, .offset = 0, .len = 1 } },
        .{ .list = .{ .cursor = 0, .limit = 1, .path = "" } },
    }) |request| try testing.expectEqual(packages.Status.io, try fixture.status(request));
    const reply = fixture.server.handle("PF\x01\x01", &fixture.out);
    try testing.expectEqualSlices(u8, "PF\x01\x81\x02", reply);
}
