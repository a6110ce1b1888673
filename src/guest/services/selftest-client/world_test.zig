//! The selftest on the host: every check passes against the services' own cores, and a service
//! that answers wrongly fails exactly the checks that are about it.

const std = @import("std");
const wire = @import("wire");
const checks = @import("selftest_checks");
const samgrd = @import("samgrd_core");
const policyd = @import("policyd_core");
const logd = @import("logd_core");
const bundlemgrd = @import("bundlemgrd_core");
const statefs = @import("statefs");
const statefsd = @import("statefsd_core");

const testing = std.testing;
const my_id: u64 = 0x52c6c4a34ffb3f69;
const my_pid = 9;

const grants = "\x01\x00\x14\x00" ++ std.mem.toBytes(std.mem.nativeToLittle(u64, my_id)) ++
    "bundle.query";

const prop = "ro.nexus.build=dev\n" ++ "ro.nexus.filler=" ++ "x" ** 100 ++ "\n";
const prop_stat = [_]u8{prop.len} ++ "\x00" ** 9;

const OpenGate = struct {
    pub fn permits(_: *OpenGate, _: u64) bool {
        return true;
    }

    pub fn denied(_: *OpenGate, _: u64) void {}
};

/// The state store's disk, and what each service may do: all but keys.
const Disk = struct {
    bytes: [64 * 512]u8 = @splat(0),

    pub fn sectors(_: *const Disk) u64 {
        return 64;
    }

    pub fn read(self: *Disk, sector: u64, buffer: []u8) !void {
        @memcpy(buffer, self.bytes[@intCast(sector * 512)..][0..buffer.len]);
    }

    pub fn write(self: *Disk, sector: u64, bytes: []const u8) !void {
        @memcpy(self.bytes[@intCast(sector * 512)..][0..bytes.len], bytes);
    }

    pub fn flush(_: *Disk) !void {}
};

const StateGate = struct {
    permits_all: bool = false,

    pub fn permits(self: *StateGate, _: u64, capability: []const u8) bool {
        return self.permits_all or !std.mem.eql(u8, capability, "statefs.keystore");
    }

    pub fn denied(_: *StateGate, _: u64, _: []const u8) void {}

    pub fn abandoned(_: *StateGate, _: u64) void {}

    pub fn now(_: *StateGate) u64 {
        return 0;
    }
};

var state_disk: Disk = .{};
var state_pool: [4096]u8 = undefined;
var state_items: [16]statefs.Item = undefined;
var state_server: statefsd.Server(Disk) = undefined;

/// There is no package image.
const Bare = struct {
    pub fn count(_: Bare) ?u16 {
        return null;
    }

    pub fn image(_: Bare, _: []u8) ?[]u8 {
        return null;
    }
};

