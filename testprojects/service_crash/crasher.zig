//! Reads a field of something that is not there.

const os = @import("os");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const Thing = extern struct { size: u32, count: u32 };

/// Found in no register or table: the compiler must not know that this is null.
var missing: usize = 0;

pub fn main() !void {
    const where: *volatile usize = &missing;
    const thing: [*]allowzero const volatile u32 = @ptrFromInt(where.*);
    const count = thing[@offsetOf(Thing, "count") / @sizeOf(u32)];
    os.print("crasher: done, {d} things", .{count});
}
