//! The identity of this peer, and where its target is: from the configuration, and from the
//! target's announce.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const noise = @import("noise");
const dsoftbus = @import("dsoftbus");
const parts = @import("peer_parts");
const announce = dsoftbus.announce;

pub const Identity = struct { id: dsoftbus.Id, static: noise.KeyPair };

/// Both are enrolled at the target: a session each is what one peer alone cannot have.
pub var identities: [2]Identity = undefined;
pub var target_address: sock.Address = undefined;
pub var target_key: [32]u8 = undefined;
pub var net: sock.Net = undefined;

const discovery_ns: u64 = 10 * std.time.ns_per_s;
var rngd: os.Slot = undefined;
var socket: sock.Id = undefined;
/// Not on the stack, which is small.
var message_buffer: [os.abi.payload_bytes_max]u8 = undefined;

pub fn load() !void {
    var section: [512]u8 = undefined;
    var records = os.records.iterate(try os.config(&section));
    var ids: usize = 0;
    var keys: usize = 0;
    while (try records.next()) |record| switch (record.tag) {
        1 => {
            if (ids == identities.len) return error.Malformed;
            identities[ids].id = try .from(record.value);
            ids += 1;
        },
        2 => {
            if (keys == identities.len or record.value.len != 32) return error.Malformed;
            identities[keys].static = try .fromSecret(record.value[0..32].*);
            keys += 1;
        },
        else => return error.Malformed,
    };
    if (ids != identities.len or keys != identities.len) return error.Malformed;
    rngd = try os.route("rngd");
    net = try sock.Net.open();
    socket = try net.udpBind(sock.any, announce.port);
    try net.watch(socket, os.abi.slot.server_send);
}

/// There is one other node: the sender of an announce is the target.
pub fn awaitTarget() !void {
    const until = os.after(discovery_ns);
    var buffer: [announce.bytes_max]u8 = undefined;
    while (os.nsec() < until) {
        const received = try net.recvFrom(socket, &buffer) orelse {
            try wait(until);
            continue;
        };
        const heard = announce.decode(received.data) catch continue;
        target_address = .{ .ip = received.from.ip, .port = heard.tcp_port };
        target_key = heard.key;
        return;
    }
    return error.TargetNotHeard;
}

/// A session is bound only to an identity that was announced lately.
pub fn sayHello(who: *const Identity) !void {
    var buffer: [announce.bytes_max]u8 = undefined;
    const packet: announce.Announce =
        .{ .device_id = who.id.slice(), .tcp_port = 4444, .key = who.static.public };
    const to: sock.Address = .{ .ip = target_address.ip, .port = announce.port };
    try net.sendTo(socket, to, try announce.encode(&buffer, &packet));
}

pub fn freshKey() !noise.KeyPair {
    return parts.freshKey(rngd);
}

/// Let something happen: one event of netstackd, or nothing until `until_ns`.
pub fn wait(until_ns: u64) !void {
    return parts.wait(&message_buffer, until_ns);
}
