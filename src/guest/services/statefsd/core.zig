//! The state store's requests (`SF`): who may, then the engine, then an answer to everything.
//!
//! Whether a sender may is asked before anything else is done for it, and only about requests that
//! are whole. `gate` has
//!
//!     fn permits(self, sender: u64, capability: []const u8) bool
//!     fn denied(self, sender: u64, path: []const u8) void

const std = @import("std");
const statefs = @import("statefs");
const sf = @import("wire").sf;
pub const rights = @import("rights.zig");

/// What a message of the kernel carries, less the frame around a value.
pub const inline_value_max = 8_128;
pub const reply_bytes_max = 8_192;
pub const list_reply_max = 512;
pub const list_max = 256;
const txns_max = statefs.contents.txns_max;

/// A transaction belongs to who began it.
const Owner = struct { txn: u64 = 0, sender: u64 = 0 };

pub fn Server(comptime Device: type) type {
    return struct {
        store: statefs.Store(Device) = undefined,
        pool: []u8,
        items: []statefs.Item,
        owners: [txns_max]Owner = @splat(.{}),
        out: [reply_bytes_max]u8 = undefined,

        const Self = @This();

        /// Transactions that a cut left open have no owner any more: they are ended.
        pub fn open(self: *Self, device: *Device) error{Io}!void {
            self.owners = @splat(.{});
            try self.store.open(device, self.pool, self.items);
            if (self.store.damage != .none) return;
            while (self.store.contents.open_count > 0) {
                self.store.abort(self.store.contents.open[0]) catch return error.Io;
            }
        }

        pub fn handle(self: *Self, frame: []const u8, sender: u64, gate: anytype) []const u8 {
            const request = switch (sf.decodeRequest(frame)) {
                .refusal => |refusal| return sf.encodeRefusal(&self.out, refusal) catch unreachable,
                .request => |request| request,
            };
            if (refuses(request, sender, gate)) |status| return self.fail(request, status);
            return self.serve(request, sender) catch |err| self.fail(request, statusOf(err));
        }

        fn refuses(request: sf.Request, sender: u64, gate: anytype) ?sf.Status {
            if (request.value.len > inline_value_max) return .value_too_large;
            switch (request.op) {
                .put, .get, .delete, .txn_put => {
                    if (!rights.isKey(request.key)) return .invalid_key;
                },
                .list => if (!rights.isPrefix(request.key)) return .invalid_key,
                .sync, .reopen => {
                    if (gate.permits(sender, rights.write)) return null;
                    if (gate.permits(sender, rights.boot)) return null;
                    gate.denied(sender, "-");
                    return .access_denied;
                },
                .txn_begin, .txn_commit, .txn_abort => {
                    if (gate.permits(sender, rights.write)) return null;
                    gate.denied(sender, "-");
                    return .access_denied;
                },
            }
            if (gate.permits(sender, rights.ofKey(request.op, request.key))) return null;
            gate.denied(sender, request.key);
            return .access_denied;
        }

        fn serve(self: *Self, request: sf.Request, sender: u64) statefs.Error![]const u8 {
            switch (request.op) {
                .put => try self.store.put(request.key, request.value),
                .get => return self.get(request),
                .delete => if (!try self.store.delete(request.key)) return error.NotFound,
                .list => return self.list(request),
                .sync => try self.store.sync(),
                .reopen => self.open(self.store.device) catch return error.Io,
                .txn_begin => {
                    const txn = try self.store.begin();
                    for (&self.owners) |*owner| {
                        if (owner.txn != 0) continue;
                        owner.* = .{ .txn = txn, .sender = sender };
                        break;
                    }
                    var writer = self.start(request);
                    writer.int(u64, txn) catch unreachable;
                    return writer.done();
                },
                .txn_put => {
                    _ = try self.ownerOf(request.txn, sender);
                    try self.store.putChunk(request.txn, request.key, request.value);
                },
                .txn_commit => {
                    const owner = try self.ownerOf(request.txn, sender);
                    try self.store.commit(request.txn);
                    owner.* = .{};
                },
                .txn_abort => {
                    const owner = try self.ownerOf(request.txn, sender);
                    try self.store.abort(request.txn);
                    owner.* = .{};
                },
            }
            return self.start(request).done();
        }

        /// To anybody else there is no such transaction.
        fn ownerOf(self: *Self, txn: u64, sender: u64) statefs.Error!*Owner {
            for (&self.owners) |*owner| {
                if (txn != 0 and owner.txn == txn and owner.sender == sender) return owner;
            }
            return error.NotFound;
        }

        fn get(self: *Self, request: sf.Request) statefs.Error![]const u8 {
            const value = try self.store.get(request.key) orelse return error.NotFound;
            // Another engine, with larger messages, may have put it there.
            if (value.len > inline_value_max) return error.TooLarge;
            var writer = self.start(request);
            writer.int(u32, @intCast(value.len)) catch unreachable;
            writer.put(value) catch unreachable;
            return writer.done();
        }

        /// In the order of keys, whole ones only. Keys that reading takes another capability for
        /// are not told to who asked about the paths above them.
        fn list(self: *Self, request: sf.Request) statefs.Error![]const u8 {
            if (!self.store.is_served) return error.Integrity;
            const limit = std.math.clamp(request.limit, 1, list_max);
            const right = rights.ofKey(.list, request.key);
            var writer = self.start(request);
            const count_at = writer.len;
            writer.int(u16, 0) catch unreachable;
            var count: u16 = 0;
            var last: ?statefs.Item = null;
            while (count < limit) {
                const item = self.store.contents.following(last) orelse break;
                last = item;
                const key = self.store.contents.keyOf(item);
                if (!std.mem.startsWith(u8, key, request.key)) continue;
                if (!std.mem.eql(u8, rights.ofKey(.list, key), right)) continue;
                if (writer.len + 2 + key.len > list_reply_max) break;
                writer.int(u16, @intCast(key.len)) catch unreachable;
                writer.put(key) catch unreachable;
                count += 1;
            }
            std.mem.writeInt(u16, self.out[count_at..][0..2], count, .little);
            return writer.done();
        }

        fn start(self: *Self, request: sf.Request) @import("wire").cursor.Writer {
            return sf.startReply(&self.out, request.op, .ok, request.nonce) catch unreachable;
        }

        fn fail(self: *Self, request: sf.Request, status: sf.Status) []const u8 {
            return sf.encodeFailure(&self.out, request.op, status, request.nonce) catch
                unreachable; // 21 bytes at most
        }
    };
}

