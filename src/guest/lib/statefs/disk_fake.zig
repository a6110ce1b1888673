//! A disk whose power may fail: between two flushes it wrote any of the sectors it was given, in
//! any order, lost some, and wrote one only up to some byte.

const std = @import("std");

pub const disk_sectors = 72;
pub const sector_bytes = 512;
/// Between two flushes: a compaction's, and what was not flushed before.
const pending_max = 400;

const Pending = struct { sector: usize, bytes: [sector_bytes]u8 };

pub const Disk = struct {
    /// As it is read: everything that was written.
    bytes: [disk_sectors * sector_bytes]u8 = @splat(0),
    /// What no cut can take any more.
    durable: [disk_sectors * sector_bytes]u8 = @splat(0),
    pending: [pending_max]Pending = undefined,
    pending_len: usize = 0,
    /// How many sectors were written, and how many may be: then the power fails.
    writes: usize = 0,
    power: usize = std.math.maxInt(usize),
    flushes: usize = 0,

    pub fn sectors(_: *const Disk) u64 {
        return disk_sectors;
    }

    /// A read of nothing is one, too: a drive refuses it behind its last sector.
    pub fn read(self: *Disk, sector: u64, buffer: []u8) error{Broken}!void {
        std.debug.assert(buffer.len != 0);
        @memcpy(buffer, self.bytes[@intCast(sector * sector_bytes)..][0..buffer.len]);
    }

    /// A write beyond the disk is our own mistake, and so is one of nothing.
    pub fn write(self: *Disk, sector: u64, bytes: []const u8) error{Broken}!void {
        std.debug.assert(bytes.len != 0);
        for (0..bytes.len / sector_bytes) |index| {
            if (self.writes == self.power) return error.Broken;
            self.writes += 1;
            const at: usize = @intCast(sector + index);
            const piece = bytes[index * sector_bytes ..][0..sector_bytes];
            @memcpy(self.bytes[at * sector_bytes ..][0..sector_bytes], piece);
            self.pending[self.pending_len] = .{ .sector = at, .bytes = piece.* };
            self.pending_len += 1;
        }
    }

    pub fn flush(self: *Disk) error{Broken}!void {
        if (self.writes == self.power) return error.Broken;
        self.flushes += 1;
        self.durable = self.bytes;
        self.pending_len = 0;
    }

    /// What was written of the pending sectors.
    pub const Kept = union(enum) {
        none,
        all,
        /// This one alone, and all but this one.
        only: usize,
        but: usize,
        /// All up to this one, and of this one some bytes.
        torn: struct { index: usize, len: usize },
        /// Any of them, each sector from any of its writes.
        any: std.Random,

        fn takes(self: Kept, index: usize) bool {
            return switch (self) {
                .none => false,
                .all => true,
                .only => |one| index == one,
                .but => |one| index != one,
                .torn => |torn| index < torn.index,
                .any => |random| random.boolean(),
            };
        }
    };

    /// The disk after the cut, as the next start finds it.
    pub fn cut(self: *const Disk, kept: Kept, out: *Disk) void {
        out.bytes = self.durable;
        for (self.pending[0..self.pending_len], 0..) |*each, index| {
            const at = out.bytes[each.sector * sector_bytes ..][0..sector_bytes];
            if (kept.takes(index)) {
                @memcpy(at, &each.bytes);
            } else if (kept == .torn and kept.torn.index == index) {
                @memcpy(at[0..kept.torn.len], each.bytes[0..kept.torn.len]);
            }
        }
        out.durable = out.bytes;
        out.pending_len = 0;
        out.writes = 0;
        out.power = std.math.maxInt(usize);
        out.flushes = 0;
    }
};
