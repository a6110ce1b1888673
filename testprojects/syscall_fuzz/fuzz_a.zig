//! One of two fuzzers; they differ in the seed, and in whom they bother.

const os = @import("os");
const fuzz = @import("fuzz.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

pub fn main() !void {
    try fuzz.run("fuzz-b", 0x9E37_79B9_7F4A_7C15);
}
