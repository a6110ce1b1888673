//! The world of a node whose connections are a test's hand: each takes what it is let take, hands
//! over what it is let hear, and notes how it ended. Services are asked and answer nothing.

const std = @import("std");
const announce = @import("../announce.zig");
const edge = @import("edge.zig");

pub const sockets_max = 40;
pub const ip_b: [4]u8 = .{ 10, 42, 0, 11 };

pub const Socket = struct {
    is_used: bool = false,
    awaited: ?struct { token: u32, len: usize } = null,
    /// How often something was awaited.
    awaits: usize = 0,
    /// What it takes at a time, and what it has taken.
    takes: usize = 1 << 20,
    writes: usize = 0,
    is_failed: bool = false,
    ending: enum { none, closed, aborted } = .none,
    len: usize = 0,
    bytes: [16384]u8 = undefined,
};

pub const Ask = struct {
    service: edge.Service,
    ticket: u16,
    len: usize,
    bytes: [600]u8,

    pub fn request(self: *const Ask) []const u8 {
        return self.bytes[0..self.len];
    }
};

pub const Edge = struct {
    sockets: [sockets_max]Socket = @splat(.{}),
    used: u32 = 0,
    /// Connections that are not accepted yet.
    arriving: usize = 0,
    arriving_ip: [4]u8 = ip_b,
    may_await: bool = true,
    has_entropy: bool = true,
    drawn: u64 = 0,
    datagram: [announce.bytes_max]u8 = undefined,
    datagram_len: usize = 0,
    asks: [8]Ask = undefined,
    ask_count: usize = 0,
    verdict: edge.Asked = .sent,
    said: [600]u8 = undefined,
    said_len: usize = 0,
    answers: usize = 0,
    records: Lines = .{},
    lines: Lines = .{},

    pub fn connect(self: *Edge, _: edge.Address) ?edge.Socket {
        defer self.used += 1;
        self.sockets[self.used] = .{ .is_used = true };
        return self.used;
    }

    pub fn accept(self: *Edge) ?edge.Accepted {
        if (self.arriving == 0) return null;
        self.arriving -= 1;
        defer self.used += 1;
        self.sockets[self.used] = .{ .is_used = true };
        return .{ .socket = self.used, .ip = self.arriving_ip };
    }

    pub fn await(self: *Edge, socket: edge.Socket, token: u32, len: usize) bool {
        const slot = &self.sockets[socket];
        std.debug.assert(slot.is_used and slot.awaited == null and len != 0);
        if (!self.may_await) return false;
        slot.awaited = .{ .token = token, .len = len };
        slot.awaits += 1;
        return true;
    }

    pub fn write(self: *Edge, socket: edge.Socket, bytes: []const u8) error{Failed}!usize {
        const slot = &self.sockets[socket];
        if (slot.is_failed) return error.Failed;
        slot.writes += 1;
        const len = @min(bytes.len, slot.takes);
        @memcpy(slot.bytes[slot.len..][0..len], bytes[0..len]);
        slot.len += len;
        return len;
    }

    pub fn close(self: *Edge, socket: edge.Socket) void {
        self.end(socket, .closed);
    }

    pub fn abort(self: *Edge, socket: edge.Socket) void {
        self.end(socket, .aborted);
    }

    fn end(self: *Edge, socket: edge.Socket, how: @FieldType(Socket, "ending")) void {
        const slot = &self.sockets[socket];
        std.debug.assert(slot.is_used);
        slot.is_used = false;
        slot.awaited = null;
        slot.ending = how;
    }

    pub fn hear(self: *Edge, out: []u8) ?edge.Datagram {
        if (self.datagram_len == 0) return null;
        const len = self.datagram_len;
        self.datagram_len = 0;
        @memcpy(out[0..len], self.datagram[0..len]);
        return .{ .ip = ip_b, .bytes = out[0..len] };
    }

    pub fn say(_: *Edge, _: [4]u8, _: []const u8) bool {
        return true;
    }

    pub fn entropy(self: *Edge) ?[32]u8 {
        if (!self.has_entropy) return null;
        self.drawn += 1;
        var bytes: [32]u8 = @splat(7);
        bytes[0] = @intCast(self.drawn);
        return bytes;
    }

    pub fn ask(self: *Edge, service: edge.Service, ticket: u16, request: []const u8) edge.Asked {
        if (service == .logd) {
            self.records.add(messageOf(request));
            return .sent;
        }
        if (self.verdict != .sent) return self.verdict;
        const place = &self.asks[self.ask_count];
        self.ask_count += 1;
        place.* = .{
            .service = service,
            .ticket = ticket,
            .len = request.len,
            .bytes = undefined,
        };
        @memcpy(place.bytes[0..request.len], request);
        return .sent;
    }

    pub fn answer(self: *Edge, _: edge.Client, reply: []const u8) void {
        self.answers += 1;
        self.said_len = reply.len;
        @memcpy(self.said[0..reply.len], reply);
    }

    pub fn print(self: *Edge, comptime fmt: []const u8, args: anytype) void {
        var buffer: [256]u8 = undefined;
        self.lines.add(std.fmt.bufPrint(&buffer, fmt, args) catch unreachable); // a line is shorter
    }

    /// The first that was asked and not looked at yet; null: there is none.
    pub fn takeAsk(self: *Edge) ?Ask {
        if (self.ask_count == 0) return null;
        const first = self.asks[0];
        for (1..self.ask_count) |i| self.asks[i - 1] = self.asks[i];
        self.ask_count -= 1;
        return first;
    }
};

/// The message of a note.
fn messageOf(request: []const u8) []const u8 {
    const head = 14 + @as(usize, request[13]);
    return request[head + 6 + request[head + 1] ..];
}

pub const Lines = struct {
    text: [8192]u8 = undefined,
    len: usize = 0,

    fn add(self: *Lines, line: []const u8) void {
        @memcpy(self.text[self.len..][0..line.len], line);
        self.text[self.len + line.len] = '\n';
        self.len += line.len + 1;
    }

    pub fn count(self: *const Lines, part: []const u8) usize {
        return std.mem.count(u8, self.text[0..self.len], part);
    }
};
