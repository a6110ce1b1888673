//! The witness: waits on the honest node until the attacker says that it is done, then calls the
//! attacked node through dsoftbusd. Whether the session it uses is still the first one shows in the
//! log: dsoftbusd tells of every loss.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const svc = @import("svc");
const wire = @import("wire");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const port = 37777;
const call_ns: u64 = 5 * std.time.ns_per_s;

pub fn main() !void {
    const net = try sock.Net.open();
    const socket = try net.udpBind(sock.any, port);
    try net.watch(socket, os.abi.slot.server_send);
    svc.ready();
    try awaitEnd(net, socket);
    os.print("WITNESS: attacks over", .{});
    const dsoftbusd = try os.route("dsoftbusd");
    try report("remote resolve", resolve(dsoftbusd));
    try report("remote query", query(dsoftbusd));
    os.print("WITNESS: end", .{});
}

var event_buffer: [64]u8 = undefined;

fn awaitEnd(net: sock.Net, socket: sock.Id) !void {
    var buffer: [64]u8 = undefined;
    while (true) {
        if (try net.recvFrom(socket, &buffer)) |datagram| {
            if (std.mem.eql(u8, datagram.data, "attacks over")) return;
            continue;
        }
        const message = try os.recv(os.abi.slot.server_recv, &event_buffer, 0);
        if (message.moved) |extra| os.sys.capClose(extra);
    }
}

fn report(name: []const u8, result: anyerror!void) !void {
    if (result) |_| {
        os.print("WITNESS: {s} ok", .{name});
    } else |err| os.print("WITNESS: {s} FAIL: {s}", .{ name, @errorName(err) });
}

fn resolve(dsoftbusd: os.Slot) !void {
    const reply = try ask(dsoftbusd, .{ .resolve = "bundlemgrd" });
    if (wire.ds.decodeStatus(reply, .resolve) != .ok) return error.Refused;
}

fn query(dsoftbusd: os.Slot) !void {
    const reply = try ask(dsoftbusd, .bundle_list);
    if ((wire.ds.decodeBundleCount(reply) orelse 0) == 0) return error.Refused;
}

var answer: [64]u8 = undefined;

fn ask(dsoftbusd: os.Slot, request: wire.ds.Request) ![]u8 {
    var buffer: [wire.ds.request_bytes_max]u8 = undefined;
    return os.call(dsoftbusd, try wire.ds.encodeRequest(&buffer, request), &answer, call_ns);
}
