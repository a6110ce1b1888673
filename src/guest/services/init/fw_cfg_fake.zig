//! A model of the firmware configuration device: items under keys, and a directory of those that
//! are files. Reading goes on from where it was; behind an item's end there are zeros.

const std = @import("std");

pub const File = struct { name: []const u8, key: u16, contents: []const u8 };

/// What the device says that it is.
pub var signature: []const u8 = "QEMU";
/// The names of its files.
pub var files: []const File = &.{};
/// How many files the directory claims to have, if not all of them.
pub var claimed: ?u32 = null;
pub var selections: usize = 0;

var key: ?u16 = null;
var at: usize = 0;

/// As it is switched on: nothing was selected.
pub fn reset() void {
    signature = "QEMU";
    files = &.{};
    claimed = null;
    selections = 0;
    key = null;
}

pub fn select(selected: u16) void {
    key = selected;
    at = 0;
    selections += 1;
}

pub fn read(buffer: []u8) void {
    for (buffer) |*byte| {
        byte.* = byteAt(at);
        at += 1;
    }
}

fn byteAt(place: usize) u8 {
    switch (key.?) {
        0x00 => return if (place < signature.len) signature[place] else 0,
        0x19 => return directoryByte(place),
        else => {},
    }
    for (files) |file| {
        if (file.key == key.?) return if (place < file.contents.len) file.contents[place] else 0;
    }
    return 0;
}

/// A count, then 64 bytes for each file: size, key, two of nothing, name. All numbers have their
/// highest byte first.
fn directoryByte(place: usize) u8 {
    var count: [4]u8 = undefined;
    std.mem.writeInt(u32, &count, claimed orelse @intCast(files.len), .big);
    if (place < 4) return count[place];
    const index = (place - 4) / 64;
    if (index >= files.len) return 0;
    var entry: [64]u8 = @splat(0);
    const file = files[index];
    std.mem.writeInt(u32, entry[0..4], @intCast(file.contents.len), .big);
    std.mem.writeInt(u16, entry[4..6], file.key, .big);
    @memcpy(entry[8..][0..file.name.len], file.name);
    return entry[(place - 4) % 64];
}
