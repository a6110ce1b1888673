//! The typed client of netstackd. Only `ping` waits for the network. Every other call answers
//! `null` or 0 if there is nothing yet, and `watch` says when to try again. Conditions are edges:
//! after an event, read or accept until `null`, or write until a write takes less than asked.
//!
//!     const net = try sock.Net.open();
//!     const id = try net.connect(.{ .ip = .{ 10, 42, 0, 11 }, .port = 34568 });
//!     try net.watch(id, os.abi.slot.server_send); // events arrive at our own server endpoint
//!     ... const event = sock.eventOf(message) orelse ...; if (event.events.connected) ...

const std = @import("std");
const os = @import("os");
pub const netstack = @import("netstack.zig");

pub const Id = u32;
pub const Ip = [4]u8;
pub const Events = netstack.Events;
pub const Event = netstack.Event;
/// Any local address: a UDP socket bound to it also receives multicast of the joined group.
pub const any: Ip = .{ 0, 0, 0, 0 };

pub const Error = os.Error || error{ Io, Malformed };

pub const Address = struct {
    ip: Ip,
    port: u16,

    pub fn eql(self: Address, other: Address) bool {
        return std.mem.eql(u8, &self.ip, &other.ip) and self.port == other.port;
    }
};

pub const Datagram = struct { from: Address, data: []u8 };
pub const Accepted = struct { id: Id, peer: Address };
pub const LocalAddress = struct { ip: Ip, prefix: u8 };

/// The event in a message, if it is one and netstackd itself sent it.
pub fn eventOf(message: os.Message) ?Event {
    if (message.header.type != netstack.event_type) return null;
    if (message.sender != comptime os.serviceId("netstackd")) return null;
    return netstack.decodeEvent(message.payload);
}

/// The result of a READ_LATER: bytes, an empty slice at the end, null for a connection that failed.
pub const Late = struct { token: u64, data: ?[]const u8 };

/// The answer to a READ_LATER in a message, if it is one and netstackd itself sent it.
pub fn lateOf(message: os.Message) ?Late {
    if (message.header.type != netstack.later_type) return null;
    if (message.sender != comptime os.serviceId("netstackd")) return null;
    const frame = message.payload;
    if (frame.len < 5 + netstack.nonce_bytes) return null;
    const token_at = frame.len - netstack.nonce_bytes;
    const token = std.mem.readInt(u64, frame[token_at..][0..netstack.nonce_bytes], .little);
    const tail = parse(.read_later, frame[0..token_at], 2) catch
        return .{ .token = token, .data = null };
    const len = std.mem.readInt(u16, tail[0..2], .little);
    return if (tail.len == 2 + @as(usize, len)) .{ .token = token, .data = tail[2..] } else null;
}

// Large frames live here and not on the stack: a service has one thread, stacks are small, and
// filling an undefined local costs more than the call. Nothing returned points into them.
var request_frame: [netstack.frame_bytes_max]u8 = undefined;
var answer_frame: [netstack.frame_bytes_max]u8 = undefined;

comptime {
    // Each holds the longest of its frames.
    for ([_]usize{
        netstack.send_to_head + netstack.datagram_bytes_max,
        netstack.recv_from_reply_head + netstack.datagram_bytes_max,
        netstack.write_head + netstack.write_bytes_max,
        netstack.read_reply_head + netstack.read_bytes_max,
    }) |longest| std.debug.assert(longest <= netstack.frame_bytes_max);
}

