//! Control and status registers, by name or (for younger extensions the assembler may not know) by
//! number.

pub const stimecmp = "0x14D";
pub const menvcfg = "0x30A";

pub fn read(comptime name: []const u8) u64 {
    return asm volatile ("csrr %[value], " ++ name
        : [value] "=r" (-> u64),
    );
}

pub fn write(comptime name: []const u8, value: u64) void {
    asm volatile ("csrw " ++ name ++ ", %[value]"
        :
        : [value] "r" (value),
        : .{ .memory = true });
}

/// Bits of sie and sip.
pub const Interrupt = struct {
    pub const timer: u64 = 1 << 5;
    pub const external: u64 = 1 << 9;
};

pub fn fenceAddressSpace() void {
    asm volatile ("sfence.vma" ::: .{ .memory = true });
}

/// FENCE.I, written as a word: instruction memory was filled with new code.
pub fn fenceInstructions() void {
    asm volatile (".word 0x0000100F" ::: .{ .memory = true });
}

pub fn waitForInterrupt() void {
    asm volatile ("wfi" ::: .{ .memory = true });
}
