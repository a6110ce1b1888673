//! The gateway of a node by hand: a change of a peer from its request to its record, however often
//! it comes, however late its answer is, and whatever the store says of it.

const std = @import("std");
const testing = std.testing;
const calls = @import("calls.zig");
const fake = @import("hand_fake.zig");
const frames = @import("../frames.zig");
const wire = @import("wire");
const behalf = wire.behalf;
const state = wire.state;

const ms = std.time.ns_per_ms;
const put: state.Request = .{ .op = .put, .key = "/state/shared/k", .value = "v", .nonce = 9 };
/// Epoch 5, call 1.
const named: u64 = 5 << 32 | 1;

var hand: fake.Hand = undefined;

fn ask(correlation: u64, deadline_ms: u32, request: state.Request) !void {
    var inner: [256]u8 = undefined;
    var buffer: [frames.request_head + frames.request_payload_max]u8 = undefined;
    try hand.peer.send(try frames.encodeRequest(&buffer, .{
        .service = 4,
        .correlation = correlation,
        .deadline_ms = deadline_ms,
        .payload = try state.encodeRequest(&inner, request),
    }));
    try hand.carry();
}

const Asked = struct { ticket: u16, id: u64, deadline_ns: u64, request: state.Request };

var kept: fake.Ask = undefined;

/// What the store is asked; null: nothing.
fn asked() ?Asked {
    kept = hand.outside.takeAsk() orelse return null;
    const call = behalf.decodeCall(kept.request()).?;
    return .{
        .ticket = kept.ticket,
        .id = call.id,
        .deadline_ns = call.deadline_ns,
        .request = state.decodeRequest(call.frame).request,
    };
}

fn answer(to: Asked, ending: behalf.Ending, status: state.Status) !void {
    var bytes: [64]u8 = undefined;
    behalf.encodeReplyHead(bytes[0..behalf.reply_head_bytes], ending);
    const room = bytes[behalf.reply_head_bytes..];
    const frame = try state.encodeFailure(room, to.request.op, status, to.request.nonce);
    hand.node.onReply(.statefsd, to.ticket, bytes[0 .. behalf.reply_head_bytes + frame.len]);
    try hand.carry();
}

fn expectAnswer(correlation: u64, op: state.Op, status: state.Status) !void {
    const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
    try testing.expectEqual(.ok, response.status);
    try testing.expectEqual(correlation, response.correlation);
    try testing.expectEqual(status, state.decodeReply(response.payload, op, 9).?.status);
}

fn expectNo(status: frames.Status, correlation: u64) !void {
    const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
    try testing.expectEqual(status, response.status);
    try testing.expectEqual(correlation, response.correlation);
    try testing.expectEqual(0, response.payload.len);
}

fn expectRecords(put_text: []const u8, count: usize) !void {
    var text: [64]u8 = undefined;
    const whole = try std.fmt.bufPrint(&text, "statefs put {s} peer=node-b key=", .{put_text});
    try testing.expectEqual(count, hand.recorded(whole));
}

var key_text: ["key=".len + 16]u8 = undefined;

/// How a record names a key: by the first eight bytes of its SHA-256.
fn keyOf(key: []const u8) []const u8 {
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(key, &digest, .{});
    return std.fmt.bufPrint(&key_text, "key={x}", .{digest[0..8]}) catch unreachable; // it fits
}

test "a change is asked under a number of the node's own, and answered under the peer's" {
    try hand.join(.{});
    try ask(named, 700, put);
    const call = asked().?;
    try testing.expectEqual(named, call.id);
    try testing.expectEqual(hand.now_ns + 700 * ms, call.deadline_ns);
    try testing.expectEqualStrings(put.key, call.request.key);
    try testing.expectEqualStrings(put.value, call.request.value);
    try testing.expectEqual(1, call.request.nonce.?);
    try expectRecords("allow", 0);
    try answer(call, .now, .ok);
    try expectAnswer(named, .put, .ok);
    try expectRecords("allow", 1);
    try testing.expectEqual(1, hand.printed("remote statefs served"));
    // Its repetition is answered from memory, without another record; something else is not.
    try ask(named, 700, put);
    try expectAnswer(named, .put, .ok);
    var other = put;
    other.value = "w";
    try ask(named, 700, other);
    try expectNo(.failed, named);
    try testing.expectEqual(null, asked());
    try expectRecords("allow", 1);
    try testing.expectEqual(1, hand.recorded("outcome=failed peer=node-b service=statefsd"));
    try testing.expectEqual(0, hand.node.calls.count(null, null));
}

