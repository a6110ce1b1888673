//! The instants at which a session acts by itself: it ends when the time for its handshake is over,
//! pings after silence, and ends when its peer does not answer any more.

const std = @import("std");
const contract = @import("contract");
const State = @import("session_events.zig").State;

pub const handshake_ns: u64 = contract.bus.handshake_ns;
pub const ping_ns: u64 = contract.bus.ping_ns;
pub const lost_ns: u64 = contract.bus.lost_ns;

pub const Due = enum { nothing, ping, timeout };

pub const Timers = struct {
    started_ns: u64,
    heard_ns: u64,
    pinged_ns: u64,

    pub fn begin(now_ns: u64) Timers {
        return .{ .started_ns = now_ns, .heard_ns = now_ns, .pinged_ns = now_ns };
    }

    /// The invariants that hold between any two calls.
    fn check(self: *const Timers) void {
        std.debug.assert(self.heard_ns >= self.started_ns and self.pinged_ns >= self.started_ns);
    }

    /// The instant at which `due` has something to say.
    pub fn deadline(self: *const Timers, state: State) u64 {
        self.check();
        return switch (state) {
            .handshake, .proven, .confirming => self.started_ns + handshake_ns,
            .ready => @min(self.heard_ns + lost_ns, self.pingAt()),
            .closed => std.math.maxInt(u64),
        };
    }

    /// The act that is due now. A ping that is returned counts as sent.
    pub fn due(self: *Timers, state: State, now_ns: u64) Due {
        if (state == .closed or now_ns < self.deadline(state)) return .nothing;
        if (state != .ready or now_ns >= self.heard_ns + lost_ns) return .timeout;
        self.pinged_ns = now_ns;
        self.check();
        return .ping;
    }

    fn pingAt(self: *const Timers) u64 {
        return @max(self.heard_ns, self.pinged_ns) + ping_ns;
    }
};
