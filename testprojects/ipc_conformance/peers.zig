//! Properties that take another service.

const std = @import("std");
const os = @import("os");
const expect = @import("expect.zig");

const slot = os.abi.slot;
var buffer: [os.abi.payload_bytes_max]u8 = undefined;
var second: [os.abi.payload_bytes_max]u8 = undefined;

pub fn senderIdentity() !void {
    const echo = try os.route("echo");
    defer os.sys.capClose(echo);
    // The payload claims to be another service; only the kernel's word counts.
    const claim = std.mem.asBytes(&os.serviceId("samgrd"));
    const answer = try os.call(echo, claim, &buffer, os.call_timeout_ns);
    try expect.that(answer.len == 20, "length of the echo");
    try expect.that(
        std.mem.readInt(u64, answer[0..8], .little) == os.serviceId("conform"),
        "service id",
    );
    try expect.that(std.mem.readInt(u32, answer[8..12], .little) == os.sys.getpid(), "pid");
}

pub fn longPayload() !void {
    const echo = try os.route("echo");
    defer os.sys.capClose(echo);
    const request = second[0 .. second.len - 12];
    for (request, 0..) |*byte, i| byte.* = @truncate(i *% 131);
    const answer = try os.call(echo, request, &buffer, os.call_timeout_ns);
    try expect.that(std.mem.eql(u8, answer[12..], request), "8180 bytes come back");
}

/// The spinner wrote this message and kept the processor: receiving it before the spinner exits
/// takes pre-emption. The order of the two lines on the console is the proof.
pub fn preemption() !void {
    const message = try os.recv(slot.server_recv, &buffer, os.after(os.call_timeout_ns));
    try expect.that(message.sender == os.serviceId("spinner"), "message of the spinner");
}

pub fn routeRefused() !void {
    try expect.refusal(os.route("scribbler"), error.Denied, "route that is not configured");
    try expect.refusal(os.route("nobody"), error.Denied, "route to an unknown service");
    const answer = try os.call(slot.init_control, "RT\x01\x40\x05abc", &buffer, os.call_timeout_ns);
    try expect.that(std.mem.eql(u8, answer[0..5], "RT\x01\x41\x02"), "malformed route request");
}

pub fn ownSection() !void {
    const section = try os.config(&buffer);
    var records = os.records.iterate(section);
    const record = (try records.next()) orelse return error.Unexpected;
    try expect.that(
        record.tag == 1 and std.mem.eql(u8, record.value, "mine"),
        "record of the section",
    );
    try expect.that(try records.next() == null, "only its own section");
}

/// While blocked on a full queue of a service that dies, and afterwards.
pub fn deadPeer() !void {
    const victim = try os.route("victim");
    defer os.sys.capClose(victim);
    const back = try os.sys.capClone(slot.inbox_send, os.abi.Right.send);
    try os.send(victim, "die", .{ .move = back });
    const message = try os.recv(slot.inbox_recv, &buffer, os.after(os.call_timeout_ns));
    const inbox = message.moved orelse return error.Unexpected;
    defer os.sys.capClose(inbox);
    for (0..16) |_| try os.send(victim, "fill", .{ .nonblock = true });
    try expect.refusal(
        os.send(victim, "block", .{}),
        error.Broken,
        "send that was blocked when the peer died",
    );
    try expect.refusal(os.send(victim, "late", .{}), error.Broken, "send to a dead peer");
    try expect.refusal(
        os.send(inbox, "late", .{}),
        error.Broken,
        "reply capability of a dead client",
    );
    const kept = try os.sys.capClone(slot.inbox_send, os.abi.Right.send);
    try expect.refusal(
        os.send(victim, "x", .{ .move = kept }),
        error.Broken,
        "move to a dead peer",
    );
    os.sys.capClose(kept);
}