/// A node whose services are functions. `broken` answers with `broken_reply`, or not at all.
const World = struct {
    registry: samgrd.Registry = .{},
    table: policyd.Table,
    log: logd.Log = .{ .own_id = 1 },
    bundles: bundlemgrd.Bundles = .{},
    gate: OpenGate = .{},
    random: u8 = 0,
    stuck_random: bool = false,
    port_free: bool = true,
    broken: ?checks.Service = null,
    broken_reply: ?[]const u8 = null,
    /// dsoftbusd has no session before this instant.
    session_at_ns: u64 = 0,
    clock_ns: u64 = 1,
    room: checks.Room = .{},
    open_handle: ?u32 = null,
    /// The session with everything open in it is lost at the next read.
    drops_handles: bool = false,
    has_state: bool = false,
    state_gate: StateGate = .{},
    told: [1024]u8 = undefined,
    told_len: usize = 0,

    fn init(self: *World) !void {
        self.* = .{ .table = try .parse(grants) };
    }

    pub fn call(
        self: *World,
        service: checks.Service,
        request: []const u8,
        reply: []u8,
        timeout_ns: u64,
    ) ![]const u8 {
        self.clock_ns += 1000;
        if (self.broken == service) {
            if (self.broken_reply) |bytes| return bytes;
            self.clock_ns += timeout_ns;
            return error.TimedOut;
        }
        return switch (service) {
            .samgrd => self.registry.handle(request, .{ .id = my_id, .pid = my_pid }, reply[0..13]),
            .policyd => self.table.handle(request, my_id, reply[0..10]).reply,
            .logd => self.log.handle(request, .{ .id = my_id }, self.clock_ns, reply[0..2048]),
            .bundlemgrd => self.bundles.handle(request, my_id, &self.gate, Bare{}, reply[0..8192]),
            .rngd => self.rngd(request, reply),
            .dsoftbusd => self.dsoftbusd(request, reply),
            .statefsd => state_server.handle(request, my_id, &self.state_gate),
        };
    }

    fn rngd(self: *World, request: []const u8, reply: []u8) ![]const u8 {
        var bytes: [wire.entropy.bytes_max]u8 = undefined;
        const len = wire.entropy.decodeRequest(request) orelse return error.Unexpected;
        if (!self.stuck_random) self.random += 1;
        @memset(bytes[0..len], self.random);
        return wire.entropy.encodeReply(reply, .ok, bytes[0..len]);
    }

    /// Of several peers only the named one is asked.
    fn dsoftbusd(self: *World, request: []const u8, reply: []u8) ![]const u8 {
        if (!std.mem.eql(u8, wire.front.peerOf(request), peer_id)) return error.WrongPeer;
        const up = self.clock_ns >= self.session_at_ns;
        return switch (wire.front.decodeRequest(request).request) {
            .resolve => wire.front.encodeReply(reply, .resolve, if (up) .ok else .fail),
            .bundle_list => if (up)
                wire.front.encodeBundleListReply(reply, 1)
            else
                wire.front.encodeReply(reply, .bundle_list, .fail),
            .state => |frame| if (up)
                wire.front.encodeStateReply(
                    reply,
                    state_server.handle(frame, my_id, &self.state_gate),
                )
            else
                wire.front.encodeReply(reply, .state, .fail),
            .package_stat => self.package(reply, .package_stat, prop_stat),
            .package_open => self.openPackage(reply),
            .package_read => |read| self.readPackage(reply, read),
            .package_close => |handle| blk: {
                if (self.open_handle != handle) {
                    break :blk wire.front.encodeReply(reply, .package_close, .badf);
                }
                self.open_handle = null;
                break :blk self.package(reply, .package_close, "");
            },
        };
    }

    fn package(self: *World, reply: []u8, op: wire.front.Op, tail: []const u8) ![]const u8 {
        if (self.clock_ns < self.session_at_ns) return wire.front.encodeReply(reply, op, .io);
        return wire.front.encodePackageReply(reply, op, tail);
    }

    fn openPackage(self: *World, reply: []u8) ![]const u8 {
        const answer = try self.package(reply, .package_open, "\x01\x00\x00\x00");
        if (answer.len == 9) self.open_handle = 1;
        return answer;
    }

    fn readPackage(self: *World, reply: []u8, read: wire.front.PackageRead) ![]const u8 {
        if (self.drops_handles) {
            self.drops_handles = false;
            self.open_handle = null;
        }
        if (self.open_handle != read.handle) {
            return wire.front.encodeReply(reply, .package_read, .badf);
        }
        const from = @min(read.offset, prop.len);
        const bytes = prop[from..@min(prop.len, from + read.len)];
        var tail: [2 + wire.front.package_read_bytes_max]u8 = undefined;
        std.mem.writeInt(u16, tail[0..2], @intCast(bytes.len), .little);
        @memcpy(tail[2..][0..bytes.len], bytes);
        return self.package(reply, .package_read, tail[0 .. 2 + bytes.len]);
    }

    pub fn has(self: *World, service: checks.Service) bool {
        return service != .statefsd or self.has_state;
    }

    pub fn listen(self: *World, port: u16) !void {
        if (port != 41000) return error.Unexpected;
        if (!self.port_free) return error.Io;
    }

    pub fn id(_: *World) u64 {
        return my_id;
    }

    pub fn pid(_: *World) u32 {
        return my_pid;
    }

    pub fn peer(_: *World) []const u8 {
        return peer_id;
    }

    pub fn now(self: *World) u64 {
        return self.clock_ns;
    }

    pub fn sleep(self: *World, ns: u64) void {
        self.clock_ns += ns;
    }

    pub fn passed(self: *World, name: []const u8, _: []const u8) void {
        self.tell("+", name);
    }

    pub fn failed(self: *World, name: []const u8, _: anyerror) void {
        self.tell("-", name);
    }

    fn tell(self: *World, sign: []const u8, name: []const u8) void {
        for ([_][]const u8{ sign, name, "\n" }) |part| {
            @memcpy(self.told[self.told_len..][0..part.len], part);
            self.told_len += part.len;
        }
    }

    fn run(self: *World, mode: checks.Mode) []const u8 {
        return self.prove(.{ .mode = mode });
    }

    fn prove(self: *World, plan: checks.Plan) []const u8 {
        checks.run(World, self, plan);
        return self.told[0..self.told_len];
    }
};

