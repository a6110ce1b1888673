//! Copies between kernel and task, checked page by page against the task's own tables: the kernel
//! never follows a user pointer with its own rights.

const std = @import("std");
const board = @import("board.zig");
const vm = @import("vm.zig");

pub const Error = error{Fault};

pub fn in(space: vm.Space, destination: []u8, source: u64) Error!void {
    var done: usize = 0;
    while (done < destination.len) {
        const piece = try window(space, source, done, destination.len, .read);
        @memcpy(destination[done..][0..piece.len], piece);
        done += piece.len;
    }
}

pub fn out(space: vm.Space, destination: u64, source: []const u8) Error!void {
    var done: usize = 0;
    while (done < source.len) {
        const piece = try window(space, destination, done, source.len, .write);
        @memcpy(piece, source[done..][0..piece.len]);
        done += piece.len;
    }
}

pub fn inValue(space: vm.Space, comptime T: type, source: u64) Error!T {
    var value: T = undefined;
    try in(space, std.mem.asBytes(&value), source);
    return value;
}

pub fn outValue(space: vm.Space, destination: u64, value: anytype) Error!void {
    try out(space, destination, std.mem.asBytes(&value));
}

/// The part of [base + done, base + len) that lies in one page, as kernel memory.
fn window(
    space: vm.Space,
    base: u64,
    done: usize,
    len: usize,
    comptime want: @TypeOf(.e),
) Error![]u8 {
    std.debug.assert(done < len); // a window is never empty, so a copy ends
    const address, const overflow = @addWithOverflow(base, done);
    if (overflow != 0) return error.Fault;
    const physical = space.translate(address, want) orelse return error.Fault;
    // A driver has device registers mapped. Reading them has effects, so a copy takes RAM alone.
    if (physical < board.ram_base) return error.Fault;
    const in_page = board.page_bytes - address % board.page_bytes;
    return @as([*]u8, @ptrFromInt(physical))[0..@min(in_page, len - done)];
}
