//! Values on streams of their own that end in between: late answers, sessions that are over, and
//! credit.

const std = @import("std");
const testing = std.testing;
const calls = @import("calls.zig");
const gate = @import("gate.zig");
const transfer = @import("../transfer.zig");
const codec = @import("../transfer_head.zig");
const wire = @import("wire");
const state = wire.state;
const behalf = wire.behalf;
const common = @import("moving_scene.zig");
const key = common.key;
const store_service = common.store_service;
const named = common.named;
const seven = common.seven;
const go_ahead = common.go_ahead;
const taken = common.taken;
const failed = common.failed;
const scene = &common.scene;
const late = common.late;

test "a put that is being committed for a session that is over is not made a second time" {
    try scene.init();
    defer scene.deinit();
    const last = try scene.commit(named);
    scene.leave();
    try scene.expectRecords(0, 0, "");
    try scene.join();
    try scene.open();
    try scene.sendHead(.put, named, key, 2);
    try scene.expectSaid(&.{failed});
    try scene.expectRecords(1, 1, "outcome=failed");
    try scene.close();
    // Another number is not concerned.
    try scene.open();
    try scene.sendHead(.put, named + 1, key, 2);
    try scene.answer(try scene.expectAsked(.txn_begin), .now, .ok, seven);
    try scene.expectSaid(&.{go_ahead});
    // Then the commit ends, and from then on the put is remembered.
    try scene.answer(last, .now, .ok, "");
    try scene.expectRecords(2, 1, "statefs put allow late peer=node-b key=");
    scene.peer.reset(scene.id, .unwanted);
    try scene.carry();
    try testing.expectEqual(state.Op.txn_abort, scene.asked().?.op);
    try scene.open();
    try scene.sendHead(.put, named, key, 2);
    try scene.expectSaid(&.{taken});
}

test "the end of a commit without a waiter is recorded and remembered, and its rest is aborted" {
    const Case = struct {
        ending: behalf.Ending = .now,
        status: ?state.Status,
        text: []const u8,
        aborts: usize,
        again: ?codec.Reply,
    };
    for ([_]Case{
        .{ .status = .ok, .text = "put allow late", .aborts = 0, .again = taken },
        .{ .status = .over_share, .text = "put reject status late", .aborts = 1, .again = .{
            .op = .put,
            .status = .over_share,
        } },
        .{ .status = null, .text = "put unknown", .aborts = 0, .again = failed },
        .{
            .ending = .repeated,
            .status = .ok,
            .text = "put allow late",
            .aborts = 1,
            .again = taken,
        },
        // It was not begun: its name is free.
        .{
            .ending = .withdrawn,
            .status = .io_error,
            .text = "put reject withdrawn",
            .aborts = 1,
            .again = null,
        },
    }) |case| for ([_]bool{ false, true }) |is_left| {
        try scene.init();
        defer scene.deinit();
        const last = try scene.commit(named);
        if (is_left) scene.leave() else {
            try scene.pass(calls.answer_ns_max - 1);
            try scene.expectSaid(&.{go_ahead});
            try scene.pass(1);
            // The peer waits no longer; what became of it is not known yet.
            try scene.expectSaid(&.{ go_ahead, failed });
            try testing.expect(scene.is_closed);
        }
        try scene.expectRecords(0, 0, "");
        if (case.status) |status| {
            scene.node.onReply(.statefsd, last.ticket, try late(last, case.ending, status));
            gate.record(scene.node);
        } else {
            if (is_left) try scene.pass(calls.answer_ns_max);
            try scene.pass(calls.give_up_ns - 1);
            try scene.expectRecords(0, 0, "");
            try scene.pass(1);
        }
        try scene.expectRecords(1, 1, case.text);
        try scene.expectRecords(1, 1, "peer=node-b key=");
        for (0..case.aborts) |_| {
            const abort = try scene.expectAsked(.txn_abort);
            try testing.expectEqual(7, abort.txn);
            scene.node.onReply(.statefsd, abort.ticket, try late(abort, .now, .ok));
        }
        try testing.expectEqual(null, scene.asked());
        try testing.expectEqual(0, scene.node.calls.count(null, null));
        if (is_left) try scene.join();
        try scene.open();
        try scene.sendHead(.put, named, key, 2);
        if (case.again) |reply| try scene.expectSaid(&.{reply}) else {
            _ = try scene.expectAsked(.txn_begin);
        }
    };
}

test "a commit that is withdrawn while its peer waits leaves its name free" {
    try scene.init();
    defer scene.deinit();
    try scene.answer(try scene.commit(named), .withdrawn, .io_error, "");
    try scene.expectSaid(&.{ go_ahead, failed });
    try scene.expectRecords(1, 1, "statefs put reject withdrawn peer=node-b key=");
    const abort = try scene.expectAsked(.txn_abort);
    scene.node.onReply(.statefsd, abort.ticket, try late(abort, .now, .ok));
    try scene.expectIdle();
    try scene.open();
    try scene.answer(try scene.commit(named), .now, .ok, "");
    try scene.expectSaid(&.{ go_ahead, taken });
}

