//! The first 76 bytes of an image.

const std = @import("std");
const contract = @import("contract");
const readInt = std.mem.readInt;

pub const bytes = 76;
pub const image_bytes_max = contract.image.image_bytes_max;
pub const index_bytes_max = contract.image.index_bytes_max;
const data_align = contract.image.data_align_bytes;

pub const Error = error{ BadMagic, BadVersion, BadFlags, BadBounds, TooLarge, BadDigest };

pub const Superblock = struct {
    index_len: u64,
    data_off: u64,
    data_len: u64,
    digest: [32]u8,

    /// `disk_bytes` is the size of the disk; the bytes behind the data do not matter.
    pub fn parse(head: *const [bytes]u8, disk_bytes: u64) Error!Superblock {
        if (!std.mem.eql(u8, head[0..8], contract.image.package_magic)) return error.BadMagic;
        const version = readInt(u16, head[8..10], .little);
        if (version != contract.image.package_version) return error.BadVersion;
        if (readInt(u16, head[10..12], .little) != 0) return error.BadFlags;
        const self: Superblock = .{
            .index_len = readInt(u64, head[20..28], .little),
            .data_off = readInt(u64, head[28..36], .little),
            .data_len = readInt(u64, head[36..44], .little),
            .digest = head[44..76].*,
        };
        if (readInt(u64, head[12..20], .little) != bytes) return error.BadBounds;
        if (self.index_len > index_bytes_max) return error.TooLarge;
        if (self.data_off < bytes + self.index_len or self.data_off % data_align != 0) {
            return error.BadBounds;
        }
        if (self.data_off > image_bytes_max) return error.TooLarge;
        if (self.data_len > image_bytes_max - self.data_off) return error.TooLarge;
        if (self.data_off + self.data_len > disk_bytes) return error.BadBounds;
        return self;
    }

    pub fn verify(self: *const Superblock, index: []const u8) Error!void {
        var digest: [32]u8 = undefined;
        std.crypto.hash.sha2.Sha256.hash(index, &digest, .{});
        if (!std.mem.eql(u8, &digest, &self.digest)) return error.BadDigest;
    }
};

fn example() [bytes]u8 {
    var head: [bytes]u8 = @splat(0);
    @memcpy(head[0..8], contract.image.package_magic);
    head[8] = 2;
    std.mem.writeInt(u64, head[12..20], 76, .little);
    std.mem.writeInt(u64, head[20..28], 4, .little);
    std.mem.writeInt(u64, head[28..36], 512, .little);
    std.mem.writeInt(u64, head[36..44], 100, .little);
    return head;
}

test "a superblock, and every field bent" {
    const testing = std.testing;
    const good = try Superblock.parse(&example(), 1024);
    try testing.expectEqual(@as(u64, 4), good.index_len);
    try testing.expectEqual(@as(u64, 512), good.data_off);
    try testing.expectEqual(@as(u64, 100), good.data_len);
    const Case = struct { usize, u64, Error };
    const far = std.math.maxInt(u64);
    for ([_]Case{
        .{ 0, 0, error.BadMagic },
        .{ 12, 0, error.BadBounds },
        .{ 12, 77, error.BadBounds },
        .{ 12, far, error.BadBounds },
        .{ 20, index_bytes_max + 1, error.TooLarge },
        .{ 20, far, error.TooLarge },
        .{ 20, 512, error.BadBounds },
        .{ 28, 0, error.BadBounds },
        .{ 28, 513, error.BadBounds },
        .{ 28, 1024, error.BadBounds },
        .{ 28, 1 << 63, error.TooLarge },
        .{ 28, far, error.BadBounds },
        .{ 36, 513, error.BadBounds },
        .{ 36, image_bytes_max, error.TooLarge },
        .{ 36, far, error.TooLarge },
    }) |case| {
        var head = example();
        std.mem.writeInt(u64, head[case[0]..][0..8], case[1], .little);
        try testing.expectError(case[2], Superblock.parse(&head, 1024));
    }
    for ([_]struct { usize, u8, Error }{
        .{ 7, '1', error.BadMagic },
        .{ 8, 1, error.BadVersion },
        .{ 8, 3, error.BadVersion },
        .{ 9, 1, error.BadVersion },
        .{ 10, 1, error.BadFlags },
        .{ 11, 1, error.BadFlags },
    }) |case| {
        var head = example();
        head[case[0]] = case[1];
        try testing.expectError(case[2], Superblock.parse(&head, 1024));
    }
    try testing.expectError(error.BadBounds, Superblock.parse(&example(), 611));
    _ = try Superblock.parse(&example(), 612);
}

test "a digest of other bytes" {
    var head = example();
    std.crypto.hash.sha2.Sha256.hash("\x00" ** 4, head[44..76], .{});
    const good = try Superblock.parse(&head, 1024);
    try good.verify("\x00" ** 4);
    try std.testing.expectError(error.BadDigest, good.verify("\x00\x00\x01\x00"));
    try std.testing.expectError(error.BadDigest, good.verify("\x00" ** 3));
}
