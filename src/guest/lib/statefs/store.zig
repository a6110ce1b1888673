//! The state store over a disk that may lose power at any moment.
//!
//! Rules of this file
//! 1. A record is on the disk before it is in memory; a refused operation changes neither.
//! 2. Everything behind the end of the journal is zero, but for what at most `window_bytes` of
//!    writes without a flush may have left there before a cut; the first mutation clears it.
//! 3. Behind every flush stands a SYNC mark. A mark behind damage proves that the damage was once
//!    durable: such a journal is never written to again, only read as far as it goes.

const std = @import("std");
const record = @import("record.zig");
const layout = @import("superblock.zig");
const contents_file = @import("contents.zig");
const Contents = contents_file.Contents;
const Item = contents_file.Item;
const Record = record.Record;
const Region = layout.Region;
const Superblock = layout.Superblock;
const sector_bytes = layout.sector_bytes;

pub const window_bytes = 65_536;
pub const records_max = 100_000;
pub const compact_bytes_min = 8_192;
pub const compact_entries_max = 8_192;

/// How far behind the end writes without a flush may have come.
const window_sectors = sectorsFor(record.record_bytes_max + record.sync_bytes.len) + 2;
/// The longest record, the part of a sector before it, and the sector of zeros behind it.
const scratch_bytes = (window_sectors + 2) * sector_bytes;
/// Read at once when records are looked for: most journals are no longer.
const read_ahead_bytes = 16 * sector_bytes;

pub const Error = error{ Io, Integrity, NotFound, TooLarge, KeyTooLong, InvalidKey, TxnLimit };

/// Why a disk is not written to, or not served at all. The names are those of the host's fsck.
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
    /// More than this machine's memory is for; another one may read it.
    too_large,
};

