//! statefsd is the node's state store (`SF`), on the writable disk.
//!
//! Without a disk it serves from memory, which ends with the machine. It reports a damaged disk and
//! does not write to it. The service stays, so its callers learn the state of the disk.

const std = @import("std");
const contract = @import("contract");
const disk = @import("disk");
const os = @import("os");
const statefs = @import("statefs");
const svc = @import("svc");
const core = @import("statefsd_core");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

/// The disk in memory has the size of the original system's.
const memory_sectors = 64;
/// All open transactions at their largest, and twice as much for what is kept.
const pool_bytes = 3 * statefs.contents.txns_bytes_max;
/// Enough that each of eight peers has a part of it.
const keys_max = contract.node.state_keys_max;
const items_max = keys_max + statefs.contents.txns_max * statefs.contents.txn_keys_max;

/// The disk of the node, or memory in its place.
const Medium = struct {
    is_disk: bool = false,

    pub fn sectors(self: *const Medium) u64 {
        return if (self.is_disk) drive.sectors() else memory_sectors;
    }

    pub fn read(self: *Medium, sector: u64, buffer: []u8) disk.Error!void {
        if (self.is_disk) return drive.read(sector, buffer);
        @memcpy(buffer, memory[@intCast(sector * disk.sector_bytes)..][0..buffer.len]);
    }

    pub fn write(self: *Medium, sector: u64, bytes: []const u8) disk.Error!void {
        if (self.is_disk) return drive.write(sector, bytes);
        @memcpy(memory[@intCast(sector * disk.sector_bytes)..][0..bytes.len], bytes);
    }

    pub fn flush(self: *Medium) disk.Error!void {
        if (self.is_disk) try drive.flush();
    }
};

const Gate = struct {
    policy: svc.Policy,

    pub fn permits(self: *Gate, sender: u64, capability: []const u8) bool {
        return self.policy.permits(sender, capability);
    }

    pub fn denied(_: *Gate, sender: u64, path: []const u8) void {
        os.print(contract.marker.state_denied, .{
            std.ascii.hexEscape(path, .lower),
            sender,
        });
    }

    pub fn abandoned(_: *Gate, sender: u64) void {
        os.print(contract.marker.state_abandoned, .{sender});
    }

    pub fn now(_: *Gate) u64 {
        return os.nsec();
    }
};

const Service = struct {
    gate: Gate,

    pub fn handle(self: *Service, message: os.Message) []const u8 {
        const reply = server.handle(message.payload, message.sender, &self.gate);
        const now = server.store.generation();
        if (now != server.told_generation) {
            server.told_generation = now;
            os.print(contract.marker.state_compacted, .{
                now,
                server.store.contents.entries(),
            });
        }
        return reply;
    }
};

var memory: [memory_sectors * disk.sector_bytes]u8 = @splat(0);
var drive: disk.Disk = undefined;
var medium: Medium = .{};
var pool: [pool_bytes]u8 = undefined;
var items: [items_max]statefs.Item = undefined;
var server: core.Server(Medium) = undefined;
var service: Service = undefined;
var section: [64]u8 = undefined;

pub fn main() !void {
    service = .{ .gate = .{ .policy = .open() } };
    medium = .{};
    if (disk.Disk.open()) |opened| {
        drive = opened;
        medium.is_disk = true;
        os.print(contract.marker.drive_up, .{ disk.sector_bytes, drive.sectors() });
    } else |err| switch (err) {
        error.NoDisk => os.print(contract.marker.state_no_disk, .{}),
        else => return err,
    }
    server.settings = try .parse(try os.config(&section));
    server.speaker = os.serviceId("dsoftbusd");
    server.keys_max = keys_max;
    server.pool = &pool;
    server.items = &items;
    server.versions = .{};
    // A disk that cannot be read is reported, and requests get an answer: no caller waits in vain.
    server.open(&medium) catch {};
    if (server.is_unreadable) {
        os.print(contract.marker.state_unreadable, .{});
    } else if (server.store.damage == .none) {
        os.print(contract.marker.state_mounted, .{});
    } else {
        os.print(contract.marker.state_damaged, .{server.store.damage});
    }
    svc.ready();
    try svc.serve(&service);
}
