//! Checks of the services of this node.

const std = @import("std");
const wire = @import("wire");
const suite = @import("check.zig");
const Service = suite.Service;
const Wrong = suite.Wrong;

/// A capability that the default configuration gives this service, and one that it does not.
const held = "bundle.query";
const not_held = "policy.delegate";

const listen_port = 41000;
const random_bytes = 32;

pub fn Local(comptime Node: type) type {
    return struct {
        pub const table = [_]suite.Check(Node){
            .{ .name = .@"ipc sender pid", .run = senderPid },
            .{ .name = .@"ipc sender service_id", .run = senderServiceId },
            .{ .name = .@"policy allow", .run = policyAllow },
            .{ .name = .@"policy deny", .run = policyDeny },
            .{ .name = .@"policy malformed", .run = policyMalformed },
            .{ .name = .@"samgrd v1 register", .run = samgrdRegister },
            .{ .name = .@"samgrd v1 lookup", .run = samgrdLookup },
            .{ .name = .@"samgrd v1 unknown", .run = samgrdUnknown },
            .{ .name = .@"samgrd v1 malformed", .run = samgrdMalformed },
            .{ .name = .@"bundlemgrd v1 list", .run = bundleList },
            .{ .name = .@"bundlemgrd v1 image", .run = bundleImage },
            .{ .name = .@"bundlemgrd v1 malformed", .run = bundleMalformed },
            .{ .name = .@"log query", .run = logQuery },
            .{ .name = .@"rng entropy", .run = rngEntropy },
            .{ .name = .@"net tcp listen", .run = tcpListen },
        };

        fn ask(node: *Node, service: Service, request: []const u8) ![]const u8 {
            return node.call(service, request, &node.room.local.reply, suite.call_timeout_ns);
        }

        fn samgrd(node: *Node, request: wire.samgr.Request) ![]const u8 {
            return ask(
                node,
                .samgrd,
                try wire.samgr.encodeRequest(&node.room.local.request, request),
            );
        }

        fn senderPid(node: *Node) !void {
            const pid = wire.samgr.decodePidReply(try samgrd(node, .sender_pid));
            try expectEqual(u32, node.pid(), pid);
        }

        fn senderServiceId(node: *Node) !void {
            const id = wire.samgr.decodeServiceIdReply(try samgrd(node, .sender_service_id));
            try expectEqual(u64, node.id(), id);
        }

        fn policy(node: *Node, capability: []const u8, nonce: u32) !wire.policy.Status {
            const frame = try wire.policy.encodeRequest(&node.room.local.request, .{
                .op = .check_cap,
                .nonce = nonce,
                .subject = node.id(),
                .capability = capability,
            });
            const reply = try ask(node, .policyd, frame);
            return wire.policy.decodeReply(reply, .check_cap, nonce) orelse Wrong.NotThisReply;
        }

        fn policyAllow(node: *Node) !void {
            try expectStatus(wire.policy.Status.allow, try policy(node, held, 1));
        }

        fn policyDeny(node: *Node) !void {
            try expectStatus(wire.policy.Status.deny, try policy(node, not_held, 2));
        }

        fn policyMalformed(node: *Node) !void {
            // A check-cap whose capability is one byte shorter than it says.
            const frame = "PO\x02\x04\x03\x00\x00\x00" ++ "\x00" ** 8 ++ "\x02a";
            const status = wire.policy.decodeReply(try ask(node, .policyd, frame), .check_cap, 3);
            try expectEqual(wire.policy.Status, .malformed, status);
        }

        const slots: wire.samgr.Slots = .{ .send = 5, .recv = 4 };

        fn samgrdRegister(node: *Node) !void {
            const request: wire.samgr.Request =
                .{ .register = .{ .name = "selftest", .slots = slots } };
            const reply = wire.samgr.decodeReply(try samgrd(node, request), .register);
            try expectStatus(wire.samgr.Status.ok, (reply orelse return Wrong.NotThisReply).status);
        }

        fn samgrdLookup(node: *Node) !void {
            const request: wire.samgr.Request = .{ .lookup = "selftest" };
            const reply = wire.samgr.decodeReply(try samgrd(node, request), .lookup) orelse
                return Wrong.NotThisReply;
            try expectStatus(wire.samgr.Status.ok, reply.status);
            if (!std.meta.eql(reply.slots, slots)) return Wrong.WrongValue;
        }

        fn samgrdUnknown(node: *Node) !void {
            const name = "no such service";
            const found = wire.samgr.decodeReply(
                try samgrd(node, .{ .lookup = name }),
                .lookup,
            ) orelse
                return Wrong.NotThisReply;
            try expectStatus(wire.samgr.Status.not_found, found.status);
            const frame = try samgrd(node, .{ .resolve_status = name });
            const resolved = wire.samgr.decodeReply(frame, .resolve_status) orelse
                return Wrong.NotThisReply;
            try expectStatus(wire.samgr.Status.not_found, resolved.status);
        }

        fn samgrdMalformed(node: *Node) !void {
            const bad = [_]struct { []const u8, wire.samgr.Op, wire.samgr.Status }{
                .{ "SM\x01", .lookup, .malformed },
                .{ "XX\x01\x02\x01a", .lookup, .malformed },
                .{ "SM\x01\x06\x02a", .resolve_status, .malformed },
                .{ "SM\x02\x02\x01a", .lookup, .unsupported },
            };
            for (bad) |row| {
                const reply = wire.samgr.decodeReply(try ask(node, .samgrd, row[0]), row[1]) orelse
                    return Wrong.NotThisReply;
                try expectStatus(row[2], reply.status);
            }
        }

        fn bundleList(node: *Node) !void {
            const frame = try wire.bundle.encodeRequest(&node.room.local.request, .list);
            const reply = wire.bundle.decodeListReply(try ask(node, .bundlemgrd, frame)) orelse
                return Wrong.NotThisReply;
            try expectStatus(wire.bundle.Status.ok, reply.status);
            if (reply.count == 0) return Wrong.WrongValue;
        }

        fn bundleImage(node: *Node) !void {
            const frame = try wire.bundle.encodeRequest(&node.room.local.request, .fetch_image);
            const reply = wire.bundle.decodeImageReply(try ask(node, .bundlemgrd, frame)) orelse
                return Wrong.NotThisReply;
            try expectStatus(wire.bundle.Status.ok, reply.status);
            var found = false;
            var files = try wire.bundle_image.iterate(reply.image);
            while (try files.next()) |file| {
                found = found or (std.mem.eql(u8, file.bundle, "system") and
                    std.mem.eql(u8, file.path, "build.prop") and file.data.len > 0);
            }
            if (!found) return Wrong.WrongValue;
        }

        fn bundleMalformed(node: *Node) !void {
            const longer = try ask(node, .bundlemgrd, "BN\x01\x01\x00");
            const list = wire.bundle.decodeListReply(longer) orelse return Wrong.NotThisReply;
            try expectStatus(wire.bundle.Status.malformed, list.status);
            const image = wire.bundle.decodeImageReply(
                try ask(node, .bundlemgrd, "BN\x02\x03"),
            ) orelse
                return Wrong.NotThisReply;
            try expectStatus(wire.bundle.Status.unsupported, image.status);
        }

        fn logQuery(node: *Node) !void {
            const since_ns = node.now();
            const room = &node.room.local.request;
            const append = try wire.log.encodeRequest(room, since_ns, .{ .append = .{
                .level = .info,
                .scope = "selftest",
                .message = "log query probe",
                .fields = "check=log",
            } });
            const id = wire.log.decodeAppendReply(try ask(node, .logd, append), since_ns) orelse
                return Wrong.NotThisReply;
            const query = try wire.log.encodeRequest(&node.room.local.request, since_ns, .{
                .query = .{ .since_ns = since_ns, .max = 16 },
            });
            var records = wire.log.decodeQueryReply(try ask(node, .logd, query), since_ns) orelse
                return Wrong.NotThisReply;
            while (try records.next()) |record| {
                if (record.id != id) continue;
                const same = record.service == node.id() and record.level == .info and
                    std.mem.eql(u8, record.scope, "selftest") and
                    std.mem.eql(u8, record.message, "log query probe") and
                    std.mem.eql(u8, record.fields, "check=log");
                return if (same) {} else Wrong.WrongValue;
            }
            return Wrong.WrongValue;
        }

        fn random(node: *Node, out: *[random_bytes]u8) !void {
            const frame = try wire.entropy.encodeRequest(&node.room.local.request, random_bytes);
            const reply = wire.entropy.decodeReply(try ask(node, .rngd, frame)) orelse
                return Wrong.NotThisReply;
            try expectStatus(wire.entropy.Status.ok, reply.status);
            if (reply.bytes.len != random_bytes) return Wrong.WrongValue;
            @memcpy(out, reply.bytes);
        }

        fn rngEntropy(node: *Node) !void {
            var first: [random_bytes]u8 = undefined;
            var second: [random_bytes]u8 = undefined;
            try random(node, &first);
            try random(node, &second);
            if (std.mem.eql(u8, &first, &second)) return Wrong.WrongValue;
        }

        fn tcpListen(node: *Node) !void {
            try node.listen(listen_port);
        }
    };
}

fn expectStatus(wanted: anytype, found: @TypeOf(wanted)) Wrong!void {
    if (wanted != found) return Wrong.WrongStatus;
}

/// Null: the reply did not parse, or refused.
fn expectEqual(comptime T: type, wanted: T, found: ?T) Wrong!void {
    const value = found orelse return Wrong.NotThisReply;
    if (value != wanted) return Wrong.WrongValue;
}
