//! Discovery: the beacon sends announces on a fixed schedule, and hears those of peers. An announce
//! says that a peer may be there, and at which address. Only a session says that it is alive.

const std = @import("std");
const marker = @import("contract").marker;
const announce = @import("../announce.zig");
const edge = @import("edge.zig");

/// This bound keeps a flood of datagrams from stopping everything else.
const datagrams_per_turn = 16;
/// Refused announces have at most one line in this time.
const complaint_ns = std.time.ns_per_s;

const Complaint = enum(u1) { malformed, key };

pub const Beacon = struct {
    readable: bool = false,
    next_ns: u64 = edge.never,
    packet_len: usize = 0,
    packet: [announce.bytes_max]u8 = undefined,
    is_told: bool = false,
    complained: [2]u64 = @splat(edge.never),

    pub fn open(self: *Beacon, node: anytype) !void {
        const config = &node.config;
        var own: announce.Announce = .{
            .device_id = config.id.slice(),
            .tcp_port = config.listen_port,
            .key = node.static.public,
            .count = config.name_count,
        };
        for (config.names[0..own.count], own.names[0..own.count]) |*from, *to| {
            to.* = from.bytes[0..from.len];
        }
        std.debug.assert(config.announce_ns != 0); // the schedule would never catch up
        self.packet_len = (try announce.encode(&self.packet, &own)).len;
        self.next_ns = node.now_ns;
        node.edge.print(marker.discovery_up, .{});
    }

    /// True: a configured peer was heard, and identities may now be bound.
    pub fn tick(self: *Beacon, node: anytype) bool {
        const is_heard = self.readable and self.receive(node);
        if (node.now_ns < self.next_ns) return is_heard;
        std.debug.assert(self.packet_len != 0); // before `open` no instant comes
        // The next one stays on the schedule's grid, so a late turn does not shift those after it.
        while (self.next_ns <= node.now_ns) self.next_ns += node.config.announce_ns;
        std.debug.assert(self.next_ns - node.now_ns <= node.config.announce_ns);
        self.say(node, announce.group);
        // Every configured peer gets one, too, for networks that do not carry multicast.
        for (node.config.peers()) |*peer| self.say(node, peer.ip);
        return is_heard;
    }

    fn say(self: *Beacon, node: anytype, ip: [4]u8) void {
        if (!node.edge.say(ip, self.packet[0..self.packet_len]) or self.is_told) return;
        self.is_told = true;
        node.edge.print(marker.announce_sent, .{});
    }

    fn receive(self: *Beacon, node: anytype) bool {
        var buffer: [announce.bytes_max]u8 = undefined;
        var is_heard = false;
        for (0..datagrams_per_turn) |_| {
            const datagram = node.edge.hear(&buffer) orelse {
                self.readable = false;
                break;
            };
            is_heard = self.take(node, datagram) or is_heard;
        }
        return is_heard;
    }

    fn take(self: *Beacon, node: anytype, datagram: edge.Datagram) bool {
        const heard = announce.decode(datagram.bytes) catch {
            if (self.mayComplain(node.now_ns, .malformed))
                node.edge.print(marker.announce_malformed, .{});
            return false;
        };
        // Multicast comes back to its sender; and another sender with our name is not a peer.
        if (node.config.id.eql(heard.device_id)) return false;
        const peer = node.config.peerIndex(heard.device_id) orelse {
            _ = node.table.hear(&heard, datagram.ip, false, node.now_ns) catch {};
            return false;
        };
        const pinned = &node.config.peers()[peer];
        if (!std.mem.eql(u8, &pinned.key, &heard.key)) {
            if (self.mayComplain(node.now_ns, .key))
                node.edge.print(
                    marker.announce_mismatch,
                    .{pinned.id},
                );
            return false;
        }
        _ = node.table.hear(&heard, datagram.ip, true, node.now_ns) catch return false;
        const known = &node.peers[peer];
        if (heard.tcp_port != 0) {
            known.candidates.hear(.{ .ip = datagram.ip, .port = heard.tcp_port }, node.now_ns);
        }
        if (known.is_learned) return true;
        known.is_learned = true;
        node.edge.print(marker.peer_learned, .{});
        return true;
    }

    fn mayComplain(self: *Beacon, now_ns: u64, kind: Complaint) bool {
        const last = &self.complained[@intFromEnum(kind)];
        if (last.* != edge.never and now_ns - last.* < complaint_ns) return false;
        last.* = now_ns;
        return true;
    }
};
