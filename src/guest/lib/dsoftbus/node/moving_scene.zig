//! A node with a session, whose peer is a bare core of streams and whose store answers when a test
//! says so: what tests of values on streams of their own have in common.

const std = @import("std");
const testing = std.testing;
const edge = @import("edge.zig");
const fake = @import("pair_fake.zig");
const gate = @import("gate.zig");
const moving = @import("moving.zig");
const mux_file = @import("../mux.zig");
const codec = @import("../transfer_head.zig");
const wire = @import("wire");
const state = wire.state;
const behalf = wire.behalf;
const Line = @import("lines.zig").Line;

pub const key = "/state/shared/k";
pub const store_service = @intFromEnum(edge.Service.statefsd);

/// Epoch 5, call 1.
pub const named: u64 = 5 << 32 | 1;

/// What the node asks of the store.
pub const Asked = struct {
    ticket: u16,
    deadline_ns: u64,
    id: u64,
    op: state.Op,
    txn: u64,
    nonce: u64,
    offset: u32,
    value_len: usize,
};

pub const Scene = struct {
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
    pub fn init(self: *Scene) !void {
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
    pub fn join(self: *Scene) !void {
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
    pub fn leave(self: *Scene) void {
        moving.abandon(self.node, self.line);
        self.node.calls.forsake(self.line.serial);
        self.line.state = .free;
        self.line.bound = null;
    }

    pub fn deinit(self: *Scene) void {
        self.world.destroy();
    }

    pub fn open(self: *Scene) !void {
        self.heard_len = 0;
        self.is_closed = false;
        self.reason = null;
        self.id = try self.peer.open(codec.stream_name, 5);
        try self.carry();
    }

    /// Carry frames both ways until there are none, then write what records are owed.
    pub fn carry(self: *Scene) !void {
        var out: [mux_file.own.message_bytes_max]u8 = undefined;
        const talk = &self.node.talks[0];
        while (true) {
            moving.push(self.node, self.line);
            if (self.peer.nextFrame(&out)) |frame| {
                switch (try talk.take(frame)) {
                    .moving => |event| moving.take(self.node, self.line, event),
                    else => {},
                }
            } else if (talk.mux.nextFrame(&out)) |frame| {
                try self.hear(try self.peer.receive(frame) orelse continue);
            } else break;
        }
        gate.record(self.node);
    }

    pub fn hear(self: *Scene, event: mux_file.Event) !void {
        switch (event) {
            .arrived => |data| {
                @memcpy(self.heard[self.heard_len..][0..data.bytes.len], data.bytes);
                self.heard_len += data.bytes.len;
                self.peer.grant(data.id, data.bytes.len);
            },
            .half_closed => self.is_closed = true,
            .was_reset => |what| self.reason = what.reason,
            else => {},
        }
    }

    pub fn send(self: *Scene, bytes: []const u8) !void {
        var rest = bytes;
        while (rest.len != 0) {
            const count = self.peer.send(self.id, rest);
            rest = rest[count..];
            try self.carry();
            if (count == 0) return error.StandsStill;
        }
    }

    pub fn sendHead(self: *Scene, op: codec.Op, id: u64, path: []const u8, value_len: u32) !void {
        var head: [codec.head_bytes + 64]u8 = @splat(0);
        head[0..3].* = "ST\x01".*;
        head[3] = @intFromEnum(op);
        std.mem.writeInt(u64, head[4..12], id, .little);
        std.mem.writeInt(u16, head[12..14], @intCast(path.len), .little);
        std.mem.writeInt(u32, head[16..20], value_len, .little);
        @memcpy(head[codec.head_bytes..][0..path.len], path);
        try self.send(head[0 .. codec.head_bytes + path.len]);
    }

    pub fn close(self: *Scene) !void {
        try self.peer.close(self.id);
        try self.carry();
    }

    /// The next request of the store; null: there is none.
    pub fn asked(self: *Scene) ?Asked {
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

    pub fn answer(
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

    pub fn expectAsked(self: *Scene, op: state.Op) !Asked {
        const found = self.asked() orelse return error.NothingAsked;
        try testing.expectEqual(op, found.op);
        return found;
    }

    /// A put of two bytes, up to its commit, which is not answered.
    pub fn commit(self: *Scene, id: u64) !Asked {
        try self.sendHead(.put, id, key, 2);
        try self.answer(try self.expectAsked(.txn_begin), .now, .ok, seven);
        try self.send("ab");
        try self.answer(try self.expectAsked(.txn_put), .now, .ok, "");
        try self.close();
        return self.expectAsked(.txn_commit);
    }

    pub fn expectSaid(self: *Scene, replies: []const codec.Reply) !void {
        var want: [4 * codec.reply_bytes]u8 = undefined;
        for (replies, 0..) |reply, i| {
            want[i * codec.reply_bytes ..][0..codec.reply_bytes].* = codec.encodeReply(reply);
        }
        const len = replies.len * codec.reply_bytes;
        try testing.expectEqualSlices(u8, want[0..len], self.heard[0..self.heard_len]);
    }

    /// So many records in all, so many of them with this text.
    pub fn expectRecords(self: *Scene, all: usize, of: usize, text: []const u8) !void {
        try testing.expectEqual(of, self.world.edges[0].recorded(text));
        try testing.expectEqual(all, self.world.edges[0].record_count);
    }

    pub fn expectIdle(self: *Scene) !void {
        try testing.expectEqual(0, self.node.talks[0].moving.id);
        try testing.expectEqual(0, self.node.calls.count(null, null));
        try testing.expectEqual(null, self.asked());
    }

    pub fn pass(self: *Scene, ns: u64) !void {
        self.node.now_ns += ns;
        gate.expire(self.node);
        if (self.line.bound != null) {
            moving.tick(self.node, self.line);
            try self.carry();
        } else gate.record(self.node);
    }
};

pub const seven = "\x07" ++ "\x00" ** 7;
pub const go_ahead: codec.Reply = .{ .op = .put, .stage = .go_ahead };
pub const taken: codec.Reply = .{ .op = .put, .value_len = 2 };
pub const failed: codec.Reply = .{ .op = .put, .status = .io_error };
pub const served = "remote statefs served";
pub var scene: Scene = undefined;
pub var late_bytes: [64]u8 = undefined;

pub fn late(to: Asked, ending: behalf.Ending, status: state.Status) ![]u8 {
    behalf.encodeReplyHead(late_bytes[0..behalf.reply_head_bytes], ending);
    const room = late_bytes[behalf.reply_head_bytes..];
    const frame = try state.encodeFailure(room, to.op, status, to.nonce);
    return late_bytes[0 .. behalf.reply_head_bytes + frame.len];
}
