//! samgrd as it runs, on a stand-in for the kernel.

const std = @import("std");
const os = @import("os");
const os_fake = @import("os_fake");
const samgr = @import("wire").samgr;
const service = @import("main.zig");
const testing = std.testing;

test "it is in its own registry, and says of a sender what the kernel says" {
    var buffer: [3][samgr.request_bytes_max]u8 = undefined;
    const self = os.serviceId("samgrd");
    var kernel: os_fake.Kernel = .{ .name = "samgrd", .script = &.{
        .{ .message = .{ .sender = self, .payload = try samgr.encodeRequest(
            &buffer[0],
            .{ .lookup = "samgrd" },
        ) } },
        .{ .message = .{ .sender = 0xA, .pid = 33, .type = 12, .payload = try samgr.encodeRequest(
            &buffer[1],
            .sender_pid,
        ) } },
        .{ .message = .{ .sender = 0xABCD, .payload = try samgr.encodeRequest(
            &buffer[2],
            .sender_service_id,
        ) } },
        .{ .message = .{ .sender = 0xA, .payload = "", .wants_reply = false } },
        .{ .message = .{ .sender = 0, .payload = "" } },
    } };
    defer kernel.deinit();
    try kernel.play(service.main);
    try testing.expectEqualStrings("samgrd: ready\n", kernel.said());
    const own = samgr.decodeReply(try kernel.replyTo(0), .lookup).?;
    try testing.expectEqual(samgr.Status.ok, own.status);
    try testing.expectEqual(os.abi.slot.server_send, own.slots.send);
    try testing.expectEqual(os.abi.slot.server_recv, own.slots.recv);
    try testing.expectEqual(@as(?u32, 33), samgr.decodePidReply(try kernel.replyTo(1)));
    try testing.expectEqual(@as(u16, 12), kernel.sentTo(os_fake.client_slot + 1)[0].type);
    try testing.expectEqual(@as(?u64, 0xABCD), samgr.decodeServiceIdReply(try kernel.replyTo(2)));
    try testing.expectEqual(@as(usize, 3), kernel.sent.items.len);
    try testing.expectEqual(@as(usize, 1), kernel.open.items.len); // A sender of 0 gets no answer.
}
