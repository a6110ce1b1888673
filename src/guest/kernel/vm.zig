//! Sv39 address spaces. W^X is decided here, in one place: `permissionBits` has no encoding for
//! both.
//!
//! Root entry 0 (the first GiB) belongs to the task; entry 2 is RAM and entry 3 the device window,
//! both for the kernel alone and the same in every space, so that a trap never has to switch
//! tables.

const std = @import("std");
const board = @import("board.zig");
const csr = @import("csr.zig");
const frames = @import("frames.zig");

pub const user_end: u64 = 1 << 30;

const valid: u64 = 1 << 0;
const can_read: u64 = 1 << 1;
const can_write: u64 = 1 << 2;
const can_execute: u64 = 1 << 3;
const for_user: u64 = 1 << 4;
const global: u64 = 1 << 5;
const accessed: u64 = 1 << 6;
const dirty: u64 = 1 << 7;
/// Software bit: the frame belongs to this space and is freed with it.
const owned: u64 = 1 << 8;

const satp_sv39: u64 = 8 << 60;
const entries = 512;
const Table = [entries]u64;

pub const Access = struct { write: bool = false, execute: bool = false, owned: bool = false };
pub const Error = error{ WriteExecute, OutOfRange, AlreadyMapped, NoMemory };

/// The beginnings of the parts of the kernel's image. Its text begins with RAM.
pub const Image = struct {
    rodata: u64,
    data: u64,
    /// A page that nothing is mapped to, below the stack.
    guard: u64,

    const linker = struct {
        extern const __rodata_start: u8;
        extern const __data_start: u8;
        extern const __stack_guard: u8;
    };

    pub fn ofLinker() Image {
        return .{
            .rodata = @intFromPtr(&linker.__rodata_start),
            .data = @intFromPtr(&linker.__data_start),
            .guard = @intFromPtr(&linker.__stack_guard),
        };
    }
};

/// The kernel's own root; every task's root starts as a copy of its upper entries.
var kernel_root: Table align(4096) = undefined;
var kernel_ram: Table align(4096) = undefined;
var kernel_image: Table align(4096) = undefined;

fn permissionBits(access: Access) error{WriteExecute}!u64 {
    if (access.write and access.execute) return error.WriteExecute;
    var bits = valid | can_read | accessed;
    if (access.write) bits |= can_write | dirty;
    if (access.execute) bits |= can_execute;
    if (access.owned) bits |= owned;
    return bits;
}

fn entry(physical: u64, bits: u64) u64 {
    return (physical >> 12) << 10 | bits;
}

fn physicalOf(pte: u64) u64 {
    return (pte << 10 >> 20) << 12;
}

fn tableAt(physical: u64) *Table {
    return @ptrFromInt(physical);
}

/// Map the kernel: text RX, rodata R, everything else RW, each exactly once, and switch paging on.
pub fn init(ram_bytes: u64, image: Image) void {
    const rw = (permissionBits(.{ .write = true }) catch unreachable) | global;
    const megapage: u64 = 2 << 20;
    std.debug.assert(ram_bytes >= megapage and ram_bytes <= entries * megapage);
    for ([_]u64{ image.rodata, image.data, image.guard }) |part| {
        std.debug.assert(part % board.page_bytes == 0);
        std.debug.assert(part > board.ram_base and part < board.ram_base + megapage);
    }
    std.debug.assert(image.rodata <= image.data and image.data <= image.guard);
    kernel_root = @splat(0);
    kernel_ram = @splat(0);
    for (1..ram_bytes / megapage) |i| kernel_ram[i] = entry(board.ram_base + i * megapage, rw);
    for (&kernel_image, 0..) |*pte, i| {
        pte.* = kernelPage(board.ram_base + i * board.page_bytes, rw, image);
    }
    kernel_ram[0] = entry(@intFromPtr(&kernel_image), valid);
    kernel_root[2] = entry(@intFromPtr(&kernel_ram), valid);
    kernel_root[3] = entry(0, rw);
    csr.write("satp", satp_sv39 | @intFromPtr(&kernel_root) >> 12);
    csr.fenceAddressSpace();
    board.pagingIsOn();
}