pub fn Store(comptime Device: type) type {
    return struct {
        device: *Device,
        contents: Contents,
        scratch: [scratch_bytes]u8 = undefined,
        /// Which sectors of the region `scratch` holds while records are read.
        loaded_sector: u64 = 0,
        loaded_bytes: usize = 0,
        region: Region = .{ .start = 0, .sectors = 0 },
        superblock: ?Superblock = null,
        is_superblock_lost: bool = false,
        damage: Damage = .none,
        /// Whether there are contents at all.
        is_served: bool = false,
        end: u64 = 0,
        records: u32 = 0,
        tail: [sector_bytes]u8 = undefined,
        is_clean: bool = false,
        is_dirty: bool = true,
        has_failed: bool = false,
        unmarked: u64 = 0,
        other_sectors: ?u64 = null,

        const Self = @This();

        /// Replay what the disk holds; nothing is written. In place: the store is large.
        pub fn open(self: *Self, device: *Device, pool: []u8, items: []Item) error{Io}!void {
            // Field by field: a literal of the whole would pass through the stack.
            self.device = device;
            self.contents = .{ .pool = pool, .items = items };
            self.loaded_sector = 0;
            self.loaded_bytes = 0;
            self.region = .{ .start = 0, .sectors = 0 };
            self.damage = .no_device;
            self.is_served = false;
            self.superblock = null;
            self.is_superblock_lost = false;
            self.end = 0;
            self.records = 0;
            self.is_clean = false;
            self.is_dirty = true;
            self.has_failed = false;
            self.unmarked = 0;
            self.other_sectors = null;
            self.damage = self.mount() catch |err| switch (err) {
                error.Io => return error.Io,
                error.Full => .too_large,
                error.TooMany => .too_many_records,
            };
            self.is_served = self.damage == .none or self.damage == .torn_journal;
        }

        pub fn generation(self: *const Self) u32 {
            return if (self.superblock) |block| block.generation else 0;
        }

        pub fn get(self: *const Self, key: []const u8) Error!?[]const u8 {
            if (!self.is_served) return error.Integrity;
            return self.contents.get(key);
        }

        pub fn put(self: *Self, key: []const u8, value: []const u8) Error!void {
            try checkKey(key);
            if (value.len > record.value_bytes_max) return error.TooLarge;
            try self.change(.{ .op = .put, .key = key, .value = value }, "");
        }

        /// False is that there was no such key, and nothing was written.
        pub fn delete(self: *Self, key: []const u8) Error!bool {
            try checkKey(key);
            if (try self.get(key) == null) return false;
            try self.change(.{ .op = .delete, .key = key }, "");
            return true;
        }

        pub fn begin(self: *Self) Error!u64 {
            const txn = self.contents.next_id;
            if (self.contents.open_count == contents_file.txns_max) return error.TxnLimit;
            if (txn == std.math.maxInt(u64)) return error.TxnLimit;
            try self.change(.{ .op = .prepare, .value = &word(txn) }, "");
            return txn;
        }

        pub fn putChunk(self: *Self, txn: u64, key: []const u8, chunk: []const u8) Error!void {
            try checkKey(key);
            try self.contents.checkChunk(txn, key, chunk);
            try self.change(.{ .op = .payload, .key = key, .value = &word(txn) }, chunk);
        }

        pub fn commit(self: *Self, txn: u64) Error!void {
            if (!self.contents.isOpen(txn)) return error.NotFound;
            try self.change(.{ .op = .commit, .value = &word(txn) }, "");
        }

        pub fn abort(self: *Self, txn: u64) Error!void {
            if (!self.contents.isOpen(txn)) return error.NotFound;
            try self.change(.{ .op = .abort, .value = &word(txn) }, "");
        }

        /// Everything done before survives a cut when this returns.
        pub fn sync(self: *Self) Error!void {
            if (!self.is_dirty) return;
            try self.flush();
            self.is_dirty = false;
            if (self.unmarked == 0 or !self.hasRoom(record.sync_bytes.len)) return;
            self.unmarked = 0;
            // The mark is a help; what was synced is there without it.
            _ = self.append(.{ .op = .sync }, "") catch {
                self.is_clean = false;
            };
        }

        /// False where it is impossible.
        pub fn compact(self: *Self) Error!bool {
            try self.checkWritable();
            const index = self.compactTarget() orelse return false;
            self.compactTo(index) catch {
                // Which superblock the disk holds is unknown: neither journal may be appended to.
                self.has_failed = true;
                return error.Io;
            };
            return true;
        }

        // Changing

        /// `more` is the rest of the value: a chunk behind its transaction's id.
        fn change(self: *Self, each: Record, more: []const u8) Error!void {
            try self.checkWritable();
            const size = each.size() + more.len;
            const adds = each.op == .put or each.op == .payload;
            const is_chunk = each.op == .payload;
            const owner = if (is_chunk) std.mem.readInt(u64, each.value[0..8], .little) else 0;
            const bytes = if (each.op == .put) each.value.len else more.len;
            if (adds and !self.contents.fits(owner, each.key, bytes)) return error.Io;
            if (self.isWorthCompacting() or !self.hasRoom(size)) _ = try self.compact();
            if (!self.hasRoom(size)) return error.Io;
            if (self.unmarked != 0 and self.unmarked + size > window_bytes) {
                try self.sync();
                if (!self.hasRoom(size)) return error.Io;
            }
            self.write(each, more) catch {
                self.is_clean = false;
                return error.Io;
            };
            self.unmarked += size;
            self.is_dirty = true;
        }

        fn write(self: *Self, each: Record, more: []const u8) error{ Io, Full }!void {
            try self.clean();
            const encoded = try self.append(each, more);
            try self.contents.apply(record.decode(encoded) catch unreachable); // Just written.
        }

        fn checkWritable(self: *const Self) Error!void {
            if (self.damage != .none) return error.Integrity;
            if (self.has_failed) return error.Io;
        }

        fn hasRoom(self: *const Self, size: usize) bool {
            return self.end + size <= self.region.bytes() and self.records + 2 < records_max;
        }

        /// Write whole sectors: the last one again, then the record, then zeros.
        fn append(self: *Self, each: Record, more: []const u8) error{Io}![]const u8 {
            const inside: usize = @intCast(self.end % sector_bytes);
            const size = each.size() + more.len;
            @memcpy(self.scratch[0..inside], self.tail[0..inside]);
            const encoded = self.scratch[inside..][0..size];
            encodeJoined(each, more, encoded);
            const filled = inside + size;
            const first = self.end / sector_bytes;
            var sectors = sectorsFor(filled);
            if (filled % sector_bytes == 0 and first + sectors < self.region.sectors) sectors += 1;
            @memset(self.scratch[filled .. sectors * sector_bytes], 0);
            self.loaded_bytes = 0;
            try self.writeSectors(first, self.scratch[0 .. sectors * sector_bytes]);
            self.end += size;
            self.records += 1;
            const rest: usize = @intCast(self.end % sector_bytes);
            @memcpy(self.tail[0..rest], self.scratch[filled - rest .. filled]);
            return encoded;
        }

        /// Establish rule 2 after opening and after a failed write.
        fn clean(self: *Self) error{Io}!void {
            if (self.is_clean) return;
            var changed = false;
            const inside: usize = @intCast(self.end % sector_bytes);
            const window = try self.readWindow();
            // A journal that fills its region has no window, and ends on a boundary.
            const is_same = std.mem.eql(u8, window[0..inside], self.tail[0..inside]);
            if (!is_same or !isZero(window[inside..])) {
                @memcpy(window[0..inside], self.tail[0..inside]);
                @memset(window[inside..], 0);
                try self.writeSectors(self.end / sector_bytes, window);
                changed = true;
            }
            if (self.is_superblock_lost) {
                var sector: [sector_bytes]u8 = undefined;
                self.superblock.?.encode(&sector);
                self.device.write(0, &sector) catch return error.Io;
                self.is_superblock_lost = false;
                changed = true;
            }
            if (try self.staleSector()) |sector| {
                self.device.write(sector, &zeros) catch return error.Io;
                changed = true;
            }
            if (changed) self.flush() catch return error.Io;
            self.is_clean = true;
        }

        fn flush(self: *Self) Error!void {
            try self.checkWritable();
            self.device.flush() catch {
                // What a failed flush dropped, a later one would not bring: never trust it again.
                self.has_failed = true;
                return error.Io;
            };
        }

        // Compaction

        fn isWorthCompacting(self: *const Self) bool {
            return self.end >= compact_bytes_min and self.end >= 2 * self.contents.live_bytes and
                self.compactTarget() != null;
        }

        fn compactTarget(self: *const Self) ?u1 {
            const pair = layout.regions(self.device.sectors()) orelse return null;
            if (self.contents.open_count > 0) return null;
            if (self.contents.entries() > compact_entries_max) return null;
            const index: u1 = if (self.superblock) |block| 1 - block.active else 1;
            // The one journal of version 1 may reach into region B.
            if (self.superblock == null and self.end > pair[1].start * sector_bytes) return null;
            const sectors = sectorsFor(@intCast(self.contents.live_bytes));
            return if (sectors + 1 > pair[index].sectors) null else index;
        }

        /// Write the snapshot, make it durable, then let the superblock say so.
        fn compactTo(self: *Self, index: u1) Error!void {
            try self.clean();
            const target = layout.regions(self.device.sectors()).?[index];
            const chosen: Superblock = .{
                .active = index,
                .generation = self.generation() +% 1,
                .entries = self.contents.entries(),
            };
            const old = self.end;
            self.loaded_bytes = 0;
            try self.writeSnapshot(target, chosen);
            const used = sectorsFor(@intCast(self.contents.live_bytes));
            const most = @max(self.other_sectors orelse target.sectors, used + 1);
            try self.zero(target, used, @min(target.sectors, most));
            try self.flush();
            var sector: [sector_bytes]u8 = undefined;
            chosen.encode(&sector);
            self.device.write(0, &sector) catch return error.Io;
            try self.flush();
            self.other_sectors = sectorsFor(@intCast(old)) + 1;
            self.superblock = chosen;
            self.region = target;
            self.end = self.contents.live_bytes;
            self.records = 1 + chosen.entries;
            self.is_dirty = false;
            self.unmarked = 0;
        }

        /// Through `scratch`, sector by sector as it fills.
        fn writeSnapshot(self: *Self, target: Region, chosen: Superblock) Error!void {
            var head: [8]u8 = undefined;
            std.mem.writeInt(u32, head[0..4], chosen.generation, .little);
            std.mem.writeInt(u32, head[4..8], chosen.entries, .little);
            const first: Record = .{ .op = .checkpoint, .value = &head };
            first.encode(self.scratch[0..first.size()]);
            var filled = first.size();
            var sector = target.start;
            var last: ?Item = null;
            while (self.contents.following(last)) |item| {
                const each: Record = .{
                    .op = .put,
                    .key = self.contents.keyOf(item),
                    .value = self.contents.valueOf(item),
                };
                each.encode(self.scratch[filled..][0..each.size()]);
                filled += each.size();
                const whole = filled / sector_bytes * sector_bytes;
                if (whole > 0) {
                    self.device.write(sector, self.scratch[0..whole]) catch return error.Io;
                    sector += whole / sector_bytes;
                    std.mem.copyForwards(u8, &self.scratch, self.scratch[whole..filled]);
                    filled -= whole;
                }
                last = item;
            }
            @memcpy(self.tail[0..filled], self.scratch[0..filled]);
            if (filled == 0) return;
            @memset(self.scratch[filled..sector_bytes], 0);
            self.device.write(sector, self.scratch[0..sector_bytes]) catch return error.Io;
        }

        fn zero(self: *Self, target: Region, start: u64, stop: u64) Error!void {
            @memset(&self.scratch, 0);
            var sector = start;
            while (sector < stop) {
                const count: u64 = @min(stop - sector, window_sectors);
                const bytes = self.scratch[0..@intCast(count * sector_bytes)];
                self.device.write(target.start + sector, bytes) catch return error.Io;
                sector += count;
            }
        }

        // Mounting

        const MountError = error{ Io, Full, TooMany };

        fn mount(self: *Self) MountError!Damage {
            const total = self.device.sectors();
            if (total == 0) return .no_device;
            var sector: [sector_bytes]u8 = undefined;
            self.device.read(0, &sector) catch return error.Io;
            const pair = layout.regions(total);
            self.superblock = Superblock.decode(&sector);
            if (self.superblock == null and sector[0] == layout.magic[0]) {
                self.superblock = try self.newestSnapshot() orelse return .invalid_superblock;
                self.is_superblock_lost = true;
            }
            self.region = .{ .start = 0, .sectors = total };
            if (self.superblock) |block| {
                self.region = (pair orelse return .device_too_small)[block.active];
            }
            const problem = try self.replay(&sector);
            if (problem != .none) return problem;
            const inside: usize = @intCast(self.end % sector_bytes);
            const window = try self.readWindow();
            @memcpy(self.tail[0..inside], window[0..inside]);
            if (isZero(window[inside..])) return .none;
            const mark = std.mem.indexOf(u8, window[inside..], &record.sync_bytes);
            return if (mark == null) .none else .torn_journal;
        }

        fn replay(self: *Self, sector: *const [sector_bytes]u8) MountError!Damage {
            var fault: record.Fault = error.ShortHeader;
            var snapshot: Snapshot = .{};
            self.rewind();
            while (true) {
                const each = self.nextRecord() catch |err| switch (err) {
                    error.Io => return error.Io,
                    else => |why| {
                        fault = @errorCast(why);
                        break;
                    },
                };
                try self.countRecord();
                snapshot.take(each, self.records);
                try self.contents.apply(each);
            }
            const chosen = self.superblock orelse {
                if (self.end > 0 or fault != error.NoMagic) return .none;
                // The first record, or clearing a torn one, may have been torn in the magic.
                for (sector[0..4], record.magic) |byte, want| {
                    if (byte != 0 and byte != want) return .no_journal;
                }
                return .none;
            };
            return snapshot.compare(chosen);
        }

        fn newestSnapshot(self: *Self) MountError!?Superblock {
            const pair = layout.regions(self.device.sectors()) orelse return null;
            var best: ?Superblock = null;
            for (pair, 0..) |region, index| {
                self.region = region;
                self.rewind();
                var snapshot: Snapshot = .{};
                while (!snapshot.isComplete()) {
                    const each = self.nextRecord() catch |err| switch (err) {
                        error.Io => return error.Io,
                        else => break,
                    };
                    try self.countRecord();
                    snapshot.take(each, self.records);
                    if (snapshot.generation == null or snapshot.puts + 1 < self.records) break;
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
        fn staleSector(self: *Self) error{Io}!?u64 {
            const pair = layout.regions(self.device.sectors()) orelse return null;
            const idle = if (self.superblock) |block| pair[1 - block.active] else pair[1];
            if (self.superblock == null and self.end > idle.start * sector_bytes) return null;
            var sector: [sector_bytes]u8 = undefined;
            self.device.read(idle.start, &sector) catch return error.Io;
            const each = record.decode(&sector) catch return null;
            if (each.op != .checkpoint) return null;
            const found = std.mem.readInt(u32, each.value[0..4], .little);
            return if (found > self.generation()) idle.start else null;
        }

        fn rewind(self: *Self) void {
            self.end = 0;
            self.records = 0;
            self.loaded_bytes = 0;
        }

        fn countRecord(self: *Self) error{TooMany}!void {
            self.records += 1;
            if (self.records >= records_max) return error.TooMany;
        }

        /// The record at `end`, which moves behind it. It borrows from `scratch`.
        fn nextRecord(self: *Self) (record.Fault || error{Io})!Record {
            const header = try self.load(record.overhead_bytes);
            if (header.len < record.overhead_bytes) return error.ShortHeader;
            const each = try record.decode(try self.load(record.claimedSize(header)));
            self.end += each.size();
            return each;
        }

        /// The bytes from `end` on: at least `need` of them, fewer only at the region's end.
        fn load(self: *Self, need: usize) error{Io}![]const u8 {
            const base = self.loaded_sector * sector_bytes;
            if (self.loaded_bytes == 0 or self.end < base or
                self.end + need > base + self.loaded_bytes)
            {
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

        fn readWindow(self: *Self) error{Io}![]u8 {
            self.loaded_bytes = 0;
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

/// What the first records of a region say about its snapshot.
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

const zeros: [sector_bytes]u8 = @splat(0);

/// The record whose value goes on with `more`.
fn encodeJoined(each: Record, more: []const u8, out: []u8) void {
    const value = out[record.header_bytes + each.key.len ..];
    @memcpy(value[0..each.value.len], each.value);
    @memcpy(value[each.value.len..][0..more.len], more);
    record.encodeAround(each.op, each.key, each.value.len + more.len, out);
}

/// Eight bytes at a step: it is asked about a whole window at every boot.
fn isZero(bytes: []const u8) bool {
    var at: usize = 0;
    while (at + 8 <= bytes.len) : (at += 8) {
        if (std.mem.readInt(u64, bytes[at..][0..8], .little) != 0) return false;
    }
    return std.mem.allEqual(u8, bytes[at..], 0);
}

fn checkKey(key: []const u8) Error!void {
    if (key.len == 0 or !std.unicode.utf8ValidateSlice(key)) return error.InvalidKey;
    if (key.len > record.key_bytes_max) return error.KeyTooLong;
}

fn word(txn: u64) [8]u8 {
    var bytes: [8]u8 = undefined;
    std.mem.writeInt(u64, &bytes, txn, .little);
    return bytes;
}

fn sectorsFor(len: usize) usize {
    return (len + sector_bytes - 1) / sector_bytes;
}