test "a call without an epoch has no name, and is run as often as it comes" {
    try hand.join(.{});
    for (1..3) |times| {
        try ask(1, 700, put);
        const call = asked().?;
        try testing.expectEqual(0, call.id);
        try testing.expectEqual(times, call.request.nonce.?);
        try answer(call, .now, .ok);
        try expectAnswer(1, .put, .ok);
        try expectRecords("allow", times);
    }
}

test "a change whose time is over is answered as failed; its record waits for the truth" {
    const Case = struct { ending: behalf.Ending = .now, status: state.Status, text: []const u8 };
    for ([_]Case{
        .{ .status = .ok, .text = "allow late" },
        .{ .status = .over_share, .text = "reject status late" },
        .{ .ending = .withdrawn, .status = .io_error, .text = "reject withdrawn" },
    }) |case| {
        try hand.join(.{});
        try ask(named, 700, put);
        const call = asked().?;
        hand.pass(700 * ms - 1);
        try hand.carry();
        try testing.expectEqual(null, hand.heard());
        hand.pass(1);
        try hand.carry();
        try expectAnswer(named, .put, .io_error);
        try testing.expectEqual(0, hand.recorded("statefs put"));
        try answer(call, case.ending, case.status);
        try testing.expectEqual(null, hand.heard());
        try expectRecords(case.text, 1);
        try testing.expectEqual(1, hand.recorded("statefs put"));
        try testing.expectEqual(0, hand.printed("remote statefs served"));
        try testing.expectEqual(0, hand.node.calls.count(null, null));
        // What was made is not made again. What was withdrawn was not made.
        try ask(named, 700, put);
        if (case.ending == .withdrawn) {
            try testing.expect(asked() != null);
        } else try expectAnswer(named, .put, case.status);
    }
}

test "a change that is asked again behind its deadline waits for the same answer" {
    try hand.join(.{});
    try ask(named, 700, put);
    const call = asked().?;
    hand.pass(700 * ms);
    try hand.carry();
    try expectAnswer(named, .put, .io_error);
    try ask(named, 900, put);
    try testing.expectEqual(null, asked());
    try testing.expectEqual(hand.now_ns + 900 * ms, hand.node.calls.deadline());
    try testing.expectEqual(1, hand.node.calls.count(null, null));
    try answer(call, .now, .ok);
    try expectAnswer(named, .put, .ok);
    try testing.expectEqual(null, hand.heard());
    // It was made in time for the one that waited.
    try expectRecords("allow", 1);
    try testing.expectEqual(0, hand.node.calls.count(null, null));
}

test "another request under the number of a change that is being made is refused" {
    try hand.join(.{});
    try ask(named, 700, put);
    const call = asked().?;
    hand.pass(700 * ms);
    try hand.carry();
    try expectAnswer(named, .put, .io_error);
    var other = put;
    other.value = "w";
    try ask(named, 700, other);
    try expectNo(.failed, named);
    try testing.expectEqual(null, asked());
    try answer(call, .now, .ok);
    try expectRecords("allow late", 1);
}

test "what the store remembers of a change is its answer, and has had its record" {
    try hand.join(.{});
    try ask(named, 700, put);
    try answer(asked().?, .repeated, .ok);
    try expectAnswer(named, .put, .ok);
    try testing.expectEqual(0, hand.recorded("statefs put"));
    try ask(named + 1, 700, put);
    try answer(asked().?, .forgotten, .ok);
    try expectNo(.failed, named + 1);
    try testing.expectEqual(0, hand.recorded("statefs put"));
    try testing.expectEqual(1, hand.recorded("outcome=failed peer=node-b service=statefsd"));
    try testing.expectEqual(0, hand.node.calls.count(null, null));
}

