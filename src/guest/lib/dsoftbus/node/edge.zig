//! The world of a `Node`. A node makes no system call: its owner reports what happened as an event,
//! and the node acts through an *edge*, whose functions never wait:
//!
//!     fn connect(self, to: Address) ?Socket            `connected` or `failed` comes as an event
//!     fn accept(self) ?Accepted                        null: no connection waits
//!     fn await(self, socket, token: u32, len) bool      the next bytes come as an event, once
//!     fn write(self, socket, bytes) error{Failed}!usize         0: `writable` comes as an event
//!     fn close(self, socket) void                      what was written is still delivered
//!     fn abort(self, socket) void
//!     fn hear(self, out: []u8) ?Datagram               null: no datagram waits
//!     fn say(self, ip: [4]u8, packet: []const u8) bool          to the discovery port
//!     fn entropy(self) ?[32]u8
//!     fn ask(self, service: Service, ticket: u16, request: []const u8) Asked
//!     fn answer(self, client: Client, reply: []const u8) void
//!     fn print(self, comptime fmt: []const u8, args: anytype) void     one line
//!
//! The answer of a local service comes back with the ticket under which it was asked: once, late,
//! or never.

const std = @import("std");
const contract = @import("contract");

pub const never: u64 = std.math.maxInt(u64);

pub const Address = struct {
    ip: [4]u8,
    port: u16,

    pub fn eql(self: Address, other: Address) bool {
        return std.mem.eql(u8, &self.ip, &other.ip) and self.port == other.port;
    }

    pub fn format(self: Address, writer: *std.Io.Writer) std.Io.Writer.Error!void {
        const ip = self.ip;
        try writer.print("{d}.{d}.{d}.{d}:{d}", .{ ip[0], ip[1], ip[2], ip[3], self.port });
    }
};

pub const Socket = u32;
pub const Accepted = struct { socket: Socket, ip: [4]u8 };
pub const Datagram = struct { ip: [4]u8, bytes: []const u8 };

/// The conditions of a connection that became true.
pub const Events = struct {
    writable: bool = false,
    failed: bool = false,
    connected: bool = false,
};

/// Services of this node, by their number in the gateway's requests.
pub const Service = contract.gateway.Service;

pub const Asked = enum {
    sent,
    /// The queue of the service is full.
    full,
    /// There is no such service, or this node has no route to it.
    absent,
};

/// A service of this node that waits for an answer, as the edge knows it.
pub const Client = struct { slot: u32, sequence: u16 };
