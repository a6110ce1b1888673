//! A model of the machine below the kernel, for its tests on the host: RAM at its real address, the
//! clock and its comparator, the interrupts that are pending, and the PLIC.

const std = @import("std");
const board = @import("board.zig");

pub const ram_bytes: u64 = 4 << 20;

pub var now_ticks: u64 = 0;
/// What `wfi` waits for, one instant after another: the clock goes there.
pub var wake_ticks: []const u64 = &.{};
pub var waits: usize = 0;
pub var stimecmp: u64 = 0;
pub var satp: u64 = 0;
pub var stval: u64 = 0;
pub var fences: usize = 0;

/// The PLIC: what devices ask for, what is claimed, what is enabled. A line counts if its priority
/// is above the threshold, and neither is set when a machine is switched on.
const plic_threshold_unset = 7;
const plic_enable = 0x2080;
const plic_threshold = 0x20_1000;
const plic_claim = 0x20_1004;
var priority: [board.irq_max + 1]u32 = @splat(0);
var threshold: u32 = plic_threshold_unset;
pub var pending: u32 = 0;
var claimed: u32 = 0;
pub var enabled: u32 = 0;
pub var completions: usize = 0;

/// The registers that were written first, in order. Booting writes a dozen; what a scheduler writes
/// in a long test is not kept.
pub var writes: [64]struct { name: []const u8, value: u64 } = undefined;
pub var writes_count: usize = 0;

pub var scause: u64 = 0;
pub var sepc: u64 = 0;

/// What answers to machine mode while it looks around.
pub var ram_end: u64 = 0;
pub var has_flash = false;
/// How often machine mode looked with no way on after a fault, or before memory was open.
pub var blind_probes: usize = 0;
var is_open = false;

/// The UART: how many bytes are under way, how many were lost, and which status comes next.
const uart_fifo_bytes = 16;
var uart_depth: usize = 1;
var uart_held: usize = 0;
var uart_is_busy = false;
pub var uart_lost: usize = 0;

/// Shared with the processes in which a board ends.
const Shared = struct {
    console: [8192]u8 = undefined,
    console_len: usize = 0,
    finisher: u32 = 0,
    entered: u64 = 0,
};
var shared: *Shared = undefined;

var is_mapped = false;

