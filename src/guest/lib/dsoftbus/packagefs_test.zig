//! The remote package file system against a backend in memory: the table of docs/spec/packagefs.md.

const std = @import("std");
const testing = std.testing;
const packagefs = @import("packagefs.zig");
const packagefs_server = @import("packagefs_server.zig");

const prop = "ro.nexus.build=dev\n";

/// Two files and a directory; one file cannot be read.
const Backend = struct {
    reads: u32 = 0,

    pub fn stat(self: *Backend, path: []const u8) packagefs_server.Failure!u64 {
        return (try self.open(path)).size;
    }

    pub fn open(_: *Backend, path: []const u8) packagefs_server.Failure!packagefs_server.File {
        if (std.mem.eql(u8, path, "system/build.prop")) return .{ .index = 4, .size = prop.len };
        if (std.mem.eql(u8, path, "system/broken")) return .{ .index = 5, .size = 100 };
        if (std.mem.eql(u8, path, "system/huge")) return .{ .index = 6, .size = 1 << 32 };
        return if (std.mem.eql(u8, path, "system")) error.Io else error.NotFound;
    }

    pub fn read(self: *Backend, file: u32, offset: u32, out: []u8) packagefs_server.Failure!void {
        self.reads += 1;
        if (file != 4) return error.Io;
        @memcpy(out, prop[offset..][0..out.len]);
    }
};

const Fixture = struct {
    handles: packagefs_server.Handles = .{},
    backend: Backend = .{},
    out: [packagefs.reply_bytes_max]u8 = undefined,
    now_ns: u64 = 0,

    fn ask(self: *Fixture, frame: []const u8) []const u8 {
        const handles = &self.handles;
        const outcome = packagefs_server.serve(
            handles,
            frame,
            true,
            self.now_ns,
            &self.backend,
            &self.out,
        );
        return (outcome catch unreachable).reply; // this backend knows all at once
    }

    fn expect(self: *Fixture, frame: []const u8, reply: []const u8) !void {
        testing.expectEqualSlices(u8, reply, self.ask(frame)) catch |err| {
            std.debug.print("request {x}\n", .{frame});
            return err;
        };
    }
};

fn pathFrame(comptime op: u8, comptime text: []const u8) []const u8 {
    return "PK\x01" ++ [_]u8{op} ++ [_]u8{ text.len % 256, text.len / 256 } ++ text;
}

const good_path = pathFrame(2, "pkg:/system/build.prop");
const read_19 = "PK\x01\x83\x00\x13\x00" ++ prop;
const badf_read = "PK\x01\x83\x06\x00\x00";

