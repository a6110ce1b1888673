//! dsoftbusd runs the node of the bus in `lib/dsoftbus` as a service, in one thread with one loop.
//! Every event is a message to the server endpoint or a deadline. The node decides what it means
//! and what to do about it.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const sock = @import("sock");
const wire = @import("wire");
const dsoftbus = @import("dsoftbus");
const edge_file = @import("edge.zig");
const Edge = edge_file.Edge;
const Node = dsoftbus.Node(Edge);

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const Daemon = struct {
    edge: Edge,
    node: Node,
    config: dsoftbus.config.Config,
    /// The buffer is as long as the longest message, so that every message of a client can be
    /// received.
    inbox: [os.abi.payload_bytes_max]u8,
};

pub fn main() !void {
    const daemon = try os.place(Daemon);
    daemon.config = .{};
    try load(daemon);
    if (daemon.config.peers().len == 0) {
        svc.ready();
        return serveAlone(daemon);
    }
    try daemon.edge.open(daemon.config.listen_port);
    try daemon.node.init(&daemon.edge, &daemon.config, os.nsec());
    svc.ready();
    while (true) {
        daemon.node.turn(os.nsec());
        // All sessions are gone with the sockets: a new life has nothing to mend.
        if (daemon.edge.has_lost_net) return error.BeginAnew;
        // A caller that has its answer need not wait for the rest of the work.
        if (daemon.edge.hasAnswered()) os.sys.yield();
        if (try next(daemon)) |message| take(daemon, message);
    }
}

fn load(daemon: *Daemon) !void {
    const bytes = try os.config(&daemon.inbox);
    defer std.crypto.secureZero(u8, &daemon.inbox);
    const records = os.records.iterate(bytes);
    try dsoftbus.config.parse(&daemon.config, records, records);
}

/// The next message; null: the deadline has come.
fn next(daemon: *Daemon) !?os.Message {
    const at = daemon.node.deadline();
    // 0 would mean to wait for ever. Any other instant of the past means not to wait.
    const until = if (daemon.node.isHot()) 1 else if (at == dsoftbus.edge.never) 0 else @max(at, 1);
    return os.recv(os.abi.slot.server_recv, &daemon.inbox, until) catch |err| switch (err) {
        error.TimedOut => null,
        // The capability table is full: answering what waits frees slots, so go on.
        error.NoSpace => null,
        else => err,
    };
}

fn take(daemon: *Daemon, message: os.Message) void {
    const node = &daemon.node;
    if (sock.lateOf(message)) |late| return node.onData(@intCast(late.token), late.data);
    if (sock.eventOf(message)) |event| return tell(daemon, event);
    if (message.moved) |slot| {
        if (message.sender == 0) return os.sys.capClose(slot);
        if (svc.usage.isAsked(message)) {
            return svc.usage.answer(message, &dsoftbus.usage.of(node));
        }
        const client: dsoftbus.edge.Client = .{ .slot = slot, .sequence = message.header.type };
        return node.onRequest(client, message.payload);
    }
    const service = edge_file.serviceOf(message.sender) orelse return;
    node.onReply(service, message.header.type, message.payload);
}

fn tell(daemon: *Daemon, event: sock.Event) void {
    const node = &daemon.node;
    if (event.id == daemon.edge.udp) return node.onDatagram();
    if (event.id == daemon.edge.listener) return node.onListener();
    node.onSocket(event.id, .{
        .writable = event.events.writable,
        .failed = event.events.failed or event.events.invalid,
        .connected = event.events.connected,
    });
}

/// Without peers there will never be a session to wait for.
fn serveAlone(daemon: *Daemon) !void {
    while (true) {
        const message = try os.recv(os.abi.slot.server_recv, &daemon.inbox, 0);
        var buffer: [wire.front.reply_bytes_max]u8 = undefined;
        const op = switch (wire.front.decodeRequest(message.payload)) {
            .request => |request| wire.front.opOf(request),
            .refusal => |op| op,
        };
        if (message.sender != 0) os.reply(message, try wire.front.encodeReply(&buffer, op, .fail));
    }
}
