//! How init begins, on a stand-in for the kernel: where it finds the configuration, what it refuses
//! and under which name, and which services it starts.

const std = @import("std");
const testing = std.testing;
const contract = @import("contract");
const os = @import("os");
const os_fake = @import("os_fake");
const config = @import("init_config");
const device = @import("fw_cfg_fake.zig");
const fw_cfg = @import("fw_cfg.zig");
const init = @import("main.zig");
const Kernel = os_fake.Kernel;

const head = config.header_bytes;
const Tag = contract.node.InitTag;

var blob_buffer: [config.blob_bytes_max]u8 = undefined;
/// Registers of devices, or the flash: whatever is mapped.
var registers: [config.blob_bytes_max / 4]u32 align(4096) = @splat(0);
var archive: [3 * 4096]u8 align(4096) = undefined;

/// Services to start, in a blob with init's section alone.
fn blobOf(names: []const []const u8, owner: []const u8) []u8 {
    @memset(&blob_buffer, 0);
    @memcpy(blob_buffer[0..4], contract.node.magic);
    std.mem.writeInt(u16, blob_buffer[4..6], contract.node.version, .little);
    std.mem.writeInt(u16, blob_buffer[6..8], 1, .little);
    var at: usize = head + 16;
    for (names) |name| {
        std.mem.writeInt(u16, blob_buffer[at..][0..2], @intFromEnum(Tag.start), .little);
        std.mem.writeInt(u16, blob_buffer[at + 2 ..][0..2], @intCast(name.len), .little);
        @memcpy(blob_buffer[at + 4 ..][0..name.len], name);
        at += 4 + name.len;
    }
    std.mem.writeInt(u64, blob_buffer[head..][0..8], os.serviceId(owner), .little);
    std.mem.writeInt(u32, blob_buffer[head + 8 ..][0..4], head + 16, .little);
    std.mem.writeInt(u32, blob_buffer[head + 12 ..][0..4], @intCast(at - head - 16), .little);
    std.mem.writeInt(u32, blob_buffer[8..12], @intCast(at), .little);
    std.crypto.hash.sha2.Sha256.hash(blob_buffer[head..at], blob_buffer[12..44], .{});
    return blob_buffer[0..at];
}

/// A boot archive with these programs in it.
fn pack(names: []const []const u8) void {
    @memset(&archive, 0);
    @memcpy(archive[0..4], contract.node.archive_magic);
    std.mem.writeInt(u16, archive[4..6], contract.node.archive_version, .little);
    std.mem.writeInt(u16, archive[6..8], @intCast(names.len), .little);
    for (names, 0..) |name, i| {
        const entry = archive[8 + i * 48 ..];
        @memcpy(entry[0..name.len], name);
        std.mem.writeInt(u64, entry[32..40], (i + 1) * 4096, .little);
        std.mem.writeInt(u64, entry[40..48], name.len, .little);
        @memcpy(archive[(i + 1) * 4096 ..][0..name.len], name);
    }
    os.init_args.* = .{ .archive = @intFromPtr(&archive), .archive_len = archive.len };
}

fn begin(kernel: *Kernel) void {
    device.reset();
    @memset(&registers, 0);
    kernel.* = .{ .name = "init", .registers = &registers };
    kernel.install();
}

/// Among files of others, as QEMU has them.
fn offer(blob: []const u8) [3]device.File {
    return .{
        .{ .name = "etc/acpi/tables", .key = 0x20, .contents = "not this" },
        .{ .name = contract.node.firmware_file, .key = 0x22, .contents = blob },
        .{ .name = "bootorder", .key = 0x21, .contents = "" },
    };
}

test "the services that the configuration names are started in its order, and each is reported" {
    var kernel: Kernel = undefined;
    begin(&kernel);
    defer kernel.deinit();
    pack(&.{ "logd", "samgrd" });
    const files = offer(blobOf(&.{ "samgrd", "missing", "logd" }, "init"));
    device.files = &files;
    try testing.expectError(error.Broken, init.main());
    try testing.expectEqualStrings(
        \\init: start
        \\init: start samgrd
        \\init: up samgrd
        \\init: start missing
        \\init: cannot start missing (NotInArchive)
        \\init: start logd
        \\init: up logd
        \\init: ready
        \\
    , kernel.said());
    // Its own endpoint is the first, as deep as there is any; the device it has read is closed.
    var first: ?[6]u64 = null;
    for (kernel.calls.items) |each| {
        if (each.number == .endpoint_create and first == null) first = each.args;
        if (each.number == .vm_unmap) {
            try testing.expectEqual(@intFromPtr(&registers), each.args[0]);
            try testing.expect(each.args[1] == 4096 or each.args[1] == 0x8000);
        }
    }
    try testing.expectEqual(os.abi.endpoint_depth_max, first.?[1]);
    try testing.expectEqual(2, kernel.countOf(.vm_unmap));
    try testing.expectEqual(2, kernel.countOf(.exec));
    // What is open at the end are the control endpoint and the two servers.
    try testing.expectEqual(3, kernel.open.items.len);
}

fn expectRefused(kernel: *Kernel, name: []const u8) !void {
    var line: [128]u8 = undefined;
    try testing.expectError(error.NoNodeConfiguration, init.main());
    try testing.expectEqualStrings(try std.fmt.bufPrint(
        &line,
        "init: start\ninit: no node configuration ({s})\n",
        .{name},
    ), kernel.said());
    try testing.expectEqual(0, kernel.countOf(.exec));
}

