//! An init that gives up right after it started: the kernel panics and switches the board off.

const os = @import("os");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

pub fn main() !void {
    os.print("init: start", .{});
}
