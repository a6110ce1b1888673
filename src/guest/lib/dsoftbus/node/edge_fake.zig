//! The world of a node in memory, as its edge: sockets on a network in memory, and lists of what it
//! asked, answered, recorded and printed. Services are played by the test.

const std = @import("std");
const edge = @import("edge.zig");
const network = @import("network_fake.zig");
const Flight = network.Flight;
const Network = network.Network;
const What = network.What;

const sockets_max = 40;
const asks_max = 64;
const text_max = 256;
const prints_max = 512;
const chunk_max = network.chunk_max;
/// In the place of a peer's host: bytes to it are lost.
pub const nobody = 0xFF;

const Socket = struct {
    is_used: bool = false,
    is_connected: bool = false,
    is_failed: bool = false,
    has_ended: bool = false,
    /// Accepted by the stack, not yet by the node.
    is_waiting: bool = false,
    /// Under this token, so many bytes.
    awaited: ?struct { token: u32, len: usize } = null,
    ip: [4]u8 = @splat(0),
    peer_host: u8 = 0,
    peer_socket: u32 = 0,
    len: usize = 0,
    bytes: [8192]u8 = undefined,
};

/// What a node asked of a service.
pub const Ask = struct {
    service: edge.Service,
    ticket: u16,
    at_ns: u64,
    /// When the service began with it.
    begun_ns: u64,
    len: usize,
    bytes: [5000]u8,

    pub fn request(self: *const Ask) []const u8 {
        return self.bytes[0..self.len];
    }
};

const Line = struct { at_ns: u64, len: usize, text: [text_max]u8 };

pub const Answer = struct { client: edge.Client, len: usize, bytes: [600]u8 };

