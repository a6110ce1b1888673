//! The fuzzer without a device.

const os = @import("os");
const fuzz = @import("fuzz.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

pub fn main() !void {
    try fuzz.run("rngd", 0x9E37_79B9_7F4A_7C15);
}
