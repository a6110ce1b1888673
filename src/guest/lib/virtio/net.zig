//! virtio network card (virtio 1.1, section 5.1): one queue each way, no offloads.
//!
//! Each buffer holds a 12-byte header and a frame. Buffers start six bytes into their place, so
//! that the IPv4 header of a frame lies on a multiple of eight: 6 + 12 + 14 = 32.

const std = @import("std");
const queue_module = @import("queue.zig");
const transport_module = @import("transport.zig");
const Memory = queue_module.Memory;
const Transport = transport_module.Transport;

pub const header_bytes = 12;
pub const frame_bytes_max = 1514;
const place_bytes = 2048;
const skew_bytes = 6;
const frame_at = skew_bytes + header_bytes;
const buffer_bytes = header_bytes + frame_bytes_max;

const receive_index = 0;
const transmit_index = 1;
/// A burst of a full TCP window from every peer fits; further frames are lost, as on any wire.
const receive_size = 16;
const transmit_size = 8;
const ReceiveQueue = queue_module.Queue(receive_size);
const TransmitQueue = queue_module.Queue(transmit_size);

const queues_bytes = 4096;
const receive_at = queues_bytes;
const transmit_at = receive_at + receive_size * place_bytes;
/// The memory that `init` needs, zeroed and physically contiguous.
pub const memory_bytes = transmit_at + transmit_size * place_bytes;

comptime {
    std.debug.assert(ReceiveQueue.memory_bytes <= 2048 and TransmitQueue.memory_bytes <= 2048);
    std.debug.assert(skew_bytes + buffer_bytes <= place_bytes);
}

pub const Error = transport_module.Error;
pub const Frame = struct { bytes: []u8, id: u16 };

pub const Net = struct {
    transport: Transport,
    memory: Memory,
    receive_queue: ReceiveQueue,
    transmit_queue: TransmitQueue,
    mac: [6]u8,
    /// Frames that are shorter than their own header, by the device's fault. They are dropped.
    runts: u32 = 0,

    pub fn init(regs: [*]volatile u32, memory: Memory) Error!Net {
        const transport = try Transport.begin(
            regs,
            transport_module.DeviceId.net,
            transport_module.Feature.net_mac,
        );
        var self: Net = .{
            .transport = transport,
            .memory = memory,
            .receive_queue = .init(memory.part(0, 2048)),
            .transmit_queue = .init(memory.part(2048, 2048)),
            .mac = undefined,
        };
        transport.readConfig(&self.mac);
        const receive_to = self.receive_queue.addresses();
        try transport.setQueue(receive_index, receive_size, receive_to);
        const transmit_from = self.transmit_queue.addresses();
        try transport.setQueue(transmit_index, transmit_size, transmit_from);
        // Sent frames are collected when the next one is sent; that needs no interrupt.
        self.transmit_queue.wantInterrupts(false);
        for (0..receive_size) |id| self.recycle(@intCast(id));
        transport.finish();
        transport.notify(receive_index);
        return self;
    }

    /// The next received frame; give it back with `recycle`.
    pub fn receive(self: *Net) queue_module.Error!?Frame {
        while (try self.receive_queue.take()) |used| {
            // The queue has judged the device's words.
            std.debug.assert(used.id < receive_size and used.len <= buffer_bytes);
            if (used.len > header_bytes) {
                const at = receive_at + @as(usize, used.id) * place_bytes + frame_at;
                const len = used.len - header_bytes;
                return .{ .bytes = self.memory.virtual[at..][0..len], .id = used.id };
            }
            self.runts +|= 1;
            self.recycle(used.id);
        }
        return null;
    }

    pub fn recycle(self: *Net, id: u16) void {
        const at = receive_at + @as(usize, id) * place_bytes + skew_bytes;
        self.receive_queue.submit(id, self.memory.physical + at, buffer_bytes, .from_device);
    }

    /// Announce recycled buffers to the device.
    pub fn kickReceive(self: *Net) void {
        if (self.receive_queue.wantsNotify()) self.transport.notify(receive_index);
    }

    /// Room for a frame, to be filled and passed to `send`. Null: the device has all of it;
    /// an interrupt comes when that changes.
    pub fn room(self: *Net) queue_module.Error!?Frame {
        while (try self.transmit_queue.take()) |_| {}
        const id = self.transmit_queue.freeId() orelse {
            self.transmit_queue.wantInterrupts(true);
            // A buffer may have come back between the look and the wish for an interrupt.
            _ = try self.transmit_queue.take() orelse return null;
            return self.room();
        };
        self.transmit_queue.wantInterrupts(false);
        const at = transmit_at + @as(usize, id) * place_bytes + frame_at;
        return .{ .bytes = self.memory.virtual[at..][0..frame_bytes_max], .id = id };
    }

    pub fn send(self: *Net, frame: Frame, len: usize) void {
        const at = transmit_at + @as(usize, frame.id) * place_bytes + skew_bytes;
        // The header is all zero: it asks for no offload. The device does not write here.
        const bytes: u32 = @intCast(header_bytes + len);
        self.transmit_queue.submit(frame.id, self.memory.physical + at, bytes, .to_device);
    }

    pub fn kickTransmit(self: *Net) void {
        if (self.transmit_queue.wantsNotify()) self.transport.notify(transmit_index);
    }
};
