//! virtio entropy device (virtio 1.1, section 5.4): one queue, one buffer at a time.

const std = @import("std");
const queue_module = @import("queue.zig");
const transport_module = @import("transport.zig");
const Memory = queue_module.Memory;
const Transport = transport_module.Transport;
const EntropyQueue = queue_module.Queue(2);

pub const bytes_max = 256;
const buffer_at = 512;
pub const memory_bytes = 4096;

pub const Error = transport_module.Error;

pub const Entropy = struct {
    transport: Transport,
    memory: Memory,
    queue: EntropyQueue,

    pub fn init(regs: [*]volatile u32, memory: Memory) Error!Entropy {
        const transport = try Transport.begin(regs, transport_module.DeviceId.entropy, 0);
        var self: Entropy = .{
            .transport = transport,
            .memory = memory,
            .queue = .init(memory.part(0, buffer_at)),
        };
        try transport.setQueue(0, 2, self.queue.addresses());
        transport.finish();
        return self;
    }

    /// Ask for up to `len` bytes; one request at a time.
    pub fn request(self: *Entropy, len: usize) void {
        std.debug.assert(len > 0 and len <= bytes_max);
        const id = self.queue.freeId().?;
        const address = self.memory.physical + buffer_at;
        self.queue.submit(id, address, @intCast(len), .from_device);
        if (self.queue.wantsNotify()) self.transport.notify(0);
    }

    /// The bytes that came, possibly fewer than were asked for. The caller wipes them after use.
    pub fn take(self: *Entropy) queue_module.Error!?[]u8 {
        const used = try self.queue.take() orelse return null;
        return self.memory.virtual[buffer_at..][0..used.len];
    }
};
