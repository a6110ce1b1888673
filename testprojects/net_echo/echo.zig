//! Sends back whatever comes, by TCP and by UDP. One connection at a time is enough here. A word
//! makes it crash, so that the other side can see what becomes of its connection.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const svc = @import("svc");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const echo_port = 7007;

var net: sock.Net = undefined;
var datagrams: sock.Id = undefined;
var listener: sock.Id = undefined;
var connection: ?sock.Id = null;
var buffer: [sock.netstack.datagram_bytes_max]u8 = undefined;
/// What was read and not yet taken back.
var rest: []u8 = buffer[0..0];
var inbox: [64]u8 = undefined;

pub fn main() !void {
    net = try sock.Net.open();
    datagrams = try net.udpBind(sock.any, echo_port);
    listener = try net.listen(echo_port);
    try net.watch(datagrams, os.abi.slot.server_send);
    try net.watch(listener, os.abi.slot.server_send);
    svc.ready();
    while (true) {
        const message = try os.recv(os.abi.slot.server_recv, &inbox, 0);
        const event = sock.eventOf(message) orelse continue;
        if (event.id == datagrams) try returnDatagrams();
        if (event.id == listener) try takeCaller();
        if (event.id == connection) try serve(event.events);
    }
}

var datagram: [sock.netstack.datagram_bytes_max]u8 = undefined;

fn returnDatagrams() !void {
    while (try net.recvFrom(datagrams, &datagram)) |got| {
        try net.sendTo(datagrams, got.from, got.data);
    }
}

fn takeCaller() !void {
    while (try net.accept(listener)) |accepted| {
        if (connection) |old| {
            // Its end may have been lost on the way.
            os.print("echo: caller replaced", .{});
            drop(old);
        }
        connection = accepted.id;
        try net.watch(accepted.id, os.abi.slot.server_send);
    }
}

fn serve(events: sock.Events) !void {
    const id = connection.?;
    pump(id) catch |err| switch (err) {
        error.Io => return hangUp(id),
        else => return err,
    };
    if (events.failed) hangUp(id);
}

fn pump(id: sock.Id) !void {
    while (true) {
        if (rest.len > 0) {
            const count = try net.write(id, rest);
            rest = rest[count..];
            // There will be an event when there is room.
            if (rest.len > 0) return;
        }
        const got = try net.read(id, &buffer) orelse return;
        if (got.len == 0) {
            os.print("echo: caller gone", .{});
            try net.close(id);
            connection = null;
            return;
        }
        if (std.mem.startsWith(u8, got, "crash!")) crash();
        rest = got;
    }
}

/// A store to an address that no task has.
fn crash() noreturn {
    const nowhere: *volatile u64 = @ptrFromInt(8);
    nowhere.* = 1;
    unreachable;
}

fn hangUp(id: sock.Id) void {
    os.print("echo: caller reset", .{});
    drop(id);
}

fn drop(id: sock.Id) void {
    net.abort(id) catch {};
    connection = null;
    rest = buffer[0..0];
}