fn kernelPage(address: u64, rw: u64, image: Image) u64 {
    const rx = (permissionBits(.{ .execute = true }) catch unreachable) | global;
    const r = (permissionBits(.{}) catch unreachable) | global;
    if (address < image.rodata) return entry(address, rx);
    if (address < image.data) return entry(address, r);
    if (address == image.guard) return 0;
    return entry(address, rw);
}

pub const Space = struct {
    root: u64,

    pub fn create() Error!Space {
        const root = try frames.allocZeroed();
        tableAt(root)[2] = kernel_root[2];
        tableAt(root)[3] = kernel_root[3];
        return .{ .root = root };
    }

    /// Free the tables and every frame that belongs to the space. It must not be the active one.
    pub fn destroy(self: Space) void {
        std.debug.assert(active != satp_sv39 | self.root >> 12);
        const top = tableAt(self.root)[0];
        if (top != 0) {
            for (tableAt(physicalOf(top))) |middle| {
                if (middle == 0) continue;
                for (tableAt(physicalOf(middle))) |page| {
                    if (page & owned != 0) frames.free(physicalOf(page));
                }
                frames.free(physicalOf(middle));
            }
            frames.free(physicalOf(top));
        }
        frames.free(self.root);
    }

    pub fn activate(self: Space) void {
        std.debug.assert(self.root != 0 and self.root % board.page_bytes == 0);
        const wanted = satp_sv39 | self.root >> 12;
        if (active == wanted) return;
        active = wanted;
        csr.write("satp", wanted);
        csr.fenceAddressSpace();
    }

    /// Map one page, which the user can always read.
    pub fn map(self: Space, virtual: u64, physical: u64, access: Access) Error!void {
        const bits = try permissionBits(access);
        if (virtual >= user_end) return error.OutOfRange;
        std.debug.assert(virtual % board.page_bytes == 0 and physical % board.page_bytes == 0);
        const slot = (try self.leaf(virtual, .create)).?;
        if (slot.* != 0) return error.AlreadyMapped;
        slot.* = entry(physical, bits | for_user);
    }

    pub fn unmap(self: Space, virtual: u64) void {
        std.debug.assert(virtual < user_end and virtual % board.page_bytes == 0);
        const slot = (self.leaf(virtual, .find) catch unreachable) orelse return;
        if (slot.* & owned != 0) frames.free(physicalOf(slot.*));
        slot.* = 0;
    }

    /// Physical address of a byte that the task itself could read (or write).
    pub fn translate(self: Space, virtual: u64, want: enum { read, write }) ?u64 {
        if (virtual >= user_end) return null;
        const slot = (self.leaf(virtual, .find) catch unreachable) orelse return null;
        const need = valid | for_user | can_read | if (want == .write) can_write else 0;
        if (slot.* & need != need) return null;
        return physicalOf(slot.*) | virtual % board.page_bytes;
    }

    fn leaf(self: Space, virtual: u64, mode: enum { find, create }) error{NoMemory}!?*u64 {
        var table = tableAt(self.root);
        inline for (.{ 30, 21 }) |shift| {
            const slot = &table[virtual >> shift & (entries - 1)];
            if (slot.* == 0) {
                if (mode == .find) return null;
                slot.* = entry(try frames.allocZeroed(), valid);
            }
            table = tableAt(physicalOf(slot.*));
        }
        return &table[virtual >> 12 & (entries - 1)];
    }
};

var active: u64 = 0;

/// Go back to the kernel's own tables, before the active space is destroyed.
pub fn activateKernel() void {
    (Space{ .root = @intFromPtr(&kernel_root) }).activate();
}
