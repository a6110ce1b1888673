//! The lines and records of refused connections and sessions. A few refusals of strangers are
//! reported, and the others counted (`strangers`). An admitted peer has a count of its own
//! (`denials`).

const std = @import("std");
const marker = @import("contract").marker;
const audit = @import("../audit.zig");
const records = @import("records.zig");
const mux = @import("../mux.zig");
const session_file = @import("../session.zig");
const strangers = @import("strangers.zig");
const Id = @import("../id.zig").Id;
const Line = @import("lines.zig").Line;

/// The refusal is only counted.
pub fn count(node: anytype, ip: [4]u8, kind: strangers.Kind) void {
    _ = node.strangers.note(ip, kind, node.now_ns);
}

/// The handshake ended, but not with a peer that configuration and announces know.
pub fn identity(node: anytype, ip: [4]u8, claimed: Id) void {
    if (!node.strangers.note(ip, .refused, node.now_ns)) return;
    refuseStranger(node, ip, &claimed);
    node.edge.print(marker.identity_mismatch, .{claimed});
}

/// The session refused what came and is closed.
pub fn session(node: anytype, line: *const Line, refusal: session_file.Refusal) void {
    const peer = line.bound orelse {
        if (refusal == .timeout) return;
        if (!node.strangers.note(line.address.ip, .refused, node.now_ns)) return;
        refuseStranger(node, line.address.ip, null);
        return records.tellDenied(node, .unauthenticated, .{});
    };
    switch (refusal) {
        .timeout, .unauthenticated => {},
        .oversized => records.refuse(node, peer, .oversized, .{}),
        .decrypt => records.note(node, peer, .@"denied-decrypt", .{}),
    }
}

/// The frames of the session's streams broke their rules.
pub fn streams(node: anytype, peer: u8, reject: mux.Reject) void {
    const id = &node.config.peers()[peer].id;
    const label = mux.label(reject);
    var buffer: [audit.bytes_max]u8 = undefined;
    const text = audit.muxMessage(&buffer, label, id);
    node.journal.add(node, .{ .source = id.slice() }, .warn, text);
    node.edge.print(marker.mux_rejected, .{ id.*, label });
}

/// Write a record in the room of strangers, under the address and the claimed identity.
fn refuseStranger(node: anytype, ip: [4]u8, claimed: ?*const Id) void {
    var name: [strangers.name_bytes_max]u8 = undefined;
    var source: [strangers.name_bytes_max + 1 + 64]u8 = undefined;
    const nobody = Id.from("-") catch unreachable;
    const from = std.fmt.bufPrint(&source, "{s} {f}", .{
        strangers.nameOf(&name, ip),
        if (claimed) |id| id.* else nobody,
    }) catch unreachable; // an id has 64 bytes
    var buffer: [audit.bytes_max]u8 = undefined;
    const text = audit.message(&buffer, .@"denied-unauthenticated", claimed, .{});
    node.journal.add(node, .{ .room = .refusal, .source = from }, .warn, text);
}
