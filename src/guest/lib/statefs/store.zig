//! The state store over a disk that may lose power at any moment.
//!
//! Rules of this file
//! 1. A record is on the disk before it is in memory; a refused operation changes neither.
//! 2. Everything behind the end of the journal is zero. The exception is bytes of at most
//!    `window_bytes` of writes without a flush, or of one longer record, that a cut may have left
//!    there; the first mutation clears them.
//! 3. Behind every flush stands a SYNC mark. A mark behind damage proves that the damaged bytes
//!    were once durable. Such a journal is read as far as it goes, and never written to again.

const std = @import("std");
const record = @import("record.zig");
const layout = @import("superblock.zig");
const compaction = @import("compaction.zig");
const call_file = @import("call.zig");
const calls_file = @import("calls.zig");
const contents_file = @import("contents.zig");
const journal_file = @import("journal.zig");
const mounting = @import("mount.zig");
const Contents = contents_file.Contents;
const Item = contents_file.Item;
const Record = record.Record;
const Superblock = layout.Superblock;
const sector_bytes = layout.sector_bytes;

pub const Damage = mounting.Damage;
pub const window_bytes = journal_file.window_bytes;

pub const Call = call_file.Call;
pub const Verdict = calls_file.Verdict;

pub const Error = error{ Io, Integrity, NotFound, TooLarge, KeyTooLong, InvalidKey, TxnLimit };

