//! The record of what a peer has asked of the store.

const journal = @import("journal.zig");
const audit = @import("../audit.zig");
const gateway = @import("../gateway.zig");
const remote_state = @import("../remote_state.zig");
const state = @import("wire").state;

/// Write the one record of a request: a change has its own, any other request the gateway's.
pub fn record(
    node: anytype,
    peer: u8,
    subject: gateway.Subject,
    op: state.Op,
    outcome: remote_state.Outcome,
    key: []const u8,
) void {
    const id = &node.config.peers()[peer].id;
    const how: audit.Outcome = if (outcome.isGood()) .ok else .failed;
    var buffer: [remote_state.record_bytes_max]u8 = undefined;
    const change = remote_state.record(&buffer, op, outcome, id, key);
    const about: journal.About = .{
        .room = if (change == null) .plain else .audit,
        .source = id.slice(),
    };
    const text = change orelse audit.message(&buffer, how, id, subject);
    node.journal.add(node, about, if (outcome.isGood()) .info else .warn, text);
}
