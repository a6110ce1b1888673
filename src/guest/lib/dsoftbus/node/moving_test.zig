//! Values on streams of their own, at a node: what is moved, what is refused, and what is
//! remembered of it.

const std = @import("std");
const testing = std.testing;
const calls = @import("calls.zig");
const transfer = @import("../transfer.zig");
const codec = @import("../transfer_head.zig");
const wire = @import("wire");
const state = wire.state;
const common = @import("moving_scene.zig");
const key = common.key;
const store_service = common.store_service;
const named = common.named;
const seven = common.seven;
const go_ahead = common.go_ahead;
const taken = common.taken;
const failed = common.failed;
const served = common.served;
const scene = &common.scene;

test "a put: begun, put in chunks, committed under its name, answered, recorded and told" {
    try scene.init();
    defer scene.deinit();
    const words: [transfer.chunk_bytes + 904]u8 = @splat('w');
    try scene.sendHead(.put, named, key, words.len);
    const begun = try scene.expectAsked(.txn_begin);
    try testing.expectEqual(scene.node.now_ns + calls.answer_ns_max, begun.deadline_ns);
    // Only a commit is repeated, so only a commit has a name.
    try testing.expectEqual(0, begun.id);
    try scene.answer(begun, .now, .ok, seven);
    try scene.expectSaid(&.{go_ahead});
    try scene.send(words[0..transfer.chunk_bytes]);
    for ([_]usize{ transfer.chunk_bytes, 904 }) |len| {
        const put = try scene.expectAsked(.txn_put);
        try testing.expectEqual(7, put.txn);
        try testing.expectEqual(len, put.value_len);
        try testing.expectEqual(0, put.id);
        try testing.expect(put.nonce > begun.nonce);
        try scene.answer(put, .now, .ok, "");
        if (len != 904) try scene.send(words[transfer.chunk_bytes..]);
    }
    try scene.expectRecords(0, 0, "");
    try scene.close();
    const last = try scene.expectAsked(.txn_commit);
    try testing.expectEqual(named, last.id);
    try testing.expectEqual(7, last.txn);
    try testing.expectEqual(0, scene.world.edges[0].printed(served));
    try scene.answer(last, .now, .ok, "");
    try scene.expectSaid(&.{ go_ahead, .{ .op = .put, .value_len = words.len } });
    try testing.expect(scene.is_closed);
    try scene.expectRecords(1, 1, "audit remote statefs put allow peer=node-b key=");
    try testing.expectEqual(1, scene.world.edges[0].printed(served));
    try scene.expectIdle();
    // Another on the same session; the line is said once.
    try scene.open();
    try scene.answer(try scene.commit(named + 1), .now, .ok, "");
    try scene.expectSaid(&.{ go_ahead, taken });
    try testing.expectEqual(1, scene.world.edges[0].printed(served));
    try scene.expectRecords(2, 2, "put allow");
    try scene.expectIdle();
}

test "a get: piece by piece, one record, and no line" {
    try scene.init();
    defer scene.deinit();
    try scene.sendHead(.get, named, key, 0);
    const words: [3]u8 = "abc".*;
    for (0..3) |at| {
        const read = try scene.expectAsked(.read);
        try testing.expectEqual(at, read.offset);
        var tail: [15]u8 = @splat(0);
        tail[0] = 3;
        tail[12] = 1;
        tail[14] = words[at];
        try scene.answer(read, .now, .ok, &tail);
    }
    const reply = codec.encodeReply(.{ .op = .get, .value_len = 3 });
    try testing.expectEqualSlices(u8, &(reply ++ words), scene.heard[0..scene.heard_len]);
    try testing.expect(scene.is_closed);
    try scene.expectRecords(1, 1, "audit remote call outcome=ok peer=node-b service=statefsd");
    try testing.expectEqual(0, scene.world.edges[0].printed(served));
    try scene.close();
    try scene.expectIdle();
}

