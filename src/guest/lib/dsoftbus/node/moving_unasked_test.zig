//! Values on streams of their own whose store is full or gone, or answers with nonsense: each has
//! its record, and what was not made leaves its name free.

const testing = @import("std").testing;
const calls = @import("calls.zig");
const moving = @import("moving.zig");
const moving_host = @import("moving_host.zig");
const common = @import("moving_scene.zig");
const key = common.key;
const store_service = common.store_service;
const named = common.named;
const seven = common.seven;
const go_ahead = common.go_ahead;
const taken = common.taken;
const failed = common.failed;
const scene = &common.scene;

test "a store that cannot be asked, or has no place for it, fails what is asked" {
    for (0..3) |what| {
        try scene.init();
        defer scene.deinit();
        switch (what) {
            0 => scene.world.edges[0].verdict.set(.statefsd, .full),
            1 => scene.world.edges[0].verdict.set(.statefsd, .absent),
            else => for (0..calls.service_max) |_| {
                scene.node.calls.take(1, store_service).?.ticket = scene.node.nextTicket();
            },
        }
        try scene.sendHead(.put, named, key, 2);
        try scene.expectSaid(&.{failed});
        try scene.expectRecords(1, 1, "statefs put reject status peer=node-b key=");
        try testing.expectEqual(null, scene.asked());
        const others: usize = if (what == 2) calls.service_max else 0;
        try testing.expectEqual(others, scene.node.calls.count(null, null));
        try scene.close();
        try testing.expectEqual(0, scene.node.talks[0].moving.id);
        // Nothing was made of it, so its name is free.
        scene.world.edges[0].verdict.set(.statefsd, .sent);
        if (what == 2) for (scene.node.calls.used()) |*call| {
            call.is_used = false;
        };
        try scene.open();
        try scene.answer(try scene.commit(named), .now, .ok, "");
        try scene.expectSaid(&.{ go_ahead, taken });
    }
}

test "a commit that cannot be asked is recorded, and its name stays free" {
    for ([_]bool{ false, true }) |is_left| for ([_]bool{ false, true }) |is_crowded| {
        try scene.init();
        defer scene.deinit();
        try scene.sendHead(.put, named, key, 2);
        try scene.answer(try scene.expectAsked(.txn_begin), .now, .ok, seven);
        try scene.send("ab");
        try scene.answer(try scene.expectAsked(.txn_put), .now, .ok, "");
        if (is_crowded) {
            for (0..calls.service_max) |_| {
                scene.node.calls.take(1, store_service).?.ticket = scene.node.nextTicket();
            }
        } else scene.world.edges[0].verdict.set(.statefsd, .full);
        if (is_left) {
            // The session is lost before the node gets to it.
            const slot = &scene.node.talks[0].moving;
            var host: moving_host.Host(@TypeOf(scene.node)) =
                .{ .node = scene.node, .line = scene.line };
            try testing.expectEqual(null, slot.machine.closed(&host, scene.node.now_ns));
            scene.leave();
        } else {
            try scene.close();
            try scene.expectSaid(&.{ go_ahead, failed });
        }
        try testing.expectEqual(null, scene.asked());
        try scene.expectRecords(1, 1, "statefs put reject status peer=node-b key=");
        scene.world.edges[0].verdict.set(.statefsd, .sent);
        if (is_crowded) for (scene.node.calls.used()) |*call| {
            call.is_used = false;
        };
        if (is_left) try scene.join();
        try scene.open();
        try scene.answer(try scene.commit(named), .now, .ok, "");
        try scene.expectSaid(&.{ go_ahead, taken });
    };
}

test "an answer to a commit that cannot be read leaves its end unknown, and is recorded" {
    try scene.init();
    defer scene.deinit();
    const last = try scene.commit(named);
    var bytes = "SO\x01\x81\x00nonsense".*;
    scene.node.onReply(.statefsd, last.ticket, &bytes);
    try scene.carry();
    try scene.expectSaid(&.{ go_ahead, failed });
    try scene.expectRecords(1, 1, "statefs put unknown peer=node-b key=");
    try scene.open();
    try scene.sendHead(.put, named, key, 2);
    try scene.expectSaid(&.{failed});
}

test "a step that a given-up transfer could not ask is not held against the next one" {
    try scene.init();
    defer scene.deinit();
    try scene.sendHead(.put, named, key, 2);
    _ = try scene.expectAsked(.txn_begin);
    const slot = &scene.node.talks[0].moving;
    slot.is_unasked = true; // the store had no room for the next step
    moving.abandon(scene.node, scene.line);
    try testing.expect(slot.id == 0 and !slot.is_unasked);
}
