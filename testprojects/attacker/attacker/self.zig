//! The attacker and its target: its section of the node configuration, and its sources
//! of everything else.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const noise = @import("noise");
const dsoftbus = @import("dsoftbus");
const parts = @import("peer_parts");

/// Device id under attack; its address, port and key come from its own announce.
pub var target: dsoftbus.Id = .{};
/// A peer that the target knows, and that the attacker claims to be.
pub var victim: dsoftbus.Id = .{};
/// The identity under which the target has enrolled the attacker.
pub var id: dsoftbus.Id = .{};
pub var static: noise.KeyPair = undefined;
/// Where a witness waits for the end of the attacks.
pub var witnesses: [2][4]u8 = undefined;
pub var witness_count: usize = 0;
pub var net: sock.Net = undefined;

pub const patience_ns: u64 = 3 * std.time.ns_per_s;

var rngd: os.Slot = undefined;
/// Not on the stack, which is small.
var message_buffer: [os.abi.payload_bytes_max]u8 = undefined;

pub fn load() !void {
    var section: [512]u8 = undefined;
    var records = os.records.iterate(try os.config(&section));
    var secret: ?[32]u8 = null;
    while (try records.next()) |record| switch (record.tag) {
        1 => target = try .from(record.value),
        2 => victim = try .from(record.value),
        3 => id = try .from(record.value),
        4 => secret = if (record.value.len == 32) record.value[0..32].* else return error.Malformed,
        5 => {
            if (witness_count == witnesses.len or record.value.len != 4) return error.Malformed;
            witnesses[witness_count] = record.value[0..4].*;
            witness_count += 1;
        },
        else => return error.Malformed,
    };
    static = try noise.KeyPair.fromSecret(secret orelse return error.Malformed);
    rngd = try os.route("rngd");
    net = try sock.Net.open();
}

pub fn freshKey() !noise.KeyPair {
    return parts.freshKey(rngd);
}

/// Let something happen: one event of netstackd, or nothing until `until_ns`.
pub fn wait(until_ns: u64) !void {
    return parts.wait(&message_buffer, until_ns);
}

pub fn rest(ns: u64) !void {
    const until = os.after(ns);
    while (os.nsec() < until) try wait(until);
}
