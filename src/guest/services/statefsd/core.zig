//! The state store's requests (`SF`): who may, then the engine, then an answer to everything. And
//! those of peers (`SO`), which dsoftbusd asks on their behalf.
//!
//! Whether a sender may is asked before anything else is done for it, and only about requests that
//! are whole. `gate` has
//!
//!     fn permits(self, sender: u64, capability: []const u8) bool
//!     fn denied(self, sender: u64, path: []const u8) void
//!     fn abandoned(self, sender: u64) void
//!     fn now(self) u64, in nanoseconds

const std = @import("std");
const statefs = @import("statefs");
const wire = @import("wire");
const sf = wire.sf;
const so = wire.so;
const owners = @import("owners.zig");
pub const rights = @import("rights.zig");
pub const share = @import("share.zig");
pub const idle_ns_max = owners.idle_ns_max;

/// What a message of the kernel carries, less the frames around a value.
pub const inline_value_max = 8_128;
pub const reply_bytes_max = 8_192;
pub const list_reply_max = 512;
pub const list_max = 256;
/// The longest value in small chunks: what a transaction that sets one adds to the journal.
const transaction_bytes = 72 * 1024;
/// Less is not worth writing all that is live.
const gain_bytes_min = 4096;
/// Keys are told apart by so many classes when a reader asks whether one has changed: a few of
/// them read again without need.
const classes_max = 64;
/// All that is a peer's.
const peers_namespace = "/state/shared/";

/// Who asks: a service of this node, or a peer through dsoftbusd.
const Caller = struct {
    sender: u64,
    call: ?so.Call = null,

    fn peer(self: Caller) []const u8 {
        return if (self.call) |call| call.peer else "";
    }

    /// As the engine remembers it.
    fn remembered(self: Caller) ?statefs.Call {
        const call = self.call orelse return null;
        return .{ .peer = call.peer, .id = call.id, .digest = call.digest };
    }
};

