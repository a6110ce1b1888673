//! statefsd as it runs, on stand-ins for the kernel and for the disk: which store is opened, what
//! is said of it, and that policyd is asked about each sender.

const std = @import("std");
const contract = @import("contract");
const os = @import("os");
const os_fake = @import("os_fake");
const wire = @import("wire");
const service = @import("main.zig");
const testing = std.testing;
const Kernel = os_fake.Kernel;
const Step = os_fake.Step;
const state = wire.state;
const policy = wire.policy;

const flush_feature = os_fake.disk.flush_feature;
const alice = 0xA;
const bob = 0xB;
const policyd = os_fake.route_slot;
const steps_max = 12;

var device: os_fake.Disk = undefined;

fn serve(kernel: *Kernel) void {
    device.serve(kernel);
}

/// Alice may do everything, and so may the speaker for peers; bob may do nothing.
fn judge(_: *Kernel, slot: os.Slot, request: []const u8) ?[]const u8 {
    const Static = struct {
        var reply: [policy.reply_bytes]u8 = undefined;
    };
    if (slot != policyd) return null;
    const check = policy.decodeRequest(request).request;
    const may = check.subject == alice or check.subject == os.serviceId("dsoftbusd");
    const status: policy.Status = if (may) .allow else .deny;
    // `reply` is as long as a reply is.
    return policy.encodeReply(&Static.reply, check.op, check.nonce, status) catch unreachable;
}

fn ask(buffer: []u8, sender: u64, request: state.Request) Step {
    // Tests give room for what they ask.
    const frame = state.encodeRequest(buffer, request) catch unreachable;
    return .{ .message = .{ .sender = sender, .payload = frame } };
}

const World = struct {
    kernel: Kernel = .{
        .name = "statefsd",
        .idle = serve,
        .answer = judge,
        .routes = &.{"policyd"},
    },
    buffers: [steps_max][9000]u8 = undefined,
    script: [steps_max]Step = undefined,
    buffers_used: usize = 0,

    fn withDisk() World {
        device = .init(testing.allocator, flush_feature, 128);
        var self: World = .{};
        self.kernel.registers = &device.registers;
        return self;
    }

    fn tearDown(self: *World) void {
        self.kernel.deinit();
        device.deinit();
    }

    fn add(self: *World, sender: u64, request: state.Request) void {
        defer self.buffers_used += 1;
        self.script[self.buffers_used] = ask(&self.buffers[self.buffers_used], sender, request);
        self.kernel.script = self.script[0 .. self.buffers_used + 1];
    }

    fn addFor(self: *World, peer: []const u8, request: state.Request) !void {
        var inner: [256]u8 = undefined;
        const frame = try state.encodeRequest(&inner, request);
        const call: wire.behalf.Call = .{ .peer = peer, .frame = frame };
        const payload = try wire.behalf.encodeCall(&self.buffers[self.buffers_used], call);
        const sender = os.serviceId("dsoftbusd");
        self.script[self.buffers_used] = .{ .message = .{ .sender = sender, .payload = payload } };
        defer self.buffers_used += 1;
        self.kernel.script = self.script[0 .. self.buffers_used + 1];
    }

    fn replyFor(self: *World, index: u32, op: state.Op) !state.Status {
        const outer = wire.behalf.decodeReply(try self.kernel.replyTo(index)).?;
        return state.decodeReply(outer.frame, op, null).?.status;
    }

    fn run(self: *World) !void {
        try self.kernel.play(service.main);
    }

    fn reply(self: *World, index: u32, op: state.Op) !state.Reply {
        return state.decodeReply(try self.kernel.replyTo(index), op, null).?;
    }

    fn expectSaid(self: *World, comptime lines: []const u8) !void {
        const rest = "statefsd: not registered: Denied\nstatefsd: ready\n";
        const said = self.kernel.said();
        const len = @min(said.len, lines.len + rest.len);
        try testing.expectEqualStrings(lines ++ rest, said[0..len]);
    }
};

