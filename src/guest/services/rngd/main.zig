//! rngd serves bytes of the virtio entropy device (`RN` v1). It calls only samgrd, at its start.
//!
//! One loop on one endpoint takes requests and interrupts. Requests that wait for the device queue
//! up in order. A device that stays silent makes them fail, so that no client hangs.

const std = @import("std");
const marker = @import("contract").marker;
const os = @import("os");
const svc = @import("svc");
const virtio = @import("virtio");
const wire = @import("wire");
const entropy = wire.entropy;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

/// This is more than the clients that a node can have.
const waiting_max = 16;
/// A device that works answers within microseconds.
const device_timeout_ns = std.time.ns_per_s;

const Waiting = struct { reply_to: os.Slot, sequence: u16, len: u16 };

var device: virtio.entropy.Entropy = undefined;
var waiting: [waiting_max]Waiting = undefined;
var head: usize = 0;
var count: usize = 0;
/// The bytes that the first waiting request has got so far. Once an answer is sent, neither this
/// buffer nor `reply_frame` keeps a byte of it.
pub var gathered: [entropy.bytes_max]u8 = undefined;
var gathered_len: usize = 0;
var is_asking = false;
var is_broken = false;
var deadline_ns: u64 = 0;
var request_frame: [64]u8 = undefined;
pub var reply_frame: [entropy.reply_header_bytes + entropy.bytes_max]u8 = undefined;

pub fn main() !void {
    // Without a device every request is answered `io`: that is better than silence.
    is_broken = if (start()) false else |err| blk: {
        os.print(marker.entropy_failed, .{@errorName(err)});
        break :blk true;
    };
    if (!is_broken) svc.ready();
    while (true) {
        const until = if (is_asking) deadline_ns else 0;
        if (os.recv(os.abi.slot.server_recv, &request_frame, until)) |message| {
            try handle(message);
        } else |err| switch (err) {
            error.TimedOut => giveUp(),
            else => return err,
        }
    }
}

fn start() !void {
    const regs: [*]volatile u32 = @ptrFromInt(try os.sys.mmioMap(os.abi.slot.mmio));
    const dma = try os.Dma.create(virtio.entropy.memory_bytes);
    const memory: virtio.Memory = .{ .virtual = dma.virtual, .physical = dma.physical };
    device = try .init(regs, memory);
    try os.sys.irqBind(os.abi.slot.irq, os.abi.slot.server_send);
}

fn handle(message: os.Message) !void {
    if (message.sender == 0) {
        if (message.header.type != os.abi.KernelMsg.interrupt) return;
        device.transport.acknowledgeInterrupt();
        try os.sys.irqAck(os.abi.slot.irq);
        return collect();
    }
    if (svc.usage.isAsked(message)) return svc.usage.answer(message, &.{@intCast(count)});
    const reply_to = message.moved orelse return;
    const len = entropy.decodeRequest(message.payload) orelse {
        return answer(reply_to, message.header.type, .malformed, &.{});
    };
    if (is_broken or count == waiting_max) {
        return answer(reply_to, message.header.type, .io, &.{});
    }
    waiting[(head + count) % waiting_max] = .{
        .reply_to = reply_to,
        .sequence = message.header.type,
        .len = len,
    };
    count += 1;
    ask();
}

/// Ask the device for the bytes that the first request still lacks.
fn ask() void {
    if (is_asking or count == 0) return;
    std.debug.assert(!is_broken and gathered_len < waiting[head].len);
    is_asking = true;
    deadline_ns = os.after(device_timeout_ns);
    device.request(waiting[head].len - gathered_len);
}

fn collect() void {
    if (!is_asking or is_broken) return;
    const bytes = (device.take() catch return giveUp()) orelse return;
    is_asking = false;
    // A device that answers without a byte would make us ask for ever.
    if (bytes.len == 0 or bytes.len > waiting[head].len - gathered_len) return giveUp();
    @memcpy(gathered[gathered_len..][0..bytes.len], bytes);
    std.crypto.secureZero(u8, bytes);
    gathered_len += bytes.len;
    if (gathered_len == waiting[head].len) finish(.ok);
    ask();
}

/// Answer the first request.
fn finish(status: entropy.Status) void {
    const first = waiting[head];
    std.debug.assert(count != 0 and gathered_len <= first.len);
    // No caller gets fewer bytes than it asked for, or bytes of another caller.
    std.debug.assert(status != .ok or gathered_len == first.len);
    head = (head + 1) % waiting_max;
    count -= 1;
    const bytes = if (status == .ok) gathered[0..gathered_len] else gathered[0..0];
    answer(first.reply_to, first.sequence, status, bytes);
    std.crypto.secureZero(u8, &gathered);
    std.crypto.secureZero(u8, &reply_frame);
    gathered_len = 0;
}

/// The device is broken: every caller gets that answer, now and from now on.
fn giveUp() void {
    if (!is_broken) os.print(marker.entropy_silent, .{});
    is_broken = true;
    is_asking = false;
    while (count > 0) finish(.io);
}

fn answer(reply_to: os.Slot, sequence: u16, status: entropy.Status, bytes: []const u8) void {
    // `reply_frame` is as long as the longest reply.
    const frame = entropy.encodeReply(&reply_frame, status, bytes) catch unreachable;
    os.replyTo(reply_to, sequence, frame);
}
