//! The part of the store that a peer may use, so that no peer can take what others need. Each peer
//! has a share, and only the node's own services use the reserve.
//!
//! An entry belongs to the sender that set it last, and costs the bytes of its record in the
//! journal. Only a change that adds to an account is refused, so a peer that has too much may
//! always make it less.

const std = @import("std");
const contract = @import("contract");
const statefs = @import("statefs");
const records = @import("os").records;
const Contents = statefs.Contents;

/// The settings from this service's section of the node configuration (docs/spec/node-config.md).
pub const Settings = struct {
    peer_keys: u16 = contract.node.share_peer_keys,
    peer_bytes: u32 = contract.node.share_peer_bytes,
    reserve_keys: u16 = contract.node.share_reserve_keys,
    reserve_bytes: u32 = contract.node.share_reserve_bytes,
    /// The number of peers that may set keys. They divide what is not in reserve.
    peers: u8 = 1,

    const tag_share = @intFromEnum(contract.node.StateTag.share);
    const tag_reserve = @intFromEnum(contract.node.StateTag.reserve);
    const tag_peers = @intFromEnum(contract.node.StateTag.peers);

    /// Without a record the defaults above hold.
    pub fn parse(section: []const u8) error{ Malformed, UnknownTag }!Settings {
        var settings: Settings = .{};
        var each = records.iterate(section);
        while (try each.next()) |record| switch (record.tag) {
            tag_share => {
                const pair = try pairOf(record.value);
                settings.peer_keys, settings.peer_bytes = .{ pair.keys, pair.bytes };
            },
            tag_reserve => {
                const pair = try pairOf(record.value);
                settings.reserve_keys, settings.reserve_bytes = .{ pair.keys, pair.bytes };
            },
            tag_peers => {
                if (record.value.len != 1) return error.Malformed;
                settings.peers = @max(1, record.value[0]);
            },
            else => return error.UnknownTag,
        };
        return settings;
    }

    fn pairOf(value: []const u8) error{Malformed}!struct { keys: u16, bytes: u32 } {
        if (value.len != 6) return error.Malformed;
        return .{
            .keys = std.mem.readInt(u16, value[0..2], .little),
            .bytes = std.mem.readInt(u32, value[2..6], .little),
        };
    }
};

/// The amount that is to be divided.
pub const Capacity = struct { keys: u32, bytes: u64 };

/// The longest value with the longest key a peer may use: a peer can always have two.
const largest_bytes = cost(contract.state.peer_key_bytes_max, statefs.record.value_bytes_max);
const part_bytes_min = 2 * largest_bytes;
/// The largest part that becomes reserve, so that a small disk has room for peers, too.
const reserve_part = 4;

/// The limits of one peer, and of all of them together.
pub const Limits = struct {
    peer_keys: u64,
    peer_bytes: u64,
    all_keys: u64,
    all_bytes: u64,

    pub fn of(settings: Settings, there_is: Capacity) Limits {
        const kept_keys = @min(settings.reserve_keys, there_is.keys / reserve_part);
        const kept_bytes = @min(settings.reserve_bytes, there_is.bytes / reserve_part);
        const all_keys = there_is.keys - kept_keys;
        const all_bytes = there_is.bytes - kept_bytes;
        std.debug.assert(settings.peers != 0); // `parse` counts one at least
        const part_bytes = @max(part_bytes_min, all_bytes / settings.peers);
        return .{
            .peer_keys = @min(settings.peer_keys, @max(1, all_keys / settings.peers)),
            .peer_bytes = @min(settings.peer_bytes, part_bytes),
            .all_keys = all_keys,
            .all_bytes = all_bytes,
        };
    }
};

/// The amount that entries may take on a disk with such regions and the present journal. On a disk
/// so small that a largest value would leave no reserve, peers may use everything.
fn capacityOf(region_bytes: u64, journal_bytes: u64) u64 {
    const is_small = region_bytes * (reserve_part - 1) < largest_bytes * reserve_part;
    return if (is_small) @max(region_bytes, journal_bytes) else region_bytes;
}

/// The amount for which a snapshot has room, in memory and in a region of the disk.
pub fn capacityIn(store: anytype, pool_bytes: u64, keys: u32) Capacity {
    const pair = statefs.superblock.regions(store.device.sectors());
    const journal = store.journal.region.bytes();
    const region = capacityOf(if (pair) |both| both[0].bytes() else journal, journal);
    const spent = statefs.sector_bytes + store.contents.memory().bytes;
    // The rest is for open transactions.
    const in_memory = pool_bytes - @min(pool_bytes / 2, statefs.contents.txns_bytes_max);
    return .{ .keys = keys, .bytes = @min(in_memory, region -| spent) };
}

pub const Lack = error{
    /// The peer has as much as it may.
    OverShare,
    /// Peers together have as much as they may: to them the store is full.
    Io,
};