test "a change is on the disk, and is there again when the machine starts anew" {
    var world: World = .withDisk();
    defer world.tearDown();
    world.add(alice, .{ .op = .put, .key = "/state/a", .value = "one" });
    world.add(bob, .{ .op = .get, .key = "/state/a" });
    world.add(alice, .{ .op = .sync });
    try world.run();
    try world.expectSaid(
        "blk: virtio-blk up (ss=512 nsec=128)\nstatefsd: journal v2 mounted (2PC)\n",
    );
    try testing.expectEqual(state.Status.ok, (try world.reply(0, .put)).status);
    try testing.expectEqual(state.Status.access_denied, (try world.reply(1, .get)).status);
    try testing.expectEqual(state.Status.ok, (try world.reply(2, .sync)).status);
    try testing.expect(device.countOf(.flush) > 0);

    device.cutPower();
    var again: World = .{};
    defer again.kernel.deinit();
    again.kernel.registers = &device.registers;
    again.add(alice, .{ .op = .get, .key = "/state/a" });
    try again.run();
    const found = try again.reply(0, .get);
    try testing.expectEqual(state.Status.ok, found.status);
    try testing.expectEqualStrings("one", state.valueOf(found).?);
}

test "a denied sender is named on the console, with what was asked for" {
    var world: World = .withDisk();
    defer world.tearDown();
    world.add(bob, .{ .op = .get, .key = "/state/a" });
    try world.run();
    try testing.expect(std.mem.endsWith(
        u8,
        world.kernel.said(),
        "statefsd: access denied path=/state/a sender=0x000000000000000b\n",
    ));
}

test "a call of a peer that may not be is named by its key, and one without a key by a dash" {
    var inner: [128]u8 = undefined;
    var outer: [2][256]u8 = undefined;
    const requests = [_]state.Request{ .{ .op = .get, .key = "/state/a" }, .{ .op = .sync } };
    var script: [2]Step = undefined;
    for (requests, &outer, &script) |request, *buffer, *step| {
        const call: wire.behalf.Call =
            .{ .peer = "node-b", .frame = try state.encodeRequest(&inner, request) };
        const frame = try wire.behalf.encodeCall(buffer, call);
        step.* = .{ .message = .{ .sender = bob, .payload = frame } };
    }
    var world: World = .{};
    defer world.kernel.deinit();
    world.kernel.script = &script;
    try world.run();
    const sender = " sender=0x000000000000000b\n";
    try testing.expect(std.mem.endsWith(
        u8,
        world.kernel.said(),
        "statefsd: access denied path=/state/a" ++ sender ++
            "statefsd: access denied path=-" ++ sender,
    ));
}

test "without a disk the state ends with the machine" {
    var world: World = .{};
    defer world.kernel.deinit();
    world.add(alice, .{ .op = .put, .key = "/state/a", .value = "one" });
    world.add(alice, .{ .op = .get, .key = "/state/a" });
    try world.run();
    try world.expectSaid(
        "statefsd: no disk, state ends with the machine\nstatefsd: journal v2 mounted (2PC)\n",
    );
    try testing.expectEqualStrings("one", state.valueOf(try world.reply(1, .get)).?);
}

test "a disk with something else on it is reported and not written to" {
    var world: World = .withDisk();
    defer world.tearDown();
    device.put(0, "not a journal" ** 8);
    world.add(alice, .{ .op = .put, .key = "/state/a", .value = "one" });
    try world.run();
    const said = world.kernel.said();
    try testing.expect(std.mem.indexOf(u8, said, "statefsd: journal damaged (") != null);
    try testing.expect((try world.reply(0, .put)).status != .ok);
    try testing.expectEqual(@as(usize, 0), device.countOf(.write));
}

test "a disk that cannot be read has one answer for every sender" {
    var world: World = .withDisk();
    defer world.tearDown();
    device.status = 1;
    world.add(alice, .{ .op = .get, .key = "/state/a" });
    try world.run();
    try world.expectSaid(
        "blk: virtio-blk up (ss=512 nsec=128)\nstatefsd: disk unreadable\n",
    );
    try testing.expectEqual(state.Status.io_error, (try world.reply(0, .get)).status);
}

