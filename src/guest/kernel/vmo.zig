//! Memory objects: physically contiguous, zeroed RAM that can be mapped, shared and handed to a
//! device. Capabilities and mappings are counted; when the last one goes, the frames are free.

const std = @import("std");
const board = @import("board.zig");
const frames = @import("frames.zig");

const vmos_max = 128;
/// One object is at most 16 MiB: a quarter of the default RAM.
pub const bytes_max: u64 = 16 << 20;

pub const Vmo = struct {
    base: u64,
    len: u64,
    references: u32,

    pub fn retain(self: *Vmo) void {
        std.debug.assert(self.references != 0); // else its frames are another's by now
        self.references += 1;
    }

    pub fn release(self: *Vmo) void {
        std.debug.assert(self.references != 0);
        std.debug.assert(self.len != 0 and self.len % board.page_bytes == 0);
        self.references -= 1;
        if (self.references == 0) frames.freeRun(self.base, self.len / board.page_bytes);
    }
};

var table: [vmos_max]Vmo = @splat(.{ .base = 0, .len = 0, .references = 0 });

/// A new object with one reference, its length rounded up to pages.
pub fn create(len: u64) frames.Error!*Vmo {
    std.debug.assert(len > 0 and len <= bytes_max);
    const rounded = std.mem.alignForward(u64, len, board.page_bytes);
    for (&table) |*object| {
        if (object.references != 0) continue;
        object.* = .{
            .base = try frames.allocRun(rounded / board.page_bytes),
            .len = rounded,
            .references = 1,
        };
        return object;
    }
    return error.NoMemory;
}
