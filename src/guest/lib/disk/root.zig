//! The service's own disk, by sector numbers. Each function waits until the disk has answered.
//!
//! Interrupts come to the service's inbox, as the replies to its own calls do. So a service has
//! either a call under way or a request to the disk, never both.

const std = @import("std");
const os = @import("os");
const virtio = @import("virtio");
const Blk = virtio.blk.Blk;

pub const sector_bytes = virtio.blk.sector_bytes;

/// A disk that does not serve a request within a second counts as gone.
const patience_ns = std.time.ns_per_s;

pub const Error = virtio.blk.Failure || error{
    /// The range is not of whole sectors, or does not lie on this disk.
    OutOfRange,
    ReadOnly,
    Silent,
};

pub const Disk = struct {
    blk: Blk,
    /// The disk broke the rules or did not answer. Whatever it says later belongs to no request.
    is_lost: bool = false,

    /// `error.NoDisk`: the board has none for this service.
    pub fn open() (os.Error || virtio.blk.Error || error{NoDisk})!Disk {
        const base = os.sys.mmioMap(os.abi.slot.mmio) catch |err| switch (err) {
            error.BadSlot => return error.NoDisk,
            else => return err,
        };
        const dma = try os.Dma.create(virtio.blk.memory_bytes);
        const memory: virtio.Memory = .{ .virtual = dma.virtual, .physical = dma.physical };
        const blk: Blk = try .init(@ptrFromInt(base), memory);
        try os.sys.irqBind(os.abi.slot.irq, os.abi.slot.inbox_send);
        return .{ .blk = blk };
    }

    pub fn sectors(self: *const Disk) u64 {
        return self.blk.sectors;
    }

    pub fn isReadOnly(self: *const Disk) bool {
        return self.blk.isReadOnly();
    }

    /// Read whole sectors into `buffer`, from `sector` on.
    pub fn read(self: *Disk, sector: u64, buffer: []u8) Error!void {
        try self.check(sector, buffer.len);
        var at: usize = 0;
        while (at < buffer.len) {
            const piece = buffer[at..@min(buffer.len, at + virtio.blk.data_bytes_max)];
            try self.run(.read, sector + at / sector_bytes, piece.len);
            @memcpy(piece, self.blk.data(piece.len));
            at += piece.len;
        }
    }

    /// Write whole sectors; they are durable after the next `flush`. A failure may leave a part.
    pub fn write(self: *Disk, sector: u64, bytes: []const u8) Error!void {
        if (self.isReadOnly()) return error.ReadOnly;
        try self.check(sector, bytes.len);
        var at: usize = 0;
        while (at < bytes.len) {
            const piece = bytes[at..@min(bytes.len, at + virtio.blk.data_bytes_max)];
            if (self.is_lost) return error.Broken;
            @memcpy(self.blk.data(piece.len), piece);
            try self.run(.write, sector + at / sector_bytes, piece.len);
            at += piece.len;
        }
    }

    /// Everything written is on the medium when this returns.
    pub fn flush(self: *Disk) Error!void {
        if (self.blk.canFlush()) try self.run(.flush, 0, 0);
    }

    fn check(self: *const Disk, sector: u64, len: usize) error{OutOfRange}!void {
        const count = len / sector_bytes;
        if (len == 0 or len % sector_bytes != 0) return error.OutOfRange;
        if (count > self.sectors() or sector > self.sectors() - count) return error.OutOfRange;
    }

    fn run(self: *Disk, kind: virtio.blk.Kind, sector: u64, len: usize) Error!void {
        if (self.is_lost) return error.Broken;
        std.debug.assert(len <= virtio.blk.data_bytes_max and len % sector_bytes == 0);
        // An interrupt of the request before may have come too late to be taken, and been dropped
        // by a call as a message that is not an answer; unacknowledged, there would be no other.
        self.acknowledge();
        self.blk.start(kind, sector, len);
        const deadline = os.after(patience_ns);
        while (true) {
            const is_done = self.blk.finished() catch |err| {
                self.is_lost = err == error.Broken;
                return err;
            };
            if (is_done) return;
            self.wait(deadline) catch {
                self.is_lost = true;
                return error.Silent;
            };
        }
    }

    fn wait(self: *Disk, deadline: u64) os.Error!void {
        var buffer: [64]u8 = undefined;
        const message = try os.recv(os.abi.slot.inbox_recv, &buffer, deadline);
        if (message.moved) |extra| os.sys.capClose(extra);
        self.acknowledge();
    }

    fn acknowledge(self: *Disk) void {
        self.blk.transport.acknowledgeInterrupt();
        os.sys.irqAck(os.abi.slot.irq) catch {};
    }
};
