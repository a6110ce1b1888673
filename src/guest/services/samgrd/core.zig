//! The registry holds the names under which services registered, and answers questions about them.

const std = @import("std");
const samgr = @import("wire").samgr;
const serviceId = @import("abi").serviceId;

pub const reply_bytes_max = samgr.reply_bytes_max;
pub const entries_max = 64;
/// This bound keeps one service from filling the registry.
pub const entries_per_sender_max = 16;

/// The service that asks, as the kernel says. init may register every service by its name: it
/// started them.
pub const Sender = struct { id: u64, pid: u32, is_init: bool = false };

const Entry = struct {
    owner: u64,
    slots: samgr.Slots,
    len: u8,
    bytes: [samgr.register_name_bytes_max]u8,

    fn name(self: *const Entry) []const u8 {
        return self.bytes[0..self.len];
    }
};

pub const Registry = struct {
    entries: [entries_max]Entry = undefined,
    count: usize = 0,

    pub fn handle(
        self: *Registry,
        frame: []const u8,
        sender: Sender,
        out: *[reply_bytes_max]u8,
    ) []const u8 {
        return switch (samgr.decodeRequest(frame)) {
            .refusal => |refusal| samgr.encodeRefusal(out, refusal),
            .request => |request| switch (request) {
                .register => |entry| samgr.encodeReply(
                    out,
                    .register,
                    self.register(sender, entry.name, entry.slots),
                    entry.slots,
                ),
                .lookup => |name| if (self.find(sender.id, name)) |entry|
                    samgr.encodeReply(out, .lookup, .ok, entry.slots)
                else
                    samgr.encodeReply(out, .lookup, .not_found, .{}),
                .sender_pid => samgr.encodePidReply(out, .ok, sender.pid),
                .sender_service_id => samgr.encodeServiceIdReply(out, .ok, sender.id),
                .resolve_status => |name| samgr.encodeReply(
                    out,
                    .resolve_status,
                    self.resolve(name),
                    .{},
                ),
            },
        } catch unreachable; // `out` holds the longest reply.
    }

    /// A name that its owner registers again gets the new slots.
    pub fn register(
        self: *Registry,
        sender: Sender,
        name: []const u8,
        slots: samgr.Slots,
    ) samgr.Status {
        // The decoder lets no empty name through, and every service has one.
        std.debug.assert(name.len != 0 and name.len <= samgr.register_name_bytes_max);
        const owner = if (sender.is_init) serviceId(name) else sender.id;
        if (self.find(owner, name)) |entry| {
            entry.slots = slots;
            return .ok;
        }
        if (self.count == entries_max or self.owned(owner) == entries_per_sender_max)
            return .unsupported;
        const entry = &self.entries[self.count];
        entry.owner = owner;
        entry.slots = slots;
        entry.len = @intCast(name.len);
        @memcpy(entry.bytes[0..name.len], name);
        self.count += 1;
        std.debug.assert(self.owned(owner) <= entries_per_sender_max);
        return .ok;
    }

    fn find(self: *Registry, owner: u64, name: []const u8) ?*Entry {
        for (self.entries[0..self.count]) |*entry| {
            if (entry.owner == owner and std.mem.eql(u8, entry.name(), name)) return entry;
        }
        return null;
    }

    fn owned(self: *const Registry, owner: u64) usize {
        var count: usize = 0;
        for (self.entries[0..self.count]) |*entry| count += @intFromBool(entry.owner == owner);
        return count;
    }

    fn resolve(self: *const Registry, name: []const u8) samgr.Status {
        for (self.entries[0..self.count]) |*entry| {
            if (std.mem.eql(u8, entry.name(), name)) return .ok;
        }
        return .not_found;
    }
};

const testing = std.testing;
const alice: Sender = .{ .id = 0xA, .pid = 3 };
const bob: Sender = .{ .id = 0xB, .pid = 4 };

fn ask(registry: *Registry, sender: Sender, request: samgr.Request) ![]const u8 {
    const Buffers = struct {
        var frame: [samgr.request_bytes_max]u8 = undefined;
        var reply: [reply_bytes_max]u8 = undefined;
    };
    const frame = try samgr.encodeRequest(&Buffers.frame, request);
    return registry.handle(frame, sender, &Buffers.reply);
}

fn registration(name: []const u8, send: u32) samgr.Request {
    return .{ .register = .{ .name = name, .slots = .{ .send = send, .recv = 4 } } };
}

