//! What the records of a journal come to: entries, and transactions still open.
//!
//! Keys and values lie in one pool of bytes. What is replaced leaves a hole; when the pool is full
//! its items are pushed together. Nothing is allocated, so a store runs for ever in its memory.
//!
//! Items are kept in the order of (owner, key), entries first: finding one takes as many steps as
//! its number has digits, and what follows it is the next.

const std = @import("std");
const record = @import("record.zig");
const call_file = @import("call.zig");
const calls_file = @import("calls.zig");
const Owner = calls_file.Owner;

pub const txns_max = 8;
pub const txn_keys_max = 32;
pub const txn_bytes_max = 128 * 1024;
pub const txns_bytes_max = 256 * 1024;
pub const checkpoint_bytes = record.overhead_bytes + 8;

pub const Error = error{
    /// More than this machine's memory is for.
    Full,
};

pub const Refusal = error{ NotFound, TooLarge, TxnLimit };

/// A key and its value, back to back in the pool.
pub const Item = struct {
    /// 0: an entry; else the transaction that would make it one.
    owner: u64 = 0,
    at: u32 = 0,
    value_len: u32 = 0,
    key_len: u16 = 0,
    /// Of an entry: the peer that it counts for.
    peer: Owner = 0,

    fn len(self: Item) u32 {
        return self.key_len + self.value_len;
    }
};

const Place = struct { index: usize, is_found: bool };

