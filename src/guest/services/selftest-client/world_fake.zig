//! The services of a node and of its peer for the selftest, on the host: their own cores, and
//! answers that are wrong where a test says so.

const std = @import("std");
const wire = @import("wire");
const checks = @import("selftest_checks");
const samgrd = @import("samgrd_core");
const policyd = @import("policyd_core");
const logd = @import("logd_core");
const bundlemgrd = @import("bundlemgrd_core");
const statefs = @import("statefs");
const statefsd = @import("statefsd_core");

pub const my_id: u64 = 0x52c6c4a34ffb3f69;
const my_pid = 9;

pub const grants = "\x01\x00\x14\x00" ++ std.mem.toBytes(std.mem.nativeToLittle(u64, my_id)) ++
    "bundle.query";

pub const prop = "ro.nexus.build=dev\n" ++ "ro.nexus.filler=" ++ "x" ** 100 ++ "\n";
pub const prop_stat = [_]u8{prop.len} ++ "\x00" ** 9;

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
    /// Of the requests for a key this one is permitted; they count from 1.
    permits_one: usize = 0,
    asked: usize = 0,

    pub fn permits(self: *StateGate, _: u64, capability: []const u8) bool {
        if (!std.mem.eql(u8, capability, "statefs.keystore")) return true;
        self.asked += 1;
        return self.permits_all or self.asked == self.permits_one;
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

/// An empty store for `World.has_state`.
pub fn openState() !void {
    state_disk = .{};
    state_server.pool = &state_pool;
    state_server.items = &state_items;
    state_server.versions = .{};
    state_server.speaker = 0;
    state_server.settings = .{};
    state_server.keys_max = 32;
    try state_server.open(&state_disk);
}

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
pub const World = struct {
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

    pub fn init(self: *World) !void {
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

    pub fn rngd(self: *World, request: []const u8, reply: []u8) ![]const u8 {
        var bytes: [wire.entropy.bytes_max]u8 = undefined;
        const len = wire.entropy.decodeRequest(request) orelse return error.Unexpected;
        if (!self.stuck_random) self.random += 1;
        @memset(bytes[0..len], self.random);
        return wire.entropy.encodeReply(reply, .ok, bytes[0..len]);
    }

    /// Of several peers only the named one is asked.
    pub fn dsoftbusd(self: *World, request: []const u8, reply: []u8) ![]const u8 {
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

    pub fn package(self: *World, reply: []u8, op: wire.front.Op, tail: []const u8) ![]const u8 {
        if (self.clock_ns < self.session_at_ns) return wire.front.encodeReply(reply, op, .io);
        return wire.front.encodePackageReply(reply, op, tail);
    }

    pub fn openPackage(self: *World, reply: []u8) ![]const u8 {
        const answer = try self.package(reply, .package_open, "\x01\x00\x00\x00");
        if (answer.len == 9) self.open_handle = 1;
        return answer;
    }

    pub fn readPackage(self: *World, reply: []u8, read: wire.front.PackageRead) ![]const u8 {
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

    pub fn tell(self: *World, sign: []const u8, name: []const u8) void {
        for ([_][]const u8{ sign, name, "\n" }) |part| {
            @memcpy(self.told[self.told_len..][0..part.len], part);
            self.told_len += part.len;
        }
    }

    pub fn run(self: *World, mode: checks.Mode) []const u8 {
        return self.prove(.{ .mode = mode });
    }

    pub fn prove(self: *World, plan: checks.Plan) []const u8 {
        checks.run(World, self, plan);
        return self.told[0..self.told_len];
    }
};

pub const peer_id = "node-b";
