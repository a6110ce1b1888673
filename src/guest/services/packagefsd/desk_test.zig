//! packagefsd as it runs, on stand-ins for the kernel and for the disk: which image is mounted, and
//! what is said of one that is not.

const std = @import("std");
const os_fake = @import("os_fake");
const packages = @import("wire").packages;
const service = @import("main.zig");
const testing = std.testing;
const Kernel = os_fake.Kernel;
const Step = os_fake.Step;

const read_only = os_fake.disk.read_only_feature;
const sector = 512;
/// The image fills the disk except for the last bytes of its last block.
const sectors = 12;
const data_at = 512;

var device: os_fake.Disk = undefined;

fn serve(kernel: *Kernel) void {
    device.serve(kernel);
}

/// One file, `system@1/a`, of 5000 bytes at the start of the data: the number of its block.
fn image() [sectors * sector]u8 {
    var bytes: [sectors * sector]u8 = @splat(0);
    const index = "\x01\x00\x00\x00" ++ "\x06\x00\x01\x00\x01\x00\x00\x00" ++
        "\x00\x00\x00\x00\x00\x00\x00\x00" ++ "\x88\x13\x00\x00\x00\x00\x00\x00" ++ "system1a";
    @memcpy(bytes[0..8], "PKGIMGV2");
    bytes[8] = 2;
    std.mem.writeInt(u64, bytes[12..20], 76, .little);
    std.mem.writeInt(u64, bytes[20..28], index.len, .little);
    std.mem.writeInt(u64, bytes[28..36], data_at, .little);
    std.mem.writeInt(u64, bytes[36..44], 5000, .little);
    std.crypto.hash.sha2.Sha256.hash(index, bytes[44..76], .{});
    @memcpy(bytes[76..][0..index.len], index);
    for (bytes[data_at..], 0..) |*byte, at| byte.* = @intCast('a' + at / sector);
    return bytes;
}

fn ask(buffer: []u8, request: packages.Request) Step {
    // Tests give room for what they ask.
    const frame = packages.encodeRequest(buffer, request) catch unreachable;
    return .{ .message = .{ .sender = 0xA, .payload = frame } };
}

const World = struct {
    kernel: Kernel = .{ .name = "packagefsd", .idle = serve },
    buffers: [4][64]u8 = undefined,
    script: [4]Step = undefined,

    fn setUp(self: *World, features: u32, bytes: []const u8) void {
        device = .init(testing.allocator, features, bytes.len / sector);
        device.put(0, bytes);
        self.kernel.registers = &device.registers;
        self.script = .{
            ask(&self.buffers[0], .{ .open = "system/a" }),
            ask(&self.buffers[1], .{ .read = .{ .file = 0, .offset = 510, .len = 4 } }),
            ask(&self.buffers[2], .{ .read = .{ .file = 0, .offset = 4094, .len = 4000 } }),
            ask(&self.buffers[3], .{ .list = .{ .cursor = 0, .limit = 9, .path = "" } }),
        };
        self.kernel.script = &self.script;
    }

    fn run(self: *World) !void {
        try self.kernel.play(service.main);
    }

    fn tearDown(self: *World) void {
        self.kernel.deinit();
        device.deinit();
    }

    fn expectRefused(self: *World, comptime said: []const u8) !void {
        try self.run();
        const rest = "packagefsd: not registered: Denied\npackagefsd: ready\n";
        try testing.expectEqualStrings(said ++ rest, self.kernel.said());
        for (0..4) |index| {
            const reply = try self.kernel.replyTo(@intCast(index));
            try testing.expectEqual(@intFromEnum(packages.Status.io), reply[4]);
        }
    }
};

test "the files of a good image, to the last byte of the disk" {
    var world: World = .{};
    world.setUp(read_only, &image());
    defer world.tearDown();
    try world.run();
    try testing.expectEqualStrings(
        "packagefsd: v2 mounted (pkgimg)\n" ++
            "packagefsd: not registered: Denied\npackagefsd: ready\n",
        world.kernel.said(),
    );
    const opened = packages.decodeReply(try world.kernel.replyTo(0), .open).?;
    try testing.expectEqual(
        packages.Opened{ .file = 0, .size = 5000 },
        packages.decodeOpen(opened.tail).?,
    );
    const first = packages.decodeReply(try world.kernel.replyTo(1), .read).?;
    try testing.expectEqualStrings("aabb", packages.decodeRead(first.tail).?);
    const rest = packages.decodeRead(
        packages.decodeReply(try world.kernel.replyTo(2), .read).?.tail,
    ).?;
    try testing.expectEqual(@as(usize, 906), rest.len);
    try testing.expectEqualStrings("hhi", rest[0..3]);
    try testing.expectEqual('j', rest[905]);
    try testing.expectEqual(@as(usize, 0), world.kernel.open.items.len);
}

test "an image on a disk that can be written to is not served" {
    var world: World = .{};
    world.setUp(0, &image());
    defer world.tearDown();
    try world.expectRefused("packagefsd: image refused (WritableDisk)\n");
}

test "no image, a damaged index, and data that the disk does not have" {
    const Case = struct { usize, u8, []const u8 };
    inline for ([_]Case{
        .{ 0, 'p', "BadMagic" },
        .{ 80, 7, "BadDigest" },
        .{ 37, 0xFF, "BadBounds" },
    }) |case| {
        var bytes = image();
        bytes[case[0]] = case[1];
        var world: World = .{};
        world.setUp(read_only, &bytes);
        defer world.tearDown();
        try world.expectRefused("packagefsd: image refused (" ++ case[2] ++ ")\n");
    }
}

test "a disk that cannot be read" {
    var world: World = .{};
    world.setUp(read_only, &image());
    defer world.tearDown();
    device.status = 1;
    try world.expectRefused("packagefsd: image refused (Io)\n");
}

test "a board without the disk" {
    var world: World = .{};
    world.setUp(read_only, &image());
    defer world.tearDown();
    world.kernel.registers = null;
    try world.expectRefused("packagefsd: no image\n");
}

test "a disk that fails later fails the reads of that time" {
    var world: World = .{};
    world.setUp(read_only, &image());
    defer world.tearDown();
    // The superblock and the index are read; nothing after that.
    device.answers_left = 2;
    try world.run();
    const opened = try world.kernel.replyTo(0);
    try testing.expectEqual(@intFromEnum(packages.Status.ok), opened[4]);
    const read = try world.kernel.replyTo(1);
    try testing.expectEqual(@intFromEnum(packages.Status.io), read[4]);
}