pub const Net = struct {
    slot: os.Slot,

    pub fn open() Error!Net {
        return .{ .slot = try os.route("netstackd") };
    }

    /// Listen on a port. `error.Io`: the port is taken, or there is no free socket.
    pub fn udpBind(self: Net, ip: Ip, port: u16) Error!Id {
        return self.bind(.udp_bind, ip, port);
    }

    pub fn listen(self: Net, port: u16) Error!Id {
        return self.bind(.listen, any, port);
    }

    /// Start the handshake; `connected` or `failed` comes as an event.
    pub fn connect(self: Net, to: Address) Error!Id {
        return self.bind(.connect, to.ip, to.port);
    }

    /// Send at most `netstack.datagram_bytes_max` bytes. A datagram may be lost anywhere.
    pub fn sendTo(self: Net, id: Id, to: Address, data: []const u8) Error!void {
        if (data.len > netstack.datagram_bytes_max) return error.TooBig;
        const request = &request_frame;
        head(request, .udp_send_to, id);
        @memcpy(request[8..12], &to.ip);
        std.mem.writeInt(u16, request[12..14], to.port, .little);
        std.mem.writeInt(u16, request[14..16], @intCast(data.len), .little);
        @memcpy(request[16..][0..data.len], data);
        var answer: [16]u8 = undefined;
        _ = try self.call(.udp_send_to, request[0 .. netstack.send_to_head + data.len], &answer, 0);
    }

    /// The oldest datagram; null: none waits. A datagram longer than `buffer` is cut.
    pub fn recvFrom(self: Net, id: Id, buffer: []u8) Error!?Datagram {
        const want = @min(buffer.len, netstack.datagram_bytes_max);
        const tail = self.ask(.udp_recv_from, id, want, &answer_frame) catch |err| switch (err) {
            error.WouldBlock => return null,
            else => return err,
        };
        const data = try counted(tail, netstack.recv_from_reply_head - 5, buffer);
        return .{ .from = .{ .ip = tail[2..6].*, .port = readPort(tail[6..8]) }, .data = data };
    }

    /// Null: no connection waits.
    pub fn accept(self: Net, id: Id) Error!?Accepted {
        var request: [8]u8 = undefined;
        head(&request, .accept, id);
        var answer: [32]u8 = undefined;
        const tail = self.call(.accept, &request, &answer, 10) catch |err| switch (err) {
            error.WouldBlock => return null,
            else => return err,
        };
        return .{
            .id = std.mem.readInt(u32, tail[0..4], .little),
            .peer = .{ .ip = tail[4..8].*, .port = readPort(tail[8..10]) },
        };
    }

    /// Read bytes. Null: there are none yet. An empty slice: the peer has closed its direction.
    /// `error.Io`: the connection was reset.
    pub fn read(self: Net, id: Id, buffer: []u8) Error!?[]u8 {
        const want = @min(buffer.len, netstack.read_bytes_max);
        const tail = self.ask(.read, id, want, &answer_frame) catch |err| switch (err) {
            error.WouldBlock => return null,
            else => return err,
        };
        return try counted(tail, netstack.read_reply_head - 5, buffer);
    }

    /// Ask for the next bytes, at most `len` of them. They come as a message with this token to
    /// `endpoint` (a SEND slot, which stays ours), for `lateOf`.
    pub fn readLater(self: Net, id: Id, len: usize, token: u64, endpoint: os.Slot) Error!void {
        std.debug.assert(len != 0); // a read of nothing would look like the peer's end
        var request: [10 + netstack.nonce_bytes]u8 = undefined;
        head(&request, .read_later, id);
        std.mem.writeInt(
            u16,
            request[8..10],
            @intCast(@min(len, netstack.read_bytes_max)),
            .little,
        );
        std.mem.writeInt(u64, request[10..18], token, .little);
        const clone = try os.sys.capClone(endpoint, os.abi.Right.send);
        errdefer os.sys.capClose(clone);
        const deadline = os.after(os.call_timeout_ns);
        const how: os.SendOptions = .{
            .type = netstack.later_type,
            .move = clone,
            .deadline_ns = deadline,
        };
        try os.send(self.slot, &request, how);
    }

    /// Write bytes. The result is the number taken; 0: there is no room yet, or no connection.
    /// `error.Io`: the connection was reset or closed.
    pub fn write(self: Net, id: Id, data: []const u8) Error!usize {
        const part = data[0..@min(data.len, netstack.write_bytes_max)];
        const request = &request_frame;
        head(request, .write, id);
        std.mem.writeInt(u16, request[8..10], @intCast(part.len), .little);
        @memcpy(request[10..][0..part.len], part);
        var answer: [16]u8 = undefined;
        const frame = request[0 .. netstack.write_head + part.len];
        const tail = self.call(.write, frame, &answer, 2) catch |err| switch (err) {
            error.WouldBlock => return 0,
            else => return err,
        };
        const taken = std.mem.readInt(u16, tail[0..2], .little);
        return if (taken <= part.len) taken else error.Unexpected;
    }

    /// Close gracefully: bytes that were written are still delivered. The id is gone at once.
    pub fn close(self: Net, id: Id) Error!void {
        return self.plain(.close, id);
    }

    /// Reset the connection; bytes that were not sent yet are dropped. The id is gone at once.
    pub fn abort(self: Net, id: Id) Error!void {
        return self.plain(.abort, id);
    }

    /// Send the socket's events to `endpoint` (a SEND slot, which stays ours: a clone travels).
    /// What is true already comes as the first event.
    pub fn watch(self: Net, id: Id, endpoint: os.Slot) Error!void {
        var request: [8]u8 = undefined;
        head(&request, .watch, id);
        const clone = try os.sys.capClone(endpoint, os.abi.Right.send);
        errdefer os.sys.capClose(clone);
        const deadline = os.after(os.call_timeout_ns);
        try os.send(self.slot, &request, .{ .move = clone, .deadline_ns = deadline });
    }

    /// Round-trip time in ms; `error.TimedOut` if no echo came within `timeout_ms`.
    pub fn ping(self: Net, ip: Ip, timeout_ms: u16) Error!u16 {
        var request: [10]u8 = undefined;
        opHead(&request, .icmp_ping);
        @memcpy(request[4..8], &ip);
        std.mem.writeInt(u16, request[8..10], timeout_ms, .little);
        var answer: [16]u8 = undefined;
        const wait = os.call_timeout_ns + @as(u64, timeout_ms) * std.time.ns_per_ms;
        const frame = try os.call(self.slot, &request, &answer, wait);
        return std.mem.readInt(u16, (try parse(.icmp_ping, frame, 2))[0..2], .little);
    }

    pub fn localAddr(self: Net) Error!LocalAddress {
        var answer: [16]u8 = undefined;
        const tail = try self.call(.local_addr, "NS\x01\x0a", &answer, 5);
        return .{ .ip = tail[0..4].*, .prefix = tail[4] };
    }

    pub fn mac(self: Net) Error![6]u8 {
        var answer: [16]u8 = undefined;
        return (try self.call(.mac, "NS\x01\x0e", &answer, 6))[0..6].*;
    }

    fn bind(self: Net, op: netstack.Op, ip: Ip, port: u16) Error!Id {
        var request: [10]u8 = undefined;
        opHead(&request, op);
        @memcpy(request[4..8], &ip);
        std.mem.writeInt(u16, request[8..10], port, .little);
        var answer: [16]u8 = undefined;
        return std.mem.readInt(u32, (try self.call(op, &request, &answer, 4))[0..4], .little);
    }

    fn plain(self: Net, op: netstack.Op, id: Id) Error!void {
        var request: [8]u8 = undefined;
        head(&request, op, id);
        var answer: [16]u8 = undefined;
        _ = try self.call(op, &request, &answer, 0);
    }

    fn ask(self: Net, op: netstack.Op, id: Id, want: usize, answer: []u8) Error![]u8 {
        var request: [10]u8 = undefined;
        head(&request, op, id);
        std.mem.writeInt(u16, request[8..10], @intCast(want), .little);
        return self.call(op, &request, answer, 2);
    }

    fn call(
        self: Net,
        op: netstack.Op,
        request: []const u8,
        answer: []u8,
        tail_min: usize,
    ) Error![]u8 {
        return parse(op, try os.call(self.slot, request, answer, os.call_timeout_ns), tail_min);
    }
};

