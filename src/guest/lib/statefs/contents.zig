//! The contents of a journal: entries, open transactions, and the memory of peers' calls. Nothing
//! is allocated, so a store can run for ever in its memory.

const std = @import("std");
const contract = @import("contract");
const record = @import("record.zig");
const call_file = @import("call.zig");
const calls_file = @import("calls.zig");
const table_file = @import("table.zig");
const Table = table_file.Table;
pub const Item = table_file.Item;
const Owner = calls_file.Owner;

pub const txns_max = contract.state.transactions_max;
pub const txn_keys_max = contract.state.transaction_keys_max;
pub const txn_bytes_max = contract.state.transaction_bytes_max;
pub const txns_bytes_max = contract.state.transactions_bytes_max;
pub const checkpoint_bytes = record.overhead_bytes + 8;

pub const Error = error{
    /// The contents are larger than the memory of this machine allows.
    Full,
};

pub const Refusal = error{ NotFound, TooLarge, TxnLimit };

pub const Contents = struct {
    table: Table,
    /// The number of entries, which are the first items.
    entry_count: usize = 0,
    open: [txns_max]u64 = undefined,
    open_count: usize = 0,
    next_id: u64 = 1,
    /// The checkpoint and the entries of a snapshot.
    entry_bytes: u64 = checkpoint_bytes,
    calls: calls_file.Calls = undefined,

    /// Field by field: a literal of the whole would pass through the stack.
    pub fn init(self: *Contents, pool: []u8, items: []Item) void {
        std.debug.assert(pool.len <= std.math.maxInt(u32)); // the places of items are as long
        self.table.pool = pool;
        self.table.items = items;
        self.next_id = 1;
        self.reset();
    }

    pub fn reset(self: *Contents) void {
        self.table.reset();
        self.entry_count = 0;
        self.open_count = 0;
        self.entry_bytes = checkpoint_bytes;
        self.calls.reset();
        self.check();
    }

    /// The invariants that hold between any two calls.
    fn check(self: *const Contents) void {
        // Entries come first in the table, since their owner is 0; the rest is of transactions.
        std.debug.assert(self.entry_count <= self.table.count);
        std.debug.assert(self.open_count <= txns_max);
        std.debug.assert(self.open_count != 0 or self.entry_count == self.table.count);
        std.debug.assert(self.entry_bytes >=
            checkpoint_bytes + self.entry_count * record.overhead_bytes);
        std.debug.assert(self.next_id != 0);
    }

    pub fn apply(self: *Contents, each: record.Record) Error!void {
        self.check();
        defer self.check();
        switch (each.op) {
            .put => try self.set(0, each.key, each.value, 0),
            .delete => self.remove(0, each.key),
            .checkpoint => self.reset(),
            .sync => {},
            .call => try self.applyCall(each),
            .prepare, .payload, .commit, .abort => try self.applyStep(each),
        }
    }

    pub fn get(self: *const Contents, key: []const u8) ?[]const u8 {
        return self.valueOf(self.find(key) orelse return null);
    }

    /// The entry of this key.
    pub fn find(self: *const Contents, key: []const u8) ?Item {
        const place = self.table.placeOf(0, key);
        return if (place.is_found) self.table.items[place.index] else null;
    }

    /// All entries, in the order of keys.
    pub fn sorted(self: *const Contents) []const Item {
        return self.table.items[0..self.entry_count];
    }

    /// The entries from the first key on that is not before `key`.
    pub fn sortedFrom(self: *const Contents, key: []const u8) []const Item {
        return self.table.items[self.table.placeOf(0, key).index..self.entry_count];
    }

    pub fn keyOf(self: *const Contents, item: Item) []const u8 {
        return self.table.keyOf(item);
    }

    pub fn valueOf(self: *const Contents, item: Item) []const u8 {
        return self.table.valueOf(item);
    }

    pub fn entries(self: *const Contents) u32 {
        return @intCast(self.entry_count);
    }

    /// The size of a snapshot.
    pub fn liveBytes(self: *const Contents) u64 {
        return self.entry_bytes + self.memory().bytes;
    }

    /// The records behind the entries of a snapshot, and their size.
    pub fn memory(self: *const Contents) struct { records: u32, bytes: u64 } {
        var records: u32 = 0;
        var bytes: u64 = 0;
        for (&self.calls.peers) |*peer| {
            if (peer.name_len == 0) continue;
            const head = record.overhead_bytes + call_file.head_bytes + @as(u64, peer.name_len);
            records += @intCast(peer.epoch_count + @intFromBool(peer.keys != 0));
            bytes += head * (peer.epoch_count + @intFromBool(peer.keys != 0));
            bytes += 2 * @as(u64, peer.keys) + call_file.entry_bytes * peer.calls;
        }
        return .{ .records = records, .bytes = bytes };
    }

    pub fn isOpen(self: *const Contents, txn: u64) bool {
        return std.mem.indexOfScalar(u64, self.open[0..self.open_count], txn) != null;
    }

    /// The sum of an open transaction so far.
    pub fn itemsOf(self: *const Contents, txn: u64) []const Item {
        return self.table.itemsOf(txn);
    }

    /// True: an open transaction may take this chunk.
    pub fn checkChunk(
        self: *const Contents,
        txn: u64,
        key: []const u8,
        chunk: []const u8,
    ) Refusal!void {
        if (!self.isOpen(txn)) return error.NotFound;
        var keys: usize = 1;
        var held: usize = 0;
        var own: usize = 0;
        var total: usize = 0;
        for (self.table.items[self.entry_count..self.table.count]) |item| {
            total += item.value_len;
            if (item.owner != txn) continue;
            own += item.value_len;
            if (std.mem.eql(u8, self.keyOf(item), key)) held = item.value_len else keys += 1;
        }
        if (chunk.len > record.chunk_bytes_max or held + chunk.len > record.value_bytes_max)
            return error.TooLarge;
        if (keys > txn_keys_max or own + chunk.len > txn_bytes_max or
            total + chunk.len > txns_bytes_max) return error.TxnLimit;
    }

    /// True: this key and value would find room.
    pub fn fits(self: *const Contents, owner: u64, key: []const u8, more: usize) bool {
        var size: usize = key.len + more;
        const place = self.table.placeOf(owner, key);
        // A chunk is joined to what is there, so both lie in the pool for a moment.
        if (owner != 0 and place.is_found) size += self.table.items[place.index].value_len;
        if (!place.is_found and self.table.isFull()) return false;
        return self.table.held_bytes + size <= self.table.pool.len;
    }

    fn applyStep(self: *Contents, each: record.Record) Error!void {
        const txn = std.mem.readInt(u64, each.value[0..8], .little);
        self.next_id = @max(self.next_id, txn +| 1);
        switch (each.op) {
            .prepare => {
                self.forget(txn);
                if (self.open_count == txns_max) return;
                self.open[self.open_count] = txn;
                self.open_count += 1;
            },
            .payload => {
                const chunk = each.value[8..];
                self.checkChunk(txn, each.key, chunk) catch return self.forget(txn);
                try self.set(txn, each.key, chunk, 0);
            },
            .commit => if (self.isOpen(txn)) self.publish(txn, 0),
            else => self.forget(txn),
        }
    }

    /// Apply a change of a peer, and remember its call.
    fn applyCall(self: *Contents, each: record.Record) Error!void {
        const value = call_file.decode(each.key.len, each.value).?; // a record's shape says so
        if (self.calls.displacedBy(value.call.peer)) |owner| self.disown(owner);
        const owner = self.calls.admit(value.call.peer);
        switch (value.kind) {
            .nothing => {},
            .put => try self.set(0, each.key, value.rest, owner),
            .delete => self.remove(0, each.key),
            .commit => {
                const txn = std.mem.readInt(u64, value.rest[0..8], .little);
                self.next_id = @max(self.next_id, txn +| 1);
                // This is a commit, which means nothing if the transaction is not open.
                if (!self.isOpen(txn)) return;
                self.publish(txn, owner);
            },
            .own => return self.assign(owner, value.rest),
            .epoch => return self.calls.restore(owner, value.call, value.rest),
        }
        self.calls.remember(owner, value.call, value.status);
    }

    fn assign(self: *Contents, owner: Owner, places: []const u8) void {
        var at: usize = 0;
        while (at < places.len) : (at += 2) {
            const place = std.mem.readInt(u16, places[at..][0..2], .little);
            if (place < self.entry_count) self.give(&self.table.items[place], owner);
        }
    }

    fn give(self: *Contents, item: *Item, owner: Owner) void {
        self.account(item.*, -1);
        item.peer = owner;
        self.account(item.*, 1);
    }

    /// A peer makes room for another: its entries have no owner from now on.
    fn disown(self: *Contents, owner: Owner) void {
        for (self.table.items[0..self.entry_count]) |*item| {
            if (item.peer == owner) self.give(item, 0);
        }
    }

    /// Add an entry to the account of its peer, or take it away.
    fn account(self: *Contents, item: Item, sign: i2) void {
        if (item.peer == 0) return;
        const peer = self.calls.of(item.peer);
        if (sign > 0) {
            peer.keys += 1;
            peer.bytes += item.len();
        } else {
            peer.keys -= 1;
            peer.bytes -= item.len();
        }
    }

    fn publish(self: *Contents, txn: u64, owner: Owner) void {
        for (0..self.table.itemsOf(txn).len) |_| {
            var item = self.take(self.table.placeOf(txn, "").index);
            self.remove(0, self.keyOf(item));
            item.owner = 0;
            item.peer = owner;
            self.insert(item);
        }
        self.close(txn);
    }

    fn forget(self: *Contents, txn: u64) void {
        if (!self.isOpen(txn)) return;
        for (0..self.table.itemsOf(txn).len) |_| {
            _ = self.take(self.table.placeOf(txn, "").index);
        }
        self.close(txn);
    }

    fn close(self: *Contents, txn: u64) void {
        const at = std.mem.indexOfScalar(u64, self.open[0..self.open_count], txn) orelse return;
        std.mem.copyForwards(u64, self.open[at..], self.open[at + 1 .. self.open_count]);
        self.open_count -= 1;
    }

    /// An entry's value becomes `bytes`; a transaction's grows by them.
    fn set(
        self: *Contents,
        owner: u64,
        key: []const u8,
        bytes: []const u8,
        peer: Owner,
    ) Error!void {
        const table = &self.table;
        const before = table.placeOf(owner, key);
        if (!before.is_found and table.isFull()) return error.Full;
        const is_joined = owner != 0 and before.is_found;
        // It keeps its place, unless its room is needed for what comes.
        const is_replaced = owner == 0 and before.is_found and
            table.hasFree(key.len + bytes.len);
        if (before.is_found and owner == 0 and !is_replaced) _ = self.take(before.index);
        const held_len = if (is_joined) table.items[before.index].value_len else 0;
        const size: u32 = @intCast(key.len + held_len + bytes.len);
        const at = table.reserve(size) orelse return error.Full;
        const room = table.pool[at..][0..size];
        @memcpy(room[0..key.len], key);
        if (is_joined) {
            const held = self.take(before.index);
            @memcpy(room[key.len..][0..held_len], self.valueOf(held));
        }
        @memcpy(room[key.len + held_len ..], bytes);
        const item: Item = .{
            .owner = owner,
            .at = at,
            .key_len = @intCast(key.len),
            .value_len = @intCast(held_len + bytes.len),
            .peer = peer,
        };
        if (is_replaced) self.replace(before.index, item) else self.insert(item);
    }

    fn replace(self: *Contents, index: usize, item: Item) void {
        const old = self.table.replace(index, item);
        self.entry_bytes = self.entry_bytes - old.len() + item.len();
        self.account(old, -1);
        self.account(item, 1);
    }

    fn remove(self: *Contents, owner: u64, key: []const u8) void {
        const place = self.table.placeOf(owner, key);
        if (place.is_found) _ = self.take(place.index);
    }

    fn insert(self: *Contents, item: Item) void {
        self.table.insert(item);
        if (item.owner != 0) return;
        self.entry_count += 1;
        self.entry_bytes += record.overhead_bytes + item.len();
        self.account(item, 1);
    }

    fn take(self: *Contents, index: usize) Item {
        const item = self.table.take(index);
        if (item.owner != 0) return item;
        self.entry_count -= 1;
        self.entry_bytes -= record.overhead_bytes + item.len();
        self.account(item, -1);
        return item;
    }
};

test {
    _ = @import("contents_test.zig");
}
