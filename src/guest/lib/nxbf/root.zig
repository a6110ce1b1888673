//! The boot archive `NXBF` holds the ELF of every service, and lies behind the kernel.
//! docs/spec/kernel-abi.md has its format. This library is pure: bytes come in, files go out.

const std = @import("std");
const contract = @import("contract");

const magic = contract.node.archive_magic;
const version = contract.node.archive_version;
const header_bytes = 8;
const entry_bytes = 48;
const name_bytes = contract.node.archive_name_bytes;
const page_bytes = contract.node.archive_page_bytes;
/// More files than tasks could run would be a mistake of the build.
const files_max = contract.node.archive_files_max;

pub const Error = error{ NoArchive, BadArchive };

pub const Archive = struct {
    /// From the magic to the end of the last file, in whole pages.
    bytes: []const u8,
    count: usize,

    pub fn find(self: Archive, name: []const u8) ?[]const u8 {
        for (0..self.count) |i| {
            const entry = entryAt(self.bytes, i);
            if (!std.mem.eql(u8, entry.name(), name)) continue;
            return self.bytes[entry.offset..][0..entry.len];
        }
        return null;
    }
};

const Entry = struct {
    raw: *const [entry_bytes]u8,
    offset: u64,
    len: u64,

    fn name(self: Entry) []const u8 {
        return std.mem.sliceTo(self.raw[0..name_bytes], 0);
    }
};

fn entryAt(all: []const u8, index: usize) Entry {
    const raw = all[header_bytes + index * entry_bytes ..][0..entry_bytes];
    return .{
        .raw = raw,
        .offset = std.mem.readInt(u64, raw[32..40], .little),
        .len = std.mem.readInt(u64, raw[40..48], .little),
    };
}

/// The archive at the start of `all`, with every entry checked. The bytes behind it do not matter.
pub fn parse(all: []const u8) Error!Archive {
    if (all.len < header_bytes or !std.mem.eql(u8, all[0..4], magic)) return error.NoArchive;
    if (std.mem.readInt(u16, all[4..6], .little) != version) return error.BadArchive;
    const count: usize = std.mem.readInt(u16, all[6..8], .little);
    var end: usize = header_bytes + count * entry_bytes;
    if (count > files_max or end > all.len) return error.BadArchive;
    var previous: []const u8 = "";
    for (0..count) |i| {
        const entry = entryAt(all, i);
        if (entry.offset % page_bytes != 0) return error.BadArchive;
        if (entry.offset > all.len or entry.len > all.len - entry.offset) return error.BadArchive;
        // The names are sorted, so none is there twice, and none is empty.
        if (!std.mem.lessThan(u8, previous, entry.name())) return error.BadArchive;
        previous = entry.name();
        end = @max(end, entry.offset + entry.len);
    }
    end = std.mem.alignForward(usize, end, page_bytes);
    if (end > all.len) return error.BadArchive;
    return .{ .bytes = all[0..end], .count = count };
}

const testing = std.testing;

const Sample = struct {
    bytes: [4 * page_bytes]u8 = @splat(0),

    fn init() Sample {
        var self: Sample = .{};
        @memcpy(self.bytes[0..8], magic ++ "\x01\x00\x02\x00");
        self.entry(0, "init", page_bytes, 5);
        self.entry(1, "logd", 2 * page_bytes, page_bytes);
        @memcpy(self.bytes[page_bytes..][0..5], "first");
        return self;
    }

    fn entry(self: *Sample, index: usize, name: []const u8, offset: u64, len: u64) void {
        const raw = self.bytes[header_bytes + index * entry_bytes ..][0..entry_bytes];
        @memset(raw[0..name_bytes], 0);
        @memcpy(raw[0..name.len], name);
        std.mem.writeInt(u64, raw[32..40], offset, .little);
        std.mem.writeInt(u64, raw[40..48], len, .little);
    }
};

test "files are found by name; memory behind the archive does not belong to it" {
    const sample: Sample = .init();
    const archive = try parse(&sample.bytes);
    try testing.expectEqual(@as(usize, 3 * page_bytes), archive.bytes.len);
    try testing.expectEqualStrings("first", archive.find("init").?);
    try testing.expectEqual(@as(usize, page_bytes), archive.find("logd").?.len);
    for ([_][]const u8{ "", "ini", "initd", "samgrd" }) |name| {
        try testing.expectEqual(@as(?[]const u8, null), archive.find(name));
    }
}

test "bytes that are not an archive are refused" {
    try testing.expectError(error.NoArchive, parse(""));
    try testing.expectError(error.NoArchive, parse("NXBF\x01\x00\x00"));
    var sample: Sample = .init();
    sample.bytes[0] = 'n';
    try testing.expectError(error.NoArchive, parse(&sample.bytes));
}

test "version, count, offset, length and order are checked" {
    var sample: Sample = .init();
    sample.bytes[4] = 2;
    try testing.expectError(error.BadArchive, parse(&sample.bytes));
    sample = .init();
    sample.bytes[6] = files_max + 1;
    try testing.expectError(error.BadArchive, parse(&sample.bytes));
    const Row = struct { name: []const u8, offset: u64, len: u64 };
    const top = std.math.maxInt(u64);
    const rows = [_]Row{
        .{ .name = "logd", .offset = 2 * page_bytes + 1, .len = 1 },
        .{ .name = "logd", .offset = 5 * page_bytes, .len = 1 },
        .{ .name = "logd", .offset = 3 * page_bytes, .len = page_bytes + 1 },
        .{ .name = "logd", .offset = page_bytes, .len = top },
        .{ .name = "logd", .offset = top & ~@as(u64, page_bytes - 1), .len = 1 },
        .{ .name = "init", .offset = 2 * page_bytes, .len = 1 },
        .{ .name = "a", .offset = 2 * page_bytes, .len = 1 },
        .{ .name = "", .offset = 2 * page_bytes, .len = 1 },
    };
    for (rows) |row| {
        sample = .init();
        sample.entry(1, row.name, row.offset, row.len);
        try testing.expectError(error.BadArchive, parse(&sample.bytes));
    }
}
