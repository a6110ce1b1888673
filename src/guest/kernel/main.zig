//! The kernel's start, which is its table of contents. Read this file first, then entry.zig,
//! trap.zig and syscall.zig, then the concept you came for.
//!
//! Circle: with entry.zig. Power-on jumps from there to `supervisorMain` here, and this file asks
//! how much RAM was measured on the way. It is one flow of control, cut where machine mode ends.

const std = @import("std");
const marker = @import("contract").marker;
const archive = @import("archive.zig");
const board = @import("board.zig");
const entry = @import("entry.zig");
const first_task = @import("first_task.zig");
const frames = @import("frames.zig");
const irq = @import("irq.zig");
const selftest = @import("selftest.zig");
const stop = @import("stop.zig");
const task = @import("task.zig");
const timer = @import("timer.zig");
const trap = @import("trap.zig");
const uart = @import("uart.zig");
const vm = @import("vm.zig");

pub const panic = std.debug.FullPanic(stop.safetyPanic);

comptime {
    _ = entry;
    _ = @import("fill"); // memset
}

pub const version = "0.1.0";

/// Supervisor mode starts here, with paging off, interrupts off, and a stack.
pub fn supervisorMain() callconv(.c) noreturn {
    trap.init();
    vm.init(entry.ram_bytes, .ofLinker());
    uart.init();
    uart.print(marker.kernel_started, .{version});
    archive.init(board.ram_base + entry.ram_bytes) catch |err| switch (err) {
        error.NoArchive => stop.panic("no boot archive", 0),
        error.BadArchive => stop.panic("bad boot archive", 0),
    };
    frames.init(archive.end(), board.ram_base + entry.ram_bytes);
    task.init();
    timer.init();
    irq.init();
    selftest.run();
    first_task.start();
    trap.enterUser();
}
