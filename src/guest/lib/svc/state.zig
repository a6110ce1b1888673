//! The client of a state store: that of this node, or through dsoftbusd that of a peer.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const state = wire.state;

/// The other node may be some round trips away.
const timeout_ns = 3_000_000_000;

/// The buffers of requests and replies. A service has one thread, and uses a reply up before the
/// next request. They have room for the largest that a service may send or receive.
var request_buffer: [os.abi.payload_bytes_max]u8 = undefined;
var envelope_buffer: [wire.front.request_bytes_max]u8 = undefined;
var reply_buffer: [os.abi.payload_bytes_max]u8 = undefined;

/// A program that stands in for the selftest has its name, and its section of the configuration.
fn configuredPeer() ![]const u8 {
    if (!std.mem.eql(u8, os.name(), "selftest-client")) return "";
    var records = os.records.iterate(try os.config(&section_buffer));
    while (try records.next()) |record| {
        if (record.tag != tag_peer) continue;
        // No request could name such a peer.
        if (record.value.len > wire.front.peer_bytes_max) return error.Malformed;
        return record.value;
    }
    return "";
}

const tag_peer = 2;
var section_buffer: [256]u8 = undefined;

pub const State = struct {
    service: os.Slot,
    is_remote: bool,
    /// The peer that owns the store; empty: the only peer.
    peer: []const u8 = "",
    /// The nonce of the last request, so that no earlier answer is taken for this one's.
    nonce: u64 = 0,

    pub fn openLocal() !State {
        return .{ .service = try os.route("statefsd"), .is_remote = false };
    }

    /// Open the store of the peer that the selftest's configuration names, else of the only peer.
    pub fn openRemote() !State {
        return openRemoteOf(try configuredPeer());
    }

    /// Open the store of the peer with this device id, which is borrowed; empty on a node with one
    /// peer.
    pub fn openRemoteOf(peer: []const u8) !State {
        std.debug.assert(peer.len <= wire.front.peer_bytes_max);
        return .{ .service = try os.route("dsoftbusd"), .is_remote = true, .peer = peer };
    }

    /// The reply of the store, whatever it says; borrowed until the next request.
    pub fn ask(self: *State, request: state.Request) anyerror!state.Reply {
        std.debug.assert(request.nonce == null); // it is given here
        self.nonce += 1;
        var numbered = request;
        numbered.nonce = self.nonce;
        const frame = try state.encodeRequest(&request_buffer, numbered);
        const answer = try self.call(frame);
        return state.decodeReply(answer, request.op, self.nonce) orelse error.NotThisReply;
    }

    /// The reply of the store, if it did what was asked; else an error.
    pub fn demand(self: *State, request: state.Request) !state.Reply {
        const reply = try self.ask(request);
        return if (reply.status == .ok) reply else error.WrongStatus;
    }

    fn call(self: *const State, frame: []const u8) ![]const u8 {
        if (!self.is_remote) return os.call(self.service, frame, &reply_buffer, timeout_ns);
        const request: wire.front.Request = .{ .state = frame };
        const envelope = try wire.front.encodeRequestTo(&envelope_buffer, self.peer, request);
        const answer = try os.call(self.service, envelope, &reply_buffer, timeout_ns);
        return wire.front.decodeState(answer) orelse error.NoAnswer;
    }
};
