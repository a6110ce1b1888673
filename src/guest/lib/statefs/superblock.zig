//! The superblock says where the journal is.
//!
//!     sector 0          1 .. R            1+R .. 2R            R = (sectors - 1) / 2
//!     superblock        region A (0)      region B (1)

const std = @import("std");
const contract = @import("contract");
const crc32c = @import("record.zig").crc32c;

pub const sector_bytes = contract.journal.sector_bytes;
pub const magic = contract.journal.superblock_magic;
pub const bytes_len = 20;

pub const Superblock = struct {
    active: u1,
    generation: u32,
    entries: u32,

    /// A whole sector.
    pub fn encode(self: Superblock, out: *[sector_bytes]u8) void {
        @memset(out, 0);
        @memcpy(out[0..4], magic);
        out[4] = contract.journal.superblock_version;
        out[5] = self.active;
        std.mem.writeInt(u32, out[8..12], self.generation, .little);
        std.mem.writeInt(u32, out[12..16], self.entries, .little);
        std.mem.writeInt(u32, out[16..20], crc32c(out[0..16]), .little);
    }

    /// The superblock in these bytes; null: they are anything else.
    pub fn decode(bytes: []const u8) ?Superblock {
        if (bytes.len < bytes_len) return null;
        if (std.mem.readInt(u32, bytes[16..20], .little) != crc32c(bytes[0..16])) return null;
        const version = contract.journal.superblock_version;
        if (!std.mem.eql(u8, bytes[0..4], magic) or bytes[4] != version) return null;
        if (bytes[5] > 1 or bytes[6] != 0 or bytes[7] != 0) return null;
        return .{
            .active = @intCast(bytes[5]),
            .generation = std.mem.readInt(u32, bytes[8..12], .little),
            .entries = std.mem.readInt(u32, bytes[12..16], .little),
        };
    }
};

pub const Region = struct {
    start: u64,
    sectors: u64,

    pub fn bytes(self: Region) u64 {
        return self.sectors * sector_bytes;
    }
};

/// The places of both regions; null: the disk is too small for two.
pub fn regions(sectors: u64) ?[2]Region {
    if (sectors < 5) return null;
    const each = (sectors - 1) / 2;
    std.debug.assert(each >= 2 and 1 + 2 * each <= sectors);
    return .{ .{ .start = 1, .sectors = each }, .{ .start = 1 + each, .sectors = each } };
}

test "the vector, both ways, and every flipped bit" {
    var golden: [bytes_len]u8 = undefined;
    _ = try std.fmt.hexToBytes(&golden, "4e58533201000000010000000200000070e51635");
    const block: Superblock = .{ .active = 0, .generation = 1, .entries = 2 };
    var sector: [sector_bytes]u8 = undefined;
    block.encode(&sector);
    try std.testing.expectEqualSlices(u8, &golden, sector[0..bytes_len]);
    try std.testing.expectEqual(@as(?Superblock, block), Superblock.decode(&sector));
    for (0..bytes_len * 8) |bit| {
        var bad = sector;
        bad[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
        try std.testing.expectEqual(@as(?Superblock, null), Superblock.decode(&bad));
    }
    try std.testing.expectEqual(@as(?[2]Region, null), regions(4));
    try std.testing.expectEqual(@as(u64, 32), regions(64).?[1].start);
    try std.testing.expectEqual(@as(?Superblock, block), Superblock.decode(&golden));
    for (0..bytes_len) |len| {
        try std.testing.expectEqual(@as(?Superblock, null), Superblock.decode(golden[0..len]));
    }
    try std.testing.expectEqual(@as(u64, 2), regions(5).?[0].sectors);
    try std.testing.expectEqual(@as(u64, 2), regions(6).?[1].sectors);
}

test "each field has its values, however right the checksum is" {
    var sector: [sector_bytes]u8 = undefined;
    for ([_]u1{ 0, 1 }) |active| {
        const block: Superblock = .{ .active = active, .generation = 7, .entries = 9 };
        block.encode(&sector);
        try std.testing.expectEqual(@as(?Superblock, block), Superblock.decode(&sector));
        for (0..8) |at| for ([_]u8{ 0, 1, 2, 3, 0xFF }) |byte| {
            var odd = sector;
            odd[at] = byte;
            std.mem.writeInt(u32, odd[16..20], crc32c(odd[0..16]), .little);
            const is_right = byte == sector[at] or (at == 5 and byte <= 1);
            try std.testing.expectEqual(is_right, Superblock.decode(&odd) != null);
        };
    }
}