/// The amount that a peer would add: entries, and those whose place they take.
pub const Added = struct {
    new: Account = .{},
    own_freed: Account = .{},
    freed: Account = .{},

    pub fn of(
        contents: *const Contents,
        peer: []const u8,
        key: []const u8,
        value_len: usize,
    ) Added {
        var added: Added = .{};
        added.set(contents, peer, key, value_len);
        return added;
    }

    /// Add everything that a transaction would set.
    pub fn ofTransaction(contents: *const Contents, peer: []const u8, txn: u64) Added {
        var added: Added = .{};
        for (contents.itemsOf(txn)) |item| {
            added.set(contents, peer, contents.table.keyOf(item), item.value_len);
        }
        return added;
    }

    /// Add another key, with a value of this many bytes.
    pub fn set(
        self: *Added,
        contents: *const Contents,
        peer: []const u8,
        key: []const u8,
        value_len: usize,
    ) void {
        self.new.add(.{ .keys = 1, .bytes = cost(key.len, value_len) });
        const item = contents.find(key) orelse return;
        if (item.peer == 0) return;
        const old: Account = .{ .keys = 1, .bytes = cost(item.key_len, item.value_len) };
        self.freed.add(old);
        const owner = contents.calls.ownerOf(peer) orelse 0;
        if (item.peer == owner) self.own_freed.add(old);
    }
};

/// The verdict on whether this peer may add this much.
pub fn check(
    contents: *const Contents,
    limits: Limits,
    peer: []const u8,
    added: Added,
) Lack!void {
    const calls = &contents.calls;
    const owner = calls.ownerOf(peer) orelse 0;
    var own: Account = .{};
    var all: Account = .{};
    for (&calls.peers, 1..) |*each, number| {
        if (each.name_len == 0) continue;
        const account: Account = .{
            .keys = each.keys,
            .bytes = each.bytes + each.keys * @as(u64, statefs.record.overhead_bytes),
        };
        all.add(account);
        if (number == owner) own = account;
    }
    const new = added.new;
    if (!isWithin(own.keys, new.keys, added.own_freed.keys, limits.peer_keys) or
        !isWithin(own.bytes, new.bytes, added.own_freed.bytes, limits.peer_bytes))
        return error.OverShare;
    if (!isWithin(all.keys, new.keys, added.freed.keys, limits.all_keys) or
        !isWithin(all.bytes, new.bytes, added.freed.bytes, limits.all_bytes)) return error.Io;
}

const Account = struct {
    keys: u64 = 0,
    bytes: u64 = 0,

    fn add(self: *Account, other: Account) void {
        self.keys += other.keys;
        self.bytes += other.bytes;
    }
};

fn cost(key_len: usize, value_len: usize) u64 {
    return statefs.record.overhead_bytes + key_len + value_len;
}

fn isWithin(before: u64, more: u64, freed: u64, limit: u64) bool {
    return more <= freed or before + more - freed <= limit;
}

const testing = std.testing;

test "settings: defaults, every record, and what is refused" {
    try testing.expectEqual(Settings{}, try Settings.parse(""));
    const section = "\x01\x00\x06\x00\x0a\x00\x00\x10\x00\x00" ++
        "\x02\x00\x06\x00\x05\x00\x00\x08\x00\x00" ++ "\x03\x00\x01\x00\x04";
    try testing.expectEqual(Settings{
        .peer_keys = 10,
        .peer_bytes = 4096,
        .reserve_keys = 5,
        .reserve_bytes = 2048,
        .peers = 4,
    }, try Settings.parse(section));
    try testing.expectEqual(@as(u8, 1), (try Settings.parse("\x03\x00\x01\x00\x00")).peers);
    for ([_][]const u8{
        "\x01\x00\x00\x00",
        "\x02\x00\x01\x00\x05",
        "\x03\x00\x02\x00\x01\x01",
        "\x01",
    }) |odd| try testing.expectError(error.Malformed, Settings.parse(odd));
    try testing.expectError(error.UnknownTag, Settings.parse("\x04\x00\x00\x00"));
}

test "a disk too small for a largest value beside the reserve gives all it has" {
    // Three quarters of a region are what peers get of it.
    const bound = largest_bytes * 4 / 3;
    try testing.expectEqual(2 * bound, capacityOf(bound, 2 * bound));
    try testing.expectEqual(bound, capacityOf(bound, 1));
    try testing.expectEqual(bound + 1, capacityOf(bound + 1, 2 * bound));
}

test "what is not in reserve is divided, and a peer has room for two largest values" {
    const there_is: Capacity = .{ .keys = 2048, .bytes = 512 * 1024 };
    const one: Limits = .of(.{}, there_is);
    try testing.expectEqual(@as(u64, 512), one.peer_keys);
    try testing.expectEqual(@as(u64, 256 * 1024), one.peer_bytes);
    try testing.expectEqual(@as(u64, 1920), one.all_keys);
    try testing.expectEqual(@as(u64, 448 * 1024), one.all_bytes);
    const eight: Limits = .of(.{ .peers = 8 }, there_is);
    try testing.expectEqual(@as(u64, 240), eight.peer_keys);
    try testing.expectEqual(part_bytes_min, eight.peer_bytes);
    // Of a small disk a quarter is the most that is in reserve.
    const small: Limits = .of(.{}, .{ .keys = 2048, .bytes = 16_000 });
    try testing.expectEqual(@as(u64, 12_000), small.all_bytes);
}
