//! Says that it starts, then keeps the processor for more than two slices: it never blocks and
//! never yields, so that whatever the others get done before it exits, they got by pre-emption.

const os = @import("os");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

pub fn main() !void {
    const conform = try os.route("conform");
    try os.send(conform, "spinning", .{});
    const end = os.after(12_000_000);
    while (os.nsec() < end) {
        for (0..10_000) |_| asm volatile ("nop");
    }
}
