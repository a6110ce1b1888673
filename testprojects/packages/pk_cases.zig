//! The table `pk_cases.json`, read.

const std = @import("std");

pub const File = struct {
    bundle: []const u8,
    version: []const u8,
    path: []const u8,
    text: []const u8,
};

/// Request and reply are hexadecimal.
pub const Step = struct {
    request: []const u8,
    reply: []const u8,
    session: u8 = 0,
    authenticated: bool = true,
    /// False: a gateway refuses it before it comes to a server.
    remote: bool = true,
};

pub const Case = struct { name: []const u8, steps: []const Step };

pub const Table = struct { about: []const u8, files: []const File, cases: []const Case };

/// More than any frame of the table.
pub const frame_bytes_max = 512;

pub fn parse(allocator: std.mem.Allocator) !Table {
    const text = @embedFile("pk_cases.json");
    return std.json.parseFromSliceLeaky(Table, allocator, text, .{});
}

pub fn bytesOf(hex: []const u8, out: *[frame_bytes_max]u8) ![]const u8 {
    return std.fmt.hexToBytes(out, hex);
}
