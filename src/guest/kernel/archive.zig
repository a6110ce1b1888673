//! The boot archive (`NXBF`): every service's ELF, in the page after the kernel's last byte. Read
//! in place.

const std = @import("std");
const board = @import("board.zig");

const magic = "NXBF";
const header_bytes = 8;
const entry_bytes = 48;
const name_bytes = 32;
/// More files than tasks could run would be a mistake of the build.
const files_max = 64;

extern const __kernel_end: u8;

pub var bytes: []const u8 = &.{};

pub const Error = error{ NoArchive, BadArchive };

/// Find the archive and check every entry; `ram_end` bounds it.
pub fn init(ram_end: u64) Error!void {
    const start = std.mem.alignForward(u64, @intFromPtr(&__kernel_end), board.page_bytes);
    const all = @as([*]const u8, @ptrFromInt(start))[0 .. ram_end - start];
    bytes = all[0..try length(all)];
}

/// First address after kernel and archive: where free memory starts.
pub fn end() u64 {
    return @intFromPtr(bytes.ptr) + bytes.len;
}

pub fn contains(physical: u64) bool {
    return physical >= @intFromPtr(bytes.ptr) and physical < end();
}

pub fn find(name: []const u8) ?[]const u8 {
    for (0..readCount(bytes)) |i| {
        const entry = entryAt(bytes, i);
        if (std.mem.eql(u8, std.mem.sliceTo(entry[0..name_bytes], 0), name)) {
            return file(bytes, entry);
        }
    }
    return null;
}

fn length(all: []const u8) Error!usize {
    if (all.len < header_bytes or !std.mem.eql(u8, all[0..4], magic)) return error.NoArchive;
    if (std.mem.readInt(u16, all[4..6], .little) != 1) return error.BadArchive;
    const files = readCount(all);
    var last: usize = header_bytes + files * entry_bytes;
    if (files > files_max or last > all.len) return error.BadArchive;
    for (0..files) |i| {
        const entry = entryAt(all, i);
        const offset = std.mem.readInt(u64, entry[32..40], .little);
        const len = std.mem.readInt(u64, entry[40..48], .little);
        if (offset % board.page_bytes != 0 or offset > all.len or len > all.len - offset) {
            return error.BadArchive;
        }
        last = @max(last, offset + len);
    }
    return std.mem.alignForward(usize, last, board.page_bytes);
}

fn readCount(all: []const u8) usize {
    return std.mem.readInt(u16, all[6..8], .little);
}

fn entryAt(all: []const u8, index: usize) *const [entry_bytes]u8 {
    return all[header_bytes + index * entry_bytes ..][0..entry_bytes];
}

fn file(all: []const u8, entry: *const [entry_bytes]u8) []const u8 {
    const offset = std.mem.readInt(u64, entry[32..40], .little);
    return all[offset..][0..std.mem.readInt(u64, entry[40..48], .little)];
}
