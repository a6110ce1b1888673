//! The boot archive begins in the page after the kernel's last byte. The kernel reads it in place;
//! `init` reads it through a read-only mapping.

const std = @import("std");
const board = @import("board.zig");
const nxbf = @import("nxbf");

extern const __kernel_end: u8;

pub var content: nxbf.Archive = .{ .bytes = &.{}, .count = 0 };

/// Find the archive and check every entry; `ram_end` bounds it.
pub fn init(ram_end: u64) nxbf.Error!void {
    const start = std.mem.alignForward(u64, @intFromPtr(&__kernel_end), board.page_bytes);
    content = try nxbf.parse(@as([*]const u8, @ptrFromInt(start))[0 .. ram_end - start]);
}

/// First address after kernel and archive: where free memory starts.
pub fn end() u64 {
    return @intFromPtr(content.bytes.ptr) + content.bytes.len;
}

pub fn contains(physical: u64) bool {
    return physical >= @intFromPtr(content.bytes.ptr) and physical < end();
}
