//! From power-on to the first task, traps, and the two ways a board ends, on the host: which
//! registers hold what, what the console says, and what is entered.

const std = @import("std");
const testing = std.testing;
const abi = @import("abi");
const board = @import("board.zig");
const entry = @import("entry.zig");
const fake = @import("task_fake.zig");
const frames = @import("frames.zig");
const irq = @import("irq.zig");
const endpoints = @import("endpoints.zig");
const machine = @import("machine_fake.zig");
const reaper = @import("reaper.zig");
const sched = @import("sched.zig");
const selftest = @import("selftest.zig");
const stop = @import("stop.zig");
const timer = @import("timer.zig");
const trap = @import("trap.zig");
const uart = @import("uart.zig");

const mib: u64 = 1 << 20;

test "machine mode measures RAM to its end, in steps of 2 MiB, up to what is mapped" {
    const cases = [_]struct { u64, u64 }{
        .{ 2 * mib, 2 * mib },
        .{ 4 * mib - 8, 4 * mib }, // a step counts if its first word is there
        .{ 4 * mib, 4 * mib },
        .{ 4 * mib + 8, 6 * mib },
        .{ 128 * mib, 128 * mib },
        .{ board.ram_bytes_max - 2 * mib, board.ram_bytes_max - 2 * mib },
        .{ board.ram_bytes_max, board.ram_bytes_max },
        .{ 2 * board.ram_bytes_max, board.ram_bytes_max },
    };
    for (cases) |case| {
        machine.reset();
        machine.ram_end = board.ram_base + case[0];
        entry.prepare();
        try testing.expectEqual(case[1], entry.ram_bytes);
        try testing.expectEqual(0, machine.blind_probes);
    }
}

test "machine mode finds out whether there is a flash" {
    for ([_]bool{ true, false, true }) |has_flash| {
        machine.reset();
        machine.has_flash = has_flash;
        entry.prepare();
        try testing.expectEqual(has_flash, board.has_flash);
        try testing.expectEqual(has_flash, board.userMayDrive(board.flash, board.page_bytes));
    }
}

test "machine mode hands over every trap of user mode, the timer, and nothing else" {
    machine.reset();
    entry.prepare();
    // Of the privileged architecture's exceptions all that user mode can cause, and no ECALL from
    // supervisor (9) or machine mode (11).
    const from_user = [_]u6{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 15 };
    var exceptions: u64 = 0;
    for (from_user) |cause| exceptions |= @as(u64, 1) << cause;
    try testing.expectEqual(exceptions, machine.written("medeleg").?);
    // Software, timer and external interrupts of supervisor mode.
    try testing.expectEqual(1 << 1 | 1 << 5 | 1 << 9, machine.written("mideleg").?);
    try testing.expectEqual(0b111, machine.written("mcounteren").?);
    try testing.expectEqual(0, machine.written("scounteren").?);
    try testing.expectEqual(1 << 63, machine.written("0x30A").?); // menvcfg.STCE
    try testing.expectEqual(0, machine.written("satp").?);
    try testing.expectEqual(0b01 << 11, machine.written("mstatus").?); // MPP: supervisor
    try testing.expectEqual(@intFromPtr(&machine.machineTrap), machine.written("mtvec").?);
}

test "the way into the kernel is set, for the timer and for devices" {
    machine.reset();
    trap.init();
    try testing.expectEqual(@intFromPtr(&machine.trapEntry), machine.written("stvec").?);
    try testing.expectEqual(0, machine.written("sscratch").?);
    try testing.expectEqual(1 << 5 | 1 << 9, machine.written("sie").?);
}

const interrupt: u64 = 1 << 63;

/// Two tasks that can run, the first of them running.
fn two() ![2]*fake.Task {
    fake.begin();
    timer.init();
    machine.now_ticks = 0;
    const all = [_]*fake.Task{ try fake.spawn("first"), try fake.spawn("second") };
    for (all) |each| sched.makeReady(each);
    while (sched.next() != all[0]) sched.yield();
    return all;
}

test "a system call is carried out for its caller, and the task that goes on is entered" {
    const all = try two();
    machine.scause = 8;
    all[0].context.pc = 0x4000;
    all[0].context.x[16] = @intFromEnum(abi.Syscall.getpid);
    try testing.expectEqual(&all[0].context, trap.trapFromUser());
    try testing.expectEqual(all[0].pid, all[0].context.arg(0));
    try testing.expectEqual(0x4004, all[0].context.pc);
    all[0].context.x[16] = @intFromEnum(abi.Syscall.yield);
    try testing.expectEqual(&all[1].context, trap.trapFromUser());
    try testing.expectEqual(0x4008, all[0].context.pc);
}

test "a timer interrupt ends a slice that is over, and repeats no instruction" {
    const all = try two();
    machine.scause = interrupt | 5;
    all[0].context.pc = 0x4000;
    try testing.expectEqual(&all[0].context, trap.trapFromUser());
    machine.now_ticks = 1 << 40;
    try testing.expectEqual(&all[1].context, trap.trapFromUser());
    try testing.expectEqual(0x4000, all[0].context.pc);
    try testing.expectEqual(.ready, all[0].state);
}

