//! A model of the machine below the kernel, for its tests on the host: RAM at its real address, the
//! clock and its comparator, the interrupts that are pending, and the PLIC.

const std = @import("std");
const board = @import("board.zig");

pub const ram_bytes: u64 = 4 << 20;

pub var now_ticks: u64 = 0;
/// What `wfi` waits for, one instant after another: the clock goes there.
pub var wake_ticks: []const u64 = &.{};
pub var stimecmp: u64 = 0;
pub var satp: u64 = 0;
pub var stval: u64 = 0;
pub var fences: usize = 0;

/// The PLIC: what devices ask for, what is claimed, what is enabled.
pub var pending: u32 = 0;
var claimed: u32 = 0;
pub var enabled: u32 = 0;
pub var completions: usize = 0;

var is_mapped = false;

/// A machine that has just been switched on; RAM keeps what was in it.
pub fn reset() void {
    if (!is_mapped) mapRam();
    is_mapped = true;
    now_ticks = 0;
    wake_ticks = &.{};
    stimecmp = 0;
    pending = 0;
    claimed = 0;
    enabled = 0;
    completions = 0;
    fences = 0;
}

fn mapRam() void {
    const linux = std.os.linux;
    const result = linux.mmap(
        @ptrFromInt(board.ram_base),
        ram_bytes,
        .{ .READ = true, .WRITE = true },
        .{ .TYPE = .PRIVATE, .ANONYMOUS = true, .FIXED_NOREPLACE = true },
        -1,
        0,
    );
    std.debug.assert(result == board.ram_base);
}

pub fn read(comptime name: []const u8) u64 {
    if (comptime std.mem.eql(u8, name, "time")) return now_ticks;
    if (comptime std.mem.eql(u8, name, "stval")) return stval;
    if (comptime std.mem.eql(u8, name, "sip")) {
        const timer: u64 = if (now_ticks >= stimecmp) 1 << 5 else 0;
        return timer | @as(u64, if (pending & enabled & ~claimed != 0) 1 << 9 else 0);
    }
    @compileError("the model has no register " ++ name);
}

pub fn write(comptime name: []const u8, value: u64) void {
    if (comptime std.mem.eql(u8, name, "0x14D")) {
        stimecmp = value;
    } else if (comptime std.mem.eql(u8, name, "satp")) {
        satp = value;
    } else @compileError("the model has no register " ++ name);
}

pub fn fence() void {
    fences += 1;
}

/// The clock goes to the next instant of the test, or to the comparator.
pub fn waitForInterrupt() void {
    if (wake_ticks.len == 0) {
        std.debug.assert(stimecmp != std.math.maxInt(u64)); // nobody would ever wake it
        now_ticks = @max(now_ticks, stimecmp);
        return;
    }
    now_ticks = wake_ticks[0];
    wake_ticks = wake_ticks[1..];
}

pub fn plicRead(offset: u64) u32 {
    if (offset == 0x2080) return enabled;
    std.debug.assert(offset == 0x20_1004);
    const ready = pending & enabled & ~claimed;
    if (ready == 0) return 0;
    const line: u5 = @intCast(@ctz(ready));
    claimed |= @as(u32, 1) << line;
    pending &= ~(@as(u32, 1) << line);
    return line;
}

pub fn plicWrite(offset: u64, value: u32) void {
    switch (offset) {
        0x2080 => enabled = value,
        0x20_1004 => {
            // As the PLIC does: a completion of a line that is disabled is ignored.
            const bit = @as(u32, 1) << @intCast(value);
            if (enabled & bit == 0 or claimed & bit == 0) return;
            claimed &= ~bit;
            completions += 1;
        },
        else => {},
    }
}
