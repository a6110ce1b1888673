//! The answer of a local service: which part of it reaches a peer, whether the call counts as done,
//! and what the node remembers of it. And the store's answers: which of them answer the request.

const std = @import("std");
const testing = std.testing;
const calls = @import("calls.zig");
const frames = @import("../frames.zig");
const plain = @import("gate_plain.zig");
const replay = @import("../replay.zig");
const store = @import("store.zig");
const wire = @import("wire");
const state = wire.state;
const behalf = wire.behalf;
const Call = calls.Call;

const Node = struct { replays: replay.Table = .{} };

var node: Node = .{};
var buffer: [frames.response_payload_max + 1]u8 = undefined;

fn finish(call: *Call, answer: ?[]const u8) void {
    if (answer) |bytes| @memcpy(buffer[0..bytes.len], bytes);
    plain.finish(&node, call, if (answer) |bytes| buffer[0..bytes.len] else null);
}

fn callOf(opcode: ?u8) Call {
    return .{ .is_used = true, .subject = .{ .service = 1, .opcode = opcode } };
}

test "an answer goes on as it is; it is good only if it says so, of what was asked" {
    const most = frames.response_payload_max;
    const long: [most + 1]u8 = "SM\x01\x86\x00".* ++ .{0} ** (most - 4);
    const Status = frames.Status;
    const Case = struct { answer: ?[]const u8, opcode: ?u8 = 6, status: Status, is_ok: bool };
    for ([_]Case{
        .{ .answer = null, .status = .failed, .is_ok = false },
        .{ .answer = "", .status = .failed, .is_ok = false },
        .{ .answer = "S", .status = .ok, .is_ok = false },
        .{ .answer = "SM\x01\x86", .status = .ok, .is_ok = false },
        .{ .answer = "SM\x01\x86\x00", .status = .ok, .is_ok = true },
        .{ .answer = "SM\x01\x86\x01", .status = .ok, .is_ok = false },
        .{ .answer = "SM\x01\x06\x00", .status = .ok, .is_ok = false },
        .{ .answer = "SM\x01\x87\x00", .status = .ok, .is_ok = false },
        .{ .answer = "SM\x01\x86\x00", .opcode = null, .status = .ok, .is_ok = false },
        .{ .answer = long[0..most], .status = .ok, .is_ok = true },
        .{ .answer = &long, .status = .failed, .is_ok = false },
    }) |case| {
        var call = callOf(case.opcode);
        finish(&call, case.answer);
        try testing.expect(call.is_answered);
        try testing.expectEqual(case.status, call.response().status);
        const wanted = if (case.status == .ok) case.answer.? else "";
        try testing.expectEqualStrings(wanted, call.response().payload);
        try testing.expectEqual(case.is_ok, call.outcome.?.remote);
        try testing.expectEqual(case.is_ok, call.is_told);
    }
}

test "an answer that is late is remembered, and changes nothing else" {
    const digest = replay.digestOf(1, "asked");
    for ([_]?[]const u8{ "SM\x01\x86\x00", null }, 1..) |answer, number| {
        var call = callOf(6);
        call.is_late = true;
        call.peer = 2;
        call.digest = digest;
        call.correlation = 7 << 32 | @as(u64, number);
        finish(&call, answer);
        try testing.expect(!call.is_answered and !call.is_told);
        try testing.expectEqual(null, call.outcome);
        const known = node.replays.judge(.{ .peer = 2, .id = call.correlation }, digest);
        if (answer) |bytes| try testing.expectEqualStrings(bytes, known.done.?) else {
            try testing.expectEqual(null, known.done);
        }
    }
}

test "a call whose time is over has failed, and its record says so" {
    var call = callOf(6);
    plain.fail(&call);
    try testing.expectEqual(frames.Status.failed, call.response().status);
    try testing.expectEqual(0, call.response().payload.len);
    try testing.expect(!call.outcome.?.remote);
    try testing.expect(!call.is_told);
}

test "what the store says is an answer only to the operation and the number that were asked" {
    var bytes: [128]u8 = undefined;
    var writer = try state.startReply(bytes[behalf.reply_head_bytes..], .put, .ok, 7);
    behalf.encodeReplyHead(bytes[0..behalf.reply_head_bytes], .repeated);
    const reply = bytes[0 .. behalf.reply_head_bytes + writer.done().len];
    const said = store.unwrap(reply, .put, 7);
    try testing.expectEqual(behalf.Ending.repeated, said.ending);
    try testing.expectEqual(state.Status.ok, said.reply.?.status);
    try testing.expectEqual(null, store.unwrap(reply, .put, 8).reply);
    try testing.expectEqual(null, store.unwrap(reply, .delete, 7).reply);
    // How it ended is known all the same.
    try testing.expectEqual(behalf.Ending.repeated, store.unwrap(reply, .put, 8).ending);
    for ([_]?[]const u8{ null, "", "SF\x02\x81\x00", reply[behalf.reply_head_bytes..] }) |other| {
        const none = store.unwrap(other, .put, 7);
        try testing.expectEqual(behalf.Ending.now, none.ending);
        try testing.expectEqual(null, none.reply);
    }
}
