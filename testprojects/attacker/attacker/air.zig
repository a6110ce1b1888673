//! Datagrams: the target's announce in, announces of every kind out.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const dsoftbus = @import("dsoftbus");
const self = @import("self.zig");
const announce = dsoftbus.announce;

/// The witness's port (testprojects/attacker/witness).
const witness_port = 37777;
const discovery_ns: u64 = 10 * std.time.ns_per_s;

pub var target_address: sock.Address = undefined;
pub var target_key: [32]u8 = undefined;

var socket: sock.Id = undefined;

pub fn open() !void {
    socket = try self.net.udpBind(sock.any, announce.port);
    try self.net.watch(socket, os.abi.slot.server_send);
}

pub fn awaitTarget() !void {
    const until = os.after(discovery_ns);
    var buffer: [announce.bytes_max]u8 = undefined;
    while (os.nsec() < until) {
        const received = try self.net.recvFrom(socket, &buffer) orelse {
            try self.wait(until);
            continue;
        };
        const heard = announce.decode(received.data) catch continue;
        if (!self.target.eql(heard.device_id)) continue;
        target_address = .{ .ip = received.from.ip, .port = heard.tcp_port };
        target_key = heard.key;
        return;
    }
    return error.TargetNotHeard;
}

/// To the group and to the target, as an honest node does.
pub fn send(id: []const u8, key: [32]u8) !void {
    var buffer: [announce.bytes_max]u8 = undefined;
    const packet: announce.Announce = .{ .device_id = id, .tcp_port = 4444, .key = key };
    try sendRaw(try announce.encode(&buffer, &packet));
}

pub fn sendRaw(bytes: []const u8) !void {
    for ([_]sock.Ip{ announce.group, target_address.ip }) |ip| {
        try self.net.sendTo(socket, .{ .ip = ip, .port = announce.port }, bytes);
    }
}

/// A datagram may be lost, so it goes out more than once; the witness acts on the first.
pub fn tellWitness() !void {
    for (0..3) |_| {
        try self.net.sendTo(
            socket,
            .{ .ip = self.witness_ip, .port = witness_port },
            "attacks over",
        );
        const until = os.after(100 * std.time.ns_per_ms);
        while (os.nsec() < until) try self.wait(until);
    }
}
