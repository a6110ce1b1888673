//! Mounting a disk: this file finds the journal in force, replays it, and judges whether it is
//! sound.

const std = @import("std");
const record = @import("record.zig");
const layout = @import("superblock.zig");
const contents_file = @import("contents.zig");
const journal_file = @import("journal.zig");
const Contents = contents_file.Contents;
const Record = record.Record;
const Superblock = layout.Superblock;
const sector_bytes = layout.sector_bytes;

/// The reason for which a disk is not written to, or not served. The host's fsck has the same
/// names.
pub const Damage = enum {
    none,
    torn_journal,
    invalid_superblock,
    no_checkpoint,
    generation_mismatch,
    entries_mismatch,
    partial_snapshot,
    too_many_records,
    no_journal,
    no_device,
    device_too_small,
    /// The disk holds more than this machine's memory allows; another machine may read it.
    too_large,
};

pub const Error = error{ Io, Full, TooMany };

/// Replay the journal in force into `contents`, and stand at its end. If the superblock of the disk
/// was torn, `is_lost` is set, and `superblock` is the one that was meant. `journal` is a
/// `*Journal`.
pub fn mount(
    journal: anytype,
    contents: *Contents,
    superblock: *?Superblock,
    is_lost: *bool,
) Error!Damage {
    std.debug.assert(superblock.* == null and !is_lost.*);
    const total = journal.device.sectors();
    if (total == 0) return .no_device;
    var sector: [sector_bytes]u8 = undefined;
    journal.device.read(0, &sector) catch return error.Io;
    const pair = layout.regions(total);
    superblock.* = Superblock.decode(&sector);
    if (superblock.* == null and sector[0] == layout.magic[0]) {
        superblock.* = try newestSnapshot(journal) orelse return .invalid_superblock;
        is_lost.* = true;
    }
    journal.region = .{ .start = 0, .sectors = total };
    if (superblock.*) |block| {
        journal.region = (pair orelse return .device_too_small)[block.active];
    }
    const problem = try replay(journal, contents, superblock.*, &sector);
    if (problem != .none) return problem;
    const inside: usize = @intCast(journal.end % sector_bytes);
    const window = try journal.readWindow();
    @memcpy(journal.tail[0..inside], window[0..inside]);
    if (journal_file.isZero(window[inside..])) return .none;
    const mark = std.mem.indexOf(u8, window[inside..], &record.sync_bytes);
    return if (mark == null) .none else .torn_journal;
}

fn replay(
    journal: anytype,
    contents: *Contents,
    superblock: ?Superblock,
    sector: *const [sector_bytes]u8,
) Error!Damage {
    var fault: record.Fault = error.ShortHeader;
    var snapshot: Snapshot = .{};
    journal.rewind();
    while (true) {
        const each = journal.nextRecord() catch |err| switch (err) {
            error.Io => return error.Io,
            else => |why| {
                fault = @errorCast(why);
                break;
            },
        };
        try journal.countRecord();
        snapshot.take(each, journal.records);
        try contents.apply(each);
    }
    const chosen = superblock orelse {
        if (journal.end > 0 or fault != error.NoMagic) return .none;
        // The first record, or clearing a torn one, may have been torn in the magic.
        for (sector[0..4], record.magic) |byte, want| {
            if (byte != 0 and byte != want) return .no_journal;
        }
        return .none;
    };
    return snapshot.compare(chosen);
}

fn newestSnapshot(journal: anytype) Error!?Superblock {
    const pair = layout.regions(journal.device.sectors()) orelse return null;
    var best: ?Superblock = null;
    for (pair, 0..) |region, index| {
        journal.region = region;
        journal.rewind();
        var snapshot: Snapshot = .{};
        while (!snapshot.isComplete()) {
            const each = journal.nextRecord() catch |err| switch (err) {
                error.Io => return error.Io,
                else => break,
            };
            try journal.countRecord();
            snapshot.take(each, journal.records);
            if (snapshot.generation == null or snapshot.puts + 1 < journal.records) break;
        }
        if (!snapshot.isComplete()) continue;
        if (best) |other| if (other.generation >= snapshot.generation.?) continue;
        best = .{
            .active = @intCast(index),
            .generation = snapshot.generation.?,
            .entries = snapshot.entries,
        };
    }
    return best;
}

/// The sector of a snapshot that was written but never switched to.
pub fn staleSector(journal: anytype, superblock: ?Superblock) error{Io}!?u64 {
    const pair = layout.regions(journal.device.sectors()) orelse return null;
    const idle = if (superblock) |block| pair[1 - block.active] else pair[1];
    if (superblock == null and journal.end > idle.start * sector_bytes) return null;
    var sector: [sector_bytes]u8 = undefined;
    journal.device.read(idle.start, &sector) catch return error.Io;
    const each = record.decode(&sector) catch return null;
    if (each.op != .checkpoint) return null;
    const found = std.mem.readInt(u32, each.value[0..4], .little);
    const generation = if (superblock) |block| block.generation else 0;
    return if (found > generation) idle.start else null;
}

/// The snapshot that the first records of a region describe.
const Snapshot = struct {
    generation: ?u32 = null,
    entries: u32 = 0,
    puts: u32 = 0,

    fn take(self: *Snapshot, each: Record, number: u32) void {
        if (number == 1 and each.op == .checkpoint) {
            self.generation = std.mem.readInt(u32, each.value[0..4], .little);
            self.entries = std.mem.readInt(u32, each.value[4..8], .little);
        } else if (each.op == .put and number == self.puts + 2) {
            self.puts += 1;
        }
    }

    fn isComplete(self: Snapshot) bool {
        return self.generation != null and self.puts >= self.entries;
    }

    fn compare(self: Snapshot, chosen: Superblock) Damage {
        const found = self.generation orelse return .no_checkpoint;
        if (found != chosen.generation) return .generation_mismatch;
        if (self.entries != chosen.entries) return .entries_mismatch;
        return if (self.puts < self.entries) .partial_snapshot else .none;
    }
};