test "lookup sees only the caller's own, resolve-status those of all" {
    var registry: Registry = .{};
    const registered = try ask(&registry, alice, registration("logd", 5));
    try testing.expectEqualSlices(u8, "SM\x01\x81\x00\x05\x00\x00\x00\x04\x00\x00\x00", registered);
    const own = try ask(&registry, alice, .{ .lookup = "logd" });
    try testing.expectEqualSlices(u8, "SM\x01\x82\x00\x05\x00\x00\x00\x04\x00\x00\x00", own);
    const other = try ask(&registry, bob, .{ .lookup = "logd" });
    try testing.expectEqualSlices(u8, "SM\x01\x82\x01" ++ "\x00" ** 8, other);
    const resolved = try ask(&registry, bob, .{ .resolve_status = "logd" });
    try testing.expectEqualSlices(u8, "SM\x01\x86\x00" ++ "\x00" ** 8, resolved);
    const unknown = try ask(&registry, bob, .{ .resolve_status = "log" });
    try testing.expectEqualSlices(u8, "SM\x01\x86\x01" ++ "\x00" ** 8, unknown);
}

test "a repeat overwrites, another sender's same name does not" {
    var registry: Registry = .{};
    _ = try ask(&registry, alice, registration("x", 5));
    _ = try ask(&registry, bob, registration("x", 6));
    _ = try ask(&registry, alice, registration("x", 7));
    try testing.expectEqual(@as(usize, 2), registry.count);
    const reply = try ask(&registry, alice, .{ .lookup = "x" });
    try testing.expectEqual(@as(u32, 7), samgr.decodeReply(reply, .lookup).?.slots.send);
    const bobs = try ask(&registry, bob, .{ .lookup = "x" });
    try testing.expectEqual(@as(u32, 6), samgr.decodeReply(bobs, .lookup).?.slots.send);
}

test "init registers a service for itself, and no other service does" {
    var registry: Registry = .{};
    const init: Sender = .{ .id = 0x1, .pid = 1, .is_init = true };
    const logd: Sender = .{ .id = serviceId("logd"), .pid = 3 };
    _ = try ask(&registry, init, registration("logd", 5));
    const own = try ask(&registry, logd, .{ .lookup = "logd" });
    try testing.expectEqual(@as(u32, 5), samgr.decodeReply(own, .lookup).?.slots.send);
    _ = try ask(&registry, bob, registration("logd", 9));
    const still = try ask(&registry, logd, .{ .lookup = "logd" });
    try testing.expectEqual(@as(u32, 5), samgr.decodeReply(still, .lookup).?.slots.send);
}

test "the identity of a caller comes from the kernel" {
    var registry: Registry = .{};
    const pid = samgr.decodePidReply(try ask(&registry, alice, .sender_pid));
    try testing.expectEqual(@as(?u32, 3), pid);
    const id = samgr.decodeServiceIdReply(try ask(&registry, bob, .sender_service_id));
    try testing.expectEqual(@as(?u64, 0xB), id);
}

test "the registry is bounded, as a whole and for each sender" {
    var registry: Registry = .{};
    for (0..entries_max) |i| {
        const sender: Sender = .{ .id = i / entries_per_sender_max, .pid = 1 };
        var name = [_]u8{@intCast(i)};
        const reply = try ask(&registry, sender, registration(&name, 5));
        try testing.expectEqual(samgr.Status.ok, samgr.decodeReply(reply, .register).?.status);
    }
    const full = try ask(&registry, bob, registration("y", 5));
    try testing.expectEqual(samgr.Status.unsupported, samgr.decodeReply(full, .register).?.status);
    // Names that are there can still change.
    const again = try ask(&registry, .{ .id = 0, .pid = 1 }, registration("\x00", 9));
    try testing.expectEqual(samgr.Status.ok, samgr.decodeReply(again, .register).?.status);

    registry.count = entries_per_sender_max;
    const greedy = try ask(&registry, .{ .id = 0, .pid = 1 }, registration("z", 5));
    try testing.expectEqual(
        samgr.Status.unsupported,
        samgr.decodeReply(greedy, .register).?.status,
    );
    const modest = try ask(&registry, bob, registration("z", 5));
    try testing.expectEqual(samgr.Status.ok, samgr.decodeReply(modest, .register).?.status);
}

test "garbage is answered as a malformed lookup" {
    var registry: Registry = .{};
    var reply: [reply_bytes_max]u8 = undefined;
    const expected = "SM\x01\x82\x02" ++ "\x00" ** 8;
    try testing.expectEqualSlices(u8, expected, registry.handle("", alice, &reply));
    try testing.expectEqualSlices(u8, expected, registry.handle("XM\x01\x01\x01a", alice, &reply));
    const version = registry.handle("SM\x02\x02\x01a", alice, &reply);
    try testing.expectEqualSlices(u8, "SM\x01\x82\x03" ++ "\x00" ** 8, version);
}
