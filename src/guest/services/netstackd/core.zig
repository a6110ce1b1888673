//! netstackd without its edges: requests come in, replies and events go out, over a stack. Of the
//! kernel it knows only that a client has an id, and a watcher a slot number.
//!
//! Circle: with sockets.zig, which holds the methods of `Server` that touch a socket.

const std = @import("std");
const net = @import("net");
const netstack = @import("netstack");
const handles = @import("handles.zig");
const request_module = @import("request.zig");
const sockets = @import("sockets.zig");
const address = net.address;
const Request = request_module.Request;

pub const event_type = netstack.event_type;

pub const Ping = struct {
    token: u16,
    reply_to: u32,
    sequence: u16,
    nonce: ?[netstack.nonce_bytes]u8,
};
pub const Notice = struct { watcher: u32, frame: [netstack.event_bytes]u8, id: u32, events: u8 };

/// The caller of a request, and the capability that came along.
pub const Caller = struct {
    service: u64,
    /// The pid tells this life of a service from an earlier one, whose sockets have no owner.
    pid: u32 = 0,
    /// The slot of the moved capability: the way of the answer, or of events.
    moved: ?u32,
    /// The type that the answer gives back.
    sequence: u16,
};

pub const Outcome = union(enum) {
    reply: []const u8,
    /// The caller's capability was kept; an answer (or an event) comes later.
    kept,
    /// The caller's capability is a watcher of nothing: send it this, and close it.
    no_socket_to_watch: [netstack.event_bytes]u8,
    /// There is no sender to answer.
    nothing,
};