test "a transaction that begins without a waiter is aborted, with the time that an abort has" {
    for ([_]bool{ false, true }) |is_left| {
        try scene.init();
        defer scene.deinit();
        try scene.sendHead(.put, named, key, 2);
        const begun = try scene.expectAsked(.txn_begin);
        if (is_left) scene.leave() else {
            try scene.pass(calls.answer_ns_max);
            try scene.expectSaid(&.{failed});
        }
        gate.record(scene.node);
        try scene.expectRecords(1, 1, "statefs put reject status peer=node-b key=");
        var bytes: [64]u8 = undefined;
        behalf.encodeReplyHead(bytes[0..behalf.reply_head_bytes], .now);
        var writer = try state.startReply(
            bytes[behalf.reply_head_bytes..],
            .txn_begin,
            .ok,
            begun.nonce,
        );
        try writer.put(seven);
        const len = behalf.reply_head_bytes + writer.done().len;
        scene.node.onReply(.statefsd, begun.ticket, bytes[0..len]);
        const abort = try scene.expectAsked(.txn_abort);
        try testing.expectEqual(7, abort.txn);
        try testing.expectEqual(0, abort.id);
        try testing.expectEqual(scene.node.now_ns + calls.give_up_ns, abort.deadline_ns);
        // No peer waits for it: its place is free when it is answered.
        try testing.expectEqual(1, scene.node.calls.count(0, store_service));
        scene.node.onReply(.statefsd, abort.ticket, try late(abort, .now, .ok));
        try testing.expectEqual(0, scene.node.calls.count(null, null));
        try scene.expectRecords(1, 1, "");
    }
}

test "what is not a head costs a token and the stream" {
    try scene.init();
    defer scene.deinit();
    const credit = scene.node.peers[0].bucket.credit;
    try scene.send("ST\x02" ++ "\x01" ** 17);
    try testing.expectEqual(.nonsense, scene.reason.?);
    try scene.expectRecords(1, 1, "outcome=denied-malformed peer=node-b service=statefsd op=-");
    try testing.expect(scene.node.peers[0].bucket.credit < credit);
    try scene.expectIdle();
}

test "a peer that resets, falls silent or leaves in the middle has made nothing" {
    for (0..3) |what| {
        try scene.init();
        defer scene.deinit();
        try scene.sendHead(.put, named, key, 2);
        try scene.answer(try scene.expectAsked(.txn_begin), .now, .ok, seven);
        try scene.send("a");
        switch (what) {
            0 => {
                scene.peer.reset(scene.id, .unwanted);
                try scene.carry();
            },
            1 => {
                try scene.pass(transfer.silence_ns - 1);
                try testing.expectEqual(null, scene.reason);
                try scene.pass(1);
                try testing.expectEqual(.unwanted, scene.reason.?);
            },
            else => {
                scene.leave();
                gate.record(scene.node);
            },
        }
        try testing.expectEqual(0, scene.node.talks[0].moving.id);
        const abort = try scene.expectAsked(.txn_abort);
        try testing.expectEqual(7, abort.txn);
        try scene.expectRecords(1, 1, "statefs put reject status peer=node-b key=");
        if (what == 2) try scene.join();
        scene.node.onReply(.statefsd, abort.ticket, try late(abort, .now, .ok));
        try scene.open();
        try scene.answer(try scene.commit(named), .now, .ok, "");
        try scene.expectSaid(&.{ go_ahead, taken });
        try scene.expectIdle();
    }
}

test "credit is given back for what was dealt with, and for nothing else" {
    try scene.init();
    defer scene.deinit();
    const words: [2 * transfer.chunk_bytes]u8 = @splat('w');
    try scene.sendHead(.put, named, key, words.len);
    const head_len = codec.head_bytes + key.len;
    const begun = try scene.expectAsked(.txn_begin);
    // All that there is credit for; the store has not answered, so there is none beyond.
    try scene.send(words[0 .. transfer.chunk_bytes - head_len]);
    try testing.expectEqual(0, scene.peer.credit(scene.id));
    try scene.answer(begun, .now, .ok, seven);
    try testing.expectEqual(transfer.chunk_bytes, scene.peer.credit(scene.id));
    try testing.expectEqual(null, scene.asked());
    try scene.send(words[0..head_len]);
    try scene.answer(try scene.expectAsked(.txn_put), .now, .ok, "");
    try scene.send(words[0 .. transfer.chunk_bytes - head_len]);
    try scene.send(words[0..head_len]);
    try scene.answer(try scene.expectAsked(.txn_put), .now, .ok, "");
    try scene.close();
    try scene.answer(try scene.expectAsked(.txn_commit), .now, .ok, "");
    try scene.expectSaid(&.{ go_ahead, .{ .op = .put, .value_len = words.len } });
}