fn statusOf(err: statefs.Error) sf.Status {
    return switch (err) {
        error.Io => .io_error,
        error.Integrity => .integrity_violation,
        error.NotFound => .not_found,
        error.TooLarge => .value_too_large,
        error.KeyTooLong => .key_too_long,
        error.InvalidKey => .invalid_key,
        error.TxnLimit => .txn_limit,
    };
}

const testing = std.testing;

const Memory = struct {
    bytes: [64 * 512]u8 = @splat(0),

    pub fn sectors(_: *const Memory) u64 {
        return 64;
    }

    pub fn read(self: *Memory, sector: u64, buffer: []u8) !void {
        @memcpy(buffer, self.bytes[@intCast(sector * 512)..][0..buffer.len]);
    }

    pub fn write(self: *Memory, sector: u64, bytes: []const u8) !void {
        @memcpy(self.bytes[@intCast(sector * 512)..][0..bytes.len], bytes);
    }

    pub fn flush(_: *Memory) !void {}
};

const alice = 0xA;
const bob = 0xB;

/// Alice may read and write, bob may read.
const FakeGate = struct {
    asked: u32 = 0,
    told: u32 = 0,

    pub fn permits(self: *FakeGate, sender: u64, capability: []const u8) bool {
        self.asked += 1;
        if (std.mem.eql(u8, capability, rights.read)) return true;
        return sender == alice and std.mem.eql(u8, capability, rights.write);
    }

    pub fn denied(self: *FakeGate, _: u64, _: []const u8) void {
        self.told += 1;
    }
};

var test_pool: [16 * 1024]u8 = undefined;
var test_items: [32]statefs.Item = undefined;
var memory: Memory = undefined;
var server: Server(Memory) = undefined;
var fake_gate: FakeGate = undefined;

fn reset() !void {
    memory = .{};
    fake_gate = .{};
    server.pool = &test_pool;
    server.items = &test_items;
    try server.open(&memory);
}

fn ask(sender: u64, request: sf.Request) !sf.Reply {
    var buffer: [9000]u8 = undefined;
    const frame = try sf.encodeRequest(&buffer, request);
    const reply = server.handle(frame, sender, &fake_gate);
    return sf.decodeReply(reply, request.op, request.nonce) orelse error.NotThisReply;
}

fn expectStatus(status: sf.Status, sender: u64, request: sf.Request) !void {
    try testing.expectEqual(status, (try ask(sender, request)).status);
}

test "put, get, delete, list, and again after opening anew" {
    try reset();
    try expectStatus(.ok, alice, .{ .op = .put, .key = "/state/b", .value = "2", .nonce = 7 });
    try expectStatus(.ok, alice, .{ .op = .put, .key = "/state/a", .value = "1" });
    try expectStatus(.ok, alice, .{ .op = .sync });
    try expectStatus(.ok, alice, .{ .op = .reopen });
    const got = try ask(bob, .{ .op = .get, .key = "/state/a", .nonce = 9 });
    try testing.expectEqualStrings("1", sf.valueOf(got).?);
    const listed = try ask(bob, .{ .op = .list, .key = "/state", .limit = 0 });
    try testing.expectEqualSlices(u8, "\x01\x00\x08\x00/state/a", listed.tail);
    const all = try ask(bob, .{ .op = .list, .key = "/state/", .limit = 9 });
    try testing.expectEqualSlices(u8, "\x02\x00\x08\x00/state/a\x08\x00/state/b", all.tail);
    try expectStatus(.ok, alice, .{ .op = .delete, .key = "/state/a" });
    try expectStatus(.not_found, alice, .{ .op = .delete, .key = "/state/a" });
    try expectStatus(.not_found, bob, .{ .op = .get, .key = "/state/a" });
}

