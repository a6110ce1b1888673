//! The regions that a task mapped at run time: shared memory and device registers. They are handed
//! out upwards from `layout.map_base`, with an unmapped guard page after each.

const std = @import("std");
const abi = @import("abi");
const board = @import("board.zig");
const csr = @import("csr.zig");
const vm = @import("vm.zig");
const vmo = @import("vmo.zig");

/// A service maps a device, a handful of buffers and (init) the boot archive.
const regions_max = 32;

pub const Error = vm.Error || error{NoSuchRegion};

pub const Region = struct { address: u64, len: u64, object: ?*vmo.Vmo };

pub const Table = struct {
    list: [regions_max]Region = undefined,
    count: usize = 0,

    /// The invariants that hold between any two calls.
    fn check(self: *const Table) void {
        std.debug.assert(self.count <= regions_max);
        for (self.list[0..self.count]) |region| {
            std.debug.assert(region.len != 0 and region.len % board.page_bytes == 0);
            std.debug.assert(region.address >= abi.layout.map_base);
            std.debug.assert(region.address <= vm.user_end - region.len);
        }
    }

    /// Map `len` bytes of physical memory. A VMO stays alive as long as it is mapped.
    pub fn map(
        self: *Table,
        space: vm.Space,
        physical: u64,
        len: u64,
        write: bool,
        object: ?*vmo.Vmo,
    ) Error!u64 {
        std.debug.assert(len != 0 and len % board.page_bytes == 0);
        std.debug.assert(physical % board.page_bytes == 0);
        if (object) |shared| {
            std.debug.assert(physical >= shared.base and len <= shared.len);
            std.debug.assert(physical - shared.base <= shared.len - len);
        }
        if (self.count == regions_max) return error.NoMemory;
        const address = try self.place(len);
        var done: u64 = 0;
        errdefer unmapPages(space, address, done);
        while (done < len) : (done += board.page_bytes) {
            try space.map(address + done, physical + done, .{ .write = write });
        }
        csr.fenceAddressSpace(); // the absence of these pages may be cached
        if (object) |shared| shared.retain();
        self.list[self.count] = .{ .address = address, .len = len, .object = object };
        self.count += 1;
        self.check();
        return address;
    }

    /// Unmap exactly one whole region; a part of one cannot be unmapped.
    pub fn unmap(self: *Table, space: vm.Space, address: u64, len: u64) Error!void {
        self.check();
        for (self.list[0..self.count], 0..) |region, i| {
            if (region.address != address or region.len != len) continue;
            unmapPages(space, address, len);
            if (region.object) |object| object.release();
            self.count -= 1;
            self.list[i] = self.list[self.count];
            return;
        }
        return error.NoSuchRegion;
    }

    pub fn releaseAll(self: *Table) void {
        self.check();
        for (self.list[0..self.count]) |region| {
            if (region.object) |object| object.release();
        }
        self.count = 0;
    }

    /// The lowest free address. Each round steps over one region, so it ends after `count` rounds.
    fn place(self: *const Table, len: u64) Error!u64 {
        var address = abi.layout.map_base;
        if (len > vm.user_end - address) return error.NoMemory;
        var moved = true;
        while (moved) {
            moved = false;
            for (self.list[0..self.count]) |region| {
                const end = region.address + region.len + board.page_bytes;
                if (address < end and region.address < address + len + board.page_bytes) {
                    address = end;
                    moved = true;
                }
            }
        }
        if (address > vm.user_end - len) return error.NoMemory;
        return address;
    }
};

fn unmapPages(space: vm.Space, address: u64, len: u64) void {
    var done: u64 = 0;
    while (done < len) : (done += board.page_bytes) space.unmap(address + done);
    csr.fenceAddressSpace();
}
