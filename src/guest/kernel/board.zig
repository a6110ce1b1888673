//! The board is QEMU's `virt` with one hart. Every address that the kernel knows is in this file.

pub const ram_base: u64 = 0x8000_0000;
/// The kernel maps at most one gigapage of RAM; more than this is left unused.
pub const ram_bytes_max: u64 = 1 << 30;
pub const page_bytes: u64 = 4096;

pub const uart: u64 = 0x1000_0000;
pub const plic: u64 = 0x0C00_0000;
pub const finisher: u64 = 0x0010_0000;
pub const flash: u64 = 0x2000_0000;

/// mtime runs at 10 MHz.
pub const ns_per_tick: u64 = 100;

/// Interrupt lines 1..8 belong to virtio-mmio slots 0..7.
pub const irq_max: u32 = 8;

/// Once paging is on, physical addresses below 1 GiB (all devices) appear here, for the kernel
/// alone.
pub const device_window: u64 = 0xC000_0000;

const Range = struct { base: u64, len: u64 };

/// Devices that user mode may drive. What the kernel drives itself (UART, PLIC, CLINT, finisher) is
/// absent.
pub const user_devices = [_]Range{
    .{ .base = 0x1000_1000, .len = 8 * page_bytes }, // virtio-mmio slots 0..7
    .{ .base = 0x1010_0000, .len = page_bytes }, // fw_cfg
    .{ .base = flash, .len = 16 * page_bytes }, // start of the flash, where there is one
};

var paging_is_on = false;

pub fn pagingIsOn() void {
    paging_is_on = true;
}

/// The address at which the kernel reaches a device register.
pub fn device(comptime T: type, physical: u64) *volatile T {
    return @ptrFromInt(if (paging_is_on) device_window + physical else physical);
}

/// Machine mode finds this out: a read of an address that no device answers faults in the reader.
pub var has_flash = false;

pub fn userMayDrive(base: u64, len: u64) bool {
    if (base == flash and !has_flash) return false;
    if (len == 0 or base % page_bytes != 0 or len % page_bytes != 0) return false;
    for (user_devices) |range| {
        if (base >= range.base and len <= range.len and base - range.base <= range.len - len) {
            return true;
        }
    }
    return false;
}
