//! One table for the guest and the host: what is found on a disk, by its bytes alone. The host's
//! `mount_test.py` reads the same lines, so a case that is added here is asked of both.
//!
//! `SECTORS | WORDS | FOUND`. The words lay bytes on a disk of zeros, one thing behind the other:
//! `super A G E` is a superblock (active region, generation, entries), `check G E` a checkpoint,
//! `put`, `del` and `sync` are records, and so are `prepare N`, `payload N`, `commit N` and
//! `abort N` of transaction N; `text XY` is text, `hex 0f` bytes, and `sum` the checksum of the 16
//! bytes before it. `A` and `B` go to the beginning of a region, `at N` to a byte of the region
//! that was gone to last, or of the disk.
//!
//! What is found is the damage, or `none`; `lost` if the superblock was torn; then the first sector
//! of the region in force, how many records it has, and the sector of a snapshot that never came
//! into force, or `-`.

const std = @import("std");
const testing = std.testing;
const mount = @import("mount.zig");
const record = @import("record.zig");
const root = @import("root.zig");

const cases =
    \\0 | | no_device
    \\1 | | none 0 0 -
    \\9 | | none 0 0 -
    \\9 | text F | none 0 0 -
    \\9 | text FSX | none 0 0 -
    \\9 | hex 00 text SXN | none 0 0 -
    \\9 | hex 0000 text XN put | none 0 0 -
    \\9 | text FSXM | no_journal
    \\9 | text GSXN | no_journal
    \\9 | hex 00000001 | no_journal
    \\9 | put hex 01 | none 0 1 -
    \\9 | put del sync | none 0 3 -
    \\9 | hex 4e | invalid_superblock
    \\9 | hex 4e A check 1 0 | none lost 1 1 -
    \\9 | hex 4f A check 1 0 | no_journal
    \\4 | super 0 1 0 at 512 check 1 0 | device_too_small
    \\5 | super 0 1 0 A check 1 0 | none 1 1 -
    \\5 | super 1 1 0 B check 1 0 | none 3 1 -
    \\6 | super 1 1 0 B check 1 0 | none 3 1 -
    \\7 | super 1 1 0 B check 1 0 | none 4 1 -
    \\9 | super 0 1 0 | no_checkpoint
    \\9 | super 0 1 0 B check 1 0 | no_checkpoint
    \\9 | super 0 1 0 A put check 1 0 | no_checkpoint
    \\9 | super 0 2 0 A check 1 0 | generation_mismatch
    \\9 | super 0 2 0 A check 3 0 | generation_mismatch
    \\9 | super 0 2 1 A check 2 0 put | entries_mismatch
    \\9 | super 0 2 1 A check 2 2 put put | entries_mismatch
    \\9 | super 0 2 2 A check 2 2 put | partial_snapshot
    \\9 | super 0 2 2 A check 2 2 put del put | partial_snapshot
    \\9 | super 0 2 2 A check 2 2 put sync put | partial_snapshot
    \\9 | super 0 2 1 A check 2 1 del put | partial_snapshot
    \\9 | super 0 2 2 A check 2 2 put put | none 1 3 -
    \\9 | super 0 2 2 A check 2 2 put put put del sync | none 1 6 -
    \\9 | super 1 2 2 B check 2 2 put put | none 5 3 -
    \\9 | super 0 2 1 A check 2 1 put check 9 9 | none 1 3 -
    \\9 | super 0 4294967295 1 A check 4294967295 1 put | none 1 2 -
    \\9 | super 0 2 0 A check 2 0 B check 1 0 | none 1 1 -
    \\9 | super 0 2 0 A check 2 0 B check 2 0 | none 1 1 -
    \\9 | super 0 2 0 A check 2 0 B check 3 0 | none 1 1 5
    \\9 | super 0 2 0 A check 2 0 B put check 3 0 | none 1 1 -
    \\9 | super 0 2 0 A check 2 0 B check 3 9 | none 1 1 5
    \\9 | super 1 2 0 B check 2 0 A check 3 0 | none 5 1 1
    \\9 | put B check 1 0 | none 0 1 5
    \\9 | put B check 0 0 | none 0 1 -
    \\4 | put at 1024 check 1 0 | none 0 1 -
    \\9 | text N A check 1 1 put B check 2 1 put | none lost 5 2 -
    \\9 | text N A check 3 1 put B check 2 1 put | none lost 1 2 -
    \\9 | text N A check 2 1 put B check 2 0 | none lost 1 2 -
    \\9 | text N A check 2 1 put B check 3 2 put | none lost 1 2 5
    \\9 | text N A check 2 1 put B check 3 1 del put | none lost 1 2 5
    \\9 | text N A check 2 1 put B check 3 1 sync put | none lost 1 2 5
    \\9 | text N A check 3 2 put del put B check 2 1 put | none lost 5 2 1
    \\9 | text N A check 2 2 put del put | invalid_superblock
    \\9 | text N A check 2 1 put del put sync | none lost 1 5 -
    \\9 | text N A put | invalid_superblock
    \\4 | text N at 512 check 2 0 | invalid_superblock
    \\9 | text NXS2 hex 010000000100000000000000 sum A check 1 0 | none 1 1 -
    \\9 | text NXS3 hex 010000000100000000000000 sum | invalid_superblock
    \\9 | text NXS2 hex 000000000100000000000000 sum | invalid_superblock
    \\9 | text NXS2 hex 020000000100000000000000 sum | invalid_superblock
    \\9 | text NXS2 hex 010200000100000000000000 sum | invalid_superblock
    \\9 | text NXS2 hex 010001000100000000000000 sum | invalid_superblock
    \\9 | text NXS2 hex 010000010100000000000000 sum | invalid_superblock
    \\9 | put text FSXN at 900 sync | torn_journal 0 1
    \\9 | put text FSXN at 900 del | none 0 1 -
    \\9 | put hex 01 sync | torn_journal 0 1
    \\9 | put sync put | none 0 3 -
    \\9 | put prepare 1 payload 1 commit 1 abort 1 sync | none 0 6 -
    \\9 | put prepare 18446744073709551615 sync | none 0 3 -
    \\9 | put prepare 0 | none 0 1 -
    \\9 | put prepare 0 sync | torn_journal 0 1
    \\9 | put payload 0 sync | torn_journal 0 1
    \\9 | put commit 0 sync | torn_journal 0 1
    \\9 | put abort 0 sync | torn_journal 0 1
    \\9 | prepare 0 sync | torn_journal 0 0
    \\9 | super 0 1 0 A check 1 0 prepare 0 sync | torn_journal 1 1
    \\9 | super 0 1 1 A check 1 1 put prepare 0 commit 0 | none 1 2 -
    \\301 | super 0 1 0 A check 1 0 at 67057 sync | torn_journal 1 1
    \\301 | super 0 1 0 A check 1 0 at 67058 sync | none 1 1 -
    \\301 | super 1 1 0 B check 1 0 at 67057 sync | torn_journal 151 1
    \\301 | super 1 1 0 B check 1 0 at 67058 sync | none 151 1 -
    \\301 | at 67057 sync | torn_journal 0 0
    \\301 | at 67058 sync | none 0 0 -
