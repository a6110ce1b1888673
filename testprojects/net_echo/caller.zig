//! Tries everything that netstackd offers against the machine that echoes, one line each.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const svc = @import("svc");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const ms = std.time.ns_per_ms;
const echo_port = 7007;
const closed_port = 7008;
const group: sock.Ip = .{ 239, 42, 0, 1 };
/// Several windows full, so that flow control has to work.
const bulk_bytes = 20_000;

var net: sock.Net = undefined;
var peer: sock.Ip = undefined;
var inbox: [64]u8 = undefined;
var data: [1400]u8 = undefined;

pub fn main() !void {
    var config: [64]u8 = undefined;
    var records = os.records.iterate(try os.config(&config));
    peer = (try records.next()).?.value[0..4].*;
    net = try sock.Net.open();
    svc.ready();
    try told("local address", localAddress());
    try told("ping", ping());
    try told("ping nobody", pingNobody());
    try told("udp echo", udpEcho(peer));
    try told("multicast echo", udpEcho(group));
    try told("tcp echo", tcpEcho());
    try told("tcp refused", tcpRefused());
    try told("tcp reset", tcpReset());
    try told("bad ids", badIds());
    try told("peer crash", peerCrash());
    os.print("SELFTEST: end", .{});
}

fn told(what: []const u8, result: anyerror!void) !void {
    result catch |err| {
        os.print("SELFTEST: net {s} FAIL {s}", .{ what, @errorName(err) });
        return err;
    };
    os.print("SELFTEST: net {s} ok", .{what});
}

fn localAddress() !void {
    const own = try net.localAddr();
    if (own.prefix != 24 or std.mem.eql(u8, &own.ip, &peer)) return error.WrongAddress;
    const mac = try net.mac();
    if (mac[0] != 0x52) return error.WrongMac;
}

/// The other machine may still be starting.
fn ping() !void {
    for (0..20) |_| {
        const rtt = net.ping(peer, 500) catch |err| switch (err) {
            error.TimedOut => continue,
            else => return err,
        };
        return if (rtt > 500) error.TooSlow else {};
    }
    return error.NoAnswer;
}

fn pingNobody() !void {
    const before = os.nsec();
    if (net.ping(.{ 10, 42, 0, 99 }, 300)) |_| return error.Answered else |err| {
        if (err != error.TimedOut) return err;
    }
    const took = os.nsec() - before;
    if (took < 300 * ms or took > 1000 * ms) return error.WrongTimeout;
}

/// Wait until one of `wanted` is true of the socket.
fn await(id: sock.Id, wanted: sock.Events, wait_ns: u64) !sock.Events {
    const deadline = os.after(wait_ns);
    while (true) {
        const message = try os.recv(os.abi.slot.server_recv, &inbox, deadline);
        const event = sock.eventOf(message) orelse continue;
        if (event.id != id) continue;
        if (event.events.bits() & wanted.bits() != 0) return event.events;
    }
}

/// Datagrams may be lost, so ask again; the answer must come from the machine itself.
fn udpEcho(to: sock.Ip) !void {
    const id = try net.udpBind(sock.any, 40000);
    defer net.close(id) catch {};
    try net.watch(id, os.abi.slot.server_send);
    for (0..20) |round| {
        for (&data, 0..) |*byte, i| byte.* = @truncate(i * 7 + round);
        try net.sendTo(id, .{ .ip = to, .port = echo_port }, &data);
        _ = await(id, .{ .readable = true }, 300 * ms) catch |err| switch (err) {
            error.TimedOut => continue,
            else => return err,
        };
        var back: [data.len]u8 = undefined;
        const got = try net.recvFrom(id, &back) orelse return error.FalseEvent;
        if (!got.from.eql(.{ .ip = peer, .port = echo_port })) return error.WrongSender;
        if (!std.mem.eql(u8, got.data, &data)) return error.WrongData;
        if (try net.recvFrom(id, &back)) |_| return error.Twice;
        return;
    }
    return error.NoAnswer;
}

fn open(port: u16) !sock.Id {
    const id = try net.connect(.{ .ip = peer, .port = port });
    errdefer net.abort(id) catch {};
    try net.watch(id, os.abi.slot.server_send);
    const events = try await(id, .{ .connected = true, .failed = true }, 5000 * ms);
    return if (events.failed) error.Refused else id;
}

fn patternAt(at: usize) u8 {
    return @truncate(at *% 31 +% (at >> 8));
}

fn tcpEcho() !void {
    const id = try open(echo_port);
    var sent: usize = 0;
    var got: usize = 0;
    var back: [900]u8 = undefined;
    while (got < bulk_bytes) {
        const want = @min(data.len, bulk_bytes - sent);
        for (data[0..want], sent..) |*byte, at| byte.* = patternAt(at);
        const taken = if (want > 0) try net.write(id, data[0..want]) else 0;
        sent += taken;
        const piece = try net.read(id, &back) orelse {
            if (taken == 0) _ = try await(id, .{ .readable = true, .writable = true }, 5000 * ms);
            continue;
        };
        if (piece.len == 0) return error.ClosedEarly;
        for (piece, got..) |byte, at| if (byte != patternAt(at)) return error.WrongData;
        got += piece.len;
    }
    try net.close(id);
}

fn tcpRefused() !void {
    if (open(closed_port)) |_| return error.Connected else |err| {
        if (err != error.Refused) return err;
    }
}

/// The server sees the reset, and serves the next caller.
fn tcpReset() !void {
    const first = try open(echo_port);
    if (try net.write(first, "accepted?") == 0) return error.NoRoom;
    // Once its echo is here, the server surely holds the connection.
    _ = try await(first, .{ .readable = true }, 5000 * ms);
    try net.abort(first);
    const second = try open(echo_port);
    if (try net.write(second, "hello") != 5) return error.NoRoom;
    const events = try await(second, .{ .readable = true, .failed = true }, 5000 * ms);
    if (events.failed) return error.NotServed;
    try net.close(second);
}

/// The server dies; its network finds out when it has news for it, and says so to us.
fn peerCrash() !void {
    const id = try open(echo_port);
    if (try net.write(id, "crash!") != 6) return error.NoRoom;
    for (0..100) |_| {
        _ = net.write(id, "still there?") catch |err| switch (err) {
            error.Io => return net.close(id),
            else => return err,
        };
        _ = await(id, .{ .failed = true }, 20 * ms) catch |err| switch (err) {
            error.TimedOut => continue,
            else => return err,
        };
    }
    return error.NotTold;
}

fn badIds() !void {
    for ([_]sock.Id{ 0, 1, 31, 32, 33, 0xFFFF_FFFF }) |id| {
        if (net.close(id)) |_| return error.Closed else |err| if (err != error.NotFound) return err;
    }
    try net.watch(5, os.abi.slot.server_send);
    if (!(try await(5, .{ .invalid = true }, 1000 * ms)).invalid) return error.NoEvent;
}
