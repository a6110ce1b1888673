//! Writes to its own code, which must end it.

const os = @import("os");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

pub fn main() !void {
    const code: *volatile u32 = @ptrFromInt(os.abi.layout.image_base);
    code.* = 0;
    os.print("SELFTEST: w^x FAIL", .{});
}
