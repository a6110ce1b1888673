//! From power-on to supervisor mode: the only code that runs in machine mode.
//!
//! The board starts at `_start` with paging off. Machine mode lets S-mode reach all memory,
//! delegates every trap that S-mode can handle, hands over the timer (Sstc), measures RAM, and is
//! never entered again.

const builtin = @import("builtin");
const std = @import("std");
const board = @import("board.zig");
const csr = @import("csr.zig");

/// On the host, where the kernel is tested, a model stands for what is in assembly here.
const assembly = if (builtin.is_test) @import("machine_fake.zig") else struct {
    extern fn machineTrap() void;
    extern fn machineSkip() void;
    extern fn probeWord(address: u64) u64;
    extern fn probeRead(address: u64) u64;
    extern fn openMemory() void;
};

comptime {
    if (!builtin.is_test) @export(&machineMain, .{ .name = "machineMain" });
    if (!builtin.is_test) asm (
        \\.section .text.start, "ax"
        \\.global _start
        \\_start:
        \\  csrr t0, mhartid
        \\  bnez t0, 1f
        \\  la sp, __stack_top
        \\  tail machineMain
        \\# The kernel runs on one hart; the others sleep, with every interrupt off.
        \\1: csrw mie, zero
        \\2: wfi
        \\  j 2b
        \\
        \\# A trap that should not exist: fail the board with code 2 instead of hanging.
        \\.balign 4
        \\.global machineTrap
        \\machineTrap:
        \\  li t0, 0x100000
        \\  li t1, 0x23333
        \\  sw t1, 0(t0)
        \\1: wfi
        \\  j 1b
        \\
        \\# While probing: step over the faulting 4-byte instruction and set t0.
        \\.balign 4
        \\.global machineSkip
        \\machineSkip:
        \\  csrr t0, mepc
        \\  addi t0, t0, 4
        \\  csrw mepc, t0
        \\  li t0, 1
        \\  mret
        \\
        \\# a0 = address. Returns 1 if a word written there can be read back; leaves it as it was.
        \\.option push
        \\.option norvc
        \\.global probeWord
        \\probeWord:
        \\  li t0, 0
        \\  ld t1, 0(a0)
        \\  bnez t0, 2f
        \\  not t2, t1
        \\  sd t2, 0(a0)
        \\  bnez t0, 2f
        \\  ld t3, 0(a0)
        \\  sd t1, 0(a0)
        \\  bne t3, t2, 2f
        \\  li a0, 1
        \\  ret
        \\2: li a0, 0
        \\  ret
        \\
        \\# a0 = address. Returns 1 if a word can be read there.
        \\.global probeRead
        \\probeRead:
        \\  li t0, 0
        \\  ld t1, 0(a0)
        \\  xori a0, t0, 1
        \\  ret
        \\
        \\# Physical memory protection off, where there is any: entry 0 permits everything.
        \\.global openMemory
        \\openMemory:
        \\  li t1, -1
        \\  csrw pmpaddr0, t1
        \\  li t1, 0x1F
        \\  csrw pmpcfg0, t1
        \\  ret
        \\.option pop
    );
}

pub var ram_bytes: u64 = 0;

const mstatus_mpp_supervisor: u64 = 1 << 11;
const sstc_enable: u64 = 1 << 63;
/// Every exception that user mode can cause; ECALL from S (9) and M (11) stay: no task makes them.
const delegated_exceptions: u64 = 0xB1FF;
const delegated_interrupts: u64 = 0x222;
const counters_all: u64 = 7;

fn machineMain() callconv(.c) noreturn {
    prepare();
    csr.write("mepc", @intFromPtr(&@import("main.zig").supervisorMain));
    asm volatile ("mret");
    unreachable;
}

/// Everything that machine mode does, except for the last step, which leaves it.
pub fn prepare() void {
    csr.write("mtvec", @intFromPtr(&assembly.machineSkip));
    assembly.openMemory();
    ram_bytes = measureRam();
    std.debug.assert(ram_bytes != 0 and ram_bytes <= board.ram_bytes_max);
    board.has_flash = assembly.probeRead(board.flash) == 1;
    csr.write("mtvec", @intFromPtr(&assembly.machineTrap));

    csr.write("medeleg", delegated_exceptions);
    csr.write("mideleg", delegated_interrupts);
    csr.write("mcounteren", counters_all);
    csr.write("scounteren", 0); // user mode asks the kernel for the time
    csr.write(csr.menvcfg, sstc_enable);
    csr.write("satp", 0);
    csr.write("mstatus", mstatus_mpp_supervisor);
}

/// The kernel probes RAM instead of assuming a size: RAM ends at the first step of 2 MiB that does
/// not hold a word.
fn measureRam() u64 {
    const step: u64 = 2 << 20;
    var bytes: u64 = step;
    while (bytes < board.ram_bytes_max) : (bytes += step) {
        if (assembly.probeWord(board.ram_base + bytes) == 0) break;
    }
    return bytes;
}
