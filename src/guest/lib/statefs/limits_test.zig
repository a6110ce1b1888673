//! Keys and values in bounded memory, place by place, and what a transaction may hold: each bound
//! at one less, exactly, and one more.

const std = @import("std");
const testing = std.testing;
const calls_file = @import("calls.zig");
const contents_file = @import("contents.zig");
const record = @import("record.zig");
const table_file = @import("table.zig");
const Contents = contents_file.Contents;
const Item = table_file.Item;
const Table = table_file.Table;

var pool: [400_000]u8 = undefined;
var items: [128]Item = undefined;
var here: Contents = undefined;

fn table(bytes: usize, count: usize) Table {
    return .{ .pool = pool[0..bytes], .items = items[0..count] };
}

fn add(in: *Table, owner: u64, key: []const u8, value: []const u8) !void {
    const at = in.reserve(@intCast(key.len + value.len)) orelse return error.NoRoom;
    @memcpy(in.pool[at..][0..key.len], key);
    @memcpy(in.pool[at + key.len ..][0..value.len], value);
    in.insert(.{
        .owner = owner,
        .at = at,
        .key_len = @intCast(key.len),
        .value_len = @intCast(value.len),
    });
}

fn expectItems(in: *const Table, want: []const u8) !void {
    var text: [256]u8 = undefined;
    var writer: std.Io.Writer = .fixed(&text);
    var held: usize = 0;
    for (in.items[0..in.count]) |item| {
        try writer.print("{d}{s}={s} ", .{ item.owner, in.keyOf(item), in.valueOf(item) });
        held += item.len();
    }
    try testing.expectEqualStrings(want, writer.buffered());
    try testing.expectEqual(held, in.held_bytes);
}

test "places that were never used hold nothing" {
    const item: Item = .{};
    try testing.expectEqual(0, item.owner + item.at + item.value_len + item.key_len + item.peer);
    const fresh = table(8, 2);
    try testing.expectEqual(0, fresh.used + fresh.count + fresh.held_bytes);
    const contents: Contents = .{ .table = fresh };
    try testing.expectEqual(0, contents.entry_count + contents.open_count);
    try testing.expectEqual(1, contents.next_id);
    try testing.expectEqual(23, contents.entry_bytes);
    const epoch: calls_file.Epoch = .{ .number = 5 };
    try testing.expectEqual(0, epoch.forgotten + epoch.calls + epoch.used_at);
    const peer: calls_file.Peer = .{};
    try testing.expectEqual(0, peer.name_len + peer.used_at + peer.epoch_count);
    try testing.expectEqual(0, peer.calls + peer.keys + peer.bytes);
    try testing.expectEqualStrings("", peer.name());
    // Opening a store again brings back nothing of the last one.
    try begin(3);
    here.init(&pool, &items);
    try testing.expectEqual(1, here.next_id);
    try testing.expectEqual(0, here.open_count);
}

test "items lie in the order of owner and key, wherever they are put in and taken out" {
    var order = [_]u8{ 0, 1, 2, 3, 4, 5, 6 };
    var random: std.Random.DefaultPrng = .init(7);
    for (0..30) |_| {
        random.random().shuffle(u8, &order);
        var in = table(64, 7);
        for (order) |n| {
            const key: [1]u8 = .{'a' + n % 4};
            try testing.expect(!in.placeOf(n / 4, &key).is_found);
            try add(&in, n / 4, &key, "v");
        }
        try expectItems(&in, "0a=v 0b=v 0c=v 0d=v 1a=v 1b=v 1c=v ");
        try testing.expect(in.isFull());
        for (0..7) |n| {
            const key: [1]u8 = .{@intCast('a' + n % 4)};
            const place = in.placeOf(n / 4, &key);
            try testing.expect(place.is_found);
            try testing.expectEqual(n, place.index);
        }
        // Between any two there is a place for another.
        for ([_]struct { u64, []const u8, usize }{
            .{ 0, "", 0 },   .{ 0, "aa", 1 }, .{ 0, "e", 4 }, .{ 1, "", 4 },
            .{ 1, "bb", 6 }, .{ 1, "d", 7 },  .{ 2, "", 7 },
        }) |row| {
            const place = in.placeOf(row[0], row[1]);
            try testing.expect(!place.is_found);
            try testing.expectEqual(row[2], place.index);
        }
        try testing.expectEqual(4, in.itemsOf(0).len);
        try testing.expectEqual(3, in.itemsOf(1).len);
        try testing.expectEqual(0, in.itemsOf(2).len);
        const taken = in.take(2);
        try testing.expectEqualStrings("c", in.keyOf(taken));
        try expectItems(&in, "0a=v 0b=v 0d=v 1a=v 1b=v 1c=v ");
        try testing.expect(!in.isFull());
    }
}

