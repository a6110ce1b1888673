//! Waits, without a deadline, for the other service to speak first. So does the other one.

const os = @import("os");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

pub fn main() !void {
    const other = try os.route("left");
    var buffer: [16]u8 = undefined;
    _ = try os.recv(os.abi.slot.server_recv, &buffer, 0);
    try os.send(other, "your turn", .{});
    os.print("right: done", .{});
}
