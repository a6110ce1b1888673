//! The dialer dials the peers that the configuration says to dial, once they are discovered, and
//! again after the loss of a connection. `candidates` chooses the address.

const std = @import("std");
const contract = @import("contract");
const marker = contract.marker;
const edge = @import("edge.zig");
const entry = @import("entry.zig");
const audit = @import("../audit.zig");

pub fn tick(node: anytype) void {
    for (0..node.config.peers().len) |index| {
        const peer: u8 = @intCast(index);
        if (isDue(node, peer) and node.peers[peer].backoff.at_ns <= node.now_ns) dial(node, peer);
    }
}

/// The next instant at which a peer is tried again. An undiscovered peer waits for an announce.
pub fn deadline(node: anytype) u64 {
    var at = edge.never;
    for (0..node.config.peers().len) |index| {
        if (isDue(node, @intCast(index))) at = @min(at, node.peers[index].backoff.at_ns);
    }
    return at;
}

fn isDue(node: anytype, peer: u8) bool {
    const pinned = &node.config.peers()[peer];
    if (!pinned.dial or node.lines.hasPeer(peer)) return false;
    return node.table.find(pinned.id.slice(), node.now_ns) != null;
}

fn dial(node: anytype, peer: u8) void {
    const known = &node.peers[peer];
    const candidate = known.candidates.next();
    if (!candidate.is_proven) tellUnproven(node, peer, candidate.address);
    node.tellOnce(.dial);
    entry.dial(node, peer, candidate.address) catch known.backoff.failed(node.now_ns);
}

/// An announcement says that the peer is there, and nothing has proven it.
fn tellUnproven(node: anytype, peer: u8, address: edge.Address) void {
    const id = &node.config.peers()[peer].id;
    if (!node.peers[peer].denials.note(node.now_ns)) return;
    var buffer: [audit.bytes_max]u8 = undefined;
    const text = std.fmt.bufPrint(
        &buffer,
        contract.audit.address,
        .{ id.*, address },
    ) catch unreachable; // an id and an address
    node.journal.add(node, .{ .room = .refusal, .source = id.slice() }, .warn, text);
    node.edge.print(marker.dial_unproven, .{ id.*, address });
}
