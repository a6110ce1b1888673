//! The client of policyd: it asks whether another service may use a capability.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");

/// policyd answers from a table in memory, so after this time it counts as gone.
const timeout_ns = 300 * 1_000_000;

pub const Policy = struct {
    policyd: ?os.Slot = null,
    nonce: u32 = 0,

    pub fn open() Policy {
        return .{ .policyd = os.route("policyd") catch null };
    }

    /// The question is asked anew each time, so that a decision is never older than its request. If
    /// there is no policyd, no answer, or a wrong one, the answer is no.
    pub fn permits(self: *Policy, subject: u64, capability: []const u8) bool {
        // A name that no request can carry would be denied for ever.
        std.debug.assert(capability.len != 0);
        std.debug.assert(capability.len <= wire.policy.capability_bytes_max);
        const policyd = self.policyd orelse return false;
        self.nonce +%= 1;
        const check: wire.policy.Check = .{
            .op = .check_cap_delegated,
            .nonce = self.nonce,
            .subject = subject,
            .capability = capability,
        };
        var request: [wire.policy.request_bytes_max]u8 = undefined;
        var answer: [wire.policy.reply_bytes]u8 = undefined;
        const frame = wire.policy.encodeRequest(&request, check) catch return false;
        const reply = os.call(policyd, frame, &answer, timeout_ns) catch return false;
        return wire.policy.decodeReply(reply, check.op, check.nonce) == .allow;
    }
};