test "golden requests have golden replies" {
    var server: Fixture = .{};
    try server.expect(
        pathFrame(1, "pkg:/system/build.prop"),
        "PK\x01\x81\x00\x13\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    );
    try server.expect(good_path, "PK\x01\x82\x00\x01\x00\x00\x00");
    try server.expect("PK\x01\x03\x01\x00\x00\x00\x00\x00\x00\x00\x40\x00", read_19);
    try server.expect("PK\x01\x04\x01\x00\x00\x00", "PK\x01\x84\x00");
    try server.expect("PK\x01\x04\x01\x00\x00\x00", "PK\x01\x84\x06");
    try server.expect("PK\x01\x03\x01\x00\x00\x00\x00\x00\x00\x00\x40\x00", badf_read);
}

test "paths, in the order of the checks" {
    const Case = struct { []const u8, u8 };
    const cases = [_]Case{
        .{ pathFrame(1, "/packages/system/build.prop"), 0 },
        .{ pathFrame(1, ""), 7 },
        .{ pathFrame(1, "file:" ++ "x" ** 188), 7 },
        .{ pathFrame(1, "pkg:/" ++ "x" ** 187), 5 },
        .{ pathFrame(1, "\xff"), 1 },
        .{ pathFrame(1, "pkg:/\xc3"), 1 },
        .{ pathFrame(1, "file:/system/build.prop"), 4 },
        .{ pathFrame(1, "PKG:/system/build.prop"), 4 },
        .{ pathFrame(1, "Pkg:/system/build.prop"), 4 },
        .{ pathFrame(1, "/Packages/system/build.prop"), 4 },
        .{ pathFrame(1, "pkg:system"), 4 },
        .{ pathFrame(1, "pkg:"), 4 },
        .{ pathFrame(1, "http://x/y"), 4 },
        .{ pathFrame(1, "system/build.prop"), 4 },
        .{ pathFrame(1, "/packages"), 4 },
        .{ pathFrame(1, "pkg:/"), 7 },
        .{ pathFrame(1, "/packages/"), 7 },
        .{ pathFrame(1, "pkg://system"), 3 },
        .{ pathFrame(1, "pkg:/system//build.prop"), 3 },
        .{ pathFrame(1, "pkg:/system/build.prop/"), 3 },
        .{ pathFrame(1, "pkg:/./system"), 3 },
        .{ pathFrame(1, "pkg:/../system"), 3 },
        .{ pathFrame(1, "pkg:/system/.."), 3 },
        .{ pathFrame(1, "pkg:/system\\build.prop"), 3 },
        .{ pathFrame(1, "pkg:/system/build.prop\x00"), 3 },
        .{ pathFrame(1, "pkg:/%2e%2e/system"), 5 },
        .{ pathFrame(1, "pkg:/system%2fbuild.prop"), 5 },
        .{ pathFrame(1, "pkg:/SYSTEM/build.prop"), 5 },
        .{ pathFrame(1, "pkg:/system/nothing"), 5 },
        .{ pathFrame(1, "pkg:/system"), 9 },
    };
    for (cases) |case| {
        var server: Fixture = .{};
        for ([_]u8{ 1, 2 }) |op| {
            var frame: [256]u8 = undefined;
            @memcpy(frame[0..case[0].len], case[0]);
            frame[3] = op;
            const reply = server.ask(frame[0..case[0].len]);
            try testing.expectEqual(op | 0x80, reply[3]);
            testing.expectEqual(case[1], reply[4]) catch |err| {
                std.debug.print("path {s}\n", .{case[0][6..]});
                return err;
            };
            // Refused before the look-up: five bytes; after it: the whole shape.
            const is_whole = switch (case[1]) {
                0, 5, 9 => true,
                else => false,
            };
            const whole: usize = if (op == 1) 15 else 9;
            try testing.expectEqual(if (is_whole) whole else 5, reply.len);
            if (case[1] != 0) try testing.expect(std.mem.allEqual(u8, reply[5..], 0));
        }
    }
}

test "a malformed frame has its status" {
    const Case = struct { []const u8, []const u8 };
    const zeros = "\x00" ** 10;
    for ([_]Case{
        .{ "", "PK\x01\x81\x01" },
        .{ "PK\x01", "PK\x01\x81\x01" },
        .{ "XK\x01\x02", "PK\x01\x82\x01" },
        .{ "PK\x02\x03" ++ zeros, "PK\x01\x83\x01" },
        .{ "PK\x01\x00", "PK\x01\x80\x01" },
        .{ "PK\x01\x05", "PK\x01\x85\x01" },
        .{ "PK\x01\x81" ++ zeros, "PK\x01\x81\x01" },
        .{ "PK\x01\x01", "PK\x01\x81\x01" },
        .{ "PK\x01\x01\x05", "PK\x01\x81\x01" },
        .{ "PK\x01\x01\x06\x00pkg:/", "PK\x01\x81\x01" },
        .{ "PK\x01\x01\x06\x00pkg:/ab", "PK\x01\x81\x01" },
        .{ "PK\x01\x01\x00\x00trailing", "PK\x01\x81\x07" },
        .{ "PK\x01\x01\xff\xffpkg:/a", "PK\x01\x81\x07" },
        .{ "PK\x01\x03" ++ "\x00" ** 9, "PK\x01\x83\x01" },
        .{ "PK\x01\x03" ++ "\x00" ** 11, "PK\x01\x83\x01" },
        .{ "PK\x01\x04\x01\x00\x00", "PK\x01\x84\x01" },
        .{ "PK\x01\x04\x01\x00\x00\x00\x00", "PK\x01\x84\x01" },
    }) |case| {
        var server: Fixture = .{};
        try server.expect(case[0], case[1]);
    }
}

fn readFrame(handle: u32, offset: u32, len: u16) [14]u8 {
    var out: [packagefs.request_bytes_max]u8 = undefined;
    return packagefs.encodeRead(&out, .{ .handle = handle, .offset = offset, .len = len })[0..14].*;
}

test "reads: bounds, ends, and unknown handles" {
    var server: Fixture = .{};
    _ = server.ask(good_path);
    const Case = struct { u32, u32, u16, []const u8 };
    for ([_]Case{
        .{ 1, 0, 128, read_19 },
        .{ 1, 0, 1, "PK\x01\x83\x00\x01\x00r" },
        .{ 1, 18, 128, "PK\x01\x83\x00\x01\x00\n" },
        .{ 1, 19, 1, "PK\x01\x83\x00\x00\x00" },
        .{ 1, 0xFFFF_FFFF, 128, "PK\x01\x83\x00\x00\x00" },
        .{ 1, 0, 0, "PK\x01\x83\x07" },
        .{ 1, 0, 129, "PK\x01\x83\x07" },
        .{ 9, 0, 129, "PK\x01\x83\x07" },
        .{ 1, 0, 0xFFFF, "PK\x01\x83\x07" },
        .{ 0, 0, 1, badf_read },
        .{ 2, 0, 1, badf_read },
        .{ 0xFFFF_FFFF, 0, 1, badf_read },
    }) |case| try server.expect(&readFrame(case[0], case[1], case[2]), case[3]);
    // At and past the end nothing is asked of the backend.
    try testing.expectEqual(@as(u32, 3), server.backend.reads);
    _ = server.ask(pathFrame(2, "pkg:/system/broken"));
    try server.expect(&readFrame(2, 0, 1), "PK\x01\x83\x09\x00\x00");
}

test "a file whose end no offset can name is not opened" {
    var server: Fixture = .{};
    try server.expect(pathFrame(2, "pkg:/system/huge"), "PK\x01\x82\x09\x00\x00\x00\x00");
}

test "eight handles; a missing file is reported before the limit; a closed one makes room" {
    var server: Fixture = .{};
    for (0..packagefs_server.handles_max) |i| {
        const reply = server.ask(good_path);
        try testing.expectEqual(@as(u8, 0), reply[4]);
        try testing.expectEqual(@as(u8, @intCast(i + 1)), reply[5]);
    }
    try server.expect(good_path, "PK\x01\x82\x08\x00\x00\x00\x00");
    try server.expect(pathFrame(2, "pkg:/nothing"), "PK\x01\x82\x05\x00\x00\x00\x00");
    try server.expect(pathFrame(2, "pkg:/system"), "PK\x01\x82\x09\x00\x00\x00\x00");
    try server.expect("PK\x01\x04\x03\x00\x00\x00", "PK\x01\x84\x00");
    // A number is not used again before the others.
    try server.expect(good_path, "PK\x01\x82\x00\x09\x00\x00\x00");
}

test "of eight handles the one that was not used for the longest time makes room, when it is idle" {
    var server: Fixture = .{};
    for (0..packagefs_server.handles_max) |i| {
        server.now_ns = i;
        _ = server.ask(good_path);
    }
    // The first one is read from, so the second one is the oldest.
    server.now_ns = 100;
    try server.expect(&readFrame(1, 0, 128), read_19);
    server.now_ns = packagefs_server.idle_ns;
    try server.expect(good_path, "PK\x01\x82\x08\x00\x00\x00\x00");
    server.now_ns += 1;
    try server.expect(pathFrame(2, "pkg:/nothing"), "PK\x01\x82\x05\x00\x00\x00\x00");
    try server.expect(good_path, "PK\x01\x82\x00\x09\x00\x00\x00");
    try server.expect(&readFrame(2, 0, 128), badf_read);
    for ([_]u32{ 1, 4, 5, 6, 7, 8, 9 }) |handle| {
        try server.expect(&readFrame(handle, 0, 128), read_19);
    }
    // Of what is left unused only the third is old enough; then none is.
    server.now_ns += 1;
    try server.expect(good_path, "PK\x01\x82\x00\x0a\x00\x00\x00");
    try server.expect(&readFrame(3, 0, 128), badf_read);
    try server.expect(good_path, "PK\x01\x82\x08\x00\x00\x00\x00");
}

test "numbers wrap over zero and those in use" {
    var server: Fixture = .{};
    _ = server.ask(good_path);
    server.handles.next = 0xFFFF_FFFF;
    try server.expect(good_path, "PK\x01\x82\x00\xff\xff\xff\xff");
    try server.expect(good_path, "PK\x01\x82\x00\x02\x00\x00\x00");
}

test "another session's handle is none" {
    var one: Fixture = .{};
    var other: Fixture = .{};
    _ = one.ask(good_path);
    try other.expect(&readFrame(1, 0, 1), badf_read);
    try other.expect("PK\x01\x04\x01\x00\x00\x00", "PK\x01\x84\x06");
}

test "a peer that is not authenticated gets nothing, whatever is asked" {
    var server: Fixture = .{};
    for ([_][]const u8{ "", good_path, "PK\x01\x04\x01\x00\x00\x00", "PK\x01\x09" }) |frame| {
        const handles = &server.handles;
        const backend = &server.backend;
        const outcome = try packagefs_server.serve(handles, frame, false, 0, backend, &server.out);
        try testing.expectEqual(@as(usize, 5), outcome.reply.len);
        try testing.expectEqual(@as(u8, 2), outcome.reply[4]);
    }
    try testing.expectEqual(@as(u32, 1), server.handles.next);
}

test "whatever the frame: an answer, and no more than eight handles" {
    var random: std.Random.DefaultPrng = .init(3);
    const rng = random.random();
    var server: Fixture = .{};
    const seeds = [_][]const u8{ good_path, &readFrame(1, 0, 64), "PK\x01\x04\x01\x00\x00\x00" };
    for (0..20_000) |round| {
        var frame: [64]u8 = undefined;
        const seed = seeds[round % seeds.len];
        @memcpy(frame[0..seed.len], seed);
        var len = seed.len;
        if (rng.boolean()) frame[rng.uintLessThan(usize, len)] = rng.int(u8);
        if (rng.uintLessThan(u8, 4) == 0) len = rng.uintAtMost(usize, len);
        const reply = server.ask(frame[0..len]);
        try testing.expect(reply.len >= 5 and reply[3] & 0x80 != 0);
    }
}

test "answers as the asking side reads them" {
    const Case = struct { []const u8, packagefs.Op, ?packagefs.Status };
    for ([_]Case{
        .{ "PK\x01\x82\x00\x01\x00\x00\x00", .open, .ok },
        .{ "PK\x01\x82\x00\x01\x00\x00", .open, null },
        .{ "PK\x01\x82\x00\x01\x00\x00\x00", .stat, null },
        .{ "PK\x01\x82\x08\x00\x00\x00\x00", .open, .limit },
        .{ "PK\x01\x82\x03", .open, .path_traversal },
        .{ read_19, .read, .ok },
        .{ read_19[0..20], .read, null },
        .{ "PK\x01\x84\x00", .close, .ok },
        .{ "PK\x01\x84\x00\x00", .close, null },
        .{ "PK\x01\x84", .close, null },
        .{ "SF\x01\x84\x00", .close, null },
    }) |case| {
        const answer = packagefs.decodeReply(case[0], case[1]);
        try testing.expectEqual(case[2], if (answer) |it| it.status else null);
    }
}