test "another device in the disk's place, or a section that cannot be read, stops the service" {
    var registers: [0x80]u32 align(8) = @splat(0);
    var kernel: Kernel = .{ .name = "statefsd", .registers = &registers };
    defer kernel.deinit();
    kernel.install();
    try testing.expectError(error.NotVirtio, service.main());
    var wrong: Kernel = .{ .name = "statefsd", .config = "\x63\x00\x00\x00" };
    defer wrong.deinit();
    wrong.install();
    try testing.expect(std.meta.isError(service.main()));
}

test "a peer's call comes through its speaker, with the share that the node gives" {
    // One key a peer, and no bound in bytes; then no record, and 255 peers to divide among.
    const one_key = "\x01\x00\x06\x00\x01\x00\xff\xff\xff\x7f";
    const divided = "\x03\x00\x01\x00\xff";
    const most = (contract.node.state_keys_max - contract.node.share_reserve_keys) / 255;
    const Case = struct { config: []const u8, keys: usize };
    for ([_]Case{
        .{ .config = one_key, .keys = 1 },
        .{ .config = divided, .keys = most },
    }) |case| {
        var world: World = .withDisk();
        defer world.tearDown();
        world.kernel.config = case.config;
        for (0..case.keys + 1) |number| {
            const key = "/state/shared/".* ++ [1]u8{@intCast('a' + number)};
            try world.addFor("node-b", .{ .op = .put, .key = &key, .value = "v" });
        }
        try world.run();
        for (0..case.keys) |index| {
            try testing.expectEqual(.ok, try world.replyFor(@intCast(index), .put));
        }
        try testing.expectEqual(.over_share, try world.replyFor(@intCast(case.keys), .put));
    }
}

test "an abandoned transaction is reported with its sender" {
    var world: World = .withDisk();
    defer world.tearDown();
    world.add(alice, .{ .op = .txn_begin });
    world.script[1] = .{ .until_ns = 3600 * std.time.ns_per_s };
    world.buffers_used += 1;
    world.add(alice, .{ .op = .txn_begin });
    try world.run();
    const line = "statefsd: transaction abandoned sender=0x000000000000000a\n";
    try testing.expect(std.mem.endsWith(u8, world.kernel.said(), line));
}

test "a compaction is reported once, and not those from before this start" {
    const value: [8_000]u8 = @splat('v');
    const line = "statefsd: compaction done (gen=1, entries=1)\n";
    var world: World = .withDisk();
    defer world.tearDown();
    for (0..5) |_| world.add(alice, .{ .op = .put, .key = "/state/a", .value = &value });
    world.add(alice, .{ .op = .sync });
    try world.run();
    const said = world.kernel.said();
    try testing.expectEqual(1, std.mem.count(u8, said, "compaction"));
    try testing.expect(std.mem.indexOf(u8, said, line) != null);
    const get: state.Request = .{ .op = .get, .key = "/state/a" };
    device.cutPower();
    var again: World = .{};
    defer again.kernel.deinit();
    again.kernel.registers = &device.registers;
    again.add(alice, get);
    try again.run();
    try testing.expectEqual(state.Status.ok, (try again.reply(0, .get)).status);
    try testing.expectEqual(0, std.mem.count(u8, again.kernel.said(), "compaction"));
    // Nor is it one where the next disk has had none.
    var other: World = .{};
    defer other.kernel.deinit();
    other.add(alice, get);
    try other.run();
    try testing.expectEqual(0, std.mem.count(u8, other.kernel.said(), "compaction"));
}

test "memory in a disk's place is read like one" {
    var world: World = .{};
    defer world.kernel.deinit();
    const value: [3_000]u8 = @splat('m');
    world.add(alice, .{ .op = .put, .key = "/state/b", .value = value[0..1000] });
    world.add(alice, .{ .op = .put, .key = "/state/c", .value = &value });
    world.add(alice, .{ .op = .reopen });
    world.add(alice, .{ .op = .get, .key = "/state/b" });
    world.add(alice, .{ .op = .get, .key = "/state/c" });
    try world.run();
    try testing.expectEqual(1000, state.valueOf(try world.reply(3, .get)).?.len);
    try testing.expectEqualStrings(&value, state.valueOf(try world.reply(4, .get)).?);
}