pub const Server = struct {
    stack: net.Stack,
    /// False: no interface. Every request is answered `io`.
    is_up: bool,
    table: handles.Table,
    pings: [net.ping.pings_max]?Ping,
    /// Slots that are no longer needed, to be closed by the edge before the next request. At most
    /// two a socket: its watcher and its reader.
    released: [2 * handles.handles_max]u32,
    released_count: usize,
    taken_count: usize,
    frame: [netstack.frame_bytes_max]u8,

    pub fn init(self: *Server) void {
        self.is_up = false;
        self.table = .{};
        self.pings = @splat(null);
        self.released_count = 0;
        self.taken_count = 0;
    }

    pub fn bringUp(self: *Server, config: net.Config) void {
        self.stack.init(config);
        self.is_up = true;
    }

    /// One request. The reply borrows from the server until the next call.
    pub fn handle(self: *Server, bytes: []const u8, caller: Caller, now: u64) Outcome {
        // The edge has closed what the last request released, so there is room for all sockets'.
        std.debug.assert(self.taken_count == self.released_count);
        const op: u8 = if (bytes.len >= 4) bytes[3] else 0;
        const request = request_module.parse(bytes) orelse {
            return self.finish(caller, op, null, .malformed, 0);
        };
        if (request.body == .watch) return self.watch(request.body.watch, caller);
        // A caller without a way for the answer could never name the socket.
        if (caller.moved == null and !isSilent(request.body)) return .nothing;
        if (!self.is_up) return self.finish(caller, op, request.nonce, .io, 0);
        if (request.body == .icmp_ping) return self.ping(request, caller, now);
        if (request.body == .read_later) return self.readLater(request, caller);
        if (opens(request.body)) self.endEarlier(caller, now);
        var tail_len: usize = 0;
        const status = sockets.dispatch(self, request.body, caller, now, &tail_len);
        return self.finish(caller, op, request.nonce, status, tail_len);
    }

    fn opens(body: request_module.Body) bool {
        return switch (body) {
            .listen, .udp_bind, .connect => true,
            else => false,
        };
    }

    /// A service that began anew does not know the sockets of its earlier life. They end here, so
    /// that its ports are free and its peers learn of it.
    fn endEarlier(self: *Server, caller: Caller, now: u64) void {
        for (&self.table.handles, 1..) |*entry, id| {
            if (entry.kind == .free or entry.owner != caller.service) continue;
            if (entry.pid == caller.pid) continue;
            _ = sockets.close(self, @intCast(id), caller.service, true, now);
        }
    }

    fn isSilent(body: request_module.Body) bool {
        return switch (body) {
            .udp_send_to, .close, .abort => true,
            else => false,
        };
    }

    /// Complete the reply around a tail that is already in its place.
    fn finish(
        self: *Server,
        caller: Caller,
        op: u8,
        nonce: ?[netstack.nonce_bytes]u8,
        status: netstack.Status,
        tail_len: usize,
    ) Outcome {
        if (caller.moved == null) return .nothing;
        return .{ .reply = self.seal(op, nonce, status, tail_len) };
    }

    fn seal(
        self: *Server,
        op: u8,
        nonce: ?[netstack.nonce_bytes]u8,
        status: netstack.Status,
        tail_len: usize,
    ) []const u8 {
        @memcpy(self.frame[0..3], netstack.magic);
        self.frame[3] = op | netstack.reply_bit;
        self.frame[4] = @intFromEnum(status);
        std.debug.assert(5 + tail_len + netstack.nonce_bytes <= self.frame.len);
        var len: usize = 5 + if (status == .ok) tail_len else 0;
        if (nonce) |bytes| {
            self.frame[len..][0..netstack.nonce_bytes].* = bytes;
            len += netstack.nonce_bytes;
        }
        return self.frame[0..len];
    }

    fn ping(self: *Server, request: Request, caller: Caller, now: u64) Outcome {
        const what = request.body.icmp_ping;
        const op = @intFromEnum(netstack.Op.icmp_ping);
        const place = for (&self.pings) |*place| {
            if (place.* == null) break place;
        } else return self.finish(caller, op, request.nonce, .would_block, 0);
        const timeout_ns = @as(u64, what.timeout_ms) * std.time.ns_per_ms;
        const to = address.fromBytes(what.ip);
        const token = self.stack.sendPing(to, now, timeout_ns) catch |err| {
            return self.finish(caller, op, request.nonce, sockets.sendStatus(err), 0);
        };
        place.* = .{
            .token = token,
            .reply_to = caller.moved.?,
            .sequence = caller.sequence,
            .nonce = request.nonce,
        };
        return .kept;
    }

    /// The request is answered when there are bytes: at once, or by `nextRead`. A socket has one: a
    /// second request takes the place of the first, which is never answered.
    fn readLater(self: *Server, request: Request, caller: Caller) Outcome {
        const what = request.body.read_later;
        const op = @intFromEnum(netstack.Op.read_later);
        var tail_len: usize = 0;
        const status = sockets.read(self, what.id, what.max, caller.service, &tail_len);
        if (status != .would_block)
            return self.finish(caller, op, request.nonce, status, tail_len);
        const found = self.table.find(what.id, caller.service).?; // it was read from
        if (found.reader) |reader| self.release(reader.reply_to);
        found.reader = .{
            .reply_to = caller.moved.?,
            .sequence = caller.sequence,
            .nonce = request.nonce,
            .max = what.max,
        };
        return .kept;
    }

    /// The answer to a READ_LATER for which there are bytes now.
    pub fn nextRead(self: *Server) ?LateReply {
        for (&self.table.handles, 1..) |*found, id| {
            const reader = found.reader orelse continue;
            var tail_len: usize = 0;
            const status = sockets.read(self, @intCast(id), reader.max, found.owner, &tail_len);
            if (status == .would_block) continue;
            found.reader = null;
            const op = @intFromEnum(netstack.Op.read_later);
            const frame = self.seal(op, reader.nonce, status, tail_len);
            return .{ .reply_to = reader.reply_to, .sequence = reader.sequence, .frame = frame };
        }
        return null;
    }

    pub const LateReply = struct { reply_to: u32, sequence: u16, frame: []const u8 };

    /// The answer to a ping that has ended.
    pub fn nextPingReply(self: *Server) ?LateReply {
        if (!self.is_up) return null;
        const op = @intFromEnum(netstack.Op.icmp_ping);
        while (self.stack.pings.nextDone()) |done| for (&self.pings) |*place| {
            const waiting = place.* orelse continue;
            if (waiting.token != done.token) continue;
            place.* = null;
            const ms = (done.rtt_ns orelse 0) / std.time.ns_per_ms;
            std.mem.writeInt(u16, self.frame[5..7], std.math.lossyCast(u16, ms), .little);
            const status: netstack.Status = if (done.rtt_ns == null) .timed_out else .ok;
            const frame = self.seal(op, waiting.nonce, status, 2);
            return .{ .reply_to = waiting.reply_to, .sequence = waiting.sequence, .frame = frame };
        };
        return null;
    }

    fn watch(self: *Server, id: u32, caller: Caller) Outcome {
        const watcher = caller.moved orelse return .nothing;
        const found = self.table.find(id, caller.service) orelse {
            return .{ .no_socket_to_watch = netstack.encodeEvent(id, .{ .invalid = true }) };
        };
        self.release(found.watcher);
        found.watcher = watcher;
        found.told = 0;
        found.owed = 0;
        return .kept;
    }

    pub fn release(self: *Server, slot: ?u32) void {
        const number = slot orelse return;
        std.debug.assert(self.taken_count <= self.released_count);
        self.released[self.released_count] = number;
        self.released_count += 1;
    }

    pub fn nextReleased(self: *Server) ?u32 {
        if (self.taken_count == self.released_count) {
            self.taken_count = 0;
            self.released_count = 0;
            return null;
        }
        defer self.taken_count += 1;
        return self.released[self.taken_count];
    }

    /// Look at all watched sockets: each condition that became true is owed to the watcher.
    pub fn notice(self: *Server) void {
        for (&self.table.handles) |*entry| {
            if (entry.watcher == null) continue;
            const now_true = handles.conditions(&self.stack, entry).bits();
            entry.owed |= now_true & ~entry.told;
            entry.told = now_true;
        }
    }

    /// The events owed to the watcher of the first socket from `start` on; `sent` says which left.
    pub fn nextNotice(self: *Server, start: u32) ?Notice {
        for (self.table.handles[start..], start..) |*entry, index| {
            const watcher = entry.watcher orelse continue;
            if (entry.owed == 0) continue;
            const id: u32 = @intCast(index + 1);
            const frame = netstack.encodeEvent(id, @bitCast(entry.owed));
            return .{ .watcher = watcher, .frame = frame, .id = id, .events = entry.owed };
        }
        return null;
    }

    pub fn sent(self: *Server, what: Notice) void {
        std.debug.assert(self.table.handles[what.id - 1].watcher == what.watcher);
        self.table.handles[what.id - 1].owed &= ~what.events;
    }

    /// The watcher's endpoint is gone for good, and with it the service that held the socket: end
    /// it, so that the peer need not wait for a service that crashed.
    pub fn abandon(self: *Server, what: Notice, now: u64) void {
        const entry = &self.table.handles[what.id - 1];
        std.debug.assert(entry.kind != .free and entry.watcher == what.watcher);
        const status = sockets.close(self, what.id, entry.owner, true, now);
        std.debug.assert(status == .ok);
    }
};

test {
    _ = request_module;
    _ = handles;
    _ = @import("core_test.zig");
    _ = @import("events_test.zig");
    _ = @import("handles_test.zig");
}
