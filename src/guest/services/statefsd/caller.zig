//! Callers and their rights. policyd knows the rights of services; peers come only through
//! dsoftbusd.

const std = @import("std");
const contract = @import("contract");
const statefs = @import("statefs");
const wire = @import("wire");
const rights = @import("rights.zig");
const state = wire.state;
const behalf = wire.behalf;

/// The bytes that a message of the kernel carries, less the frames around a value.
pub const inline_value_max = 8_128;
/// The part of the store that peers may use.
const peers_namespace = contract.state.peer_namespace;

/// The caller: a service of this node, or a peer through dsoftbusd.
pub const Caller = struct {
    sender: u64,
    call: ?behalf.Call = null,

    pub fn peer(self: Caller) []const u8 {
        return if (self.call) |call| call.peer else "";
    }

    /// The call, as the engine remembers it.
    pub fn remembered(self: Caller) ?statefs.Call {
        const call = self.call orelse return null;
        return .{ .peer = call.peer, .id = call.id, .digest = call.digest };
    }

    /// The refusal of a caller; null: it may. `speaker` is the service that speaks for peers.
    pub fn refuses(
        self: Caller,
        request: state.Request,
        speaker: u64,
        gate: anytype,
    ) ?state.Status {
        if (self.call != null) {
            const is_shared = std.mem.startsWith(u8, request.key, peers_namespace);
            const is_keyed = request.key.len != 0;
            if (self.sender != speaker or request.op == .reopen or (is_keyed and !is_shared)) {
                gate.denied(self.sender, if (is_keyed) request.key else "-");
                return .access_denied;
            }
        }
        if (request.value.len > inline_value_max) return .value_too_large;
        switch (request.op) {
            .put, .get, .delete, .txn_put, .read => {
                if (!rights.isKey(request.key)) return .invalid_key;
            },
            .list => if (!rights.isPrefix(request.key)) return .invalid_key,
            .sync, .reopen => {
                if (gate.permits(self.sender, rights.write)) return null;
                if (gate.permits(self.sender, rights.boot)) return null;
                gate.denied(self.sender, "-");
                return .access_denied;
            },
            .txn_begin, .txn_commit, .txn_abort => {
                if (gate.permits(self.sender, rights.write)) return null;
                gate.denied(self.sender, "-");
                return .access_denied;
            },
        }
        if (gate.permits(self.sender, rights.ofKey(request.op, request.key))) return null;
        gate.denied(self.sender, request.key);
        return .access_denied;
    }
};
