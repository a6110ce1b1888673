//! ELF64 executables: which headers the kernel accepts. This file is pure; the loader maps what it
//! approved.
//!
//! It refuses a file
//! - that is not for RISC-V, or is dynamic;
//! - with a segment that is writable and executable, lies outside the image's range, shares a page
//!   with another one, or points outside the file;
//! - whose entry point is not in an executable segment.

const std = @import("std");

pub const header_bytes = 64;
pub const program_header_bytes = 56;
/// The project's linker script makes three; a few more for note and stack headers of other linkers.
pub const program_headers_max = 16;
pub const segments_max = 8;
const page_bytes = 4096;

/// The image must lie in [low, high); the stack is above.
pub const image_low: u64 = 0x1000_0000;
pub const image_high: u64 = 0x1F00_0000;

pub const Error = error{ NotElf, WriteExecute, BadSegment, BadEntry };

pub const Segment = struct {
    offset: u64,
    file_bytes: u64,
    address: u64,
    memory_bytes: u64,
    write: bool,
    execute: bool,

    pub fn firstPage(self: Segment) u64 {
        return std.mem.alignBackward(u64, self.address, page_bytes);
    }

    pub fn endPage(self: Segment) u64 {
        return std.mem.alignForward(u64, self.address + self.memory_bytes, page_bytes);
    }
};

pub const Header = struct {
    entry: u64,
    table_offset: u64,
    table_entries: u16,

    pub fn tableBytes(self: Header) usize {
        return @as(usize, self.table_entries) * program_header_bytes;
    }
};

pub const Image = struct {
    entry: u64,
    segments: [segments_max]Segment = undefined,
    count: usize = 0,

    pub fn loads(self: *const Image) []const Segment {
        return self.segments[0..self.count];
    }
};

pub fn parseHeader(raw: *const [header_bytes]u8, file_len: u64) Error!Header {
    const ident = "\x7FELF\x02\x01\x01";
    if (!std.mem.eql(u8, raw[0..ident.len], ident)) return error.NotElf;
    const executable = 2;
    const riscv = 243;
    if (int(u16, raw, 16) != executable or int(u16, raw, 18) != riscv) return error.NotElf;
    const header: Header = .{
        .entry = int(u64, raw, 24),
        .table_offset = int(u64, raw, 32),
        .table_entries = int(u16, raw, 56),
    };
    if (int(u16, raw, 54) != program_header_bytes) return error.NotElf;
    if (header.table_entries == 0 or header.table_entries > program_headers_max) {
        return error.NotElf;
    }
    if (header.table_offset > file_len or header.tableBytes() > file_len - header.table_offset) {
        return error.NotElf;
    }
    return header;
}

pub fn parseSegments(header: Header, table: []const u8, file_len: u64) Error!Image {
    var image: Image = .{ .entry = header.entry };
    var entry_ok = false;
    for (0..header.table_entries) |i| {
        const segment = try parseSegment(
            table[i * program_header_bytes ..][0..program_header_bytes],
            file_len,
        ) orelse continue;
        for (image.loads()) |other| {
            if (segment.firstPage() < other.endPage() and other.firstPage() < segment.endPage()) {
                return error.BadSegment;
            }
        }
        if (image.count == segments_max) return error.BadSegment;
        image.segments[image.count] = segment;
        image.count += 1;
        if (segment.execute and image.entry >= segment.address and
            image.entry - segment.address < segment.file_bytes)
        {
            entry_ok = true;
        }
    }
    if (!entry_ok) return error.BadEntry;
    return image;
}

fn parseSegment(raw: *const [program_header_bytes]u8, file_len: u64) Error!?Segment {
    const Type = enum(u32) { load = 1, dynamic = 2, interpreter = 3, _ };
    switch (@as(Type, @enumFromInt(int(u32, raw, 0)))) {
        .load => {},
        .dynamic, .interpreter => return error.BadSegment,
        _ => return null,
    }
    const flags = int(u32, raw, 4);
    const segment: Segment = .{
        .offset = int(u64, raw, 8),
        .address = int(u64, raw, 16),
        .file_bytes = int(u64, raw, 32),
        .memory_bytes = int(u64, raw, 40),
        .execute = flags & 1 != 0,
        .write = flags & 2 != 0,
    };
    if (segment.memory_bytes == 0) return null;
    if (segment.write and segment.execute) return error.WriteExecute;
    if (flags & 4 == 0 or segment.file_bytes > segment.memory_bytes) return error.BadSegment;
    if (segment.offset > file_len or segment.file_bytes > file_len - segment.offset) {
        return error.BadSegment;
    }
    if (segment.address < image_low or segment.address >= image_high) return error.BadSegment;
    if (segment.memory_bytes > image_high - segment.address) return error.BadSegment;
    return segment;
}

fn int(comptime T: type, raw: []const u8, offset: usize) T {
    return std.mem.readInt(T, raw[offset..][0..@sizeOf(T)], .little);
}

const testing = std.testing;

