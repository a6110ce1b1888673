//! The sectors of one journal. Records are read from its beginning and appended at its end.

const std = @import("std");
const contract = @import("contract");
const record = @import("record.zig");
const layout = @import("superblock.zig");
const Record = record.Record;
const Region = layout.Region;
const sector_bytes = layout.sector_bytes;

pub const window_bytes = contract.journal.window_bytes;
pub const records_max = 100_000;

/// The distance behind the end that writes without a flush may have reached.
pub const window_sectors = sectorsFor(record.record_bytes_max + record.sync_bytes.len) + 2;
/// The longest record, the part of a sector before it, and the sector of zeros behind it.
const scratch_bytes = (window_sectors + 2) * sector_bytes;
/// The sectors that one read takes when records are looked for. Most journals are not longer.
const read_ahead_bytes = 16 * sector_bytes;

pub fn Journal(comptime Device: type) type {
    return struct {
        device: *Device,
        /// Whole sectors on their way. The results of `append` and `nextRecord` lie here.
        scratch: [scratch_bytes]u8 = undefined,
        /// The sectors of the region that `scratch` holds while records are read. After a mount it
        /// holds none: a writer reads the window first.
        loaded_sector: u64 = 0,
        loaded_bytes: usize = 0,
        region: Region = .{ .start = 0, .sectors = 0 },
        end: u64 = 0,
        records: u32 = 0,
        /// The part of a sector before the end.
        tail: [sector_bytes]u8 = undefined,

        const Self = @This();

        /// Field by field: a literal of the whole would pass through the stack.
        pub fn open(self: *Self, device: *Device) void {
            self.device = device;
            self.region = .{ .start = 0, .sectors = 0 };
            self.rewind();
        }

        /// Go back to the beginning of the region.
        pub fn rewind(self: *Self) void {
            self.end = 0;
            self.records = 0;
            self.loaded_bytes = 0;
        }

        /// Go on behind a snapshot, of which the end is in `tail`.
        pub fn goTo(self: *Self, region: Region, end: u64, records: u32) void {
            std.debug.assert(end <= region.bytes() and records < records_max);
            self.region = region;
            self.end = end;
            self.records = records;
        }

        // Writing

        pub fn hasRoom(self: *const Self, size: usize) bool {
            return self.end + size <= self.region.bytes() and self.records + 2 < records_max;
        }

        /// Write whole sectors: the last one again, then the record, then zeros.
        pub fn append(self: *Self, each: Record, more: []const u8) error{Io}![]const u8 {
            const inside: usize = @intCast(self.end % sector_bytes);
            const size = each.size() + more.len;
            std.debug.assert(self.hasRoom(size)); // the caller has looked
            @memcpy(self.scratch[0..inside], self.tail[0..inside]);
            const encoded = self.scratch[inside..][0..size];
            encodeJoined(each, more, encoded);
            const filled = inside + size;
            const first = self.end / sector_bytes;
            var sectors = sectorsFor(filled);
            if (filled % sector_bytes == 0 and first + sectors < self.region.sectors) sectors += 1;
            @memset(self.scratch[filled .. sectors * sector_bytes], 0);
            try self.writeSectors(first, self.scratch[0 .. sectors * sector_bytes]);
            self.end += size;
            self.records += 1;
            std.debug.assert(self.end <= self.region.bytes());
            const rest: usize = @intCast(self.end % sector_bytes);
            @memcpy(self.tail[0..rest], self.scratch[filled - rest .. filled]);
            return encoded;
        }

        /// Zero the bytes behind the end, as far as unflushed writes may have come. False: they
        /// were zero.
        pub fn clearWindow(self: *Self) error{Io}!bool {
            const inside: usize = @intCast(self.end % sector_bytes);
            const window = try self.readWindow();
            // A journal that fills its region has no window, and ends on a boundary.
            const is_same = std.mem.eql(u8, window[0..inside], self.tail[0..inside]);
            if (is_same and isZero(window[inside..])) return false;
            @memcpy(window[0..inside], self.tail[0..inside]);
            @memset(window[inside..], 0);
            try self.writeSectors(self.end / sector_bytes, window);
            return true;
        }

        pub fn zero(self: *Self, region: Region, start: u64, stop: u64) error{Io}!void {
            std.debug.assert(stop <= region.sectors);
            @memset(&self.scratch, 0);
            var sector = start;
            while (sector < stop) {
                const count: u64 = @min(stop - sector, window_sectors);
                const bytes = self.scratch[0..@intCast(count * sector_bytes)];
                self.device.write(region.start + sector, bytes) catch return error.Io;
                sector += count;
            }
        }

        // Reading

        pub fn countRecord(self: *Self) error{TooMany}!void {
            self.records += 1;
            if (self.records >= records_max) return error.TooMany;
        }

        /// The record at `end`, which moves behind it. It borrows from `scratch`.
        pub fn nextRecord(self: *Self) (record.Fault || error{Io})!Record {
            const header = try self.load(record.overhead_bytes);
            if (header.len < record.overhead_bytes) return error.ShortHeader;
            const each = try record.decode(try self.load(record.claimedSize(header)));
            self.end += each.size();
            std.debug.assert(self.end <= self.region.bytes());
            return each;
        }

        /// The bytes from `end` on: at least `need` of them, fewer only at the region's end.
        fn load(self: *Self, need: usize) error{Io}![]const u8 {
            const is_loaded = self.loaded_bytes != 0 and
                self.end + need <= self.loaded_sector * sector_bytes + self.loaded_bytes;
            if (!is_loaded) {
                self.loaded_sector = self.end / sector_bytes;
                const inside: usize = @intCast(self.end % sector_bytes);
                const wanted = sectorsFor(@max(inside + need, read_ahead_bytes));
                const count: u64 = @min(wanted, self.region.sectors - self.loaded_sector);
                self.loaded_bytes = @intCast(count * sector_bytes);
                try self.readSectors(self.loaded_sector, self.scratch[0..self.loaded_bytes]);
            }
            const from: usize = @intCast(self.end - self.loaded_sector * sector_bytes);
            return self.scratch[from..self.loaded_bytes];
        }

        pub fn readWindow(self: *Self) error{Io}![]u8 {
            std.debug.assert(self.end <= self.region.bytes());
            self.loaded_bytes = 0; // the sectors that a mount has loaded are no longer there
            const first = self.end / sector_bytes;
            const count: u64 = @min(window_sectors, self.region.sectors - first);
            const window = self.scratch[0..@intCast(count * sector_bytes)];
            try self.readSectors(first, window);
            return window;
        }

        fn readSectors(self: *Self, first: u64, bytes: []u8) error{Io}!void {
            if (bytes.len == 0) return;
            self.device.read(self.region.start + first, bytes) catch return error.Io;
        }

        fn writeSectors(self: *Self, first: u64, bytes: []const u8) error{Io}!void {
            self.device.write(self.region.start + first, bytes) catch return error.Io;
        }
    };
}

pub const zeros: [sector_bytes]u8 = @splat(0);

/// The record whose value goes on with `more`.
fn encodeJoined(each: Record, more: []const u8, out: []u8) void {
    const value = out[record.header_bytes + each.key.len ..];
    @memcpy(value[0..each.value.len], each.value);
    @memcpy(value[each.value.len..][0..more.len], more);
    record.encodeAround(each.op, each.key, each.value.len + more.len, out);
}

/// This looks at eight bytes in a step, since every boot asks it about a whole window.
pub fn isZero(bytes: []const u8) bool {
    var at: usize = 0;
    while (at + 8 <= bytes.len) : (at += 8) {
        if (std.mem.readInt(u64, bytes[at..][0..8], .little) != 0) return false;
    }
    return std.mem.allEqual(u8, bytes[at..], 0);
}

pub fn sectorsFor(len: usize) usize {
    return (len + sector_bytes - 1) / sector_bytes;
}
