//! A virtio network card for the desk tests of netstackd: it takes what is sent when the service
//! waits, and gives what a test has it receive. Out of memory ends the test.

const std = @import("std");
const os_fake = @import("os_fake");
const virtio = @import("virtio");
const Kernel = os_fake.Kernel;

const transmit_at = 2048;
const header_bytes = 12;
const device_network = 1;
const queue_select = 0x030 / 4;
const queue_ready = 0x044 / 4;
const queue_notify = 0x050 / 4;
const receive_queue = 0;
pub const mac = [6]u8{ 0x52, 0x54, 0, 0, 0, 10 };

pub const Card = struct {
    registers: [0x80]u32 align(8),
    receive: ?os_fake.Ring = null,
    transmit: ?os_fake.Ring = null,
    frames: std.ArrayList(Sent) = .empty,
    is_silent: bool = false,
    /// What it says of how much it wrote for each sent frame: nothing, if it keeps the rules.
    lie: u32 = 0,

    pub const Sent = struct { bytes: []const u8, at_ns: u64 };

    pub fn init() Card {
        const has_mac = 1 << 5;
        var self: Card = .{ .registers = os_fake.ring.registersOf(device_network, has_mac) };
        const config: *[8]u8 = @ptrCast(&self.registers[0x100 / 4]);
        config[0..6].* = mac;
        virtio.transport.on_store = react;
        refills = 0;
        return self;
    }

    /// How often the service has said that there are buffers to receive into.
    pub var refills: usize = 0;

    /// Each queue has a state of its own.
    fn react(registers: [*]volatile u32, register: usize) void {
        if (register == queue_select) registers[queue_ready] = 0;
        const is_refill = register == queue_notify and registers[queue_notify] == receive_queue;
        refills += @intFromBool(is_refill);
    }

    fn open(self: *Card, kernel: *Kernel) void {
        if (self.transmit != null) return;
        var all = kernel.memory.valueIterator();
        const memory = (all.next() orelse return).*;
        self.receive = .at(memory, 16);
        self.transmit = .at(memory[transmit_at..], 8);
    }

    /// Take what the service has sent.
    pub fn work(self: *Card, kernel: *Kernel) void {
        self.open(kernel);
        if (self.is_silent or self.transmit == null) return;
        while (self.transmit.?.next()) |request| {
            const bytes = request.parts[0].bytes[header_bytes..];
            const gpa = kernel.arena.allocator();
            const kept: Sent = .{
                .bytes = gpa.dupe(u8, bytes) catch unreachable,
                .at_ns = kernel.now_ns,
            };
            self.frames.append(gpa, kept) catch unreachable;
            self.transmit.?.give(request, self.lie);
        }
    }

    /// A frame comes from the wire. False: the service gave no buffer for it.
    pub fn take(self: *Card, kernel: *Kernel, frame: []const u8) bool {
        self.open(kernel);
        const request = self.receive.?.next() orelse return false;
        const into = request.parts[0].bytes;
        @memset(into[0..header_bytes], 0);
        @memcpy(into[header_bytes..][0..frame.len], frame);
        self.receive.?.give(request, @intCast(header_bytes + frame.len));
        return true;
    }
};