pub const Contents = struct {
    pool: []u8,
    used: u32 = 0,
    items: []Item,
    count: usize = 0,
    /// How many of the items are entries: the first ones.
    entry_count: usize = 0,
    /// What all items come to, without the holes between them.
    held_bytes: usize = 0,
    open: [txns_max]u64 = undefined,
    open_count: usize = 0,
    next_id: u64 = 1,
    /// The checkpoint and the entries of a snapshot.
    entry_bytes: u64 = checkpoint_bytes,
    calls: calls_file.Calls = undefined,

    /// Field by field: a literal of the whole would pass through the stack.
    pub fn init(self: *Contents, pool: []u8, items: []Item) void {
        self.pool = pool;
        self.items = items;
        self.next_id = 1;
        self.reset();
    }

    pub fn reset(self: *Contents) void {
        self.used = 0;
        self.count = 0;
        self.entry_count = 0;
        self.held_bytes = 0;
        self.open_count = 0;
        self.entry_bytes = checkpoint_bytes;
        self.calls.reset();
    }

    pub fn apply(self: *Contents, each: record.Record) Error!void {
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
        const place = self.placeOf(0, key);
        return if (place.is_found) self.items[place.index] else null;
    }

    /// All entries, in the order of keys.
    pub fn sorted(self: *const Contents) []const Item {
        return self.items[0..self.entry_count];
    }

    /// Those from the first key on that is not before `key`.
    pub fn sortedFrom(self: *const Contents, key: []const u8) []const Item {
        return self.items[self.placeOf(0, key).index..self.entry_count];
    }

    pub fn keyOf(self: *const Contents, item: Item) []const u8 {
        return self.pool[item.at..][0..item.key_len];
    }

    pub fn valueOf(self: *const Contents, item: Item) []const u8 {
        return self.pool[item.at + item.key_len ..][0..item.value_len];
    }

    pub fn entries(self: *const Contents) u32 {
        return @intCast(self.entry_count);
    }

    /// What a snapshot comes to.
    pub fn liveBytes(self: *const Contents) u64 {
        return self.entry_bytes + self.memory().bytes;
    }

    /// The records behind the entries of a snapshot, and what they come to.
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

    /// What the values of an open transaction come to, and its keys.
    pub fn itemsOf(self: *const Contents, txn: u64) []const Item {
        const first = self.placeOf(txn, "").index;
        var last = first;
        while (last < self.count and self.items[last].owner == txn) last += 1;
        return self.items[first..last];
    }

    /// May an open transaction take this chunk?
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
        for (self.items[self.entry_count..self.count]) |item| {
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

    /// Would this key and value find room?
    pub fn fits(self: *const Contents, owner: u64, key: []const u8, more: usize) bool {
        var size: usize = key.len + more;
        const place = self.placeOf(owner, key);
        // A chunk is joined to what is there, so both lie in the pool for a moment.
        if (owner != 0 and place.is_found) size += self.items[place.index].value_len;
        if (!place.is_found and self.count == self.items.len) return false;
        return self.held_bytes + size <= self.pool.len;
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

    /// What a peer changed, and what is remembered of it.
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
                // As a commit: one of a transaction that is not open means nothing.
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
            if (place < self.entry_count) self.give(&self.items[place], owner);
        }
    }

    fn give(self: *Contents, item: *Item, owner: Owner) void {
        self.account(item.*, -1);
        item.peer = owner;
        self.account(item.*, 1);
    }

    /// A peer makes room for another: what was its own is nobody's from now on.
    fn disown(self: *Contents, owner: Owner) void {
        for (self.items[0..self.entry_count]) |*item| {
            if (item.peer == owner) self.give(item, 0);
        }
    }

    /// What an entry adds to its peer's account, or takes from it.
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
        while (true) {
            const first = self.placeOf(txn, "").index;
            if (first == self.count or self.items[first].owner != txn) break;
            var item = self.items[first];
            self.take(first);
            self.remove(0, self.keyOf(item));
            item.owner = 0;
            item.peer = owner;
            self.insert(item);
        }
        self.close(txn);
    }

    fn forget(self: *Contents, txn: u64) void {
        if (!self.isOpen(txn)) return;
        while (true) {
            const first = self.placeOf(txn, "").index;
            if (first == self.count or self.items[first].owner != txn) break;
            self.take(first);
        }
        self.close(txn);
    }

    fn close(self: *Contents, txn: u64) void {
        const at = std.mem.indexOfScalar(u64, self.open[0..self.open_count], txn) orelse return;
        std.mem.copyForwards(u64, self.open[at..], self.open[at + 1 .. self.open_count]);
        self.open_count -= 1;
    }

    /// An entry's value becomes `bytes`; a transaction's grows by them.
    fn set(self: *Contents, owner: u64, key: []const u8, bytes: []const u8, peer: Owner) Error!void {
        const before = self.placeOf(owner, key);
        if (!before.is_found and self.count == self.items.len) return error.Full;
        var held_len: usize = 0;
        if (before.is_found) {
            if (owner == 0) self.take(before.index) else held_len = self.items[before.index].value_len;
        }
        const size: u32 = @intCast(key.len + held_len + bytes.len);
        if (self.pool.len - self.used < size) self.reclaim();
        if (self.pool.len - self.used < size) return error.Full;
        const room = self.pool[self.used..][0..size];
        @memcpy(room[0..key.len], key);
        if (held_len != 0) @memcpy(room[key.len..][0..held_len], self.valueOf(self.items[before.index]));
        if (owner != 0 and before.is_found) self.take(before.index);
        @memcpy(room[key.len + held_len ..], bytes);
        const item: Item = .{
            .owner = owner,
            .at = self.used,
            .key_len = @intCast(key.len),
            .value_len = @intCast(held_len + bytes.len),
            .peer = peer,
        };
        self.used += size;
        self.insert(item);
    }

    fn remove(self: *Contents, owner: u64, key: []const u8) void {
        const place = self.placeOf(owner, key);
        if (place.is_found) self.take(place.index);
    }

    /// To its place in the order.
    fn insert(self: *Contents, item: Item) void {
        const index = self.placeOf(item.owner, self.keyOf(item)).index;
        @memmove(self.items[index + 1 .. self.count + 1], self.items[index..self.count]);
        self.items[index] = item;
        self.count += 1;
        self.held_bytes += item.len();
        if (item.owner != 0) return;
        self.entry_count += 1;
        self.entry_bytes += record.overhead_bytes + item.len();
        self.account(item, 1);
    }

    fn take(self: *Contents, index: usize) void {
        const item = self.items[index];
        self.count -= 1;
        @memmove(self.items[index..self.count], self.items[index + 1 .. self.count + 1]);
        self.held_bytes -= item.len();
        if (item.owner != 0) return;
        self.entry_count -= 1;
        self.entry_bytes -= record.overhead_bytes + item.len();
        self.account(item, -1);
    }

    /// Where the item is, or would be.
    fn placeOf(self: *const Contents, owner: u64, key: []const u8) Place {
        var low: usize = 0;
        var high: usize = self.count;
        while (low < high) {
            const middle = low + (high - low) / 2;
            switch (self.order(self.items[middle], owner, key)) {
                .lt => low = middle + 1,
                .eq => return .{ .index = middle, .is_found = true },
                .gt => high = middle,
            }
        }
        return .{ .index = low, .is_found = false };
    }

    fn order(self: *const Contents, item: Item, owner: u64, key: []const u8) std.math.Order {
        if (item.owner != owner) return std.math.order(item.owner, owner);
        return std.mem.order(u8, self.keyOf(item), key);
    }

    /// Push all items together, in the order in which they lie. Their keys' order is the same
    /// afterwards, so each is back in its place.
    fn reclaim(self: *Contents) void {
        const items = self.items[0..self.count];
        std.sort.pdq(Item, items, {}, lower);
        var end: u32 = 0;
        for (items) |*item| {
            @memmove(self.pool[end..][0..item.len()], self.pool[item.at..][0..item.len()]);
            item.at = end;
            end += item.len();
        }
        self.used = end;
        std.sort.pdq(Item, items, self, precedes);
    }

    fn lower(_: void, a: Item, b: Item) bool {
        return a.at < b.at;
    }

    fn precedes(self: *const Contents, a: Item, b: Item) bool {
        return self.order(a, b.owner, self.keyOf(b)) == .lt;
    }
};

test {
    _ = @import("contents_test.zig");
}
