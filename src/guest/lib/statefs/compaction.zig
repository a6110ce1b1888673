//! Compaction decides whether it pays, finds its region, and writes the snapshot there.

const std = @import("std");
const contract = @import("contract");
const record = @import("record.zig");
const layout = @import("superblock.zig");
const contents_file = @import("contents.zig");
const journal_file = @import("journal.zig");
const call_file = @import("call.zig");
const calls_file = @import("calls.zig");
const Contents = contents_file.Contents;
const Record = record.Record;
const Region = layout.Region;
const Superblock = layout.Superblock;
const sector_bytes = layout.sector_bytes;

pub const bytes_min = contract.journal.compact_bytes_min;
pub const entries_max = contract.journal.compact_entries_max;

pub fn pays(end: u64, live_bytes: u64) bool {
    return end >= bytes_min and end >= 2 * live_bytes;
}

/// The idle region, if the live entries fit it with a sector of zeros behind them.
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
    const needed = journal_file.sectorsFor(@intCast(contents.liveBytes()));
    return if (needed + 1 > pair[index].sectors) null else index;
}

/// Write the snapshot through the journal's `scratch`, sector by sector as it fills. The last part
/// goes into the journal's `tail`.
pub fn writeSnapshot(
    journal: anytype,
    contents: *const Contents,
    region: Region,
    chosen: Superblock,
) error{Io}!void {
    var writer: Writer(@TypeOf(journal)) = .{ .journal = journal, .sector = region.start };
    var head: [8]u8 = undefined;
    std.mem.writeInt(u32, head[0..4], chosen.generation, .little);
    std.mem.writeInt(u32, head[4..8], chosen.entries, .little);
    try writer.put(.{ .op = .checkpoint, .value = &head });
    for (contents.sorted()) |item| {
        try writer.put(.{
            .op = .put,
            .key = contents.keyOf(item),
            .value = contents.valueOf(item),
        });
    }
    try writeMemory(&writer, contents);
    try writer.finish();
}

/// Write the records behind the entries: their owners, and the memory of peers' calls.
fn writeMemory(writer: anytype, contents: *const Contents) error{Io}!void {
    const calls = &contents.calls;
    var owners: [calls_file.peers_max]calls_file.Owner = undefined;
    for (calls.inOrder(&owners)) |owner| {
        const peer = &calls.peers[owner - 1];
        const own: call_file.Value = .{ .kind = .own, .call = .{ .peer = peer.name() } };
        if (peer.keys != 0) {
            const rest = writer.begin(own, 2 * peer.keys);
            var at: usize = 0;
            for (contents.sorted(), 0..) |item, place| {
                if (item.peer != owner) continue;
                std.mem.writeInt(u16, rest[at..][0..2], @intCast(place), .little);
                at += 2;
            }
            try writer.end();
        }
        var epochs: [calls_file.epochs_max]calls_file.Epoch = undefined;
        for (calls.epochsInOrder(owner, &epochs)) |epoch| {
            const id = @as(u64, epoch.number) << 32 | epoch.forgotten;
            const value: call_file.Value = .{
                .kind = .epoch,
                .call = .{ .peer = peer.name(), .id = id },
            };
            const rest = writer.begin(value, call_file.entry_bytes * epoch.calls);
            var at: usize = 0;
            for (calls.list[0..calls.count]) |each| {
                if (each.owner != owner or each.epoch != epoch.number) continue;
                const entry = rest[at..][0..call_file.entry_bytes];
                std.mem.writeInt(u32, entry[0..4], each.number, .little);
                entry[4] = each.status;
                entry[5..].* = each.digest;
                at += call_file.entry_bytes;
            }
            try writer.end();
        }
    }
}

/// Records one behind the other, on their way to whole sectors.
fn Writer(comptime Journal: type) type {
    return struct {
        journal: Journal,
        sector: u64,
        filled: usize = 0,
        /// The record that is being written, and the part of its value before the rest.
        size: usize = 0,

        const Self = @This();

        fn put(self: *Self, each: Record) error{Io}!void {
            each.encode(self.journal.scratch[self.filled..][0..each.size()]);
            self.filled += each.size();
            try self.flush();
        }

        /// A record of a call whose rest is to be filled in; then `end`.
        fn begin(self: *Self, value: call_file.Value, rest_len: usize) []u8 {
            var buffer: [call_file.prefix_bytes_max]u8 = undefined;
            const prefix = value.encodePrefix(&buffer);
            self.size = record.overhead_bytes + prefix.len + rest_len;
            const out = self.journal.scratch[self.filled..][0..self.size];
            @memcpy(out[record.header_bytes..][0..prefix.len], prefix);
            return out[record.header_bytes + prefix.len ..][0..rest_len];
        }

        fn end(self: *Self) error{Io}!void {
            const out = self.journal.scratch[self.filled..][0..self.size];
            record.encodeAround(.call, "", self.size - record.overhead_bytes, out);
            self.filled += self.size;
            try self.flush();
        }

        fn flush(self: *Self) error{Io}!void {
            const journal = self.journal;
            const whole = self.filled / sector_bytes * sector_bytes;
            if (whole == 0) return;
            journal.device.write(self.sector, journal.scratch[0..whole]) catch return error.Io;
            self.sector += whole / sector_bytes;
            const rest = journal.scratch[whole..self.filled];
            @memmove(journal.scratch[0..rest.len], rest);
            self.filled = rest.len;
        }

        fn finish(self: *Self) error{Io}!void {
            const journal = self.journal;
            @memcpy(journal.tail[0..self.filled], journal.scratch[0..self.filled]);
            if (self.filled == 0) return;
            @memset(journal.scratch[self.filled..sector_bytes], 0);
            const last = journal.scratch[0..sector_bytes];
            journal.device.write(self.sector, last) catch return error.Io;
        }
    };
}
