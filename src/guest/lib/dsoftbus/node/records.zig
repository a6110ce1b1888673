//! Records of what the gateway decided about an admitted peer, and the lines that go with them.

const audit = @import("../audit.zig");
const marker = @import("contract").marker;
const gateway = @import("../gateway.zig");

/// The record of a decision.
pub fn note(node: anytype, peer: u8, outcome: audit.Outcome, subject: gateway.Subject) void {
    var buffer: [audit.bytes_max]u8 = undefined;
    const id = &node.config.peers()[peer].id;
    const text = audit.message(&buffer, outcome, id, subject);
    const is_info = audit.level(outcome) == audit.info;
    node.journal.add(node, .{ .source = id.slice() }, if (is_info) .info else .warn, text);
}

/// The node does not do what a peer asked. The denial is recorded, or counted if there are many.
pub fn refuse(node: anytype, peer: u8, reason: gateway.Reason, subject: gateway.Subject) void {
    if (!node.peers[peer].denials.note(node.now_ns)) return;
    note(node, peer, audit.denied(reason), subject);
    tellDenied(node, reason, subject);
}

pub fn tellDenied(node: anytype, reason: gateway.Reason, subject: gateway.Subject) void {
    if (reason != .service)
        return node.edge.print(marker.proxy_denied, .{reason});
    const name = subject.serviceName();
    node.edge.print(marker.proxy_denied_service, .{name});
}