/// A machine that has just been switched on; RAM keeps what was in it.
pub fn reset() void {
    if (!is_mapped) {
        mapRam();
        mapShared();
    }
    is_mapped = true;
    shared.* = .{};
    writes_count = 0;
    scause = 0;
    sepc = 0;
    ram_end = board.ram_base + ram_bytes;
    has_flash = false;
    blind_probes = 0;
    is_open = false;
    uart_depth = 1;
    uart_held = 0;
    uart_is_busy = false;
    uart_lost = 0;
    now_ticks = 0;
    wake_ticks = &.{};
    stimecmp = 0;
    pending = 0;
    claimed = 0;
    enabled = 0;
    priority = @splat(0);
    threshold = plic_threshold_unset;
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

fn mapShared() void {
    const linux = std.os.linux;
    const result = linux.mmap(
        null,
        std.mem.alignForward(usize, @sizeOf(Shared), board.page_bytes),
        .{ .READ = true, .WRITE = true },
        .{ .TYPE = .SHARED, .ANONYMOUS = true },
        -1,
        0,
    );
    shared = @ptrFromInt(result);
}

pub fn read(comptime name: []const u8) u64 {
    if (comptime std.mem.eql(u8, name, "scause")) return scause;
    if (comptime std.mem.eql(u8, name, "sepc")) return sepc;
    if (comptime std.mem.eql(u8, name, "time")) return now_ticks;
    if (comptime std.mem.eql(u8, name, "stval")) return stval;
    if (comptime std.mem.eql(u8, name, "sip")) {
        const timer: u64 = if (now_ticks >= stimecmp) 1 << 5 else 0;
        return timer | @as(u64, if (ready() != 0) 1 << 9 else 0);
    }
    @compileError("the model has no register " ++ name);
}

pub fn write(comptime name: []const u8, value: u64) void {
    if (writes_count < writes.len) {
        writes[writes_count] = .{ .name = name, .value = value };
        writes_count += 1;
    }
    if (comptime std.mem.eql(u8, name, "0x14D")) stimecmp = value;
    if (comptime std.mem.eql(u8, name, "satp")) satp = value;
}

/// What a register was written with last, as far as writes are kept; null if it was not.
pub fn written(name: []const u8) ?u64 {
    var at = writes_count;
    while (at > 0) {
        at -= 1;
        if (std.mem.eql(u8, writes[at].name, name)) return writes[at].value;
    }
    return null;
}

pub fn fence() void {
    fences += 1;
}

/// The clock goes to the next instant of the test, or to the comparator.
pub fn waitForInterrupt() void {
    waits += 1;
    if (wake_ticks.len == 0) {
        std.debug.assert(stimecmp != std.math.maxInt(u64)); // nothing would ever wake it
        now_ticks = @max(now_ticks, stimecmp);
        return;
    }
    now_ticks = wake_ticks[0];
    wake_ticks = wake_ticks[1..];
}

/// Stand-ins for handlers in assembly: only their addresses are looked at.
pub fn machineSkip() callconv(.c) void {
    unreachable;
}

pub fn machineTrap() callconv(.c) void {
    blind_probes = 0; // a body of its own, so that it has an address of its own
    unreachable;
}

pub fn trapEntry() callconv(.c) void {
    blind_probes = 1;
    unreachable;
}

/// The kernel is left: the context that is entered is kept, and the process ends.
pub fn trapReturn(context: *const anyopaque) noreturn {
    shared.entered = @intFromPtr(context);
    leave();
}

pub fn openMemory() void {
    is_open = true;
}

fn look() void {
    if (!is_open or written("mtvec") != @intFromPtr(&machineSkip)) blind_probes += 1;
}

pub fn probeWord(address: u64) u64 {
    look();
    return @intFromBool(address >= board.ram_base and address < ram_end);
}

pub fn probeRead(address: u64) u64 {
    look();
    return @intFromBool(address == board.flash and has_flash);
}

pub fn uartRead(offset: u64) u8 {
    std.debug.assert(offset == 5);
    // A transmitter with bytes is busy once, and empty when it is asked again.
    uart_is_busy = !uart_is_busy and uart_held > 0;
    if (uart_is_busy) return 0;
    uart_held = 0;
    return 1 << 5 | 1 << 6;
}

pub fn uartWrite(offset: u64, value: u8) void {
    if (offset == 2) {
        uart_depth = if (value & 1 != 0) uart_fifo_bytes else 1;
        return;
    }
    std.debug.assert(offset == 0);
    if (uart_held == uart_depth or shared.console_len == shared.console.len) {
        uart_lost += 1;
        return;
    }
    uart_held += 1;
    shared.console[shared.console_len] = value;
    shared.console_len += 1;
}

/// What the console said since the machine was switched on, also in a process that has ended.
pub fn console() []const u8 {
    return shared.console[0..shared.console_len];
}

/// The test finisher: the board is off.
pub fn finish(value: u32) noreturn {
    shared.finisher = value;
    leave();
}

/// Whether this process is the one that `endOf` has made for a kernel that is to end.
var may_end = false;

/// A kernel that ends in the middle of a test takes the tests with it: that is a failure.
fn leave() noreturn {
    std.os.linux.exit_group(if (may_end) 0 else 1);
}

pub const End = struct { finisher: u32, entered: u64, is_clean: bool };

/// Run what never returns in a process of its own, and say how that ended.
pub fn endOf(function: *const fn () noreturn) End {
    const linux = std.os.linux;
    const child = linux.fork();
    if (child == 0) {
        may_end = true;
        function();
    }
    var status: u32 = 0;
    _ = linux.waitpid(@intCast(child), &status, 0);
    return .{
        .finisher = shared.finisher,
        .entered = shared.entered,
        .is_clean = status == 0,
    };
}

/// Lines that the PLIC would give to a claim now, a bit each.
fn ready() u32 {
    var lines = pending & enabled & ~claimed;
    for (priority, 0..) |each, line| {
        if (each <= threshold) lines &= ~(@as(u32, 1) << @intCast(line));
    }
    return lines;
}

pub fn plicRead(offset: u64) u32 {
    if (offset == plic_enable) return enabled;
    std.debug.assert(offset == plic_claim);
    const lines = ready();
    if (lines == 0) return 0;
    const line: u5 = @intCast(@ctz(lines));
    claimed |= @as(u32, 1) << line;
    pending &= ~(@as(u32, 1) << line);
    return line;
}

pub fn plicWrite(offset: u64, value: u32) void {
    switch (offset) {
        plic_enable => enabled = value,
        plic_threshold => threshold = value,
        plic_claim => {
            // As the PLIC does: a completion of a line that is disabled is ignored.
            const bit = @as(u32, 1) << @intCast(value);
            if (enabled & bit == 0 or claimed & bit == 0) return;
            claimed &= ~bit;
            completions += 1;
        },
        // A word of priority for each line, from the first byte of the PLIC; line 0 has none.
        else => {
            std.debug.assert(offset % 4 == 0 and offset >= 4 and offset / 4 < priority.len);
            priority[offset / 4] = value;
        },
    }
}