pub fn Server(comptime Device: type) type {
    return struct {
        store: statefs.Store(Device) = undefined,
        pool: []u8,
        items: []statefs.Item,
        /// The service that speaks for peers.
        speaker: u64,
        settings: share.Settings,
        /// Of the items, so many may be entries.
        keys_max: u32,
        owners: owners.Owners = .{},
        /// How many changes there were, and the last one of a key of each class.
        change_count: u64 = 0,
        changed: [classes_max]u64 = @splat(0),
        /// The disk could not be read: there is nothing to serve until it can be.
        is_unreadable: bool = false,
        /// When the request came that is served, where that matters.
        now_ns: u64 = 0,
        /// What was found, or compacted to and told.
        told_generation: u32 = 0,
        ending: so.Ending = .now,
        out: [so.reply_head_bytes + reply_bytes_max]u8 = undefined,

        const Self = @This();

        /// Transactions that a cut left open have no owner any more: they are ended.
        pub fn open(self: *Self, device: *Device) error{Io}!void {
            self.owners = .{};
            self.change_count += 1;
            self.changed = @splat(self.change_count);
            self.is_unreadable = true;
            try self.store.open(device, self.pool, self.items);
            self.is_unreadable = false;
            self.told_generation = self.store.generation();
            if (self.store.damage != .none) return;
            while (self.store.contents.open_count > 0) self.end(self.store.contents.open[0]);
        }

        /// A transaction is over without having been committed. It needs no record that says so:
        /// where there is no room for one (or the disk takes none) there would never be, since
        /// nothing is compacted while a transaction is open.
        fn end(self: *Self, txn: u64) void {
            self.store.abort(txn) catch {
                var id: [8]u8 = undefined;
                std.mem.writeInt(u64, &id, txn, .little);
                self.store.contents.apply(.{ .op = .abort, .value = &id }) catch unreachable;
            };
        }

        fn endAbandoned(self: *Self, gate: anytype) void {
            while (self.owners.takeIdle(self.now_ns)) |owner| {
                self.end(owner.txn);
                gate.abandoned(owner.sender);
            }
        }

        /// A local writer does not wait for what a peer has begun: while a transaction is open
        /// nothing is compacted. Who began it is told at its next step.
        fn endOfPeers(self: *Self, gate: anytype) bool {
            var is_any = false;
            while (self.owners.takePeers()) |owner| {
                self.end(owner.txn);
                gate.abandoned(owner.sender);
                is_any = true;
            }
            return is_any;
        }

        pub fn handle(self: *Self, frame: []const u8, sender: u64, gate: anytype) []const u8 {
            if (!so.isCall(frame)) return self.answer(frame, .{ .sender = sender }, gate);
            const call = so.decodeCall(frame) orelse {
                return self.refuse(.{ .op = .sync, .status = .malformed });
            };
            self.ending = .now;
            const reply = self.answer(call.frame, .{ .sender = sender, .call = call }, gate);
            so.encodeReplyHead(self.out[0..so.reply_head_bytes], self.ending);
            return self.out[0 .. so.reply_head_bytes + reply.len];
        }

        fn answer(self: *Self, frame: []const u8, caller: Caller, gate: anytype) []const u8 {
            const request = switch (sf.decodeRequest(frame)) {
                .refusal => |refusal| return self.refuse(refusal),
                .request => |request| request,
            };
            if (self.refuses(request, caller, gate)) |status| return self.fail(request, status);
            if (self.is_unreadable and request.op != .reopen) return self.fail(request, .io_error);
            // Only transactions and deadlines have to do with time.
            const deadline_ns = if (caller.call) |call| call.deadline_ns else 0;
            if (request.op == .txn_begin or deadline_ns != 0 or self.owners.isAny()) {
                self.now_ns = gate.now();
                self.endAbandoned(gate);
            }
            if (deadline_ns != 0 and self.now_ns >= deadline_ns) {
                return self.stop(request, .io_error, .withdrawn);
            }
            if (self.known(request, caller)) |reply| return reply;
            return self.serve(request, caller) catch |err| {
                const is_lack = err == error.Io or err == error.TxnLimit;
                if (is_lack and caller.call == null and self.endOfPeers(gate)) {
                    return self.serve(request, caller) catch |again|
                        self.fail(request, statusOf(again));
                }
                return self.fail(request, statusOf(err));
            };
        }

        /// The answer to a peer's change that is not to be made: it was, or may have been.
        fn known(self: *Self, request: sf.Request, caller: Caller) ?[]const u8 {
            const call = caller.remembered() orelse return null;
            switch (request.op) {
                .put, .delete, .txn_begin, .txn_commit => {},
                else => return null,
            }
            const verdict = self.store.judge(call) catch |err| {
                return self.fail(request, statusOf(err));
            };
            return switch (verdict) {
                .run => null,
                .done => |status| self.stop(request, @enumFromInt(status), .repeated),
                .forgotten => self.stop(request, .io_error, .forgotten),
            };
        }

        fn refuses(self: *const Self, request: sf.Request, caller: Caller, gate: anytype) ?sf.Status {
            if (caller.call != null) {
                const is_shared = std.mem.startsWith(u8, request.key, peers_namespace);
                const is_keyed = request.key.len != 0;
                if (caller.sender != self.speaker or request.op == .reopen or
                    (is_keyed and !is_shared))
                {
                    gate.denied(caller.sender, if (is_keyed) request.key else "-");
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
                    if (gate.permits(caller.sender, rights.write)) return null;
                    if (gate.permits(caller.sender, rights.boot)) return null;
                    gate.denied(caller.sender, "-");
                    return .access_denied;
                },
                .txn_begin, .txn_commit, .txn_abort => {
                    if (gate.permits(caller.sender, rights.write)) return null;
                    gate.denied(caller.sender, "-");
                    return .access_denied;
                },
            }
            if (gate.permits(caller.sender, rights.ofKey(request.op, request.key))) return null;
            gate.denied(caller.sender, request.key);
            return .access_denied;
        }

        fn serve(self: *Self, request: sf.Request, caller: Caller) Failure![]const u8 {
            switch (request.op) {
                .put => try self.put(request, caller),
                .delete => try self.delete(request, caller),
                .read => return self.read(request),
                .get => return self.get(request),
                .list => return self.list(request),
                .sync => try self.store.sync(),
                .reopen => self.open(self.store.device) catch return error.Io,
                .txn_begin => return self.begin(request, caller),
                .txn_put => {
                    const owner = try self.ownerOf(request.txn, caller);
                    const waiting = self.owners.waitingOf(owner, &self.store.contents);
                    try self.checkShare(caller, request.key, request.value.len, waiting);
                    try self.store.putChunk(request.txn, request.key, request.value);
                },
                .txn_commit => {
                    const owner = try self.ownerOf(request.txn, caller);
                    self.markAll(request.txn);
                    if (caller.remembered()) |call| {
                        try self.store.commitFor(call, request.txn);
                    } else try self.store.commit(request.txn);
                    owner.* = .{};
                },
                .txn_abort => {
                    const owner = try self.ownerOf(request.txn, caller);
                    self.end(request.txn);
                    owner.* = .{};
                },
            }
            return self.start(request).done();
        }

        fn put(self: *Self, request: sf.Request, caller: Caller) Failure!void {
            if (caller.remembered()) |call| {
                try self.checkShare(caller, request.key, request.value.len, 0);
                try self.store.putFor(call, request.key, request.value);
            } else try self.store.put(request.key, request.value);
            self.mark(request.key);
        }

        fn delete(self: *Self, request: sf.Request, caller: Caller) Failure!void {
            const absent = @intFromEnum(sf.Status.not_found);
            const is_gone = if (caller.remembered()) |call|
                try self.store.deleteFor(call, request.key, absent)
            else
                try self.store.delete(request.key);
            if (!is_gone) return error.NotFound;
            self.mark(request.key);
        }

        fn begin(self: *Self, request: sf.Request, caller: Caller) Failure![]const u8 {
            if (!self.owners.hasRoom(caller.peer())) return error.TxnLimit;
            try self.makeRoom();
            const txn = try self.store.begin();
            self.owners.add(txn, caller.sender, caller.peer(), self.now_ns);
            var writer = self.start(request);
            writer.int(u64, txn) catch unreachable;
            return writer.done();
        }

        fn checkShare(
            self: *const Self,
            caller: Caller,
            key: []const u8,
            value_len: usize,
            waiting: u64,
        ) share.Lack!void {
            if (caller.call == null) return;
            const limits: share.Limits = .of(self.settings, self.capacity());
            const contents = &self.store.contents;
            try share.check(contents, limits, caller.peer(), key, value_len, waiting);
        }

        /// What a snapshot has room for, in memory and in a region of the disk.
        fn capacity(self: *const Self) share.Capacity {
            const pair = statefs.superblock.regions(self.store.device.sectors());
            const journal = self.store.journal.region.bytes();
            const region = share.capacityOf(if (pair) |both| both[0].bytes() else journal, journal);
            const spent = statefs.sector_bytes + self.store.contents.memory().bytes;
            const in_memory = self.pool.len - @min(self.pool.len / 2, statefs.contents.txns_bytes_max);
            return .{ .keys = self.keys_max, .bytes = @min(in_memory, region -| spent) };
        }

        /// For the longest value, while nothing is open: from then on the journal only grows.
        fn makeRoom(self: *Self) statefs.Error!void {
            const journal = &self.store.journal;
            if (self.store.contents.open_count > 0 or !self.store.is_served) return;
            const is_first = self.store.superblock == null;
            // The one journal of version 1 cannot be compacted beyond the middle of the disk.
            const room = journal.region.bytes() / @as(u64, if (is_first) 2 else 1);
            if (journal.end + transaction_bytes <= room) return;
            const gained = journal.end -| self.store.contents.liveBytes();
            if (is_first or gained >= gain_bytes_min) _ = try self.store.compact();
        }

        /// To anybody else there is no such transaction.
        fn ownerOf(self: *Self, txn: u64, caller: Caller) statefs.Error!*owners.Owner {
            const owner = self.owners.find(txn, caller.sender, caller.peer()) orelse
                return error.NotFound;
            owner.used_ns = self.now_ns;
            return owner;
        }

        fn get(self: *Self, request: sf.Request) statefs.Error![]const u8 {
            const value = try self.store.get(request.key) orelse return error.NotFound;
            // Another engine, with larger messages, may have put it there.
            if (value.len > inline_value_max) return error.TooLarge;
            var writer = self.start(request);
            writer.int(u32, @intCast(value.len)) catch unreachable;
            writer.put(value) catch unreachable;
            return writer.done();
        }

        /// A piece of a value, for who has smaller messages than values. The version says whether
        /// two pieces are of one value.
        fn read(self: *Self, request: sf.Request) statefs.Error![]const u8 {
            const value = try self.store.get(request.key) orelse return error.NotFound;
            const from = @min(request.offset, value.len);
            const len = @min(request.length, inline_value_max, value.len - from);
            var writer = self.start(request);
            sf.putPiece(&writer, .{
                .total = @intCast(value.len),
                .version = self.changed[classOf(request.key)],
                .bytes = value[from..][0..len],
            }) catch unreachable;
            return writer.done();
        }

        fn mark(self: *Self, key: []const u8) void {
            self.change_count += 1;
            self.changed[classOf(key)] = self.change_count;
        }

        /// What a transaction is about to change.
        fn markAll(self: *Self, txn: u64) void {
            const contents = &self.store.contents;
            for (contents.itemsOf(txn)) |item| self.mark(contents.keyOf(item));
        }

        /// In the order of keys, whole ones only, from the first that may be one of the list.
        /// Keys that reading takes another capability for are not told to who asked about the
        /// paths above them.
        fn list(self: *Self, request: sf.Request) statefs.Error![]const u8 {
            if (!self.store.is_served) return error.Integrity;
            const contents = &self.store.contents;
            const limit = std.math.clamp(request.limit, 1, list_max);
            const right = rights.ofKey(.list, request.key);
            var writer = self.start(request);
            const count_at = writer.len;
            writer.int(u16, 0) catch unreachable;
            var count: u16 = 0;
            const is_behind = std.mem.order(u8, request.after, request.key) == .gt;
            const first = if (is_behind) request.after else request.key;
            for (contents.sortedFrom(first)) |item| {
                const key = contents.keyOf(item);
                if (count == limit or !std.mem.startsWith(u8, key, request.key)) break;
                if (std.mem.eql(u8, key, request.after)) continue;
                if (!std.mem.eql(u8, rights.ofKey(.list, key), right)) continue;
                if (writer.len + 2 + key.len > list_reply_max) break;
                writer.int(u16, @intCast(key.len)) catch unreachable;
                writer.put(key) catch unreachable;
                count += 1;
            }
            std.mem.writeInt(u16, writer.buffer[count_at..][0..2], count, .little);
            return writer.done();
        }

        fn start(self: *Self, request: sf.Request) wire.cursor.Writer {
            const out = self.out[so.reply_head_bytes..];
            return sf.startReply(out, request.op, .ok, request.nonce) catch unreachable;
        }

        fn fail(self: *Self, request: sf.Request, status: sf.Status) []const u8 {
            const out = self.out[so.reply_head_bytes..];
            return sf.encodeFailure(out, request.op, status, request.nonce) catch
                unreachable; // 21 bytes at most
        }

        /// Nothing is done, for a reason that the status does not tell.
        fn stop(self: *Self, request: sf.Request, status: sf.Status, ending: so.Ending) []const u8 {
            self.ending = ending;
            return self.fail(request, status);
        }

        fn refuse(self: *Self, refusal: sf.Refusal) []const u8 {
            return sf.encodeRefusal(self.out[so.reply_head_bytes..], refusal) catch unreachable;
        }
    };
}

fn classOf(key: []const u8) usize {
    return @intCast(std.hash.Fnv1a_64.hash(key) % classes_max);
}

const Failure = statefs.Error || error{OverShare};

fn statusOf(err: Failure) sf.Status {
    return switch (err) {
        error.Io => .io_error,
        error.Integrity => .integrity_violation,
        error.NotFound => .not_found,
        error.TooLarge => .value_too_large,
        error.KeyTooLong => .key_too_long,
        error.InvalidKey => .invalid_key,
        error.TxnLimit => .txn_limit,
        error.OverShare => .over_share,
    };
}

test {
    _ = owners;
    _ = rights;
    _ = share;
    _ = @import("behalf_test.zig");
    _ = @import("core_test.zig");
    _ = @import("room_test.zig");
}
