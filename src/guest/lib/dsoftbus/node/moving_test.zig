//! Values on streams of their own, at a node: a peer that is a bare core of streams, and a store
//! that answers when a test says so.

const std = @import("std");
const testing = std.testing;
const calls = @import("calls.zig");
const edge = @import("edge.zig");
const fake = @import("pair_fake.zig");
const gate = @import("gate.zig");
const moving = @import("moving.zig");
const mux_file = @import("../mux.zig");
const transfer = @import("../transfer.zig");
const codec = @import("../transfer_head.zig");
const wire = @import("wire");
const state = wire.state;
const behalf = wire.behalf;
const Line = @import("lines.zig").Line;

const key = "/state/shared/k";
const store_service = @intFromEnum(edge.Service.statefsd);
/// Epoch 5, call 1.
const named: u64 = 5 << 32 | 1;

/// What the node asks of the store.
const Asked = struct {
    ticket: u16,
    deadline_ns: u64,
    id: u64,
    op: state.Op,
    txn: u64,
    nonce: u64,
    offset: u32,
    value_len: usize,
};

const Scene = struct {
    world: *fake.World,
    node: *fake.NodeOf,
    line: *Line,
    peer: mux_file.Mux = undefined,
    id: u32 = 0,
    heard: [70_000]u8 = undefined,
    heard_len: usize = 0,
    is_closed: bool = false,
    reason: ?mux_file.Reason = null,

    /// A session stands, and a stream for a value is open.
    fn init(self: *Scene) !void {
        const world = try fake.World.create();
        errdefer world.destroy();
        const host = world.add();
        world.know(host, 1, false);
        try world.start(host);
        self.* = .{ .world = world, .node = &world.nodes[host], .line = undefined };
        try self.join();
        try self.open();
    }

    /// Another session with the same peer.
    fn join(self: *Scene) !void {
        const node = self.node;
        self.line = node.lines.free().?;
        self.line.state = .open;
        self.line.bound = 0;
        self.line.dialled = null;
        node.lines.next_serial += 1;
        self.line.serial = node.lines.next_serial;
        node.talks[0].begin(false, false, .frames, node.now_ns);
        self.peer.init(.dialler);
        self.peer.start();
        try self.carry();
    }

    /// The session is over.
    fn leave(self: *Scene) void {
        moving.abandon(self.node, self.line);
        self.node.calls.forsake(self.line.serial);
        self.line.state = .free;
        self.line.bound = null;
    }

    fn deinit(self: *Scene) void {
        self.world.destroy();
    }

    fn open(self: *Scene) !void {
        self.heard_len = 0;
        self.is_closed = false;
        self.reason = null;
        self.id = try self.peer.open(codec.stream_name, 5);
        try self.carry();
    }

    /// Carry frames both ways until there are none, then write what records are owed.
    fn carry(self: *Scene) !void {
        var out: [mux_file.own.message_bytes_max]u8 = undefined;
        const talk = &self.node.talks[0];
        while (true) {
            moving.push(self.node, self.line);
            if (self.peer.poll(&out)) |frame| {
                switch (try talk.take(frame)) {
                    .moving => |event| moving.take(self.node, self.line, event),
                    else => {},
                }
            } else if (talk.mux.poll(&out)) |frame| {
                try self.hear(try self.peer.receive(frame) orelse continue);
            } else break;
        }
        gate.record(self.node);
    }

    fn hear(self: *Scene, event: mux_file.Event) !void {
        switch (event) {
            .data => |data| {
                @memcpy(self.heard[self.heard_len..][0..data.bytes.len], data.bytes);
                self.heard_len += data.bytes.len;
                self.peer.grant(data.id, data.bytes.len);
            },
            .closed => self.is_closed = true,
            .reset => |what| self.reason = what.reason,
            else => {},
        }
    }

    fn send(self: *Scene, bytes: []const u8) !void {
        var rest = bytes;
        while (rest.len != 0) {
            const count = self.peer.send(self.id, rest);
            rest = rest[count..];
            try self.carry();
            if (count == 0) return error.StandsStill;
        }
    }

    fn sendHead(self: *Scene, op: codec.Op, id: u64, path: []const u8, value_len: u32) !void {
        var head: [codec.head_bytes + 64]u8 = @splat(0);
        head[0..3].* = "ST\x01".*;
        head[3] = @intFromEnum(op);
        std.mem.writeInt(u64, head[4..12], id, .little);
        std.mem.writeInt(u16, head[12..14], @intCast(path.len), .little);
        std.mem.writeInt(u32, head[16..20], value_len, .little);
        @memcpy(head[codec.head_bytes..][0..path.len], path);
        try self.send(head[0 .. codec.head_bytes + path.len]);
    }

    fn close(self: *Scene) !void {
        try self.peer.close(self.id);
        try self.carry();
    }

    /// The next request of the store; null: there is none.
    fn asked(self: *Scene) ?Asked {
        const ask = self.world.edges[0].takeAsk(.statefsd) orelse return null;
        const call = behalf.decodeCall(ask.request()).?;
        std.debug.assert(std.mem.eql(u8, call.peer, "node-b"));
        const request = state.decodeRequest(call.frame).request;
        return .{
            .ticket = ask.ticket,
            .deadline_ns = call.deadline_ns,
            .id = call.id,
            .op = request.op,
            .txn = request.txn,
            .nonce = request.nonce.?,
            .offset = request.offset,
            .value_len = request.value.len,
        };
    }

    fn answer(
        self: *Scene,
        to: Asked,
        ending: behalf.Ending,
        status: state.Status,
        tail: []const u8,
    ) !void {
        var bytes: [5000]u8 = undefined;
        behalf.encodeReplyHead(bytes[0..behalf.reply_head_bytes], ending);
        const room = bytes[behalf.reply_head_bytes..];
        var writer = try state.startReply(room, to.op, status, to.nonce);
        try writer.put(tail);
        const len = behalf.reply_head_bytes + writer.done().len;
        self.node.onReply(.statefsd, to.ticket, bytes[0..len]);
        try self.carry();
    }

    fn expectAsked(self: *Scene, op: state.Op) !Asked {
        const found = self.asked() orelse return error.NothingAsked;
        try testing.expectEqual(op, found.op);
        return found;
    }

    /// A put of two bytes, up to its commit, which is not answered.
    fn commit(self: *Scene, id: u64) !Asked {
        try self.sendHead(.put, id, key, 2);
        try self.answer(try self.expectAsked(.txn_begin), .now, .ok, seven);
        try self.send("ab");
        try self.answer(try self.expectAsked(.txn_put), .now, .ok, "");
        try self.close();
        return self.expectAsked(.txn_commit);
    }

    fn expectSaid(self: *Scene, replies: []const codec.Reply) !void {
        var want: [4 * codec.reply_bytes]u8 = undefined;
        for (replies, 0..) |reply, i| {
            want[i * codec.reply_bytes ..][0..codec.reply_bytes].* = codec.encodeReply(reply);
        }
        const len = replies.len * codec.reply_bytes;
        try testing.expectEqualSlices(u8, want[0..len], self.heard[0..self.heard_len]);
    }

    /// So many records in all, so many of them with this text.
    fn expectRecords(self: *Scene, all: usize, of: usize, text: []const u8) !void {
        try testing.expectEqual(of, self.world.edges[0].recorded(text));
        try testing.expectEqual(all, self.world.edges[0].record_count);
    }

    fn expectIdle(self: *Scene) !void {
        try testing.expectEqual(0, self.node.talks[0].moving.id);
        try testing.expectEqual(0, self.node.calls.count(null, null));
        try testing.expectEqual(null, self.asked());
    }

    fn pass(self: *Scene, ns: u64) !void {
        self.node.now_ns += ns;
        gate.expire(self.node);
        if (self.line.bound != null) {
            moving.tick(self.node, self.line);
            try self.carry();
        } else gate.record(self.node);
    }
};

const seven = "\x07" ++ "\x00" ** 7;
const go_ahead: codec.Reply = .{ .op = .put, .stage = .go_ahead };
const taken: codec.Reply = .{ .op = .put, .value_len = 2 };
const failed: codec.Reply = .{ .op = .put, .status = .io_error };
const served = "remote statefs served";

var scene: Scene = undefined;

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

var late_bytes: [64]u8 = undefined;

fn late(to: Asked, ending: behalf.Ending, status: state.Status) ![]u8 {
    behalf.encodeReplyHead(late_bytes[0..behalf.reply_head_bytes], ending);
    const room = late_bytes[behalf.reply_head_bytes..];
    const frame = try state.encodeFailure(room, to.op, status, to.nonce);
    return late_bytes[0 .. behalf.reply_head_bytes + frame.len];
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
