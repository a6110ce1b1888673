//! Values above a frame's, the serving side: joins `transfer` of lib/dsoftbus to a link's streams,
//! to the gateway's rules, to what is remembered of changes, and to the store.

const std = @import("std");
const dsoftbus = @import("dsoftbus");
const wire = @import("wire");
const node = @import("node.zig");
const gate = @import("gate.zig");
const journal = @import("journal.zig");
const links = @import("links.zig");
const repeats = @import("repeats.zig");
const state = @import("state.zig");
const Link = links.Link;
const Mux = dsoftbus.mux.Mux;
const Reason = dsoftbus.mux.Reason;
const codec = dsoftbus.transfer_head;
const gateway = dsoftbus.gateway;
const replay = dsoftbus.replay;
const sf = wire.sf;
const sf_gate = dsoftbus.sf_gate;
const transfer = dsoftbus.transfer;

const Slot = struct {
    /// 0: there is none.
    id: u32 = 0,
    is_peer_closed: bool = false,
    /// A stream whose answer is told of once it has left.
    told_id: u32 = 0,
    machine: transfer.Transfer = .{},
};

/// One a link: a peer's transfers of one session follow each other.
var all: [links.links_max]Slot = @splat(.{});

fn of(link: *const Link) *Slot {
    return &all[links.indexOf(link)];
}

/// True if the event was a transfer's.
pub fn take(link: *Link, mux: *Mux, event: dsoftbus.mux.Event) bool {
    const slot = of(link);
    var host: Host = .{ .link = link };
    switch (event) {
        .opened => |stream| {
            if (!std.mem.eql(u8, stream.name, codec.stream_name)) return false;
            // Streams of one name follow each other: the mux lets none in before the last is over.
            if (slot.id != 0) mux.reset(slot.id, .unwanted);
            slot.machine.abandon(&host);
            slot.id = stream.id;
            slot.is_peer_closed = false;
            slot.machine.begin(node.now_ns);
            mux.accept(stream.id);
        },
        .data => |data| {
            if (slot.id != data.id) return false;
            mux.grant(data.id, data.bytes.len);
            settle(slot, mux, slot.machine.feed(&host, data.bytes, node.now_ns));
        },
        .closed => |id| {
            if (slot.id != id) return false;
            slot.is_peer_closed = true;
            settle(slot, mux, slot.machine.closed(&host, node.now_ns));
        },
        .reset => |what| {
            if (slot.id != what.id) return false;
            slot.machine.abandon(&host);
            slot.id = 0;
        },
        else => return false,
    }
    return true;
}

fn settle(slot: *Slot, mux: *Mux, reason: ?Reason) void {
    if (reason) |why| mux.reset(slot.id, why);
    if (slot.machine.stage == .idle) slot.id = 0;
}

/// Write what is to be said, as far as there is room.
pub fn push(link: *Link, mux: *Mux) void {
    const slot = of(link);
    if (slot.id != 0) fill(link, slot, mux) catch {
        var host: Host = .{ .link = link };
        slot.machine.abandon(&host);
        settle(slot, mux, .unwanted);
    };
    if (slot.told_id == 0 or mux.waiting(slot.told_id) != 0) return;
    slot.told_id = 0;
    state.tellServed();
}

fn fill(link: *Link, slot: *Slot, mux: *Mux) error{Changed}!void {
    var host: Host = .{ .link = link };
    var buffer: [512]u8 = undefined;
    while (true) {
        const room = @min(mux.room(slot.id), buffer.len);
        const bytes = try slot.machine.pull(&host, buffer[0..room], node.now_ns);
        if (bytes.len == 0) break;
        std.debug.assert(mux.write(slot.id, bytes) == bytes.len);
    }
    if (!slot.machine.isSaid()) return;
    mux.close(slot.id) catch unreachable; // it would be idle
    slot.machine.sayOver(slot.is_peer_closed);
    if (slot.is_peer_closed) slot.id = 0;
}

/// The session has become ready, or is over: what was under way is not finished.
pub fn forsake(link: *Link) void {
    const slot = of(link);
    var host: Host = .{ .link = link };
    slot.machine.abandon(&host);
    slot.id = 0;
    slot.told_id = 0;
}

pub fn deadline(link: *const Link) u64 {
    return of(link).machine.deadline();
}

pub fn tick(link: *Link, mux: *Mux) void {
    const slot = of(link);
    var host: Host = .{ .link = link };
    const reason = slot.machine.expire(&host, node.now_ns) orelse return;
    settle(slot, mux, reason);
}

