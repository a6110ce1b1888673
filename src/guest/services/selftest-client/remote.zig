//! Checks of the other node's services, through dsoftbusd.

const std = @import("std");
const wire = @import("wire");
const suite = @import("check.zig");
const Wrong = suite.Wrong;

const call_ns = 3 * std.time.ns_per_s;
/// The time in which a proof is tried again: the session may not be there yet, or again.
const proof_ns = 4 * std.time.ns_per_s;
/// The time between two tries, so that a node that refuses at once is not asked in a loop.
const pause_ns = 200 * std.time.ns_per_ms;

pub fn Remote(comptime Node: type) type {
    return struct {
        pub const table = [_]suite.Check(Node){
            .{ .name = .@"remote resolve", .run = resolve },
            .{ .name = .@"remote query", .run = query },
        };

        /// Try until the proof works or its time is over; then the last error is the result.
        pub fn persist(node: *Node, proof: *const fn (*Node) anyerror!void) anyerror!void {
            const deadline = node.now() + proof_ns;
            while (true) {
                const reason = if (proof(node)) |_| return else |err| err;
                if (node.now() + pause_ns >= deadline) return reason;
                node.sleep(pause_ns);
            }
        }

        /// Ask the peer that the configuration names, and no other.
        pub fn ask(node: *Node, request: wire.front.Request) ![]const u8 {
            const room = &node.room.remote;
            const frame = try wire.front.encodeRequestTo(&room.request, node.peer(), request);
            return node.call(.dsoftbusd, frame, &room.reply, call_ns);
        }

        fn resolve(node: *Node) !void {
            const reply = try ask(node, .{ .resolve = "bundlemgrd" });
            const status = wire.front.decodeStatus(reply, .resolve) orelse
                return Wrong.NotThisReply;
            if (status != .ok) return Wrong.WrongStatus;
        }

        fn query(node: *Node) !void {
            const reply = try ask(node, .bundle_list);
            const status = wire.front.decodeStatus(reply, .bundle_list) orelse
                return Wrong.NotThisReply;
            if (status != .ok) return Wrong.WrongStatus;
            if ((wire.front.decodeBundleCount(reply) orelse 0) == 0) return Wrong.WrongValue;
        }
    };
}
