//! The plan of the selftest, from the node configuration.

const std = @import("std");
const contract = @import("contract");
const records = @import("os").records;

pub const Mode = contract.node.Mode;

/// The proofs about the other node, besides resolving and listing.
pub const Proof = contract.node.Proof;

pub const Plan = struct {
    mode: Mode = .single,
    proofs: std.EnumSet(Proof) = .{},
    /// The device id of the node that is asked, borrowed from the section. Empty: no node is asked.
    peer: []const u8 = "",
};

const tag_mode = @intFromEnum(contract.node.SelftestTag.mode);
const tag_peer = @intFromEnum(contract.node.SelftestTag.peer);
const tag_proof = @intFromEnum(contract.node.SelftestTag.proof);
const peer_bytes_max = contract.bus.device_id_bytes_max;

/// Read the service's section of the node configuration. Without one the machine is alone.
pub fn parse(section: []const u8) error{ Malformed, UnknownTag, NoPeer }!Plan {
    var plan: Plan = .{};
    var each = records.iterate(section);
    while (try each.next()) |record| switch (record.tag) {
        tag_mode => {
            if (record.value.len != 1 or record.value[0] > 2) return error.Malformed;
            plan.mode = @enumFromInt(record.value[0]);
        },
        tag_peer => {
            if (record.value.len == 0 or record.value.len > peer_bytes_max) return error.Malformed;
            plan.peer = record.value;
        },
        tag_proof => {
            if (record.value.len != 1) return error.Malformed;
            const proof = std.enums.fromInt(Proof, record.value[0]) orelse return error.Malformed;
            plan.proofs.insert(proof);
        },
        else => return error.UnknownTag,
    };
    if (plan.mode == .client and plan.peer.len == 0) return error.NoPeer;
    return plan;
}

test "modes, and what is refused" {
    const expectEqual = std.testing.expectEqual;
    const expectError = std.testing.expectError;
    try expectEqual(Mode.single, (try parse("")).mode);
    try expectEqual(Mode.single, (try parse("\x01\x00\x01\x00\x00")).mode);
    try expectEqual(Mode.server, (try parse("\x01\x00\x01\x00\x02")).mode);
    const client = try parse("\x01\x00\x01\x00\x01\x02\x00\x06\x00node-b");
    try expectEqual(Mode.client, client.mode);
    try std.testing.expectEqualStrings("node-b", client.peer);
    try expectEqual(@as(usize, 0), client.proofs.count());
    const both = try parse("\x03\x00\x01\x00\x01\x03\x00\x01\x00\x02");
    try expectEqual(@as(usize, 2), both.proofs.count());
    try expectError(error.Malformed, parse("\x03\x00\x01\x00\x03"));
    try expectError(error.Malformed, parse("\x03\x00\x00\x00"));
    try expectError(error.NoPeer, parse("\x01\x00\x01\x00\x01"));
    try expectError(error.Malformed, parse("\x01\x00\x01\x00\x03"));
    try expectError(error.Malformed, parse("\x01\x00\x02\x00\x00\x00"));
    try expectError(error.Malformed, parse("\x02\x00\x00\x00"));
    try expectError(error.Malformed, parse("\x01\x00\x01"));
    try expectError(error.UnknownTag, parse("\x04\x00\x00\x00"));
}