/// What a transfer may, and does.
const Host = struct {
    link: *Link,

    pub fn admit(
        self: *Host,
        head: transfer.Head,
        request: []const u8,
        key: ?[]const u8,
    ) transfer.Verdict {
        const peer = self.link.bound.?;
        const subject = subjectOf(head);
        if (!node.buckets[peer].take(node.now_ns)) return self.deny(head, .rate);
        const rule: gateway.Rule = .{
            .peer = peer,
            .service = state.service_id,
            .opcode = subject.opcode.?,
        };
        if (!gateway.allows(node.config.rules(), rule)) return self.deny(head, .service);
        if (self.known(head, request)) |reply| return .{ .done = reply };
        const why = sf_gate.judgeTransfer(head, key) orelse return .go;
        const reply: codec.Reply = .{ .op = head.op, .status = why.status() };
        state.record(self.link, subject, head.op.inner(), .{ .reject = why }, key orelse "");
        self.remember(head, request, reply);
        return .{ .done = reply };
    }

    fn deny(self: *Host, head: transfer.Head, reason: gateway.Reason) transfer.Verdict {
        gate.refuseStream(self.link, reason, subjectOf(head));
        return .{ .done = .{ .op = head.op, .status = .access_denied } };
    }

    /// The answer to a put that is not to be made, because it was, or may have been.
    fn known(self: *Host, head: transfer.Head, request: []const u8) ?codec.Reply {
        if (!isKept(head)) return null;
        const lost: codec.Reply = .{ .op = head.op, .status = .io_error };
        switch (repeats.judge(self.link, head.id, digestOf(request))) {
            .run => return null,
            .done => |bytes| return codec.decodeReply(bytes orelse "") orelse lost,
            .gone, .conflict => {
                journal.audit(.failed, self.link.peerId(), subjectOf(head));
                return lost;
            },
        }
    }

    fn remember(
        self: *Host,
        head: transfer.Head,
        request: []const u8,
        reply: codec.Reply,
    ) void {
        if (!isKept(head)) return;
        repeats.keep(self.link, head.id, digestOf(request), &codec.encodeReply(reply));
    }

    pub fn begin(_: *Host) transfer.Begun {
        const reply = state.ask(.{ .op = .txn_begin }) orelse return .{ .refused = .io_error };
        if (reply.status != .ok) return .{ .refused = reply.status };
        if (reply.tail.len != 8) return .{ .refused = .io_error };
        return .{ .txn = std.mem.readInt(u64, reply.tail[0..8], .little) };
    }

    pub fn chunk(_: *Host, txn: u64, key: []const u8, bytes: []const u8) sf.Status {
        return statusOf(.{ .op = .txn_put, .txn = txn, .key = key, .value = bytes });
    }

    pub fn commit(_: *Host, txn: u64) sf.Status {
        return statusOf(.{ .op = .txn_commit, .txn = txn });
    }

    pub fn abort(_: *Host, txn: u64) void {
        // Not answered in time it is carried out all the same: the request stays in the queue.
        _ = statusOf(.{ .op = .txn_abort, .txn = txn });
    }

    fn statusOf(request: sf.Request) sf.Status {
        return if (state.ask(request)) |reply| reply.status else .io_error;
    }

    pub fn read(_: *Host, key: []const u8, offset: u32, out: []u8) transfer.Piece {
        const reply = state.ask(.{
            .op = .read,
            .key = key,
            .offset = offset,
            .length = @intCast(out.len),
        }) orelse return .{ .refused = .io_error };
        if (reply.status != .ok) return .{ .refused = reply.status };
        const piece = sf.pieceOf(reply) orelse return .{ .refused = .io_error };
        if (piece.bytes.len > out.len) return .{ .refused = .io_error };
        @memcpy(out[0..piece.bytes.len], piece.bytes);
        return .{ .bytes = .{
            .total = piece.total,
            .version = piece.version,
            .len = piece.bytes.len,
        } };
    }

    pub fn ended(
        self: *Host,
        head: transfer.Head,
        request: []const u8,
        end: transfer.End,
    ) void {
        const is_ok = end.status == .ok;
        const key = request[codec.head_bytes..];
        const outcome: sf_gate.Outcome = if (is_ok) .allow else .status;
        if (end.reply) |reply| self.remember(head, request, reply);
        state.record(self.link, subjectOf(head), head.op.inner(), outcome, key);
        const slot = of(self.link);
        if (is_ok and head.op == .put) slot.told_id = slot.id;
    }

    pub fn malformed(self: *Host) void {
        gate.refuseStream(self.link, .malformed, .{ .service = state.service_id });
    }
};

fn isKept(head: transfer.Head) bool {
    return head.op == .put and replay.hasEpoch(head.id);
}

fn digestOf(request: []const u8) replay.Digest {
    return replay.digestOf(state.service_id, request);
}

fn subjectOf(head: transfer.Head) gateway.Subject {
    return .{ .service = state.service_id, .opcode = @intFromEnum(head.op.inner()) };
}
