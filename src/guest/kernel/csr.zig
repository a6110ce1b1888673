//! Control and status registers, by name or (for younger extensions the assembler may not know) by
//! number.

const builtin = @import("builtin");
/// On the host, where the kernel is tested, a model stands for the machine.
const machine = if (builtin.is_test) @import("machine_fake.zig") else struct {};

pub const stimecmp = "0x14D";
pub const menvcfg = "0x30A";

pub fn read(comptime name: []const u8) u64 {
    if (builtin.is_test) return machine.read(name);
    return asm volatile ("csrr %[value], " ++ name
        : [value] "=r" (-> u64),
    );
}

pub fn write(comptime name: []const u8, value: u64) void {
    if (builtin.is_test) return machine.write(name, value);
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
    if (builtin.is_test) return machine.fence();
    asm volatile ("sfence.vma" ::: .{ .memory = true });
}

/// FENCE.I, written as a word: instruction memory was filled with new code.
pub fn fenceInstructions() void {
    if (builtin.is_test) return;
    asm volatile (".word 0x0000100F" ::: .{ .memory = true });
}

pub fn waitForInterrupt() void {
    if (builtin.is_test) return machine.waitForInterrupt();
    asm volatile ("wfi" ::: .{ .memory = true });
}
