//! Time: nanoseconds since power-on, and the one supervisor timer (Sstc).

const board = @import("board.zig");
const csr = @import("csr.zig");

pub const never: u64 = 0xFFFF_FFFF_FFFF_FFFF;

var armed: u64 = 0;

pub fn init() void {
    armed = never;
    csr.write(csr.stimecmp, never);
}

pub fn now() u64 {
    return csr.read("time") * board.ns_per_tick;
}

/// Interrupt at `ns`, not before it. Writes the register only if the instant changed.
pub fn arm(ns: u64) void {
    if (ns == armed) return;
    armed = ns;
    csr.write(csr.stimecmp, if (ns == never) never else ns / board.ns_per_tick + 1);
}
