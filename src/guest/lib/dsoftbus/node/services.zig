//! Asks a service of this node on behalf of a call.

const std = @import("std");
const calls = @import("calls.zig");
const records = @import("records.zig");

/// Ask the service. False: there is no such service, and the call ends without its answer. If the
/// service has no room for a request, the answer is *busy*, and the peer may ask again.
pub fn ask(node: anytype, call: *calls.Call, request: []const u8) bool {
    std.debug.assert(call.is_used and call.ticket == 0); // one question at a time
    const ticket = node.nextTicket();
    switch (node.edge.ask(@enumFromInt(call.service), ticket, request)) {
        .sent => call.ticket = ticket,
        .full => {
            call.owes_record = false;
            call.setAnswer(.busy, "");
            records.refuse(node, call.peer, .busy, call.subject);
        },
        .absent => return false,
    }
    return true;
}