;

const disk_sectors_max = 301;

const Device = struct {
    bytes: [disk_sectors_max * 512]u8 = @splat(0),
    count: u64 = 0,

    pub fn sectors(self: *const Device) u64 {
        return self.count;
    }

    /// To read beyond the disk is our own mistake.
    pub fn read(self: *Device, sector: u64, buffer: []u8) error{Broken}!void {
        std.debug.assert(sector + buffer.len / 512 <= self.count);
        @memcpy(buffer, self.bytes[@intCast(sector * 512)..][0..buffer.len]);
    }

    pub fn write(_: *Device, _: u64, _: []const u8) error{Broken}!void {
        unreachable; // a disk that is opened is not written to
    }

    pub fn flush(_: *Device) error{Broken}!void {
        unreachable;
    }
};

var device: Device = undefined;
var pool: [64 * 1024]u8 = undefined;
var items: [64]root.Item = undefined;
var engine: root.Store(Device) = undefined;

fn lay(words: []const u8) !void {
    var rest = std.mem.tokenizeScalar(u8, words, ' ');
    var base: usize = 0;
    var at: usize = 0;
    while (rest.next()) |word| {
        if (std.mem.eql(u8, word, "A") or std.mem.eql(u8, word, "B")) {
            const each = (device.count - 1) / 2;
            base = @intCast(512 * (1 + if (word[0] == 'B') each else 0));
            at = base;
        } else if (std.mem.eql(u8, word, "at")) {
            at = base + try number(usize, &rest);
        } else if (std.mem.eql(u8, word, "hex")) {
            at += (try std.fmt.hexToBytes(device.bytes[at..], rest.next().?)).len;
        } else if (std.mem.eql(u8, word, "text")) {
            const text = rest.next().?;
            @memcpy(device.bytes[at..][0..text.len], text);
            at += text.len;
        } else if (std.mem.eql(u8, word, "sum")) {
            const sum = record.crc32c(device.bytes[at - 16 .. at]);
            std.mem.writeInt(u32, device.bytes[at..][0..4], sum, .little);
            at += 4;
        } else if (std.mem.eql(u8, word, "super")) {
            const block: root.superblock.Superblock = .{
                .active = try number(u1, &rest),
                .generation = try number(u32, &rest),
                .entries = try number(u32, &rest),
            };
            block.encode(device.bytes[0..512]);
            at = 512;
        } else at += try layRecord(word, &rest, device.bytes[at..]);
    }
}