test "a get whose value changes is reset, and nothing of it is left" {
    try scene.init();
    defer scene.deinit();
    try scene.sendHead(.get, named, key, 0);
    const first = try scene.expectAsked(.read);
    try scene.answer(first, .now, .ok, "\x02" ++ "\x00" ** 11 ++ "\x01\x00a");
    const read = try scene.expectAsked(.read);
    try scene.answer(read, .now, .ok, "\x03" ++ "\x00" ** 11 ++ "\x01\x00b");
    try testing.expectEqual(.unwanted, scene.reason.?);
    try scene.expectIdle();
}

test "what is not permitted, or comes too often, is refused before anything is asked" {
    for (0..2) |what| {
        try scene.init();
        defer scene.deinit();
        switch (what) {
            0 => scene.world.nodes[0].config.rule_count = 0,
            else => scene.node.peers[0].bucket.credit = 0,
        }
        try scene.sendHead(.put, named, key, 2);
        try scene.expectSaid(&.{.{ .op = .put, .status = .access_denied }});
        const reason = if (what == 0) "denied-service" else "denied-rate";
        try scene.expectRecords(1, 1, reason);
        try scene.close();
        try scene.expectIdle();
        // Nothing is remembered of it.
        try testing.expectEqual(null, scene.node.calls.running(0, named));
        if (what == 0) continue;
        scene.node.peers[0].bucket = .init(scene.node.config.limit, scene.node.now_ns);
        try scene.open();
        try scene.sendHead(.put, named, key, 2);
        _ = try scene.expectAsked(.txn_begin);
    }
}

test "each operation has a right of its own" {
    for ([_]codec.Op{ .put, .get }) |op| {
        try scene.init();
        defer scene.deinit();
        const config = &scene.node.config;
        config.rule_count = 1;
        config.rule_list[0] =
            .{ .peer = 0, .service = store_service, .opcode = @intFromEnum(codec.inner(op)) };
        const other: codec.Op = if (op == .put) .get else .put;
        try scene.sendHead(other, named, key, if (other == .put) 2 else 0);
        try scene.expectSaid(&.{.{ .op = other, .status = .access_denied }});
        try scene.close();
        try scene.open();
        try scene.sendHead(op, named, key, if (op == .put) 2 else 0);
        try testing.expect(scene.asked() != null);
    }
}

test "what may not be is answered and recorded once, and again from memory" {
    try scene.init();
    defer scene.deinit();
    for (0..2) |_| {
        try scene.sendHead(.put, named, "/state/own/k", 2);
        try scene.expectSaid(&.{.{ .op = .put, .status = .access_denied }});
        try scene.expectRecords(1, 1, "statefs put reject outside_acl peer=node-b key=");
        try scene.close();
        try scene.expectIdle();
        try scene.open();
    }
    // A get is not remembered: each has its record.
    for (2..4) |records| {
        try scene.sendHead(.get, named + 1, "/state/own/k", 0);
        try scene.expectSaid(&.{.{ .op = .get, .status = .access_denied }});
        try testing.expectEqual(records, scene.world.edges[0].record_count);
        try scene.close();
        try scene.open();
    }
}

test "a put that was made is answered from memory, and another under its name is refused" {
    try scene.init();
    defer scene.deinit();
    try scene.answer(try scene.commit(named), .now, .ok, "");
    try scene.open();
    try scene.sendHead(.put, named, key, 2);
    try scene.expectSaid(&.{taken});
    try scene.expectRecords(1, 1, "put allow");
    try scene.send("ab");
    try scene.close();
    try scene.expectIdle();
    try scene.open();
    try scene.sendHead(.put, named, key, 3);
    try scene.expectSaid(&.{failed});
    try scene.expectRecords(2, 1, "audit remote call outcome=failed peer=node-b");
    try scene.close();
    try scene.expectIdle();
}

test "a put without an epoch has no name: it is made as often as it comes" {
    for (0..2) |_| {
        try scene.init();
        defer scene.deinit();
        for (1..3) |times| {
            const last = try scene.commit(1);
            try testing.expectEqual(0, last.id);
            try scene.answer(last, .now, .ok, "");
            try scene.expectSaid(&.{ go_ahead, taken });
            try scene.expectRecords(times, times, "put allow");
            try scene.open();
        }
    }
}
