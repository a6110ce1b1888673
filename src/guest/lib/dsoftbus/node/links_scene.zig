//! A peer without streams that asks a node, frame by frame.

const std = @import("std");
const testing = std.testing;
const frames = @import("../frames.zig");
const fake = @import("hand_fake.zig");

pub const resolve = "SM\x01\x06\x06samgrd";
pub const good = "SM\x01\x86\x00" ++ "\x00" ** 8;
pub var hand: fake.Hand = undefined;

pub fn ask(service: u8, payload: []const u8, correlation: u64, deadline_ms: u32) !void {
    var buffer: [frames.request_head + frames.request_payload_max]u8 = undefined;
    try hand.peer.send(try frames.encodeRequest(&buffer, .{
        .service = service,
        .correlation = correlation,
        .deadline_ms = deadline_ms,
        .payload = payload,
    }));
    try hand.carry();
}

pub fn reply(ask_: fake.Ask, bytes: []const u8) !void {
    var buffer: [600]u8 = undefined;
    @memcpy(buffer[0..bytes.len], bytes);
    hand.node.onReply(ask_.service, ask_.ticket, buffer[0..bytes.len]);
    try hand.carry();
}

pub fn expectResponse(status: frames.Status, correlation: u64, payload: []const u8) !void {
    const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
    try testing.expectEqual(status, response.status);
    try testing.expectEqual(correlation, response.correlation);
    try testing.expectEqualStrings(payload, response.payload);
}

pub fn expectSilent() !void {
    try testing.expectEqual(null, hand.heard());
}