test "who may not is told so, and nothing happens" {
    try reset();
    try expectStatus(.access_denied, bob, .{ .op = .put, .key = "/state/a", .value = "1" });
    try expectStatus(.access_denied, bob, .{ .op = .sync });
    try expectStatus(.access_denied, bob, .{ .op = .txn_begin });
    try expectStatus(.access_denied, alice, .{ .op = .get, .key = "/state/keystore/a" });
    try expectStatus(.access_denied, alice, .{ .op = .put, .key = "/state/statefsd/a" });
    try testing.expectEqual(@as(u32, 5), fake_gate.told);
    try testing.expectEqual(@as(u64, 0), server.store.end);
}

test "what is no request or no path is answered without asking policyd" {
    try reset();
    try testing.expectEqualSlices(u8, "SF\x01\x85\x06", server.handle("SF", alice, &fake_gate));
    try testing.expectEqualSlices(u8, "SF\x01\x85\x08", server.handle("SF\x01\x63", alice, &fake_gate));
    try expectStatus(.invalid_key, alice, .{ .op = .get, .key = "/state/../a" });
    try expectStatus(.invalid_key, alice, .{ .op = .list, .key = "" });
    const long = "v" ** (inline_value_max + 1);
    try expectStatus(.value_too_large, alice, .{ .op = .put, .key = "/state/a", .value = long });
    try testing.expectEqual(@as(u32, 0), fake_gate.asked);
    const most = long[0..inline_value_max];
    try expectStatus(.ok, alice, .{ .op = .put, .key = "/state/a", .value = most });
    const got = try ask(alice, .{ .op = .get, .key = "/state/a", .nonce = 1 });
    try testing.expectEqual(most.len, sf.valueOf(got).?.len);
}

test "a list does not tell of keys that reading takes more for, nor more than fits" {
    try reset();
    try server.store.put("/state/keystore/secret", "1");
    var name: [64]u8 = undefined;
    for (0..20) |number| {
        const key = try std.fmt.bufPrint(&name, "/state/shared/{d:0>30}", .{number});
        try server.store.put(key, "");
    }
    const listed = try ask(bob, .{ .op = .list, .key = "/state/", .limit = 256 });
    try testing.expect(std.mem.indexOf(u8, listed.tail, "keystore") == null);
    try testing.expectEqual(@as(u16, 10), std.mem.readInt(u16, listed.tail[0..2], .little));
    try testing.expect(listed.tail.len + 5 <= list_reply_max);
}

test "a transaction belongs to who began it, and one that a cut left open is ended" {
    try reset();
    const begun = try ask(alice, .{ .op = .txn_begin });
    const txn = std.mem.readInt(u64, begun.tail[0..8], .little);
    const chunk: sf.Request = .{ .op = .txn_put, .txn = txn, .key = "/state/a", .value = "x" };
    try expectStatus(.ok, alice, chunk);
    try expectStatus(.access_denied, bob, chunk);
    try expectStatus(.not_found, alice, .{ .op = .txn_commit, .txn = txn + 1 });
    try expectStatus(.ok, alice, .{ .op = .txn_commit, .txn = txn });
    try expectStatus(.not_found, alice, .{ .op = .txn_commit, .txn = txn });
    const got = try ask(bob, .{ .op = .get, .key = "/state/a" });
    try testing.expectEqualStrings("x", sf.valueOf(got).?);
    for (0..txns_max) |_| try expectStatus(.ok, alice, .{ .op = .txn_begin });
    try expectStatus(.txn_limit, alice, .{ .op = .txn_begin });
    try server.open(&memory);
    try expectStatus(.ok, alice, .{ .op = .txn_begin });
}

test "a disk that holds something else is not written to" {
    try reset();
    memory.bytes[0] = 0xEB;
    try server.open(&memory);
    try expectStatus(.integrity_violation, alice, .{ .op = .put, .key = "/state/a" });
    try expectStatus(.integrity_violation, alice, .{ .op = .get, .key = "/state/a" });
    try expectStatus(.integrity_violation, alice, .{ .op = .list, .key = "/state/", .limit = 1 });
    try expectStatus(.integrity_violation, alice, .{ .op = .txn_begin });
}