test "without a configuration nothing is started, and the reason is said" {
    const Case = struct {
        name: []const u8,
        signature: []const u8 = "QEMU",
        has_file: bool = true,
        owner: []const u8 = "init",
        spoil: ?usize = null,
        len: ?usize = null,
    };
    for ([_]Case{
        .{ .name = "NoDevice", .signature = "QEMV" },
        .{ .name = "NoDevice", .signature = "" },
        .{ .name = "NoFile", .has_file = false },
        .{ .name = "NoInitSection", .owner = "logd" },
        .{ .name = "BadMagic", .spoil = 0 },
        .{ .name = "BadVersion", .spoil = 4 },
        .{ .name = "BadDigest", .spoil = 12 },
        .{ .name = "BadLength", .len = 0 },
        .{ .name = "BadLength", .len = head - 1 },
        .{ .name = "BadLength", .len = head },
        .{ .name = "BadLength", .len = config.blob_bytes_max + 1 },
    }) |case| {
        var kernel: Kernel = undefined;
        begin(&kernel);
        defer kernel.deinit();
        pack(&.{"logd"});
        const blob = blobOf(&.{"logd"}, case.owner);
        if (case.spoil) |at| blob[at] ^= 0x40;
        const shown = blob[0..@min(case.len orelse blob.len, blob.len)];
        var files = offer(shown);
        if (case.len) |len| if (len > blob.len) {
            const long = struct {
                const bytes: [config.blob_bytes_max + 1]u8 = @splat(0);
            };
            files[1].contents = &long.bytes;
        };
        device.files = if (case.has_file) &files else files[0..1];
        device.signature = case.signature;
        try expectRefused(&kernel, case.name);
    }
}

test "a plan that cannot be read is refused under the name of what is wrong with it" {
    var kernel: Kernel = undefined;
    begin(&kernel);
    defer kernel.deinit();
    pack(&.{"logd"});
    const files = offer(blobOf(&.{ "logd", "logd" }, "init"));
    device.files = &files;
    try expectRefused(&kernel, "Repeated");
}

test "where the device has no such file the blob is at the beginning of the flash" {
    var kernel: Kernel = undefined;
    for ([_]bool{ true, false }) |is_there| {
        begin(&kernel);
        defer kernel.deinit();
        pack(&.{"logd"});
        const blob = blobOf(&.{"logd"}, "init");
        @memcpy(std.mem.asBytes(&registers)[0..blob.len], blob);
        if (!is_there) registers[0] ^= 1;
        if (!is_there) {
            try expectRefused(&kernel, "NoFile");
        } else try testing.expectError(error.Broken, init.main());
        if (is_there) try testing.expectEqual(1, kernel.countOf(.exec));
        // The device, the flash, and where there is something to start the slots of the board.
        const maps = if (is_there) [_]u64{ 0x1010_0000, 0x2000_0000, 0x1000_1000 } else [_]u64{
            0x1010_0000,
            0x2000_0000,
            0,
        };
        var seen: usize = 0;
        for (kernel.calls.items) |each| if (each.number == .device_cap_create) {
            try testing.expectEqual(maps[seen], each.args[1]);
            const lengths = [_]u64{ 4096, config.blob_bytes_max, 0x8000 };
            try testing.expectEqual(lengths[seen], each.args[2]);
            seen += 1;
        };
        try testing.expectEqual(@as(usize, if (is_there) 3 else 2), seen);
        try testing.expectEqual(seen, kernel.countOf(.vm_unmap));
        for (kernel.calls.items) |each| if (each.number == .vm_unmap) {
            const is_flash = each.args[1] == config.blob_bytes_max;
            try testing.expect(is_flash or each.args[1] == 4096 or each.args[1] == 0x8000);
        };
    }
}

test "a file is found by its whole name, among as many as are looked at" {
    var kernel: Kernel = undefined;
    begin(&kernel);
    defer kernel.deinit();
    var files: [66]device.File = undefined;
    var names: [66][3]u8 = undefined;
    for (&files, &names, 0..) |*file, *name, i| {
        name.* = "f00".*;
        name[1] += @intCast(i / 10);
        name[2] += @intCast(i % 10);
        file.* = .{ .name = name, .key = @intCast(0x20 + i), .contents = name[1..] };
    }
    device.files = &files;
    const self = try fw_cfg.FwCfg.open();
    for ([_]usize{ 0, 1, 63 }) |i| {
        try testing.expectEqual(2, try self.find(&names[i]));
        var found: [3]u8 = undefined;
        self.read(&found);
        try testing.expectEqualStrings(names[i][1..], found[0..2]);
        try testing.expectEqual(0, found[2]);
    }
    for ([_][]const u8{ "f64", "f0", "f000", "" }) |name| {
        try testing.expectError(error.NoFile, self.find(name));
    }
    device.claimed = 1;
    _ = try self.find("f00");
    try testing.expectError(error.NoFile, self.find("f01"));
    try testing.expectEqual(1, kernel.open.items.len);
    self.close();
    try testing.expectEqual(0, kernel.open.items.len);
    try testing.expectEqual(1, kernel.countOf(.vm_unmap));
}
