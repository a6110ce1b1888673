//! Keys and values in bounded memory, in the order of (owner, key).
//!
//! Keys and values lie in one pool of bytes. An item that is removed leaves a hole; when the pool
//! is full, the items are pushed together. Bisection finds an item, and the next one follows it.

const std = @import("std");

/// A key and its value, back to back in the pool.
pub const Item = struct {
    /// 0: an entry; else the transaction that would make it one.
    owner: u64 = 0,
    at: u32 = 0,
    value_len: u32 = 0,
    key_len: u16 = 0,
    /// The peer for which the entry counts.
    peer: u8 = 0,

    pub fn len(self: Item) u32 {
        return self.key_len + self.value_len;
    }
};

pub const Place = struct { index: usize, is_found: bool };

pub const Table = struct {
    pool: []u8,
    used: u32 = 0,
    items: []Item,
    count: usize = 0,
    /// The bytes of all items, without the holes between them.
    held_bytes: usize = 0,

    pub fn reset(self: *Table) void {
        self.used = 0;
        self.count = 0;
        self.held_bytes = 0;
    }

    /// The invariants that hold between any two calls.
    pub fn check(self: *const Table) void {
        std.debug.assert(self.count <= self.items.len);
        std.debug.assert(self.used <= self.pool.len);
        std.debug.assert(self.held_bytes <= self.used);
    }

    pub fn isFull(self: *const Table) bool {
        return self.count == self.items.len;
    }

    pub fn keyOf(self: *const Table, item: Item) []const u8 {
        return self.pool[item.at..][0..item.key_len];
    }

    pub fn valueOf(self: *const Table, item: Item) []const u8 {
        return self.pool[item.at + item.key_len ..][0..item.value_len];
    }

    /// The place where the item is, or would be.
    pub fn placeOf(self: *const Table, owner: u64, key: []const u8) Place {
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

    /// The items of one owner.
    pub fn itemsOf(self: *const Table, owner: u64) []Item {
        const first = self.placeOf(owner, "").index;
        var last = first;
        while (last < self.count and self.items[last].owner == owner) last += 1;
        return self.items[first..last];
    }

    /// To its place in the order; there is one.
    pub fn insert(self: *Table, item: Item) void {
        std.debug.assert(!self.isFull());
        std.debug.assert(item.at + item.len() <= self.used);
        const place = self.placeOf(item.owner, self.keyOf(item));
        std.debug.assert(!place.is_found);
        const index = place.index;
        const later = self.items[index..self.count];
        // Item by item: they are whole words.
        std.mem.copyBackwards(Item, self.items[index + 1 .. self.count + 1], later);
        self.items[index] = item;
        self.count += 1;
        self.held_bytes += item.len();
        self.check();
    }

    pub fn take(self: *Table, index: usize) Item {
        std.debug.assert(index < self.count);
        const item = self.items[index];
        self.count -= 1;
        const later = self.items[index + 1 .. self.count + 1];
        std.mem.copyForwards(Item, self.items[index..self.count], later);
        self.held_bytes -= item.len();
        self.check();
        return item;
    }

    /// In place of one with the same owner and key.
    pub fn replace(self: *Table, index: usize, item: Item) Item {
        std.debug.assert(index < self.count);
        const old = self.items[index];
        std.debug.assert(old.owner == item.owner and old.key_len == item.key_len);
        self.items[index] = item;
        self.held_bytes = self.held_bytes - old.len() + item.len();
        self.check();
        return old;
    }

    /// True: this many bytes are free in one piece, without moving an item.
    pub fn hasFree(self: *const Table, size: usize) bool {
        return self.pool.len - self.used >= size;
    }

    /// The place at which this many bytes are free in one piece; null: there are fewer.
    pub fn reserve(self: *Table, size: u32) ?u32 {
        self.check();
        if (self.pool.len - self.used < size) self.reclaim();
        if (self.pool.len - self.used < size) return null;
        defer self.used += size;
        return self.used;
    }

    /// Push all items together, in the order in which they lie. The order of their keys stays the
    /// same, so each item keeps its place.
    fn reclaim(self: *Table) void {
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

    fn precedes(self: *const Table, a: Item, b: Item) bool {
        return self.order(a, b.owner, self.keyOf(b)) == .lt;
    }

    fn order(self: *const Table, item: Item, owner: u64, key: []const u8) std.math.Order {
        if (item.owner != owner) return std.math.order(item.owner, owner);
        return std.mem.order(u8, self.keyOf(item), key);
    }
};