test "what the store refuses is recorded as refused, and not said to be served" {
    try hand.join(.{});
    try ask(named, 700, put);
    try answer(asked().?, .now, .over_share);
    try expectAnswer(named, .put, .over_share);
    try expectRecords("reject status", 1);
    try testing.expectEqual(0, hand.printed("remote statefs served"));
}

test "bytes of the store that are not an answer are none, and the change has failed" {
    try hand.join(.{});
    for (0..3) |what| {
        try ask(named + what, 700, put);
        var call = asked().?;
        switch (what) {
            0 => call.request.nonce = 77,
            1 => call.request.op = .delete,
            else => {
                var none: [3]u8 = "SO\x01".*;
                hand.node.onReply(.statefsd, call.ticket, &none);
                try hand.carry();
            },
        }
        if (what < 2) try answer(call, .now, .ok);
        try expectAnswer(named + what, .put, .io_error);
        try expectRecords("reject status", what + 1);
    }
}

test "nothing is heard of a store for half a minute: the record says so, and the place is free" {
    try hand.join(.{});
    try ask(named, 700, put);
    const call = asked().?;
    // The session is over, so that no ping is due.
    hand.node.onData(hand.node.lines.readyFor(0).?.serial, null);
    hand.run();
    hand.pass(700 * ms);
    try testing.expectEqual(hand.now_ns + calls.give_up_ns, hand.node.calls.deadline());
    hand.pass(calls.give_up_ns - 1);
    try testing.expectEqual(1, hand.node.calls.count(0, 4));
    try testing.expectEqual(0, hand.recorded("statefs put"));
    hand.pass(1);
    try testing.expectEqual(0, hand.node.calls.count(null, null));
    try expectRecords("unknown", 1);
    // What it says later has no receiver.
    try testing.expect(!hand.node.awaits(.statefsd, call.ticket));
    try testing.expectEqual(30_000 * ms, calls.give_up_ns);
    try testing.expectEqual(2000 * ms, calls.answer_ns_max);
}

test "a service with six calls takes no seventh" {
    try hand.join(.{});
    for (0..6) |n| {
        const call = hand.node.calls.take(@intCast(1 + n / 2), 4).?;
        call.ticket = hand.node.nextTicket();
    }
    try ask(named, 700, put);
    try expectNo(.busy, named);
    try testing.expectEqual(null, asked());
    try testing.expectEqual(1, hand.recorded("outcome=denied-busy peer=node-b service=statefsd"));
    // At another service there is room.
    try testing.expect(hand.node.calls.hasRoom(0, 1));
}

test "what the peer may not ask of the store has one record with its reason" {
    const Case = struct { request: state.Request, status: state.Status, text: []const u8 };
    for ([_]Case{
        .{
            .request = .{ .op = .put, .key = "/state/own/k", .value = "v", .nonce = 9 },
            .status = .access_denied,
            .text = "reject outside_acl",
        },
        .{
            .request = .{ .op = .put, .key = "/state/shared/../k", .value = "v", .nonce = 9 },
            .status = .invalid_key,
            .text = "reject prefix_escape",
        },
        .{
            .request = .{ .op = .put, .key = "/state/shared/k", .value = "v" ** 129, .nonce = 9 },
            .status = .value_too_large,
            .text = "reject oversized",
        },
    }) |case| {
        try hand.join(.{});
        for (0..2) |_| {
            try ask(named, 700, case.request);
            const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
            const reply = state.decodeReply(response.payload, .put, null).?;
            try testing.expectEqual(case.status, reply.status);
            // The second time it is remembered.
            try expectRecords(case.text, 1);
            try testing.expectEqual(1, hand.recorded(keyOf(case.request.key)));
        }
        try testing.expectEqual(null, asked());
    }
}