const peer_id = "node-b";

const local_names = [_][]const u8{
    "ipc sender pid",
    "ipc sender service_id",
    "policy allow",
    "policy deny",
    "policy malformed",
    "samgrd v1 register",
    "samgrd v1 lookup",
    "samgrd v1 unknown",
    "samgrd v1 malformed",
    "bundlemgrd v1 list",
    "bundlemgrd v1 image",
    "bundlemgrd v1 malformed",
    "log query",
    "rng entropy",
    "net tcp listen",
};

/// Every local check as passed, except for those whose name starts with one of these.
fn expectLocal(told: []const u8, failing: []const []const u8) ![]const u8 {
    var rest = told;
    for (local_names) |name| {
        var sign: u8 = '+';
        for (failing) |prefix| {
            if (std.mem.startsWith(u8, name, prefix)) sign = '-';
        }
        const end = std.mem.indexOfScalar(u8, rest, '\n') orelse return error.TestMissingLine;
        try testing.expectEqualStrings(name, rest[1..end]);
        testing.expectEqual(sign, rest[0]) catch |err| {
            std.debug.print("{s}\n", .{name});
            return err;
        };
        rest = rest[end + 1 ..];
    }
    return rest;
}

var world: World = undefined;

test "all is well on a node alone, on the client and on the server" {
    const remote = "+remote resolve\n+remote query\n";
    const rows = [_]struct { checks.Mode, []const u8 }{
        .{ .single, "" }, .{ .server, "" }, .{ .client, remote },
    };
    for (rows) |row| {
        try world.init();
        try testing.expectEqualStrings(row[1], try expectLocal(world.run(row[0]), &.{}));
    }
}

test "a service that does not answer, or answers nonsense, fails the checks that need it" {
    const rows = [_]struct { checks.Service, []const []const u8 }{
        .{ .samgrd, &.{ "ipc", "samgrd" } },
        .{ .policyd, &.{"policy"} },
        .{ .logd, &.{"log"} },
        .{ .bundlemgrd, &.{"bundlemgrd"} },
        .{ .rngd, &.{"rng"} },
    };
    for (rows) |row| for ([_]?[]const u8{ null, "", "SM\x01\x82\x00" ++ "\x00" ** 9 }) |reply| {
        try world.init();
        world.broken = row[0];
        world.broken_reply = reply;
        _ = try expectLocal(world.run(.single), row[1]);
    };
}

test "each value is looked at, not only the shape of the reply" {
    try world.init();
    world.stuck_random = true;
    world.port_free = false;
    _ = try expectLocal(world.run(.single), &.{ "rng", "net" });

    try world.init();
    world.table.count = 0;
    _ = try expectLocal(world.run(.single), &.{"policy allow"});

    try world.init();
    world.table.grants[0].capability = "policy.delegate";
    _ = try expectLocal(world.run(.single), &.{ "policy allow", "policy deny" });

    try world.init();
    world.bundles.build = "";
    _ = try expectLocal(world.run(.single), &.{"bundlemgrd v1 image"});

    // samgrd that takes every sender for another one.
    try world.init();
    world.broken = .samgrd;
    world.broken_reply = "SM\x01\x84\x00\x07\x00\x00\x00";
    _ = try expectLocal(world.run(.single), &.{ "ipc", "samgrd" });
}

