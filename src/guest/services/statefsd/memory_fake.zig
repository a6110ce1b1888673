//! A disk in memory for tests of the store's answers: it may fall silent, or take no writes.

pub fn Memory(comptime disk_sectors: u64) type {
    return struct {
        bytes: [disk_sectors * 512]u8 = @splat(0),
        is_silent: bool = false,
        is_read_only: bool = false,

        const Self = @This();

        pub fn sectors(_: *const Self) u64 {
            return disk_sectors;
        }

        pub fn read(self: *Self, sector: u64, buffer: []u8) !void {
            if (self.is_silent) return error.Silent;
            @memcpy(buffer, self.bytes[@intCast(sector * 512)..][0..buffer.len]);
        }

        pub fn write(self: *Self, sector: u64, bytes: []const u8) !void {
            if (self.is_silent or self.is_read_only) return error.ReadOnly;
            @memcpy(self.bytes[@intCast(sector * 512)..][0..bytes.len], bytes);
        }

        pub fn flush(_: *Self) !void {}
    };
}
