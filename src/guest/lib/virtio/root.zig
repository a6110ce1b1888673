//! Drivers of modern virtio-mmio devices. They own no memory and make no system calls: their owner
//! gives them registers and device-visible memory, so that the queues can be tested on the host.

pub const transport = @import("transport.zig");
pub const queue = @import("queue.zig");
pub const net = @import("net.zig");
pub const entropy = @import("entropy.zig");
pub const blk = @import("blk.zig");

pub const Memory = queue.Memory;

test {
    @import("std").testing.refAllDecls(@This());
    _ = @import("device_test.zig");
    _ = @import("transport_test.zig");
}