test "what was taken away is room again, to the last byte, and moves no other value" {
    var in = table(12, 4);
    try add(&in, 0, "b", "222");
    try add(&in, 0, "a", "111");
    try add(&in, 0, "c", "333");
    try testing.expectEqual(12, in.used);
    try testing.expect(!in.hasFree(1) and in.hasFree(0));
    try testing.expectEqual(null, in.reserve(1));
    _ = in.take(in.placeOf(0, "b").index);
    try testing.expectEqual(12, in.used);
    try testing.expectEqual(null, in.reserve(5));
    try testing.expectEqual(8, in.used);
    try testing.expect(in.hasFree(4) and !in.hasFree(5));
    try expectItems(&in, "0a=111 0c=333 ");
    try add(&in, 0, "d", "444");
    try expectItems(&in, "0a=111 0c=333 0d=444 ");
    try testing.expectEqual(12, in.used);
    // A value in place of another.
    const place = in.placeOf(0, "c");
    const item = in.items[place.index];
    const old = in.replace(place.index, .{ .at = item.at, .key_len = 1, .value_len = 2 });
    try testing.expectEqual(3, old.value_len);
    try expectItems(&in, "0a=111 0c=33 0d=444 ");
    in.reset();
    try testing.expectEqual(0, in.count);
    try testing.expectEqual(0, in.used);
    try testing.expectEqual(0, in.held_bytes);
    try testing.expect(in.hasFree(12));
}

fn word(txn: u64) [8]u8 {
    var bytes: [8]u8 = undefined;
    std.mem.writeInt(u64, &bytes, txn, .little);
    return bytes;
}

fn begin(open: u64) !void {
    here.init(&pool, &items);
    for (1..open + 1) |txn| try here.apply(.{ .op = .prepare, .value = &word(txn) });
}

fn step(op: record.Op, txn: u64) !void {
    try here.apply(.{ .op = op, .value = &word(txn) });
}

var payload: [8 + record.chunk_bytes_max]u8 = undefined;

fn chunk(txn: u64, key: []const u8, len: usize) !void {
    payload[0..8].* = word(txn);
    @memset(payload[8..][0..len], 'c');
    try here.apply(.{ .op = .payload, .key = key, .value = payload[0 .. 8 + len] });
}

test "eight transactions are open at a time; a ninth is none, and means nothing later" {
    try testing.expectEqual(8, contents_file.txns_max);
    try begin(9);
    for (1..9) |txn| try testing.expect(here.isOpen(txn));
    try testing.expect(!here.isOpen(9));
    try testing.expectEqual(10, here.next_id);
    try chunk(9, "k", 1);
    try step(.commit, 9);
    try testing.expectEqual(0, here.entries());
    // One that is begun again has nothing of what it had, and its place.
    try chunk(3, "k", 1);
    try step(.prepare, 3);
    try testing.expectEqual(8, here.open_count);
    try testing.expectEqual(0, here.itemsOf(3).len);
    try step(.abort, 3);
    try testing.expect(!here.isOpen(3));
    try step(.prepare, 20);
    try testing.expect(here.isOpen(20));
    try step(.prepare, 21);
    try testing.expect(!here.isOpen(21));
    try testing.expectEqual(22, here.next_id);
}

