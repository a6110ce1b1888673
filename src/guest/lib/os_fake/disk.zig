//! A virtio disk for tests on the host. It serves when its driver waits. When the test cuts the
//! power, the disk loses every write that was not flushed. A test that runs out of memory ends.

const std = @import("std");
const os = @import("os");
const Kernel = @import("root.zig").Kernel;
const ring_file = @import("ring.zig");
const Ring = ring_file.Ring;

const sector_bytes = 512;
const device_block = 2;
pub const read_only_feature: u32 = 1 << 5;
pub const flush_feature: u32 = 1 << 9;

pub const Kind = enum(u32) { read = 0, write = 1, flush = 4 };
pub const Seen = struct { kind: Kind, sector: u64, len: usize };

pub const Disk = struct {
    registers: [0x80]u32 align(8),
    content: []u8,
    /// The sectors that survive a power cut.
    durable: []u8,
    seen: std.ArrayList(Seen) = .empty,
    gpa: std.mem.Allocator,
    ring: ?Ring = null,
    /// The answer of the disk to every request from now on; null: it is silent.
    status: ?u8 = 0,
    /// The number of requests that it answers before it falls silent.
    answers_left: usize = std.math.maxInt(usize),

    pub fn init(gpa: std.mem.Allocator, features: u32, sectors: usize) Disk {
        var self: Disk = .{
            .registers = ring_file.registersOf(device_block, features),
            .content = gpa.alloc(u8, sectors * sector_bytes) catch unreachable,
            .durable = gpa.alloc(u8, sectors * sector_bytes) catch unreachable,
            .gpa = gpa,
        };
        @memset(self.content, 0);
        @memset(self.durable, 0);
        self.registers[0x100 / 4] = @intCast(sectors);
        return self;
    }

    pub fn deinit(self: *Disk) void {
        self.gpa.free(self.content);
        self.gpa.free(self.durable);
        self.seen.deinit(self.gpa);
    }

    /// Cut the power: writes that were not flushed are lost, and another driver may begin.
    pub fn cutPower(self: *Disk) void {
        @memcpy(self.content, self.durable);
        self.ring = null;
        self.registers[0x44 / 4] = 0; // queue_ready
    }

    pub fn put(self: *Disk, at: usize, bytes: []const u8) void {
        @memcpy(self.content[at..][0..bytes.len], bytes);
        @memcpy(self.durable[at..][0..bytes.len], bytes);
    }

    pub fn countOf(self: *const Disk, kind: Kind) usize {
        var count: usize = 0;
        for (self.seen.items) |each| count += @intFromBool(each.kind == kind);
        return count;
    }

    /// Serve the waiting requests, and interrupt; for `Kernel.idle`.
    pub fn serve(self: *Disk, kernel: *Kernel) void {
        if (self.ring == null) self.ring = .of(&self.registers);
        while (self.ring.?.next()) |request| {
            const parts = request.slice();
            const header = parts[0].bytes;
            const kind: Kind = @enumFromInt(std.mem.readInt(u32, header[0..4], .little));
            const sector = std.mem.readInt(u64, header[8..16], .little);
            const data = if (parts.len == 3) parts[1].bytes else parts[0].bytes[0..0];
            self.seen.append(self.gpa, .{ .kind = kind, .sector = sector, .len = data.len }) catch
                unreachable;
            const status = self.status orelse return;
            if (self.answers_left == 0) return;
            self.answers_left -= 1;
            var wrote: u32 = 1;
            if (status == 0) switch (kind) {
                .read => {
                    @memcpy(data, self.content[sector * sector_bytes ..][0..data.len]);
                    wrote += @intCast(data.len);
                },
                .write => @memcpy(self.content[sector * sector_bytes ..][0..data.len], data),
                .flush => @memcpy(self.durable, self.content),
            };
            parts[parts.len - 1].bytes[0] = status;
            self.ring.?.give(request, wrote);
            kernel.deliver(os.abi.KernelMsg.interrupt, "");
        }
    }
};
