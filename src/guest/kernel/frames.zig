//! Physical memory in 4 KiB frames: one bit a frame. Frames are handed out by physical address,
//! which the kernel can use as a pointer (RAM is identity mapped).

const std = @import("std");
const board = @import("board.zig");

const frames_max = board.ram_bytes_max / board.page_bytes;
const words_max = frames_max / 64;
const all_taken: u64 = std.math.maxInt(u64);

pub const Error = error{NoMemory};

var taken: [words_max]u64 = undefined;
var first: u64 = 0; // physical address of frame 0
var count: u64 = 0;
var free_count: u64 = 0;
/// No word below this one has a free frame.
var hint: usize = 0;

/// Manage [start, end). Clears only the words in use: RAM is large and boot time is counted.
pub fn init(start: u64, end: u64) void {
    first = std.mem.alignForward(u64, start, board.page_bytes);
    count = (end - first) / board.page_bytes;
    std.debug.assert(count <= frames_max); // the table is written below
    free_count = count;
    hint = 0;
    const words = (count + 63) / 64;
    @memset(taken[0..words], 0);
    if (count % 64 != 0) taken[words - 1] = all_taken << @intCast(count % 64);
    check();
}

/// The invariants that hold between any two calls.
fn check() void {
    std.debug.assert(first % board.page_bytes == 0);
    std.debug.assert(free_count <= count and count <= frames_max);
    std.debug.assert(hint <= (count + 63) / 64);
}

pub fn freeCount() u64 {
    return free_count;
}

/// One frame, content undefined.
pub fn alloc() Error!u64 {
    const words = (count + 63) / 64;
    check();
    while (hint < words) : (hint += 1) {
        if (taken[hint] == all_taken) continue;
        const bit: u6 = @intCast(@ctz(~taken[hint]));
        taken[hint] |= @as(u64, 1) << bit;
        free_count -= 1;
        return first + (hint * 64 + bit) * board.page_bytes;
    }
    std.debug.assert(free_count == 0);
    return error.NoMemory;
}

pub fn allocZeroed() Error!u64 {
    const frame = try alloc();
    zero(frame);
    return frame;
}

/// `wanted` adjacent frames, zeroed: for devices, which do not see page tables.
pub fn allocRun(wanted: u64) Error!u64 {
    if (wanted == 1) return allocZeroed();
    check();
    if (wanted == 0 or wanted > free_count) return error.NoMemory;
    var run: u64 = 0;
    var index: u64 = hint * 64;
    while (index < count) : (index += 1) {
        if (isTaken(index)) {
            run = 0;
            continue;
        }
        run += 1;
        if (run < wanted) continue;
        const start = index + 1 - wanted;
        for (start..index + 1) |i| {
            taken[i / 64] |= @as(u64, 1) << @intCast(i % 64);
            zero(first + i * board.page_bytes);
        }
        free_count -= wanted;
        check();
        return first + start * board.page_bytes;
    }
    return error.NoMemory;
}

pub fn free(frame: u64) void {
    std.debug.assert(frame >= first);
    const index = (frame - first) / board.page_bytes;
    std.debug.assert(frame % board.page_bytes == 0 and index < count and isTaken(index));
    taken[index / 64] &= ~(@as(u64, 1) << @intCast(index % 64));
    hint = @min(hint, index / 64);
    free_count += 1;
    check();
}

pub fn freeRun(frame: u64, frames: u64) void {
    for (0..frames) |i| free(frame + i * board.page_bytes);
}

fn isTaken(index: u64) bool {
    return taken[index / 64] & (@as(u64, 1) << @intCast(index % 64)) != 0;
}

/// The stores are volatile, so that the compiler does not turn them into a call of a byte-wise
/// memset.
pub fn zero(frame: u64) void {
    const words: *[board.page_bytes / 8]u64 = @ptrFromInt(frame);
    var i: usize = 0;
    while (i < words.len) : (i += 16) {
        inline for (0..16) |j| @as(*volatile u64, &words[i + j]).* = 0;
    }
}

pub fn bytes(frame: u64) *[board.page_bytes]u8 {
    std.debug.assert(frame >= first and frame % board.page_bytes == 0);
    return @ptrFromInt(frame);
}