fn opHead(request: []u8, op: netstack.Op) void {
    @memcpy(request[0..3], netstack.magic);
    request[3] = @intFromEnum(op);
}

fn head(request: []u8, op: netstack.Op, id: Id) void {
    opHead(request, op);
    std.mem.writeInt(u32, request[4..8], id, .little);
}

fn readPort(bytes: *const [2]u8) u16 {
    return std.mem.readInt(u16, bytes, .little);
}

/// The bytes behind the status of an answer to `op`.
fn parse(op: netstack.Op, frame: []u8, tail_min: usize) Error![]u8 {
    if (frame.len < 5 or !std.mem.eql(u8, frame[0..3], netstack.magic)) return error.Unexpected;
    if (frame[3] != @intFromEnum(op) | netstack.reply_bit) return error.Unexpected;
    switch (@as(netstack.Status, @enumFromInt(frame[4]))) {
        .ok => {},
        .not_found => return error.NotFound,
        .malformed => return error.Malformed,
        .would_block => return error.WouldBlock,
        .io => return error.Io,
        .timed_out => return error.TimedOut,
        _ => return error.Unexpected,
    }
    if (frame.len < 5 + tail_min) return error.Unexpected;
    return frame[5..];
}

/// Copy out the data of a tail that starts with its length.
fn counted(tail: []const u8, data_at: usize, buffer: []u8) Error![]u8 {
    const len = std.mem.readInt(u16, tail[0..2], .little);
    if (len > buffer.len or tail.len < data_at + len) return error.Unexpected;
    @memcpy(buffer[0..len], tail[data_at..][0..len]);
    return buffer[0..len];
}
