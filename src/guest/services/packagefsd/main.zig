//! packagefsd verifies the node's package image and serves its files (`PF` v1).
//!
//! It reports a drive without a valid image, and does not serve it. The service stays, so a client
//! that asks learns that there is no image, instead of waiting for it.

const std = @import("std");
const marker = @import("contract").marker;
const disk = @import("disk");
const os = @import("os");
const pkgimg = @import("pkgimg");
const svc = @import("svc");
const core = @import("packagefsd_core");
const wire = @import("wire");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

/// The data section of the mounted image.
const Medium = struct {
    first_sector: u64 = 0,

    pub fn readBlock(self: *Medium, at: u64, out: *[core.block_bytes]u8) error{Io}!void {
        const sector = self.first_sector + at / disk.sector_bytes;
        const left = (drive.sectors() -| sector) * disk.sector_bytes;
        // The last block need not be a whole one.
        drive.read(sector, out[0..@min(out.len, left)]) catch return error.Io;
    }
};

const Service = struct {
    server: core.Server(Medium) = .{ .index = null, .medium = .{} },
    reply: [wire.packages.reply_bytes_max]u8 = undefined,

    pub fn handle(self: *Service, message: os.Message) []const u8 {
        return self.server.handle(message.payload, &self.reply);
    }
};

var drive: disk.Disk = undefined;
var service: Service = .{};
var first_sector: [disk.sector_bytes]u8 = undefined;

pub fn main() !void {
    service = .{};
    if (mount()) {
        os.print(marker.packages_mounted, .{});
    } else |err| switch (err) {
        error.NoDisk => os.print(marker.packages_none, .{}),
        else => os.print(marker.packages_refused, .{@errorName(err)}),
    }
    svc.ready();
    try svc.serve(&service);
}

fn mount() !void {
    drive = try .open();
    // Served files must not change under their readers.
    if (!drive.isReadOnly()) return error.WritableDisk;
    try drive.read(0, &first_sector);
    const disk_bytes = drive.sectors() *| disk.sector_bytes;
    const head = try pkgimg.Superblock.parse(first_sector[0..pkgimg.superblock.bytes], disk_bytes);
    const bytes = try readIndex(head);
    try head.verify(bytes);
    const starts = try allocate(u32, try pkgimg.index.countOf(bytes));
    service.server.index = try .parse(bytes, starts, head);
    service.server.medium = .{ .first_sector = head.data_off / disk.sector_bytes };
}

/// It follows the superblock in the same sector, so that is read along.
fn readIndex(head: pkgimg.Superblock) ![]const u8 {
    const end: usize = @intCast(pkgimg.superblock.bytes + head.index_len);
    const buffer = try allocate(u8, std.mem.alignForward(usize, end, disk.sector_bytes));
    try drive.read(0, buffer);
    return buffer[pkgimg.superblock.bytes..end];
}

/// The memory lasts as long as the service lives.
fn allocate(comptime T: type, count: usize) os.Error![]T {
    if (count == 0) return &.{};
    const bytes = std.mem.alignForward(usize, count * @sizeOf(T), 4096);
    const memory = try os.Dma.create(bytes);
    return @as([*]T, @ptrCast(memory.virtual.ptr))[0..count];
}
