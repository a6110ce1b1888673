//! Checks of the state store: of this node's, and of the other node's through dsoftbusd.

const std = @import("std");
const wire = @import("wire");
const state = wire.state;
const suite = @import("check.zig");
const Remote = @import("remote.zig").Remote;
const Wrong = suite.Wrong;

const key = "/state/shared/selftest/local";
const guarded_key = "/state/keystore/device.signing";
const value = "local-statefs-v1";

const remote_key = "/state/shared/selftest/remote-rw";
const remote_value = "remote-statefs-rw-v1";

pub fn State(comptime Node: type) type {
    return struct {
        pub const table = [_]suite.Check(Node){
            .{ .name = .@"statefs put", .run = put },
            .{
                .name = .@"statefs unauthorized access rejected",
                .run = unauthorized,
                .ending = "",
            },
            .{ .name = .@"statefs persist", .run = persist },
        };

        pub const remote = [_]suite.Check(Node){
            .{ .name = .@"remote statefs rw", .run = remoteReadWrite },
        };

        fn askRemote(node: *Node, request: state.Request) !state.Reply {
            node.room.nonce += 1;
            var numbered = request;
            numbered.nonce = node.room.nonce;
            const frame = try state.encodeRequest(&node.room.local.request, numbered);
            const answer = try Remote(Node).ask(node, .{ .state = frame });
            const inner = wire.front.decodeState(answer) orelse return Wrong.WrongStatus;
            return state.decodeReply(inner, request.op, node.room.nonce) orelse Wrong.NotThisReply;
        }

        fn expectRemote(status: state.Status, node: *Node, request: state.Request) !void {
            if ((try askRemote(node, request)).status != status) return Wrong.WrongStatus;
        }

        /// Write a key, read it back, remove it, and find it gone. A key outside of the shared part
        /// must be refused.
        fn remoteReadWrite(node: *Node) !void {
            const write: state.Request = .{ .op = .put, .key = remote_key, .value = remote_value };
            try expectRemote(.ok, node, write);
            try expectRemote(.ok, node, .{ .op = .sync });
            const got = try askRemote(node, .{ .op = .get, .key = remote_key });
            const found = state.valueOf(got) orelse return Wrong.WrongStatus;
            if (!std.mem.eql(u8, found, remote_value)) return Wrong.WrongValue;
            try expectRemote(.access_denied, node, .{ .op = .get, .key = guarded_key });
            try expectRemote(.ok, node, .{ .op = .delete, .key = remote_key });
            try expectRemote(.not_found, node, .{ .op = .get, .key = remote_key });
        }

        fn ask(node: *Node, request: state.Request) !state.Reply {
            node.room.nonce += 1;
            var numbered = request;
            numbered.nonce = node.room.nonce;
            const room = &node.room.local;
            const frame = try state.encodeRequest(&room.request, numbered);
            const reply = try node.call(.statefsd, frame, &room.reply, suite.call_timeout_ns);
            return state.decodeReply(reply, request.op, node.room.nonce) orelse Wrong.NotThisReply;
        }

        fn expect(status: state.Status, node: *Node, request: state.Request) !void {
            if ((try ask(node, request)).status != status) return Wrong.WrongStatus;
        }

        fn expectValue(node: *Node, wanted: []const u8) !void {
            const reply = try ask(node, .{ .op = .get, .key = key });
            if (reply.status != .ok) return Wrong.WrongStatus;
            const found = state.valueOf(reply) orelse return Wrong.NotThisReply;
            if (!std.mem.eql(u8, found, wanted)) return Wrong.WrongValue;
        }

        fn put(node: *Node) !void {
            try expect(.ok, node, .{ .op = .put, .key = key, .value = "first" });
            try expect(.ok, node, .{ .op = .put, .key = key, .value = value });
            try expectValue(node, value);
        }

        fn unauthorized(node: *Node) !void {
            try expect(.access_denied, node, .{ .op = .get, .key = guarded_key });
            try expect(.access_denied, node, .{ .op = .put, .key = guarded_key, .value = "x" });
            try expect(.access_denied, node, .{ .op = .delete, .key = guarded_key });
        }

        /// Check that a key which was synced is there when the journal is read again from its
        /// beginning.
        fn persist(node: *Node) !void {
            try expect(.ok, node, .{ .op = .put, .key = key, .value = value });
            try expect(.ok, node, .{ .op = .sync });
            try expect(.ok, node, .{ .op = .reopen });
            try expectValue(node, value);
        }
    };
}
