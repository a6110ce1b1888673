//! The services of a host in memory: a store, and others that answer with good words, each as slow
//! as a test wants it.

const std = @import("std");
const fake = @import("pair_fake.zig");
const edge = @import("edge.zig");
const state = @import("wire").state;
const behalf = @import("wire").behalf;

const keys_max = 64;
const waiting_max = 16;

pub const Key = struct { len: usize = 0, bytes: [128]u8 = undefined, value: u8 = 0 };

pub const Services = struct {
    /// Whose services these are.
    host: u8,
    /// How long the store takes for a request, one after the other; null: it never answers.
    store_ns: ?u64 = 0,
    store_until_ns: u64 = 0,
    /// The store has ended the transaction, for a service of its own node.
    has_ended: bool = false,
    /// The store knows every commit from before its node was started again.
    knows_commits: bool = false,
    /// Peers have as much as they may: the store takes no commit.
    is_full: bool = false,
    /// What the others say of their status.
    status: u8 = 0,
    /// Requests of the store that wait.
    waiting: [waiting_max]fake.Ask = undefined,
    count: usize = 0,
    keys: [keys_max]Key = @splat(.{}),
    /// Changes that were made.
    puts: usize = 0,
    aborts: usize = 0,
    asked: usize = 0,
    most_waiting: usize = 0,

    /// When the store is done with what it is at.
    pub fn deadline(self: *const Services) u64 {
        return if (self.count == 0 or self.store_ns == null) edge.never else self.store_until_ns;
    }

    pub fn run(self: *Services, world: *fake.World, host: u8) bool {
        if (host != self.host) return false;
        var has_answered = false;
        const outside = &world.edges[host];
        for (std.enums.values(edge.Service)) |service| while (outside.takeAsk(service)) |asked| {
            if (service == .statefsd) {
                self.enqueue(&asked, world.now_ns);
                continue;
            }
            self.other(world, &asked);
            has_answered = true;
        };
        const takes = self.store_ns orelse return has_answered;
        while (self.count != 0 and world.now_ns >= self.store_until_ns) {
            const first = self.waiting[0];
            for (1..self.count) |i| self.waiting[i - 1] = self.waiting[i];
            self.count -= 1;
            self.store(world, &first);
            self.store_until_ns = world.now_ns + takes;
            if (self.count != 0) self.waiting[0].begun_ns = world.now_ns;
            has_answered = true;
        }
        return has_answered;
    }

    fn enqueue(self: *Services, asked: *const fake.Ask, now_ns: u64) void {
        if (self.count == 0) self.store_until_ns = now_ns + (self.store_ns orelse 0);
        self.waiting[self.count] = asked.*;
        self.waiting[self.count].begun_ns = now_ns;
        self.count += 1;
        self.most_waiting = @max(self.most_waiting, self.count);
        self.asked += 1;
    }

    fn other(self: *Services, world: *fake.World, asked: *const fake.Ask) void {
        var reply: [64]u8 = @splat(0);
        const request = asked.request();
        @memcpy(reply[0..4], request[0..4]);
        reply[3] |= 0x80;
        reply[4] = self.status;
        const len: usize = if (asked.service == .samgrd) 13 else 8;
        world.nodes[self.host].onReply(asked.service, asked.ticket, reply[0..len]);
    }

    fn store(self: *Services, world: *fake.World, asked: *const fake.Ask) void {
        const call = behalf.decodeCall(asked.request()).?;
        const request = state.decodeRequest(call.frame).request;
        if (call.deadline_ns != 0 and asked.begun_ns > call.deadline_ns) {
            return self.withdraw(world, asked, request);
        }
        var buffer: [512]u8 = undefined; // Of the replies of a test each is shorter.
        var writer = state.startReply(&buffer, request.op, self.carry(request), request.nonce) catch
            unreachable;
        if (request.op == .get) {
            const value = if (self.find(request.key)) |key| (&key.value)[0..1] else "";
            writer.int(u32, @intCast(value.len)) catch unreachable;
            writer.put(value) catch unreachable;
        }
        if (request.op == .txn_begin) writer.int(u64, 7) catch unreachable;
        if (request.op == .list) writer.int(u16, 0) catch unreachable;
        const is_known = self.knows_commits and request.op == .txn_commit;
        self.answer(world, asked, if (is_known) .repeated else .now, writer.done());
    }

    fn withdraw(
        self: *Services,
        world: *fake.World,
        asked: *const fake.Ask,
        request: state.Request,
    ) void {
        var buffer: [64]u8 = undefined; // A refusal is shorter.
        const frame = state.encodeFailure(&buffer, request.op, .io_error, request.nonce) catch
            unreachable;
        self.answer(world, asked, .withdrawn, frame);
    }

    fn answer(
        self: *Services,
        world: *fake.World,
        asked: *const fake.Ask,
        ending: behalf.Ending,
        frame: []const u8,
    ) void {
        var bytes: [600]u8 = undefined;
        behalf.encodeReplyHead(bytes[0..behalf.reply_head_bytes], ending);
        @memcpy(bytes[behalf.reply_head_bytes..][0..frame.len], frame);
        const reply = bytes[0 .. behalf.reply_head_bytes + frame.len];
        world.nodes[self.host].onReply(.statefsd, asked.ticket, reply);
    }

    fn carry(self: *Services, request: state.Request) state.Status {
        switch (request.op) {
            .txn_put, .txn_commit, .txn_abort => if (self.has_ended) return .not_found,
            else => {},
        }
        switch (request.op) {
            .put => {
                self.puts += 1;
                const key = self.find(request.key) orelse self.free();
                key.len = request.key.len;
                @memcpy(key.bytes[0..key.len], request.key);
                key.value = request.value[0];
            },
            .get => if (self.find(request.key) == null) return .not_found,
            .delete => (self.find(request.key) orelse return .not_found).len = 0,
            .txn_commit => {
                if (self.knows_commits) return .ok;
                if (self.is_full) return .over_share;
                // A transaction of this number is never begun.
                if (request.txn == 0) return .not_found;
                self.puts += 1;
            },
            .txn_abort => self.aborts += 1,
            else => {},
        }
        return .ok;
    }

    pub fn find(self: *Services, name: []const u8) ?*Key {
        for (&self.keys) |*key| {
            if (key.len != 0 and std.mem.eql(u8, key.bytes[0..key.len], name)) return key;
        }
        return null;
    }

    fn free(self: *Services) *Key {
        for (&self.keys) |*key| if (key.len == 0) return key;
        unreachable; // no test puts more
    }
};