/// Headers of a file of 8192 bytes with one segment, as the project's linker would write them.
const Sample = struct {
    raw: [header_bytes]u8,
    table: [2 * program_header_bytes]u8,

    const file_len = 8192;

    fn init() Sample {
        var self: Sample = .{ .raw = @splat(0), .table = @splat(0) };
        @memcpy(self.raw[0..7], "\x7FELF\x02\x01\x01");
        put(u16, &self.raw, 16, 2);
        put(u16, &self.raw, 18, 243);
        put(u64, &self.raw, 24, image_low);
        put(u64, &self.raw, 32, header_bytes);
        put(u16, &self.raw, 54, program_header_bytes);
        put(u16, &self.raw, 56, 2);
        self.segment(0, 5, 0x1000, image_low, 0x1000, 0x1000);
        self.segment(1, 6, 0x1000, image_low + 0x1000, 16, 0x2000);
        return self;
    }

    fn segment(
        self: *Sample,
        index: usize,
        flags: u32,
        offset: u64,
        address: u64,
        in_file: u64,
        in_memory: u64,
    ) void {
        const row = self.table[index * program_header_bytes ..][0..program_header_bytes];
        put(u32, row, 0, 1);
        put(u32, row, 4, flags);
        put(u64, row, 8, offset);
        put(u64, row, 16, address);
        put(u64, row, 32, in_file);
        put(u64, row, 40, in_memory);
    }

    fn parse(self: *const Sample) Error!Image {
        const header = try parseHeader(&self.raw, file_len);
        return parseSegments(header, self.table[0..header.tableBytes()], file_len);
    }

    fn put(comptime T: type, raw: []u8, offset: usize, value: T) void {
        std.mem.writeInt(T, raw[offset..][0..@sizeOf(T)], value, .little);
    }
};

test "an executable as the linker writes it is accepted" {
    const image = try Sample.init().parse();
    try testing.expectEqual(@as(usize, 2), image.count);
    try testing.expect(image.segments[0].execute and !image.segments[0].write);
    try testing.expectEqual(image_low + 0x3000, image.segments[1].endPage());
}

test "not an executable of this machine" {
    const Change = struct { offset: usize, value: u8 };
    const changes = [_]Change{
        .{ .offset = 0, .value = 0 }, // magic
        .{ .offset = 4, .value = 1 }, // 32 bit
        .{ .offset = 16, .value = 3 }, // shared object
        .{ .offset = 18, .value = 62 }, // another machine
        .{ .offset = 54, .value = 32 }, // program headers of another size
        .{ .offset = 56, .value = 0 }, // no program header
        .{ .offset = 56, .value = 17 }, // too many
        .{ .offset = 39, .value = 0x80 }, // table outside the file
    };
    for (changes) |change| {
        var sample: Sample = .init();
        sample.raw[change.offset] = change.value;
        try testing.expectError(error.NotElf, sample.parse());
    }
}

test "a segment that is writable and executable is refused" {
    var sample: Sample = .init();
    sample.segment(1, 7, 0x1000, image_low + 0x1000, 16, 0x2000);
    try testing.expectError(error.WriteExecute, sample.parse());
}

test "segments outside the file, outside the image's range, or on one page are refused" {
    const Row = struct { offset: u64, address: u64, in_file: u64, in_memory: u64 };
    const top: u64 = std.math.maxInt(u64);
    const rows = [_]Row{
        .{ .offset = 0x1000, .address = image_low + 0x1000, .in_file = 4097, .in_memory = 8192 },
        .{ .offset = top, .address = image_low + 0x1000, .in_file = 2, .in_memory = 2 },
        .{ .offset = 0, .address = image_low + 0x1000, .in_file = 2, .in_memory = 1 },
        .{ .offset = 0, .address = image_low - 1, .in_file = 1, .in_memory = 1 },
        .{ .offset = 0, .address = image_high, .in_file = 1, .in_memory = 1 },
        .{ .offset = 0, .address = image_low + 0x1000, .in_file = 1, .in_memory = top },
        .{ .offset = 0, .address = image_low + 0xFFF, .in_file = 1, .in_memory = 1 },
        .{ .offset = 0, .address = 0x8000_0000, .in_file = 1, .in_memory = 1 },
    };
    for (rows) |row| {
        var sample: Sample = .init();
        sample.segment(1, 6, row.offset, row.address, row.in_file, row.in_memory);
        try testing.expectError(error.BadSegment, sample.parse());
    }
}

test "a dynamic executable and one that cannot be read are refused" {
    for ([_]u32{ 2, 3 }) |kind| {
        var sample: Sample = .init();
        Sample.put(u32, &sample.table, program_header_bytes, kind);
        try testing.expectError(error.BadSegment, sample.parse());
    }
    var sample: Sample = .init();
    sample.segment(1, 2, 0x1000, image_low + 0x1000, 16, 16);
    try testing.expectError(error.BadSegment, sample.parse());
}

test "the entry point must be code" {
    for ([_]u64{ 0, image_low - 1, image_low + 0x1000, 0x8000_0000 }) |entry| {
        var sample: Sample = .init();
        Sample.put(u64, &sample.raw, 24, entry);
        try testing.expectError(error.BadEntry, sample.parse());
    }
}

test "what is not loaded may stand anywhere in the table" {
    const note = 4;
    for (0..3) |place| {
        var sample: Sample = .init();
        var table: [3 * program_header_bytes]u8 = @splat(0);
        const at = place * program_header_bytes;
        @memcpy(table[0..at], sample.table[0..at]);
        Sample.put(u32, &table, at, note);
        @memcpy(table[at + program_header_bytes ..], sample.table[at..]);
        Sample.put(u16, &sample.raw, 56, 3);
        const header = try parseHeader(&sample.raw, Sample.file_len);
        const image = try parseSegments(header, &table, Sample.file_len);
        try testing.expectEqual(@as(usize, 2), image.count);
        try testing.expectEqual(image_low, image.segments[0].address);
        try testing.expectEqual(image_low + 0x1000, image.segments[1].address);
    }
    // Nor is a segment of no bytes, which has no pages.
    var empty: Sample = .init();
    empty.segment(1, 6, 0x1000, image_low, 0, 0);
    try testing.expectEqual(@as(usize, 1), (try empty.parse()).count);
}
