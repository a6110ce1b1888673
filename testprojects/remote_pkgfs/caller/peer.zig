//! One session with the target: requests of any service, one at a time, and their answers.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const dsoftbus = @import("dsoftbus");
const self = @import("self.zig");
const frames = dsoftbus.frames;
const Event = dsoftbus.session.Event;

const patience_ns: u64 = 3 * std.time.ns_per_s;
const deadline_ms = 1000;

pub const Peer = struct {
    socket: sock.Id,
    session: dsoftbus.Session,

    /// Dial and come to a ready session under this identity.
    pub fn start(peer: *Peer, who: *const self.Identity) !void {
        try self.sayHello(who);
        peer.socket = try self.net.connect(self.target_address);
        errdefer peer.hangUp();
        try self.net.watch(peer.socket, os.abi.slot.server_send);
        try peer.session.dial(.{
            .id = &who.id,
            .static = who.static,
            .ephemeral = try self.freshKey(),
            .now_ns = os.nsec(),
        }, self.target_key);
        if (try peer.next() != .proven) return error.Unexpected;
        try peer.session.admit(os.nsec());
        if (try peer.next() != .ready) return error.Unexpected;
    }

    /// The answer is borrowed until the next request.
    pub fn ask(peer: *Peer, service: u8, payload: []const u8) !frames.Response {
        const correlation = try peer.session.request(service, payload, deadline_ms);
        while (true) {
            const event = try peer.next();
            if (event != .received) return error.Unexpected;
            const response = frames.decodeResponse(event.received) catch continue;
            if (response.correlation == correlation) return response;
        }
    }

    pub fn hangUp(peer: *Peer) void {
        self.net.abort(peer.socket) catch {};
    }

    fn next(peer: *Peer) !Event {
        const until = os.after(patience_ns);
        while (true) {
            try peer.flush(until);
            if (peer.session.take(os.nsec())) |event| return event;
            var buffer: [dsoftbus.session.wire_bytes_max]u8 = undefined;
            const room = buffer[0..peer.session.room()];
            if (try self.net.read(peer.socket, room)) |bytes| {
                if (bytes.len == 0) return error.Closed;
                _ = peer.session.feed(bytes);
            } else {
                if (os.nsec() >= until) return error.TimedOut;
                try self.wait(until);
            }
        }
    }

    fn flush(peer: *Peer, until: u64) !void {
        while (peer.session.output().len != 0) {
            const taken = try self.net.write(peer.socket, peer.session.output());
            peer.session.takeOutput(taken);
            if (taken != 0) continue;
            if (os.nsec() >= until) return error.TimedOut;
            try self.wait(until);
        }
    }
};