pub fn Store(comptime Device: type) type {
    return struct {
        device: *Device,
        journal: journal_file.Journal(Device),
        contents: Contents,
        superblock: ?Superblock = null,
        is_superblock_lost: bool = false,
        damage: Damage = .none,
        /// True: there are contents.
        is_served: bool = false,
        is_clean: bool = false,
        is_dirty: bool = true,
        has_failed: bool = false,
        unmarked: u64 = 0,
        /// The number of sectors of the idle region that may hold anything; null: this is not
        /// known.
        other_sectors: ?u64 = null,

        const Self = @This();

        /// The invariants that hold between any two calls.
        fn check(self: *const Self) void {
            std.debug.assert(!self.is_superblock_lost or self.superblock != null);
            std.debug.assert(self.is_served ==
                (self.damage == .none or self.damage == .torn_journal));
            std.debug.assert(!self.is_served or self.journal.end <= self.journal.region.bytes());
        }

        /// Replay the disk, and write nothing. This is done in place, because the store is large.
        pub fn open(self: *Self, device: *Device, pool: []u8, items: []Item) error{Io}!void {
            // Field by field: a literal of the whole would pass through the stack.
            self.device = device;
            self.journal.open(device);
            self.contents.init(pool, items);
            self.damage = .no_device;
            self.is_served = false;
            self.superblock = null;
            self.is_superblock_lost = false;
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
            self.check();
        }

        fn mount(self: *Self) mounting.Error!Damage {
            return mounting.mount(
                &self.journal,
                &self.contents,
                &self.superblock,
                &self.is_superblock_lost,
            );
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

        // Changes of peers. The record of a change holds the memory of its call, too, so a cut
        // leaves both or neither.

        /// The verdict on a peer's call.
        pub fn judge(self: *const Self, call: Call) Error!Verdict {
            if (!self.is_served) return error.Integrity;
            return self.contents.calls.judge(call);
        }

        pub fn putFor(self: *Self, call: Call, key: []const u8, value: []const u8) Error!void {
            try checkKey(key);
            if (value.len > record.value_bytes_max) return error.TooLarge;
            try self.changeFor(.{ .kind = .put, .call = call }, key, value);
        }

        /// False: there was no such key; that, too, is remembered.
        pub fn deleteFor(self: *Self, call: Call, key: []const u8, absent: u8) Error!bool {
            try checkKey(key);
            if (try self.get(key) == null) {
                try self.remember(call, absent);
                return false;
            }
            try self.changeFor(.{ .kind = .delete, .call = call }, key, "");
            return true;
        }

        pub fn commitFor(self: *Self, call: Call, txn: u64) Error!void {
            if (!self.contents.isOpen(txn)) return error.NotFound;
            try self.changeFor(.{ .kind = .commit, .call = call }, "", &word(txn));
        }

        /// A call changed nothing, and that was its answer.
        fn remember(self: *Self, call: Call, status: u8) Error!void {
            if (call.epoch() == 0) return self.checkWritable();
            try self.changeFor(.{ .kind = .nothing, .status = status, .call = call }, "", "");
        }

        fn changeFor(
            self: *Self,
            value: call_file.Value,
            key: []const u8,
            rest: []const u8,
        ) Error!void {
            var buffer: [call_file.prefix_bytes_max]u8 = undefined;
            const prefix = value.encodePrefix(&buffer);
            try self.change(.{ .op = .call, .key = key, .value = prefix }, rest);
        }

        /// False: there was no such key, and nothing was written.
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

        /// When this returns, every change made before survives a cut.
        pub fn sync(self: *Self) Error!void {
            self.check();
            if (!self.is_dirty) return;
            try self.flush();
            self.is_dirty = false;
            if (self.unmarked == 0 or !self.journal.hasRoom(record.sync_bytes.len)) return;
            self.unmarked = 0;
            // The mark is only a help: the synced data is there without it.
            _ = self.journal.append(.{ .op = .sync }, "") catch {
                self.is_clean = false;
            };
        }

        /// False where it is impossible.
        pub fn compact(self: *Self) Error!bool {
            self.check();
            try self.checkWritable();
            const index = self.compactTarget() orelse return false;
            self.compactTo(index) catch {
                // It is unknown which superblock the disk holds, so neither journal may grow.
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
            const is_chunk = each.op == .payload;
            const owner = if (is_chunk) std.mem.readInt(u64, each.value[0..8], .little) else 0;
            const bytes = if (each.op == .put) each.value.len else more.len;
            if (isAdding(each) and !self.contents.fits(owner, each.key, bytes)) return error.Io;
            const is_due = self.isWorthCompacting() or self.wouldStrand(size);
            if (is_due or !self.journal.hasRoom(size)) _ = try self.compact();
            if (!self.journal.hasRoom(size)) return error.Io;
            if (self.unmarked != 0 and self.unmarked + size > window_bytes) {
                try self.sync();
                if (!self.journal.hasRoom(size)) return error.Io;
            }
            self.write(each, more) catch {
                self.is_clean = false;
                return error.Io;
            };
            self.unmarked += size;
            self.is_dirty = true;
            // This bounds the bytes that a cut may leave behind the end (rule 2).
            std.debug.assert(self.unmarked <= window_bytes or self.unmarked == size);
            self.check();
        }

        fn write(self: *Self, each: Record, more: []const u8) error{ Io, Full }!void {
            try self.clean();
            const encoded = try self.journal.append(each, more);
            try self.contents.apply(record.decode(encoded) catch unreachable); // Just written.
        }

        fn checkWritable(self: *const Self) Error!void {
            if (self.damage != .none) return error.Integrity;
            if (self.has_failed) return error.Io;
        }

        /// Establish rule 2 after opening and after a failed write.
        fn clean(self: *Self) error{Io}!void {
            if (self.is_clean) return;
            var changed = try self.journal.clearWindow();
            if (self.is_superblock_lost) {
                try self.writeSuperblock(self.superblock.?);
                self.is_superblock_lost = false;
                changed = true;
            }
            if (try mounting.staleSector(&self.journal, self.superblock)) |sector| {
                self.device.write(sector, &journal_file.zeros) catch return error.Io;
                changed = true;
            }
            if (changed) self.flush() catch return error.Io;
            self.is_clean = true;
        }

        fn writeSuperblock(self: *Self, chosen: Superblock) error{Io}!void {
            var sector: [sector_bytes]u8 = undefined;
            chosen.encode(&sector);
            self.device.write(0, &sector) catch return error.Io;
        }

        fn flush(self: *Self) Error!void {
            try self.checkWritable();
            self.device.flush() catch {
                // A later flush would not bring the bytes that a failed one dropped: never trust it
                // again.
                self.has_failed = true;
                return error.Io;
            };
        }

        // Compaction

        fn isWorthCompacting(self: *const Self) bool {
            return compaction.pays(self.journal.end, self.contents.liveBytes()) and
                self.compactTarget() != null;
        }

        /// The one journal of version 1 would reach into region B, where it can never be compacted
        /// and is once full for good, although what is live has room in a region.
        fn wouldStrand(self: *const Self, size: usize) bool {
            if (self.superblock != null) return false;
            const region = (layout.regions(self.device.sectors()) orelse return false)[1];
            const most = region.start * sector_bytes;
            return self.journal.end <= most and self.journal.end + size > most and
                self.contents.liveBytes() + size <= region.bytes();
        }

        fn compactTarget(self: *const Self) ?u1 {
            return compaction.target(
                self.device.sectors(),
                &self.contents,
                self.superblock,
                self.journal.end,
            );
        }

        /// Write the snapshot, make it durable, then let the superblock say so.
        fn compactTo(self: *Self, index: u1) Error!void {
            try self.clean();
            const region = layout.regions(self.device.sectors()).?[index];
            const chosen: Superblock = .{
                .active = index,
                .generation = self.generation() +% 1,
                .entries = self.contents.entries(),
            };
            const old = self.journal.end;
            try compaction.writeSnapshot(&self.journal, &self.contents, region, chosen);
            const used = journal_file.sectorsFor(@intCast(self.contents.liveBytes()));
            const most = @max(self.other_sectors orelse region.sectors, used + 1);
            try self.journal.zero(region, used, @min(region.sectors, most));
            try self.flush();
            try self.writeSuperblock(chosen);
            try self.flush();
            self.other_sectors = journal_file.sectorsFor(@intCast(old)) + 1;
            self.superblock = chosen;
            const records = 1 + chosen.entries + self.contents.memory().records;
            self.journal.goTo(region, self.contents.liveBytes(), records);
            std.debug.assert(self.is_clean and self.journal.end <= region.bytes());
            self.is_dirty = false;
            self.unmarked = 0;
        }
    };
}

fn checkKey(key: []const u8) Error!void {
    if (key.len == 0 or !std.unicode.utf8ValidateSlice(key)) return error.InvalidKey;
    if (key.len > record.key_bytes_max) return error.KeyTooLong;
}

/// True: the record takes memory. `each` may lack the end of its value.
fn isAdding(each: Record) bool {
    return switch (each.op) {
        .put, .payload => true,
        .call => each.value[0] == @intFromEnum(call_file.Kind.put),
        else => false,
    };
}

fn word(txn: u64) [8]u8 {
    var bytes: [8]u8 = undefined;
    std.mem.writeInt(u64, &bytes, txn, .little);
    return bytes;
}