test "a remote proof is tried for four seconds and no longer" {
    const second = std.time.ns_per_s;
    const rows = [_]struct { u64, []const u8 }{
        .{ 3 * second, "+remote resolve\n+remote query\n" },
        .{ 6 * second, "-remote resolve\n+remote query\n" },
        .{ 60 * second, "-remote resolve\n-remote query\n" },
    };
    for (rows) |row| {
        try world.init();
        world.session_at_ns = row[0];
        try testing.expectEqualStrings(row[1], try expectLocal(world.run(.client), &.{}));
        try testing.expect(world.clock_ns < 9 * second);
    }
    // Even where dsoftbusd does not answer at all, the end comes.
    try world.init();
    world.broken = .dsoftbusd;
    _ = try expectLocal(world.run(.client), &.{});
    try testing.expect(world.clock_ns < 13 * second);
}

const package_lines = "+remote resolve\n+remote query\n+remote pkgfs stat\n+remote pkgfs open\n" ++
    "+remote pkgfs read step\n+remote pkgfs close\n+remote pkgfs read\n";

test "remote package files are proven where the configuration asks for it" {
    const plan: checks.Plan = .{ .mode = .client, .proofs = .initOne(.packages) };
    try world.init();
    try testing.expectEqualStrings(package_lines, try expectLocal(world.prove(plan), &.{}));
    // A session that is lost in the middle costs a second try, not the proof.
    try world.init();
    world.drops_handles = true;
    try testing.expectEqualStrings(package_lines, try expectLocal(world.prove(plan), &.{}));
    // Only a client proves anything about another node.
    try world.init();
    const server: checks.Plan = .{ .mode = .server, .proofs = .initOne(.packages) };
    try testing.expectEqualStrings("", try expectLocal(world.prove(server), &.{}));
}

const state_names = [_][]const u8{
    "statefs put",
    "statefs unauthorized access rejected",
    "statefs persist",
};

fn openState() !void {
    state_disk = .{};
    state_server.pool = &state_pool;
    state_server.items = &state_items;
    state_server.versions = .{};
    state_server.speaker = 0;
    state_server.settings = .{};
    state_server.keys_max = 32;
    try state_server.open(&state_disk);
}

test "the other node's state store, where the configuration asks for it" {
    const plan: checks.Plan = .{ .mode = .client, .proofs = .initOne(.state) };
    const before = "+remote resolve\n+remote query\n";
    try openState();
    try world.init();
    const good = try expectLocal(world.prove(plan), &.{});
    try testing.expectEqualStrings(before ++ "+remote statefs rw\n", good);
    try world.init();
    world.state_gate.permits_all = true;
    const open = try expectLocal(world.prove(plan), &.{});
    try testing.expectEqualStrings(before ++ "-remote statefs rw\n", open);
}

fn expectState(signs: []const u8, setup: World) !void {
    try openState();
    world = setup;
    world.has_state = true;
    world.table = try .parse(grants);
    var rest = try expectLocal(world.run(.server), &.{});
    for (state_names, signs) |name, sign| {
        const end = std.mem.indexOfScalar(u8, rest, '\n') orelse return error.TestMissingLine;
        try testing.expectEqualStrings(name, rest[1..end]);
        try testing.expectEqual(sign, rest[0]);
        rest = rest[end + 1 ..];
    }
    try testing.expectEqualStrings("", rest);
}

test "the state store of the node, where there is one" {
    try expectState("+++", .{ .table = undefined });
    try expectState("---", .{ .table = undefined, .broken = .statefsd });
    try expectState("---", .{
        .table = undefined,
        .broken = .statefsd,
        .broken_reply = "SF\x01\x81\x00",
    });
    // A node that lets every service read keys fails the check that is about it.
    try expectState("+-+", .{ .table = undefined, .state_gate = .{ .permits_all = true } });
}
