//! What the records of a journal come to: entries, and transactions still open.
//!
//! Keys and values lie in one pool of bytes. What is replaced leaves a hole; when the pool is full
//! its items are pushed together. Nothing is allocated, so a store runs for ever in its memory.

const std = @import("std");
const record = @import("record.zig");

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
    key_len: u16 = 0,
    value_len: u32 = 0,

    fn len(self: Item) u32 {
        return self.key_len + self.value_len;
    }
};

pub const Contents = struct {
    pool: []u8,
    used: u32 = 0,
    items: []Item,
    count: usize = 0,
    open: [txns_max]u64 = undefined,
    open_count: usize = 0,
    next_id: u64 = 1,
    live_bytes: u64 = checkpoint_bytes,

    pub fn reset(self: *Contents) void {
        self.used = 0;
        self.count = 0;
        self.open_count = 0;
        self.live_bytes = checkpoint_bytes;
    }

    pub fn apply(self: *Contents, each: record.Record) Error!void {
        switch (each.op) {
            .put => try self.set(0, each.key, each.value),
            .delete => self.remove(0, each.key),
            .checkpoint => self.reset(),
            .sync => {},
            .prepare, .payload, .commit, .abort => try self.applyStep(each),
        }
    }

    pub fn get(self: *const Contents, key: []const u8) ?[]const u8 {
        const index = self.find(0, key) orelse return null;
        return self.valueOf(self.items[index]);
    }

    /// The entry that follows `after` in the order of keys.
    pub fn next(self: *const Contents, after: ?[]const u8) ?Item {
        var best: ?Item = null;
        for (self.items[0..self.count]) |item| {
            if (item.owner != 0) continue;
            const key = self.keyOf(item);
            if (after) |bound| if (std.mem.order(u8, key, bound) != .gt) continue;
            if (best) |other| if (std.mem.order(u8, key, self.keyOf(other)) != .lt) continue;
            best = item;
        }
        return best;
    }

    pub fn following(self: *const Contents, item: ?Item) ?Item {
        return self.next(if (item) |last| self.keyOf(last) else null);
    }

    pub fn keyOf(self: *const Contents, item: Item) []const u8 {
        return self.pool[item.at..][0..item.key_len];
    }

    pub fn valueOf(self: *const Contents, item: Item) []const u8 {
        return self.pool[item.at + item.key_len ..][0..item.value_len];
    }

    pub fn entries(self: *const Contents) u32 {
        var total: u32 = 0;
        for (self.items[0..self.count]) |item| total += @intFromBool(item.owner == 0);
        return total;
    }

    pub fn isOpen(self: *const Contents, txn: u64) bool {
        return std.mem.indexOfScalar(u64, self.open[0..self.open_count], txn) != null;
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
        for (self.items[0..self.count]) |item| {
            if (item.owner == 0) continue;
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
        var live: usize = 0;
        for (self.items[0..self.count]) |item| live += item.len();
        const index = self.find(owner, key);
        // A chunk is joined to what is there, so both lie in the pool for a moment.
        if (owner != 0) if (index) |at| {
            size += self.items[at].value_len;
        };
        if (index == null and self.count == self.items.len) return false;
        return live + size <= self.pool.len;
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
                try self.set(txn, each.key, chunk);
            },
            .commit => if (self.isOpen(txn)) self.publish(txn),
            else => self.forget(txn),
        }
    }

    fn publish(self: *Contents, txn: u64) void {
        while (self.firstOf(txn)) |first| {
            const key = self.keyOf(self.items[first]);
            self.remove(0, key);
            // Taking an item away moves the last one into its place, so this one is sought anew.
            const index = self.find(txn, key).?;
            self.items[index].owner = 0;
            self.live_bytes += record.overhead_bytes + self.items[index].len();
        }
        self.close(txn);
    }

    fn firstOf(self: *const Contents, owner: u64) ?usize {
        for (self.items[0..self.count], 0..) |item, index| if (item.owner == owner) return index;
        return null;
    }

    fn forget(self: *Contents, txn: u64) void {
        var index: usize = self.count;
        while (index > 0) {
            index -= 1;
            if (self.items[index].owner == txn) self.take(index);
        }
        self.close(txn);
    }

    fn close(self: *Contents, txn: u64) void {
        const at = std.mem.indexOfScalar(u64, self.open[0..self.open_count], txn) orelse return;
        std.mem.copyForwards(u64, self.open[at..], self.open[at + 1 .. self.open_count]);
        self.open_count -= 1;
    }

    /// An entry's value becomes `bytes`; a transaction's grows by them.
    fn set(self: *Contents, owner: u64, key: []const u8, bytes: []const u8) Error!void {
        const before = self.find(owner, key);
        if (before == null and self.count == self.items.len) return error.Full;
        var held_len: usize = 0;
        if (before) |index| {
            if (owner == 0) self.take(index) else held_len = self.items[index].value_len;
        }
        const size: u32 = @intCast(key.len + held_len + bytes.len);
        if (self.pool.len - self.used < size) self.reclaim();
        if (self.pool.len - self.used < size) return error.Full;
        const room = self.pool[self.used..][0..size];
        @memcpy(room[0..key.len], key);
        if (self.find(owner, key)) |index| {
            @memcpy(room[key.len..][0..held_len], self.valueOf(self.items[index]));
            self.take(index);
        }
        @memcpy(room[key.len + held_len ..], bytes);
        self.items[self.count] = .{
            .owner = owner,
            .at = self.used,
            .key_len = @intCast(key.len),
            .value_len = @intCast(held_len + bytes.len),
        };
        self.count += 1;
        self.used += size;
        if (owner == 0) self.live_bytes += record.overhead_bytes + size;
    }

    fn remove(self: *Contents, owner: u64, key: []const u8) void {
        self.take(self.find(owner, key) orelse return);
    }

    fn take(self: *Contents, index: usize) void {
        const item = self.items[index];
        if (item.owner == 0) self.live_bytes -= record.overhead_bytes + item.len();
        self.count -= 1;
        self.items[index] = self.items[self.count];
    }

    fn find(self: *const Contents, owner: u64, key: []const u8) ?usize {
        for (self.items[0..self.count], 0..) |item, index| {
            if (item.owner == owner and std.mem.eql(u8, self.keyOf(item), key)) return index;
        }
        return null;
    }

    fn reclaim(self: *Contents) void {
        std.mem.sort(Item, self.items[0..self.count], {}, lower);
        var end: u32 = 0;
        for (self.items[0..self.count]) |*item| {
            std.mem.copyForwards(u8, self.pool[end..], self.pool[item.at..][0..item.len()]);
            item.at = end;
            end += item.len();
        }
        self.used = end;
    }

    fn lower(_: void, a: Item, b: Item) bool {
        return a.at < b.at;
    }
};

