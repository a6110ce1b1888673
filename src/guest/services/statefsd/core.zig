//! The state store's requests (`SF`): who may, then the engine, then an answer to everything.
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
const sf = @import("wire").sf;
pub const rights = @import("rights.zig");

/// What a message of the kernel carries, less the frame around a value.
pub const inline_value_max = 8_128;
pub const reply_bytes_max = 8_192;
pub const list_reply_max = 512;
pub const list_max = 256;
const txns_max = statefs.contents.txns_max;
/// The longest value in small chunks: what a transaction that sets one adds to the journal.
const transaction_bytes = 72 * 1024;
/// Less is not worth writing all that is live.
const gain_bytes_min = 4096;
/// Keys are told apart by so many classes when a reader asks whether one has changed: a few of
/// them read again without need.
const classes_max = 64;

/// Nothing is compacted while a transaction is open, and an owner that had no answer in time does
/// not know of its own. A request takes milliseconds; who is silent for this long has given up.
pub const idle_ns_max = 30 * std.time.ns_per_s;

/// A transaction belongs to who began it.
const Owner = struct { txn: u64 = 0, sender: u64 = 0, used_ns: u64 = 0 };

pub fn Server(comptime Device: type) type {
    return struct {
        store: statefs.Store(Device) = undefined,
        pool: []u8,
        items: []statefs.Item,
        owners: [txns_max]Owner = @splat(.{}),
        /// How many changes there were, and the last one of a key of each class.
        change_count: u64 = 0,
        changed: [classes_max]u64 = @splat(0),
        /// The disk could not be read: there is nothing to serve until it can be.
        is_unreadable: bool = false,
        /// When the request came that is served, while there is a transaction.
        now_ns: u64 = 0,
        /// What was found, or compacted to and told.
        told_generation: u32 = 0,
        out: [reply_bytes_max]u8 = undefined,

        const Self = @This();

        /// Transactions that a cut left open have no owner any more: they are ended.
        pub fn open(self: *Self, device: *Device) error{Io}!void {
            self.owners = @splat(.{});
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

        fn hasOwner(self: *const Self) bool {
            for (self.owners) |owner| if (owner.txn != 0) return true;
            return false;
        }

        fn endAbandoned(self: *Self, gate: anytype) void {
            for (&self.owners) |*owner| {
                if (owner.txn == 0 or self.now_ns -| owner.used_ns <= idle_ns_max) continue;
                self.end(owner.txn);
                gate.abandoned(owner.sender);
                owner.* = .{};
            }
        }

        pub fn handle(self: *Self, frame: []const u8, sender: u64, gate: anytype) []const u8 {
            const request = switch (sf.decodeRequest(frame)) {
                .refusal => |refusal| return sf.encodeRefusal(&self.out, refusal) catch unreachable,
                .request => |request| request,
            };
            if (refuses(request, sender, gate)) |status| return self.fail(request, status);
            if (self.is_unreadable and request.op != .reopen) return self.fail(request, .io_error);
            // Only transactions have to do with time.
            if (request.op == .txn_begin or self.hasOwner()) {
                self.now_ns = gate.now();
                self.endAbandoned(gate);
            }
            return self.serve(request, sender) catch |err| self.fail(request, statusOf(err));
        }

        fn refuses(request: sf.Request, sender: u64, gate: anytype) ?sf.Status {
            if (request.value.len > inline_value_max) return .value_too_large;
            switch (request.op) {
                .put, .get, .delete, .txn_put, .read => {
                    if (!rights.isKey(request.key)) return .invalid_key;
                },
                .list => if (!rights.isPrefix(request.key)) return .invalid_key,
                .sync, .reopen => {
                    if (gate.permits(sender, rights.write)) return null;
                    if (gate.permits(sender, rights.boot)) return null;
                    gate.denied(sender, "-");
                    return .access_denied;
                },
                .txn_begin, .txn_commit, .txn_abort => {
                    if (gate.permits(sender, rights.write)) return null;
                    gate.denied(sender, "-");
                    return .access_denied;
                },
            }
            if (gate.permits(sender, rights.ofKey(request.op, request.key))) return null;
            gate.denied(sender, request.key);
            return .access_denied;
        }

        fn serve(self: *Self, request: sf.Request, sender: u64) statefs.Error![]const u8 {
            switch (request.op) {
                .put => {
                    try self.store.put(request.key, request.value);
                    self.mark(request.key);
                },
                .read => return self.read(request),
                .get => return self.get(request),
                .delete => {
                    if (!try self.store.delete(request.key)) return error.NotFound;
                    self.mark(request.key);
                },
                .list => return self.list(request),
                .sync => try self.store.sync(),
                .reopen => self.open(self.store.device) catch return error.Io,
                .txn_begin => {
                    try self.makeRoom();
                    const txn = try self.store.begin();
                    for (&self.owners) |*owner| {
                        if (owner.txn != 0) continue;
                        owner.* = .{ .txn = txn, .sender = sender, .used_ns = self.now_ns };
                        break;
                    }
                    var writer = self.start(request);
                    writer.int(u64, txn) catch unreachable;
                    return writer.done();
                },
                .txn_put => {
                    _ = try self.ownerOf(request.txn, sender);
                    try self.store.putChunk(request.txn, request.key, request.value);
                },
                .txn_commit => {
                    const owner = try self.ownerOf(request.txn, sender);
                    self.markAll(request.txn);
                    try self.store.commit(request.txn);
                    owner.* = .{};
                },
                .txn_abort => {
                    const owner = try self.ownerOf(request.txn, sender);
                    self.end(request.txn);
                    owner.* = .{};
                },
            }
            return self.start(request).done();
        }

        /// For the longest value, while nothing is open: from then on the journal only grows.
        fn makeRoom(self: *Self) statefs.Error!void {
            const journal = &self.store.journal;
            if (self.store.contents.open_count > 0 or !self.store.is_served) return;
            const is_first = self.store.superblock == null;
            // The one journal of version 1 cannot be compacted beyond the middle of the disk.
            const room = journal.region.bytes() / @as(u64, if (is_first) 2 else 1);
            if (journal.end + transaction_bytes <= room) return;
            const gained = journal.end -| self.store.contents.live_bytes;
            if (is_first or gained >= gain_bytes_min) _ = try self.store.compact();
        }

        /// To anybody else there is no such transaction.
        fn ownerOf(self: *Self, txn: u64, sender: u64) statefs.Error!*Owner {
            for (&self.owners) |*owner| {
                if (txn == 0 or owner.txn != txn or owner.sender != sender) continue;
                owner.used_ns = self.now_ns;
                return owner;
            }
            return error.NotFound;
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
            for (contents.items[0..contents.count]) |item| {
                if (item.owner == txn) self.mark(contents.keyOf(item));
            }
        }

        /// In the order of keys, whole ones only. Keys that reading takes another capability for
        /// are not told to who asked about the paths above them.
        fn list(self: *Self, request: sf.Request) statefs.Error![]const u8 {
            if (!self.store.is_served) return error.Integrity;
            const limit = std.math.clamp(request.limit, 1, list_max);
            const right = rights.ofKey(.list, request.key);
            var writer = self.start(request);
            const count_at = writer.len;
            writer.int(u16, 0) catch unreachable;
            var count: u16 = 0;
            var last: ?statefs.Item = null;
            while (count < limit) {
                const item = self.store.contents.following(last) orelse break;
                last = item;
                const key = self.store.contents.keyOf(item);
                if (!std.mem.startsWith(u8, key, request.key)) continue;
                if (std.mem.order(u8, key, request.after) != .gt) continue;
                if (!std.mem.eql(u8, rights.ofKey(.list, key), right)) continue;
                if (writer.len + 2 + key.len > list_reply_max) break;
                writer.int(u16, @intCast(key.len)) catch unreachable;
                writer.put(key) catch unreachable;
                count += 1;
            }
            std.mem.writeInt(u16, self.out[count_at..][0..2], count, .little);
            return writer.done();
        }

        fn start(self: *Self, request: sf.Request) @import("wire").cursor.Writer {
            return sf.startReply(&self.out, request.op, .ok, request.nonce) catch unreachable;
        }

        fn fail(self: *Self, request: sf.Request, status: sf.Status) []const u8 {
            return sf.encodeFailure(&self.out, request.op, status, request.nonce) catch
                unreachable; // 21 bytes at most
        }
    };
}

fn classOf(key: []const u8) usize {
    return @intCast(std.hash.Fnv1a_64.hash(key) % classes_max);
}

fn statusOf(err: statefs.Error) sf.Status {
    return switch (err) {
        error.Io => .io_error,
        error.Integrity => .integrity_violation,
        error.NotFound => .not_found,
        error.TooLarge => .value_too_large,
        error.KeyTooLong => .key_too_long,
        error.InvalidKey => .invalid_key,
        error.TxnLimit => .txn_limit,
    };
}

test {
    _ = rights;
    _ = @import("core_test.zig");
    _ = @import("room_test.zig");
}
