//! The requests at the state store: `SF` of services, and `SO` of peers, which dsoftbusd asks on
//! their behalf. Each is judged, then goes to the engine, and always gets an answer.
//!
//! The server asks for the right of a sender before it does anything else for it, and only about
//! whole requests. `gate` has
//!
//!     fn permits(self, sender: u64, capability: []const u8) bool
//!     fn denied(self, sender: u64, path: []const u8) void
//!     fn abandoned(self, sender: u64) void
//!     fn now(self) u64, in nanoseconds

const std = @import("std");
const statefs = @import("statefs");
const wire = @import("wire");
const state = wire.state;
const behalf = wire.behalf;
const Caller = @import("caller.zig").Caller;
const owners = @import("owners.zig");
const reading = @import("reading.zig");
const transactions = @import("transactions.zig");
const Versions = @import("versions.zig").Versions;
pub const rights = @import("rights.zig");
pub const share = @import("share.zig");
pub const idle_ns_max = owners.idle_ns_max;
pub const inline_value_max = @import("caller.zig").inline_value_max;
pub const list_reply_max = reading.list_reply_max;

pub const reply_bytes_max = 8_192;

pub fn Server(comptime Device: type) type {
    return struct {
        store: statefs.Store(Device) = undefined,
        pool: []u8,
        items: []statefs.Item,
        /// The service that speaks for peers.
        speaker: u64,
        settings: share.Settings,
        /// The number of items that may be entries.
        keys_max: u32,
        owners: owners.Owners = .{},
        versions: Versions = .{},
        /// The disk could not be read. There is nothing to serve until it can be.
        is_unreadable: bool = false,
        /// The instant at which the served request came, where that matters.
        now_ns: u64 = 0,
        /// The generation that was found, or that was compacted to and reported.
        told_generation: u32 = 0,
        ending: behalf.Ending = .now,
        out: [behalf.reply_head_bytes + reply_bytes_max]u8 = undefined,

        const Self = @This();

        /// Transactions that a cut left open have no owner any more: they are ended.
        pub fn open(self: *Self, device: *Device) error{Io}!void {
            self.owners = .{};
            self.versions.markEvery();
            self.is_unreadable = true;
            try self.store.open(device, self.pool, self.items);
            self.is_unreadable = false;
            self.told_generation = self.store.generation();
            if (self.store.damage != .none) return;
            const contents = &self.store.contents;
            while (contents.open_count > 0) transactions.end(self, contents.open[0]);
        }

        /// The invariant between any two requests: each open transaction has an owner, which alone
        /// may go on with it. (Of a damaged store those stay open that were found so.)
        fn check(self: *const Self) void {
            if (self.is_unreadable or self.store.damage != .none) return;
            std.debug.assert(self.owners.count() == self.store.contents.open_count);
        }

        pub fn handle(self: *Self, frame: []const u8, sender: u64, gate: anytype) []const u8 {
            defer self.check();
            if (!behalf.isCall(frame)) return self.answer(frame, .{ .sender = sender }, gate);
            const call = behalf.decodeCall(frame) orelse {
                return self.refuse(.{ .op = .sync, .status = .malformed });
            };
            self.ending = .now;
            const reply = self.answer(call.frame, .{ .sender = sender, .call = call }, gate);
            behalf.encodeReplyHead(self.out[0..behalf.reply_head_bytes], self.ending);
            return self.out[0 .. behalf.reply_head_bytes + reply.len];
        }

        fn answer(self: *Self, frame: []const u8, caller: Caller, gate: anytype) []const u8 {
            const request = switch (state.decodeRequest(frame)) {
                .refusal => |refusal| return self.refuse(refusal),
                .request => |request| request,
            };
            if (caller.refuses(request, self.speaker, gate)) |status| {
                return self.fail(request, status);
            }
            if (self.is_unreadable and request.op != .reopen) return self.fail(request, .io_error);
            // Only transactions and deadlines have to do with time.
            const deadline_ns = if (caller.call) |call| call.deadline_ns else 0;
            if (request.op == .txn_begin or deadline_ns != 0 or self.owners.isAny()) {
                self.now_ns = gate.now();
                transactions.endAbandoned(self, gate);
            }
            if (deadline_ns != 0 and self.now_ns >= deadline_ns) {
                return self.stop(request, .io_error, .withdrawn);
            }
            if (self.known(request, caller)) |reply| return reply;
            return self.serve(request, caller) catch |err| {
                const is_lack = err == error.Io or err == error.TxnLimit;
                if (is_lack and caller.call == null and transactions.endOfPeers(self, gate)) {
                    return self.serve(request, caller) catch |again|
                        self.fail(request, statusOf(again));
                }
                return self.fail(request, statusOf(err));
            };
        }

        /// The answer to a peer's change that must not be made again: it was made, or may have
        /// been.
        fn known(self: *Self, request: state.Request, caller: Caller) ?[]const u8 {
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

        fn serve(self: *Self, request: state.Request, caller: Caller) Failure![]const u8 {
            switch (request.op) {
                .put => try self.put(request, caller),
                .delete => try self.delete(request, caller),
                .read, .get, .list => return self.read(request),
                .sync => try self.store.sync(),
                .reopen => self.open(self.store.device) catch return error.Io,
                .txn_begin => {
                    const txn = try transactions.begin(self, caller);
                    var writer = self.start(request);
                    writer.int(u64, txn) catch unreachable; // it has room for a number
                    return writer.done();
                },
                .txn_put => {
                    const owner = try transactions.ownerOf(self, request.txn, caller);
                    const contents = &self.store.contents;
                    const chunk_len = request.value.len;
                    const added = self.owners.addedBy(owner, contents, request.key, chunk_len);
                    try self.checkShare(caller, added);
                    try self.store.putChunk(request.txn, request.key, request.value);
                },
                .txn_commit => {
                    const owner = try transactions.ownerOf(self, request.txn, caller);
                    // The peer may have set other keys meanwhile.
                    const contents = &self.store.contents;
                    const peer = caller.peer();
                    try self.checkShare(caller, .ofTransaction(contents, peer, request.txn));
                    self.versions.markAll(&self.store.contents, request.txn);
                    if (caller.remembered()) |call| {
                        try self.store.commitFor(call, request.txn);
                    } else try self.store.commit(request.txn);
                    owner.* = .{};
                },
                .txn_abort => {
                    const owner = try transactions.ownerOf(self, request.txn, caller);
                    transactions.end(self, request.txn);
                    owner.* = .{};
                },
            }
            return self.start(request).done();
        }

        fn put(self: *Self, request: state.Request, caller: Caller) Failure!void {
            if (caller.remembered()) |call| {
                const contents = &self.store.contents;
                const key = request.key;
                try self.checkShare(caller, .of(contents, call.peer, key, request.value.len));
                try self.store.putFor(call, request.key, request.value);
            } else try self.store.put(request.key, request.value);
            self.versions.mark(request.key);
        }

        fn delete(self: *Self, request: state.Request, caller: Caller) Failure!void {
            const absent = @intFromEnum(state.Status.not_found);
            const is_gone = if (caller.remembered()) |call|
                try self.store.deleteFor(call, request.key, absent)
            else
                try self.store.delete(request.key);
            // A key that is not there has no version; the next change of it marks it.
            if (!is_gone) return error.NotFound;
        }

        fn checkShare(self: *const Self, caller: Caller, added: share.Added) share.Lack!void {
            if (caller.call == null) return;
            const there_is = share.capacityIn(&self.store, self.pool.len, self.keys_max);
            const limits: share.Limits = .of(self.settings, there_is);
            try share.check(&self.store.contents, limits, caller.peer(), added);
        }

        fn read(self: *Self, request: state.Request) Failure![]const u8 {
            var writer = self.start(request);
            switch (request.op) {
                .get => try reading.get(&self.store, request, &writer),
                .list => try reading.list(&self.store, request, &writer),
                else => {
                    const version = self.versions.of(request.key);
                    try reading.read(&self.store, request, version, &writer);
                },
            }
            return writer.done();
        }

        fn start(self: *Self, request: state.Request) wire.cursor.Writer {
            const out = self.out[behalf.reply_head_bytes..];
            // A head is a small part of the longest reply.
            return state.startReply(out, request.op, .ok, request.nonce) catch unreachable;
        }

        fn fail(self: *Self, request: state.Request, status: state.Status) []const u8 {
            const out = self.out[behalf.reply_head_bytes..];
            return state.encodeFailure(out, request.op, status, request.nonce) catch
                unreachable; // 21 bytes at most
        }

        /// Refuse for a reason that the status does not show.
        fn stop(
            self: *Self,
            request: state.Request,
            status: state.Status,
            ending: behalf.Ending,
        ) []const u8 {
            self.ending = ending;
            return self.fail(request, status);
        }

        fn refuse(self: *Self, refusal: state.Refusal) []const u8 {
            return state.encodeRefusal(
                self.out[behalf.reply_head_bytes..],
                refusal,
            ) catch unreachable; // It is a head alone.
        }
    };
}

const Failure = statefs.Error || error{OverShare};

fn statusOf(err: Failure) state.Status {
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
    _ = @import("edge_test.zig");
    _ = @import("owners_test.zig");
    _ = @import("room_test.zig");
}
