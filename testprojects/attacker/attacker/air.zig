//! Datagrams: the target's announce in, announces of every kind out.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const dsoftbus = @import("dsoftbus");
const self = @import("self.zig");
const announce = dsoftbus.announce;

/// Where the witnesses listen, and where we listen for them (testprojects/attacker/witness).
const witness_port = 37777;
const discovery_ns: u64 = 10 * std.time.ns_per_s;
/// A datagram may be lost, so it goes out more than once; a witness acts on the first.
const tellings = 3;
const telling_ns: u64 = 100 * std.time.ns_per_ms;

pub var target_address: sock.Address = undefined;
pub var target_key: [32]u8 = undefined;
/// Where our announces say that we are.
pub const spoofed_port = 4444;

var victim_key: ?[32]u8 = null;

var socket: sock.Id = undefined;
var whisper: sock.Id = undefined;

pub fn open() !void {
    socket = try self.net.udpBind(sock.any, announce.port);
    try self.net.watch(socket, os.abi.slot.server_send);
    whisper = try self.net.udpBind(sock.any, witness_port);
    try self.net.watch(whisper, os.abi.slot.server_send);
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

/// The honest peer's, from its own announce.
pub fn victimKey() ![32]u8 {
    const until = os.after(discovery_ns);
    var buffer: [announce.bytes_max]u8 = undefined;
    while (victim_key == null) {
        if (os.nsec() >= until) return error.VictimNotHeard;
        const received = try self.net.recvFrom(socket, &buffer) orelse {
            try self.wait(until);
            continue;
        };
        const heard = announce.decode(received.data) catch continue;
        if (self.victim.eql(heard.device_id)) victim_key = heard.key;
    }
    return victim_key.?;
}

/// To the group and to the target, as an honest node does.
pub fn send(id: []const u8, key: [32]u8) !void {
    var buffer: [announce.bytes_max]u8 = undefined;
    const packet: announce.Announce = .{ .device_id = id, .tcp_port = spoofed_port, .key = key };
    try sendRaw(try announce.encode(&buffer, &packet));
}

pub fn sendRaw(bytes: []const u8) !void {
    for ([_]sock.Ip{ announce.group, target_address.ip }) |ip| {
        try self.net.sendTo(socket, .{ .ip = ip, .port = announce.port }, bytes);
    }
}

/// Until the honest peer's witness says that its session stands: what the attacks must not end.
pub fn awaitWitness() !void {
    const until = os.after(discovery_ns);
    var buffer: [64]u8 = undefined;
    while (os.nsec() < until) {
        const received = try self.net.recvFrom(whisper, &buffer) orelse {
            try self.wait(until);
            continue;
        };
        if (std.mem.eql(u8, received.data, "session stands")) return;
    }
    return error.NoHonestSession;
}

pub fn tellWitnesses() !void {
    for (0..tellings) |_| {
        for (self.witnesses[0..self.witness_count]) |ip| {
            try self.net.sendTo(whisper, .{ .ip = ip, .port = witness_port }, "attacks over");
        }
        try self.rest(telling_ns);
    }
}
