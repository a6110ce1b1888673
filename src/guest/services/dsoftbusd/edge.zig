//! The edge of a node of the bus in a service of this system: netstackd, rngd, the services that
//! the gateway knows, and the console. Its functions wait for netstackd, rngd and init alone, which
//! answer from memory.

const std = @import("std");
const marker = @import("contract").marker;
const os = @import("os");
const sock = @import("sock");
const wire = @import("wire");
const dsoftbus = @import("dsoftbus");
const outside = dsoftbus.edge;
const Service = outside.Service;

pub const services = std.enums.values(Service);

pub const Edge = struct {
    net: sock.Net,
    udp: sock.Id,
    listener: sock.Id,
    rngd: os.Slot,
    routes: [services.len]?os.Slot,
    /// A client can go on since `hasAnswered` was asked.
    is_answered: bool,
    /// netstackd does not know the sockets of this service: it began anew, or is no more. Nothing
    /// will come over them.
    has_lost_net: bool,

    pub fn open(self: *Edge, port: u16) !void {
        self.routes = @splat(null);
        self.is_answered = false;
        self.has_lost_net = false;
        self.rngd = try os.route("rngd");
        self.net = try sock.Net.open();
        self.udp = try self.net.udpBind(sock.any, dsoftbus.announce.port);
        try self.net.watch(self.udp, os.abi.slot.server_send);
        self.listener = try self.net.listen(port);
        try self.net.watch(self.listener, os.abi.slot.server_send);
    }

    pub fn connect(self: *Edge, to: outside.Address) ?outside.Socket {
        const id = self.net.connect(.{ .ip = to.ip, .port = to.port }) catch return null;
        return self.watched(id);
    }

    pub fn accept(self: *Edge) ?outside.Accepted {
        // A connection that cannot be watched makes room for the next one.
        while (self.net.accept(self.listener) catch null) |accepted| {
            const id = self.watched(accepted.id) orelse continue;
            return .{ .socket = id, .ip = accepted.peer.ip };
        }
        return null;
    }

    fn watched(self: *Edge, id: sock.Id) ?sock.Id {
        self.net.watch(id, os.abi.slot.server_send) catch {
            self.abort(id);
            return null;
        };
        return id;
    }

    pub fn await(self: *Edge, socket: outside.Socket, token: u32, len: usize) bool {
        self.net.readLater(socket, len, token, os.abi.slot.server_send) catch return false;
        return true;
    }

    pub fn write(self: *Edge, socket: outside.Socket, bytes: []const u8) error{Failed}!usize {
        return self.net.write(socket, bytes) catch error.Failed;
    }

    pub fn close(self: *Edge, socket: outside.Socket) void {
        self.net.close(socket) catch {};
    }

    pub fn abort(self: *Edge, socket: outside.Socket) void {
        self.net.abort(socket) catch {};
    }

    pub fn hear(self: *Edge, out: []u8) ?outside.Datagram {
        const heard = (self.net.recvFrom(self.udp, out) catch null) orelse return null;
        return .{ .ip = heard.from.ip, .bytes = heard.data };
    }

    pub fn say(self: *Edge, ip: [4]u8, packet: []const u8) bool {
        const to: sock.Address = .{ .ip = ip, .port = dsoftbus.announce.port };
        self.net.sendTo(self.udp, to, packet) catch |err| {
            // Announces go out all the time, so a netstackd that is gone is noticed here.
            if (err == error.NotFound or err == error.Broken) self.loseNet();
            return false;
        };
        return true;
    }

    fn loseNet(self: *Edge) void {
        if (!self.has_lost_net) os.print(marker.network_lost, .{});
        self.has_lost_net = true;
    }

    pub fn entropy(self: *Edge) ?[32]u8 {
        return self.draw() catch null;
    }

    fn draw(self: *Edge) ![32]u8 {
        var request: [wire.entropy.request_bytes]u8 = undefined;
        var drawn: [wire.entropy.reply_header_bytes + 32]u8 = undefined;
        defer std.crypto.secureZero(u8, &drawn);
        const frame = try wire.entropy.encodeRequest(&request, 32);
        const bytes = try os.call(self.rngd, frame, &drawn, os.call_timeout_ns);
        const reply = wire.entropy.decodeReply(bytes) orelse return error.Unexpected;
        if (reply.status != .ok or reply.bytes.len != 32) return error.Unexpected;
        return reply.bytes[0..32].*;
    }

    /// The answer comes to our own server endpoint, with the ticket as its type.
    pub fn ask(
        self: *Edge,
        service: Service,
        ticket: u16,
        request: []const u8,
    ) outside.Asked {
        // The answer has it as its type, and types from there on are netstackd's.
        std.debug.assert(ticket != 0 and ticket < sock.netstack.event_type);
        const known = &self.routes[@intFromEnum(service) - 1];
        const slot = known.* orelse os.route(@tagName(service)) catch return .absent;
        known.* = slot;
        const back = os.sys.capClone(os.abi.slot.server_send, os.abi.Right.send) catch return .full;
        const how: os.SendOptions = .{ .type = ticket, .move = back, .nonblock = true };
        os.send(slot, request, how) catch |err| {
            os.sys.capClose(back);
            return if (err == error.WouldBlock) .full else .absent;
        };
        return .sent;
    }

    pub fn answer(self: *Edge, client: outside.Client, reply: []const u8) void {
        self.is_answered = true;
        os.replyTo(client.slot, client.sequence, reply);
    }

    pub fn hasAnswered(self: *Edge) bool {
        defer self.is_answered = false;
        return self.is_answered;
    }

    pub fn print(_: *Edge, comptime fmt: []const u8, args: anytype) void {
        os.print(fmt, args);
    }
};

/// The service that this sender is, if the gateway knows it.
pub fn serviceOf(sender: u64) ?Service {
    inline for (services) |service| {
        if (sender == comptime os.serviceId(@tagName(service))) return service;
    }
    return null;
}
