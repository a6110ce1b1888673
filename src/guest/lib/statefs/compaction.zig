//! Compaction: whether it pays, where to, and the snapshot.

const std = @import("std");
const record = @import("record.zig");
const layout = @import("superblock.zig");
const contents_file = @import("contents.zig");
const journal_file = @import("journal.zig");
const Contents = contents_file.Contents;
const Item = contents_file.Item;
const Record = record.Record;
const Region = layout.Region;
const Superblock = layout.Superblock;
const sector_bytes = layout.sector_bytes;

pub const bytes_min = 8_192;
pub const entries_max = 8_192;

pub fn pays(end: u64, live_bytes: u64) bool {
    return end >= bytes_min and end >= 2 * live_bytes;
}

/// The idle region, if what is live fits it with a sector of zeros behind.
pub fn target(
    sectors: u64,
    contents: *const Contents,
    superblock: ?Superblock,
    end: u64,
) ?u1 {
    const pair = layout.regions(sectors) orelse return null;
    if (contents.open_count > 0) return null;
    if (contents.entries() > entries_max) return null;
    const index: u1 = if (superblock) |block| 1 - block.active else 1;
    // The one journal of version 1 may reach into region B.
    if (superblock == null and end > pair[1].start * sector_bytes) return null;
    const needed = journal_file.sectorsFor(@intCast(contents.live_bytes));
    return if (needed + 1 > pair[index].sectors) null else index;
}

/// Through the journal's `scratch`, sector by sector as it fills; the last part into its `tail`.
pub fn writeSnapshot(
    journal: anytype,
    contents: *const Contents,
    region: Region,
    chosen: Superblock,
) error{Io}!void {
    journal.loaded_bytes = 0;
    var head: [8]u8 = undefined;
    std.mem.writeInt(u32, head[0..4], chosen.generation, .little);
    std.mem.writeInt(u32, head[4..8], chosen.entries, .little);
    const first: Record = .{ .op = .checkpoint, .value = &head };
    first.encode(journal.scratch[0..first.size()]);
    var filled = first.size();
    var sector = region.start;
    var last: ?Item = null;
    while (contents.following(last)) |item| {
        const each: Record = .{
            .op = .put,
            .key = contents.keyOf(item),
            .value = contents.valueOf(item),
        };
        each.encode(journal.scratch[filled..][0..each.size()]);
        filled += each.size();
        const whole = filled / sector_bytes * sector_bytes;
        if (whole > 0) {
            journal.device.write(sector, journal.scratch[0..whole]) catch return error.Io;
            sector += whole / sector_bytes;
            std.mem.copyForwards(u8, &journal.scratch, journal.scratch[whole..filled]);
            filled -= whole;
        }
        last = item;
    }
    @memcpy(journal.tail[0..filled], journal.scratch[0..filled]);
    if (filled == 0) return;
    @memset(journal.scratch[filled..sector_bytes], 0);
    journal.device.write(sector, journal.scratch[0..sector_bytes]) catch return error.Io;
}
