//! ELF64 executables: which headers the kernel accepts. Pure; the loader maps what this file approved.
//!
//! Refused: not RISC-V, dynamic, a segment that is writable and executable, outside the image's range, sharing a
//! page with another one, or pointing outside the file; an entry point that is not in an executable segment.

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
    if (header.table_entries == 0 or header.table_entries > program_headers_max) return error.NotElf;
    if (header.table_offset > file_len or header.tableBytes() > file_len - header.table_offset) return error.NotElf;
    return header;
}

pub fn parseSegments(header: Header, table: []const u8, file_len: u64) Error!Image {
    var image: Image = .{ .entry = header.entry };
    var entry_ok = false;
    for (0..header.table_entries) |i| {
        const segment = try parseSegment(table[i * program_header_bytes ..][0..program_header_bytes], file_len) orelse continue;
        for (image.loads()) |other| {
            if (segment.firstPage() < other.endPage() and other.firstPage() < segment.endPage()) return error.BadSegment;
        }
        if (image.count == segments_max) return error.BadSegment;
        image.segments[image.count] = segment;
        image.count += 1;
        if (segment.execute and image.entry >= segment.address and image.entry - segment.address < segment.file_bytes) entry_ok = true;
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
    if (segment.offset > file_len or segment.file_bytes > file_len - segment.offset) return error.BadSegment;
    if (segment.address < image_low or segment.address >= image_high) return error.BadSegment;
    if (segment.memory_bytes > image_high - segment.address) return error.BadSegment;
    return segment;
}

fn int(comptime T: type, raw: []const u8, offset: usize) T {
    return std.mem.readInt(T, raw[offset..][0..@sizeOf(T)], .little);
}