fn layRecord(word: []const u8, rest: anytype, out: []u8) !usize {
    var value: [8]u8 = undefined;
    const each: record.Record = if (std.mem.eql(u8, word, "check")) blk: {
        std.mem.writeInt(u32, value[0..4], try number(u32, rest), .little);
        std.mem.writeInt(u32, value[4..8], try number(u32, rest), .little);
        break :blk .{ .op = .checkpoint, .value = &value };
    } else if (std.mem.eql(u8, word, "put"))
        .{ .op = .put, .key = "k", .value = "v" }
    else if (std.mem.eql(u8, word, "del"))
        .{ .op = .delete, .key = "k" }
    else if (std.mem.eql(u8, word, "sync"))
        .{ .op = .sync }
    else blk: {
        const op = std.meta.stringToEnum(record.Op, word) orelse return error.UnknownWord;
        std.mem.writeInt(u64, &value, try number(u64, rest), .little);
        break :blk .{ .op = op, .key = if (op == .payload) "k" else "", .value = &value };
    };
    each.encode(out[0..each.size()]);
    return each.size();
}

fn number(comptime T: type, rest: anytype) !T {
    return std.fmt.parseUnsigned(T, rest.next().?, 10);
}

fn found(out: []u8) ![]const u8 {
    try engine.open(&device, &pool, &items);
    var writer: std.Io.Writer = .fixed(out);
    try writer.print("{t}", .{engine.damage});
    if (!engine.is_served) return writer.buffered();
    if (engine.is_superblock_lost) try writer.writeAll(" lost");
    try writer.print(" {d} {d}", .{ engine.journal.region.start, engine.journal.records });
    if (engine.damage != .none) return writer.buffered();
    if (try mount.staleSector(&engine.journal, engine.superblock)) |sector| {
        try writer.print(" {d}", .{sector});
    } else try writer.writeAll(" -");
    return writer.buffered();
}

test "what is found on a disk" {
    var lines = std.mem.splitScalar(u8, cases, '\n');
    while (lines.next()) |line| {
        var parts = std.mem.splitScalar(u8, line, '|');
        const sectors = std.mem.trim(u8, parts.next().?, " ");
        device = .{ .count = try std.fmt.parseUnsigned(u64, sectors, 10) };
        try lay(parts.next().?);
        var out: [64]u8 = undefined;
        const text = try found(&out);
        testing.expectEqualStrings(std.mem.trim(u8, parts.next().?, " "), text) catch |err| {
            std.debug.print("{s}\n", .{line});
            return err;
        };
    }
}
