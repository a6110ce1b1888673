//! Dials the peers that the configuration says to dial, once they are discovered; again after a
//! loss.

const os = @import("os");
const dsoftbus = @import("dsoftbus");
const node = @import("node.zig");
const links = @import("links.zig");

var attempts: [dsoftbus.config.peers_max]dsoftbus.backoff.Backoff = @splat(.{});
var told = false;

pub fn tick() void {
    for (0..node.config.peers().len) |peer| {
        if (isDue(@intCast(peer)) and attempts[peer].at_ns <= node.now_ns) dial(@intCast(peer));
    }
}

/// Of peers that wait for their next attempt. An undiscovered one waits for an announce instead.
pub fn deadline() u64 {
    var at = node.never;
    for (0..node.config.peers().len) |peer| {
        if (isDue(@intCast(peer))) at = @min(at, attempts[peer].at_ns);
    }
    return at;
}

fn isDue(peer: u8) bool {
    const pinned = &node.config.peers()[peer];
    if (!pinned.dial or links.hasPeer(peer)) return false;
    return node.table.find(pinned.id.slice(), node.now_ns) != null;
}

fn dial(peer: u8) void {
    const entry = node.table.find(node.config.peers()[peer].id.slice(), node.now_ns) orelse return;
    if (!told) {
        told = true;
        os.print("dsoftbusd: cross-vm dial start", .{});
    }
    links.dial(peer, .{ .ip = entry.ip, .port = entry.tcp_port }) catch failed(peer);
}

/// The attempt came to nothing, or its session is lost.
pub fn failed(peer: u8) void {
    attempts[peer].failed(node.now_ns);
}

pub fn succeeded(peer: u8) void {
    attempts[peer].succeeded();
}