const testing = std.testing;

fn word(comptime value: u8) *const [8]u8 {
    return &([_]u8{value} ++ .{0} ** 7);
}

test "replacing and removing for ever takes no more memory" {
    var pool: [64]u8 = undefined;
    var items: [4]Item = undefined;
    var here: Contents = .{ .pool = &pool, .items = &items };
    for (0..200) |round| {
        const value = pool_free[0 .. round % 20];
        try here.apply(.{ .op = .put, .key = "/state/a", .value = value });
        try here.apply(.{ .op = .put, .key = "/state/b", .value = "b" });
        try testing.expectEqualStrings(value, here.get("/state/a").?);
        try testing.expectEqualStrings("b", here.get("/state/b").?);
        if (round % 3 == 0) try here.apply(.{ .op = .delete, .key = "/state/a" });
    }
    try testing.expectError(error.Full, here.apply(.{
        .op = .put,
        .key = "/state/c",
        .value = pool_free[0..60],
    }));
    try testing.expect(!here.fits(0, "/state/c", 60));
}

const pool_free = "abcdefghijklmnopqrstuvwxyz" ** 4;

test "a transaction's values appear with its commit, those of a forgotten one never" {
    var pool: [256]u8 = undefined;
    var items: [8]Item = undefined;
    var here: Contents = .{ .pool = &pool, .items = &items };
    const steps = [_]record.Record{
        .{ .op = .put, .key = "k", .value = "old" },
        .{ .op = .prepare, .value = word(1) },
        .{ .op = .prepare, .value = word(2) },
        .{ .op = .payload, .key = "k", .value = word(1) ++ "ne" },
        .{ .op = .payload, .key = "m", .value = word(2) ++ "never" },
        .{ .op = .payload, .key = "j", .value = word(1) ++ "more" },
        .{ .op = .payload, .key = "k", .value = word(1) ++ "w" },
        .{ .op = .payload, .key = "x", .value = word(9) ++ "unknown" },
    };
    for (steps) |step| try here.apply(step);
    try testing.expectEqualStrings("old", here.get("k").?);
    try here.apply(.{ .op = .commit, .value = word(1) });
    try here.apply(.{ .op = .abort, .value = word(2) });
    try here.apply(.{ .op = .commit, .value = word(2) });
    try testing.expectEqualStrings("new", here.get("k").?);
    try testing.expectEqualStrings("more", here.get("j").?);
    try testing.expectEqual(@as(u32, 2), here.entries());
    try testing.expectEqual(@as(u64, 10), here.next_id);
    try testing.expectEqualStrings("j", here.keyOf(here.next(null).?));
    try testing.expectEqualStrings("k", here.keyOf(here.next("j").?));
    try testing.expectEqual(@as(?Item, null), here.next("k"));
    try testing.expectEqual(@as(u64, checkpoint_bytes + 2 * 15 + 4 + 5), here.live_bytes);
}