test "a chunk, a value, a transaction and all of them have their most" {
    const bytes: [record.chunk_bytes_max + 1]u8 = @splat('c');
    try begin(3);
    const most = record.chunk_bytes_max;
    try testing.expectEqual(8192, most);
    try here.checkChunk(1, "k", bytes[0..most]);
    try testing.expectError(error.TooLarge, here.checkChunk(1, "k", &bytes));
    try testing.expectError(error.NotFound, here.checkChunk(4, "k", "x"));
    // A value: 65,536 bytes.
    for (0..8) |_| try chunk(1, "k", most);
    try testing.expectError(error.TooLarge, here.checkChunk(1, "k", "x"));
    try here.checkChunk(1, "m", "x");
    // A transaction: 128 KiB.
    for (0..8) |_| try chunk(1, "m", most);
    try testing.expectError(error.TxnLimit, here.checkChunk(1, "n", "x"));
    try here.checkChunk(1, "n", "");
    try here.checkChunk(2, "n", "x");
    // All: 256 KiB.
    for (0..8) |_| try chunk(2, "k", most);
    for (0..7) |_| try chunk(3, "k", most);
    try chunk(3, "m", most - 1);
    try here.checkChunk(3, "m", "x");
    try testing.expectError(error.TxnLimit, here.checkChunk(3, "m", "xy"));
    try testing.expectError(error.TxnLimit, here.checkChunk(2, "m", "xy"));
    // A replay that meets one forgets its transaction, and no other.
    try chunk(3, "m", 2);
    try testing.expect(!here.isOpen(3));
    try testing.expectEqual(0, here.itemsOf(3).len);
    try testing.expectEqual(2, here.itemsOf(1).len);
    try step(.commit, 3);
    try testing.expectEqual(0, here.entries());
    try step(.commit, 1);
    try testing.expectEqual(2, here.entries());
    try testing.expectEqual(65_536, here.get("m").?.len);
}

test "a transaction has thirty-two keys, and each may grow" {
    try begin(2);
    var key: [2]u8 = "k ".*;
    for (0..32) |n| {
        key[1] = @intCast('A' + n);
        try chunk(1, &key, 1);
    }
    try testing.expectEqual(32, here.itemsOf(1).len);
    try testing.expectError(error.TxnLimit, here.checkChunk(1, "new", "x"));
    try here.checkChunk(1, &key, "x");
    try here.checkChunk(2, "new", "x");
    try chunk(1, "new", 1);
    try testing.expect(!here.isOpen(1));
}

test "what fits is what there is a place and room for, and a chunk is joined to what is there" {
    here.init(pool[0..10], items[0..2]);
    try here.apply(.{ .op = .put, .key = "a", .value = "123" });
    try testing.expect(here.fits(0, "b", 5));
    try testing.expect(!here.fits(0, "b", 6));
    // What is replaced is there until it is.
    try testing.expect(here.fits(0, "a", 5));
    try testing.expect(!here.fits(0, "a", 6));
    try step(.prepare, 1);
    try chunk(1, "b", 1);
    try testing.expect(!here.fits(0, "c", 0));
    try testing.expect(here.fits(0, "a", 3));
    try testing.expect(!here.fits(0, "a", 4));
    // Old and new lie in the pool for a moment.
    try testing.expect(here.fits(1, "b", 2));
    try testing.expect(!here.fits(1, "b", 3));
    try chunk(1, "b", 2);
    try step(.commit, 1);
    try testing.expectEqualStrings("ccc", here.get("b").?);
    try testing.expectEqual(contents_file.checkpoint_bytes + 2 * 15 + 4 + 4, here.liveBytes());
    try testing.expectError(error.Full, here.apply(.{ .op = .put, .key = "c", .value = "" }));
}

test "a checkpoint forgets all that was before it, but no number of a transaction" {
    try begin(2);
    try here.apply(.{ .op = .put, .key = "a", .value = "1" });
    try chunk(1, "b", 1);
    try here.apply(.{ .op = .sync });
    try testing.expectEqual(1, here.entries());
    try here.apply(.{ .op = .checkpoint, .value = &word(0) });
    try testing.expectEqual(0, here.entries());
    try testing.expectEqual(0, here.open_count);
    try testing.expectEqual(0, here.table.count);
    try testing.expectEqual(null, here.get("a"));
    try testing.expectEqual(contents_file.checkpoint_bytes, here.liveBytes());
    try testing.expectEqual(23, contents_file.checkpoint_bytes);
    try testing.expectEqual(3, here.next_id);
    try here.apply(.{ .op = .delete, .key = "a" });
    try testing.expectEqual(contents_file.checkpoint_bytes, here.liveBytes());
    try step(.commit, std.math.maxInt(u64));
    try testing.expectEqual(std.math.maxInt(u64), here.next_id);
}
