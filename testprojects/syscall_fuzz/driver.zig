//! The fuzzer with a device: every service of this name is given one.

const os = @import("os");
const fuzz = @import("fuzz.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

pub fn main() !void {
    try fuzz.run("fuzz", 0xD1B5_4A32_D192_ED03);
}
