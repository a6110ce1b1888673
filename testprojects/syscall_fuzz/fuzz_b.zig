//! One of two fuzzers; they differ in the seed, and in whom they bother.

const os = @import("os");
const fuzz = @import("fuzz.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

pub fn main() !void {
    try fuzz.run("fuzz-a", 0xD1B5_4A32_D192_ED03);
}