pub const Edge = struct {
    net: *Network,
    host: u8,
    ip: [4]u8,
    port: u16,
    sockets: [sockets_max]Socket = @splat(.{}),
    /// Datagrams that wait.
    heard: [16]Flight = undefined,
    heard_count: usize = 0,
    asks: [asks_max]Ask = undefined,
    ask_count: usize = 0,
    /// What a service says to being asked.
    verdict: std.EnumArray(edge.Service, edge.Asked) = .initFill(.sent),
    /// logd answers at once, unless a test says otherwise.
    has_log: bool = true,
    records: [prints_max]Line = undefined,
    record_count: usize = 0,
    lines: [prints_max]Line = undefined,
    line_count: usize = 0,
    answers: [32]Answer = undefined,
    answer_count: usize = 0,
    drawn: u64 = 0,

    pub fn connect(self: *Edge, to: edge.Address) ?edge.Socket {
        const socket = self.free() orelse return null;
        const slot = &self.sockets[socket];
        slot.is_used = true;
        slot.ip = to.ip;
        const other = self.net.hostOf(to.ip) orelse return socket; // it never connects
        const flight = self.net.send(other, socket, .syn) orelse return socket;
        flight.from_ip = self.ip;
        flight.from_host = self.host;
        flight.from_socket = socket;
        flight.len = to.port;
        return socket;
    }

    pub fn free(self: *Edge) ?edge.Socket {
        for (&self.sockets, 0..) |*slot, i| {
            if (slot.is_used) continue;
            slot.is_used = true;
            slot.is_connected = false;
            slot.is_failed = false;
            slot.has_ended = false;
            slot.is_waiting = false;
            slot.awaited = null;
            slot.len = 0;
            return @intCast(i);
        }
        return null;
    }

    pub fn accept(self: *Edge) ?edge.Accepted {
        for (&self.sockets, 0..) |*slot, i| {
            if (!slot.is_used or !slot.is_waiting) continue;
            slot.is_waiting = false;
            return .{ .socket = @intCast(i), .ip = slot.ip };
        }
        return null;
    }

    pub fn await(self: *Edge, socket: edge.Socket, token: u32, len: usize) bool {
        self.sockets[socket].awaited = .{ .token = token, .len = len };
        return true;
    }

    /// Hand over to the node what was awaited and is there. True: something was.
    pub fn deliver(self: *Edge, node: anytype) bool {
        var has_any = false;
        for (&self.sockets) |*slot| {
            const awaited = slot.awaited orelse continue;
            if (!slot.is_used) continue;
            if (!slot.is_failed and !slot.has_ended and slot.len == 0) continue;
            slot.awaited = null;
            has_any = true;
            if (slot.len == 0) {
                node.onData(awaited.token, if (slot.is_failed) null else "");
                continue;
            }
            var bytes: [8192]u8 = undefined;
            const len = @min(awaited.len, slot.len);
            @memcpy(bytes[0..len], slot.bytes[0..len]);
            std.mem.copyForwards(u8, &slot.bytes, slot.bytes[len..slot.len]);
            slot.len -= len;
            node.onData(awaited.token, bytes[0..len]);
        }
        return has_any;
    }

    pub fn write(self: *Edge, socket: edge.Socket, bytes: []const u8) error{Failed}!usize {
        const slot = &self.sockets[socket];
        if (slot.is_failed) return error.Failed;
        if (slot.peer_host == nobody) return bytes.len;
        if (!slot.is_connected) return 0;
        const len = @min(bytes.len, chunk_max);
        const flight = self.net.send(slot.peer_host, slot.peer_socket, .data) orelse return 0;
        flight.len = len;
        @memcpy(flight.bytes[0..len], bytes[0..len]);
        return len;
    }

    pub fn close(self: *Edge, socket: edge.Socket) void {
        self.end(socket, .fin);
    }

    pub fn abort(self: *Edge, socket: edge.Socket) void {
        self.end(socket, .reset);
    }

    fn end(self: *Edge, socket: edge.Socket, what: What) void {
        const slot = &self.sockets[socket];
        if (slot.is_connected) _ = self.net.send(slot.peer_host, slot.peer_socket, what);
        slot.is_used = false;
        slot.is_connected = false;
    }

    pub fn hear(self: *Edge, out: []u8) ?edge.Datagram {
        if (self.heard_count == 0) return null;
        const first = self.heard[0];
        for (1..self.heard_count) |i| self.heard[i - 1] = self.heard[i];
        self.heard_count -= 1;
        @memcpy(out[0..first.len], first.bytes[0..first.len]);
        return .{ .ip = first.from_ip, .bytes = out[0..first.len] };
    }

    /// Only announces to all nodes travel: those to one peer would be the same once more.
    pub fn say(self: *Edge, ip: [4]u8, packet: []const u8) bool {
        if (ip[0] != 239) return true;
        for (0..self.net.count) |host| if (host != self.host) {
            self.net.announce(@intCast(host), self.ip, packet);
        };
        return true;
    }

    pub fn entropy(self: *Edge) ?[32]u8 {
        self.drawn += 1;
        var bytes: [32]u8 = undefined;
        std.crypto.hash.Blake3.hash(std.mem.asBytes(&[2]u64{ self.host, self.drawn }), &bytes, .{});
        return bytes;
    }

    pub fn ask(
        self: *Edge,
        service: edge.Service,
        ticket: u16,
        request: []const u8,
    ) edge.Asked {
        const verdict = self.verdict.get(service);
        if (verdict != .sent) return verdict;
        if (service == .logd and request[3] == 16) {
            keep(&self.records, &self.record_count, self.net.clock.*, recordOf(request));
            if (!self.has_log) return .sent;
        }
        const asked = &self.asks[self.ask_count];
        self.ask_count += 1;
        asked.service = service;
        asked.ticket = ticket;
        asked.at_ns = self.net.clock.*;
        asked.len = request.len;
        @memcpy(asked.bytes[0..request.len], request);
        return .sent;
    }

    pub fn answer(self: *Edge, client: edge.Client, reply: []const u8) void {
        const place = &self.answers[self.answer_count];
        self.answer_count += 1;
        place.client = client;
        place.len = reply.len;
        @memcpy(place.bytes[0..reply.len], reply);
    }

    pub fn print(self: *Edge, comptime fmt: []const u8, args: anytype) void {
        var buffer: [text_max]u8 = undefined;
        const text = std.fmt.bufPrint(&buffer, fmt, args) catch unreachable;
        keep(&self.lines, &self.line_count, self.net.clock.*, text);
    }

    /// Take an ask off the list, the first of this service.
    pub fn takeAsk(self: *Edge, service: edge.Service) ?Ask {
        for (0..self.ask_count) |i| {
            if (self.asks[i].service != service) continue;
            const asked = self.asks[i];
            for (i + 1..self.ask_count) |later| self.asks[later - 1] = self.asks[later];
            self.ask_count -= 1;
            return asked;
        }
        return null;
    }

    pub fn printed(self: *const Edge, text: []const u8) usize {
        return countOf(self.lines[0..self.line_count], text);
    }

    pub fn recorded(self: *const Edge, text: []const u8) usize {
        return countOf(self.records[0..self.record_count], text);
    }

    pub fn lastPrinted(self: *const Edge, text: []const u8) ?u64 {
        var at: ?u64 = null;
        for (self.lines[0..self.line_count]) |*line| {
            if (std.mem.indexOf(u8, line.text[0..line.len], text) != null) at = line.at_ns;
        }
        return at;
    }
};

fn countOf(lines: []const Line, text: []const u8) usize {
    var count: usize = 0;
    for (lines) |*line| {
        count += @intFromBool(std.mem.indexOf(u8, line.text[0..line.len], text) != null);
    }
    return count;
}

fn keep(lines: *[prints_max]Line, count: *usize, at_ns: u64, text: []const u8) void {
    if (count.* == prints_max) return; // a flood: the first ones tell enough
    lines[count.*].at_ns = at_ns;
    lines[count.*].len = @min(text.len, text_max);
    @memcpy(lines[count.*].text[0..@min(text.len, text_max)], text[0..@min(text.len, text_max)]);
    count.* += 1;
}

/// Room and message of a note: `audit|message`.
fn recordOf(request: []const u8) []const u8 {
    const source_len = request[13];
    const head = 14 + @as(usize, source_len);
    const scope_len = request[head + 1];
    return request[head + 6 + scope_len ..];
}