test "a device's interrupt becomes a message, and the task goes on" {
    const all = try two();
    irq.init();
    const driver = try fake.spawn("driver");
    const endpoint = try endpoints.create(1);
    const slot = try fake.give(driver, endpoint, abi.Right.recv);
    irq.retain(3);
    irq.bind(3, endpoint);
    machine.pending = 1 << 3;
    machine.scause = interrupt | 9;
    try testing.expectEqual(&all[0].context, trap.trapFromUser());
    fake.run(driver);
    try testing.expectEqual(4, try fake.receive(driver, slot, .{}));
    try testing.expectEqual(abi.KernelMsg.interrupt, fake.received(driver)[0].type);
    irq.acknowledge(3);
    irq.release(3);
}

test "every other cause ends the task, under the name that the manual gives it" {
    const Case = struct { u64, []const u8 };
    const cases = [_]Case{
        .{ 0, "instruction-misaligned" },
        .{ 1, "instruction-access-fault" },
        .{ 2, "illegal-instruction" },
        .{ 3, "breakpoint" },
        .{ 4, "load-misaligned" },
        .{ 5, "load-access-fault" },
        .{ 6, "store-misaligned" },
        .{ 7, "store-access-fault" },
        .{ 12, "instruction-page-fault" },
        .{ 13, "load-page-fault" },
        .{ 15, "store-page-fault" },
        .{ 14, "unknown" },
        .{ interrupt | 1, "unknown" }, // a software interrupt, which the kernel never enables
    };
    for (cases) |case| {
        const all = try two();
        uart.init();
        machine.scause = case[0];
        machine.stval = 0xBAD8;
        all[0].context.pc = 0x4002;
        try testing.expectEqual(&all[1].context, trap.trapFromUser());
        try testing.expectEqual(.free, all[0].state);
        var line: [128]u8 = undefined;
        try testing.expectEqualStrings(try std.fmt.bufPrint(
            &line,
            "kernel: service crashed name=first cause={s} addr=0xbad8 pc=0x4002\n",
            .{case[1]},
        ), machine.console());
    }
}

test "the kernel is left for the task that is first in line" {
    const all = try two();
    sched.yield();
    sched.current = null;
    const end = machine.endOf(trap.enterUser);
    try testing.expect(end.is_clean);
    try testing.expectEqual(@intFromPtr(&all[1].context), end.entered);
}

fn panics() noreturn {
    stop.panic("no init in the boot archive", 0x80001234);
}

fn failsCheck() noreturn {
    stop.safetyPanic("integer overflow", 0x80005678);
}

fn kernelTrap() noreturn {
    trap.trapFromKernel();
}

fn initExits() noreturn {
    const init = &@import("task.zig").all[0];
    init.pid = reaper.init_pid;
    init.context.pc = 0x1F0;
    reaper.exit(init, 0);
    machine.finish(0); // it must not come to this
}

test "a panic says what and where, and the board goes off with code 1" {
    const cases = [_]struct { *const fn () noreturn, []const u8 }{
        .{ panics, "kernel: panic: no init in the boot archive pc=0x80001234\n" },
        .{ failsCheck, "kernel: panic: integer overflow pc=0x80005678\n" },
        .{ kernelTrap, "kernel: panic: trap cause=15 addr=0xffffffffffffffff pc=0x80009abc\n" },
        .{ initExits, "kernel: panic: init exited pc=0x1f0\n" },
    };
    for (cases) |case| {
        fake.begin();
        uart.init();
        machine.scause = 15;
        machine.stval = std.math.maxInt(u64);
        machine.sepc = 0x8000_9ABC;
        const end = machine.endOf(case[0]);
        try testing.expect(end.is_clean);
        try testing.expectEqual(1 << 16 | 0x3333, end.finisher);
        try testing.expectEqualStrings(case[1], machine.console());
    }
}

test "a console line is whole, whatever its length, and cut at 256 bytes" {
    for ([_]usize{ 0, 1, 15, 16, 17, 32, 254, 255, 256, 300 }) |len| {
        machine.reset();
        uart.init();
        const text = "x" ** 300;
        uart.print("{s}", .{text[0..len]});
        try testing.expectEqual(0, machine.uart_lost);
        const want: usize = @min(len, 255);
        try testing.expectEqual(want + 1, machine.console().len);
        try testing.expectEqualStrings(text[0..want], machine.console()[0..want]);
        try testing.expectEqual('\n', machine.console()[want]);
    }
}

test "what the kernel proves of itself at every boot holds here, and leaves no memory behind" {
    fake.begin();
    uart.init();
    const free = frames.freeCount();
    for (0..2) |_| {
        machine.reset();
        uart.init();
        selftest.run();
        try testing.expectEqualStrings(
            \\KSELFTEST: vmo zero ok
            \\KSELFTEST: as map ok
            \\KSELFTEST: vm map reject ok
            \\KSELFTEST: vm unmap ok
            \\KSELFTEST: w^x enforced
            \\KSELFTEST: spawn reasons ok
            \\KSELFTEST: resource sentinel ok
            \\
        , machine.console());
        try testing.expectEqual(free, frames.freeCount());
    }
}
