//! A transfer against a host that keeps count: however its bytes come, whatever ends it.

const std = @import("std");
const testing = std.testing;
const state = @import("wire").state;
const codec = @import("transfer_head.zig");
const file = @import("transfer.zig");
const Reason = @import("mux_frames.zig").Reason;
const Transfer = file.Transfer;

const most = state.value_bytes_max;
const key = "/state/shared/k";
const head_len = codec.head_bytes + key.len;

/// A store of one key, and what was asked of it.
const Host = struct {
    value: [most]u8 = undefined,
    len: usize = 0,
    version: u64 = 0,
    held: [most]u8 = undefined,
    held_len: usize = 0,
    is_open: bool = false,
    commits: u32 = 0,
    aborts: u32 = 0,
    malformed_count: u32 = 0,
    end_count: u32 = 0,
    last: ?file.End = null,
    asked: ?state.Request = null,
    verdict: file.Verdict = .go,
    judged: u32 = 0,
    judged_key: ?[]const u8 = null,
    /// What fails, and which chunk.
    begin_status: state.Status = .ok,
    chunk_status: state.Status = .ok,
    chunk_at: usize = 0,
    commit_status: state.Status = .ok,
    read_status: state.Status = .ok,
    /// The length that it gives for the value, if not the right one.
    total: ?u32 = null,

    pub fn admit(
        self: *Host,
        _: file.Head,
        request: []const u8,
        own_key: ?[]const u8,
    ) file.Verdict {
        self.judged += 1;
        self.judged_key = own_key;
        if (own_key) |path| {
            std.debug.assert(std.mem.eql(u8, path, request[codec.head_bytes..]));
        }
        return self.verdict;
    }

    /// One request at a time; it is carried out by `drive`, as a store would later.
    pub fn ask(self: *Host, request: state.Request) void {
        std.debug.assert(self.asked == null);
        self.asked = request;
    }

    pub fn abort(self: *Host, txn: u64) void {
        std.debug.assert(self.is_open and txn == 7);
        self.is_open = false;
        self.aborts += 1;
    }

    /// The store's answer to what was asked; null if nothing was.
    fn answer(self: *Host, out: []u8) ?state.Reply {
        const request = self.asked orelse return null;
        self.asked = null;
        return switch (request.op) {
            .txn_begin => self.begin(),
            .txn_put => .{ .status = self.chunk(request), .tail = "" },
            .txn_commit => .{ .status = self.commit(request.txn), .tail = "" },
            .read => self.read(request, out),
            else => unreachable,
        };
    }

    fn begin(self: *Host) state.Reply {
        if (self.begin_status != .ok) return .{ .status = self.begin_status, .tail = "" };
        std.debug.assert(!self.is_open);
        self.is_open = true;
        self.held_len = 0;
        return .{ .status = .ok, .tail = "\x07" ++ "\x00" ** 7 };
    }

    fn chunk(self: *Host, request: state.Request) state.Status {
        const bytes = request.value;
        std.debug.assert(self.is_open and request.txn == 7 and std.mem.eql(u8, request.key, key));
        std.debug.assert(bytes.len != 0 and bytes.len <= file.chunk_bytes);
        if (self.held_len >= self.chunk_at and self.chunk_status != .ok) return self.chunk_status;
        @memcpy(self.held[self.held_len..][0..bytes.len], bytes);
        self.held_len += bytes.len;
        return .ok;
    }

    fn commit(self: *Host, txn: u64) state.Status {
        std.debug.assert(self.is_open and txn == 7);
        if (self.commit_status != .ok) return self.commit_status;
        self.is_open = false;
        self.commits += 1;
        self.version += 1;
        self.len = self.held_len;
        @memcpy(self.value[0..self.len], self.held[0..self.len]);
        return .ok;
    }

    fn read(self: *Host, request: state.Request, out: []u8) state.Reply {
        std.debug.assert(std.mem.eql(u8, request.key, key));
        if (self.read_status != .ok) return .{ .status = self.read_status, .tail = "" };
        const from = @min(request.offset, self.len);
        const len = @min(request.length, self.len - from);
        // The caller gives room for the longest reply.
        var writer = state.startReply(out, .read, .ok, null) catch unreachable;
        state.putPiece(&writer, .{
            .total = self.total orelse @intCast(self.len),
            .version = self.version,
            .bytes = self.value[from..][0..len],
        }) catch unreachable;
        return state.decodeReply(writer.done(), .read, null).?;
    }

    pub fn ended(self: *Host, _: file.Head, _: []const u8, end: file.End) void {
        self.end_count += 1;
        self.last = end;
    }

    pub fn malformed(self: *Host) void {
        self.malformed_count += 1;
    }
};

var host: Host = undefined;
var transfer: Transfer = .{};
var words: [most + 1]u8 = undefined;

fn reset() void {
    host = .{};
    transfer.begin(0);
    for (&words, 0..) |*byte, i| byte.* = @truncate(i * 31 + i / 256);
}

fn requestOf(op: codec.Op, value_len: u32) [head_len]u8 {
    var out: [head_len]u8 = @splat(0);
    out[0..3].* = "ST\x01".*;
    out[3] = @intFromEnum(op);
    std.mem.writeInt(u64, out[4..12], 5 << 32 | 1, .little);
    std.mem.writeInt(u16, out[12..14], key.len, .little);
    std.mem.writeInt(u32, out[16..20], value_len, .little);
    out[codec.head_bytes..].* = key.*;
    return out;
}

/// The store answers all that it is asked.
fn drive() ?Reason {
    var out: [file.chunk_bytes + 64]u8 = undefined;
    while (host.answer(&out)) |reply| {
        if (transfer.settle(&host, reply)) |reason| return reason;
    }
    return null;
}

fn feed(bytes: []const u8, piece: usize) ?Reason {
    var rest = bytes;
    while (rest.len != 0) {
        // The peer has credit for so much.
        const count = @min(piece, rest.len, file.chunk_bytes);
        if (transfer.feed(&host, rest[0..count], 0)) |reason| return reason;
        if (drive()) |reason| return reason;
        rest = rest[count..];
    }
    return null;
}

fn close() ?Reason {
    return transfer.closed(&host, 0) orelse drive();
}

/// All that is to be said now, taken in pieces.
fn heard(out: []u8, piece: usize) ![]u8 {
    var len: usize = 0;
    while (true) {
        const part = try transfer.pull(&host, out[len..][0..@min(piece, out.len - len)], 0);
        len += part.len;
        const is_waiting = host.asked != null;
        _ = drive();
        if (part.len == 0 and !is_waiting) return out[0..len];
    }
}

fn expectHeard(reply: codec.Reply) !void {
    var out: [64]u8 = undefined;
    try testing.expectEqualSlices(u8, &codec.encodeReply(reply), try heard(&out, 5));
}

const go_ahead: codec.Reply = .{ .op = .put, .stage = .go_ahead };

test "a put of any size, in pieces of any size" {
    const pieces = [_]usize{ 1, 7, 1000, 9000 };
    for ([_]u32{ 1, 128, 4095, 4096, 4097, most }) |size| for (pieces) |piece| {
        reset();
        try testing.expectEqual(null, feed(&requestOf(.put, size), piece));
        try testing.expectEqual(1, host.judged);
        try expectHeard(go_ahead);
        try testing.expectEqual(null, feed(words[0..size], piece));
        try testing.expectEqual(0, host.commits);
        try testing.expect(!transfer.isSaid());
        try testing.expectEqual(null, close());
        try expectHeard(.{ .op = .put, .value_len = size });
        try testing.expect(transfer.isSaid());
        transfer.sayOver();
        try testing.expectEqualSlices(u8, words[0..size], host.value[0..host.len]);
        try testing.expectEqual(1, host.commits);
        try testing.expectEqual(1, host.end_count);
        try testing.expectEqual(size, host.last.?.reply.?.value_len);
        try testing.expectEqual(std.math.maxInt(u64), transfer.deadline());
    };
}

test "all at once: head, value and the end, before anything was heard" {
    reset();
    try testing.expectEqual(null, feed(&(requestOf(.put, 3) ++ "abc".*), 99));
    try testing.expectEqual(null, close());
    var out: [64]u8 = undefined;
    const both = codec.encodeReply(go_ahead) ++ codec.encodeReply(.{ .op = .put, .value_len = 3 });
    try testing.expectEqualSlices(u8, &both, try heard(&out, 64));
}

const Ending = enum { close, reset, silence };

fn finish(how: Ending) ?Reason {
    switch (how) {
        .close => return close(),
        .reset => {
            transfer.abandon(&host);
            return null;
        },
        .silence => {
            const at = transfer.deadline();
            std.debug.assert(transfer.expire(&host, at - 1) == null);
            return transfer.expire(&host, at);
        },
    }
}

test "every truncation, however it ends, changes nothing and has one record at most" {
    const whole = requestOf(.put, 300) ++ @as([300]u8, @splat('v'));
    for (0..whole.len) |len| for (std.enums.values(Ending)) |how| {
        reset();
        try testing.expectEqual(null, feed(whole[0..len], 50));
        const want: ?Reason = switch (how) {
            .close => .nonsense,
            .reset => null,
            .silence => .unwanted,
        };
        try testing.expectEqual(want, finish(how));
        const is_begun = len >= head_len;
        try testing.expectEqual(0, host.commits);
        try testing.expect(!host.is_open);
        try testing.expectEqual(@intFromBool(is_begun), host.aborts);
        try testing.expectEqual(@intFromBool(is_begun), host.end_count);
        const none: file.End = .{ .status = null, .reply = null };
        if (is_begun) try testing.expectEqual(none, host.last.?);
        const is_malformed = !is_begun and how == .close;
        try testing.expectEqual(@intFromBool(is_malformed), host.malformed_count);
        // And nothing more is done with what comes late.
        try testing.expectEqual(null, feed(whole[len..], 50));
        try testing.expectEqual(std.math.maxInt(u64), transfer.deadline());
    };
}

test "a byte too many resets the stream" {
    reset();
    try testing.expectEqual(null, feed(&requestOf(.put, 3), 99));
    try testing.expectEqual(Reason.nonsense, feed("abcd", 99));
    try testing.expectEqual(0, host.commits);
    try testing.expectEqual(1, host.aborts);
    try testing.expectEqual(1, host.end_count);
}

test "what is not a head is refused as soon as it can be" {
    for ([_]usize{ 0, 1, 2, 3, 14, 15 }) |at| {
        reset();
        var bytes = requestOf(.put, 3);
        bytes[at] ^= 0x40;
        try testing.expectEqual(null, feed(bytes[0 .. codec.head_bytes - 1], 1));
        try testing.expectEqual(Reason.nonsense, feed(bytes[codec.head_bytes - 1 ..], 1));
        try testing.expectEqual(1, host.malformed_count);
        try testing.expectEqual(0, host.judged);
    }
}

test "a key that is too long is judged, and not awaited; an empty one has no bytes to wait for" {
    for ([_]u16{ 97, 0xFFFF, 0 }) |len| {
        reset();
        host.verdict = .{ .done = .{ .op = .put, .status = .value_too_large } };
        var bytes = requestOf(.put, 3);
        std.mem.writeInt(u16, bytes[12..14], len, .little);
        try testing.expectEqual(null, feed(bytes[0..codec.head_bytes], 1));
        try testing.expectEqual(1, host.judged);
        try testing.expectEqual(len != 0, host.judged_key == null);
        try expectHeard(host.verdict.done);
        try testing.expect(transfer.isSaid());
    }
}

test "what is refused, or was done before, is answered at once; its value is ignored, to a bound" {
    for ([_]codec.Reply{
        .{ .op = .put, .status = .access_denied },
        .{ .op = .put, .value_len = most },
    }) |reply| {
        reset();
        host.verdict = .{ .done = reply };
        try testing.expectEqual(null, feed(&requestOf(.put, most), 3));
        try testing.expectEqual(null, feed(words[0..most], 999));
        try expectHeard(reply);
        transfer.sayOver();
        try testing.expectEqual(0, host.end_count);
        try testing.expectEqual(file.silence_ns, transfer.deadline());
        try testing.expectEqual(Reason.nonsense, feed("x", 1));
    }
}

test "a store that refuses: at the beginning, at any chunk, at the end" {
    reset();
    host.begin_status = .txn_limit;
    try testing.expectEqual(null, feed(&requestOf(.put, 3), 99));
    try expectHeard(.{ .op = .put, .status = .txn_limit });
    // Nothing was done: the number stays free.
    try testing.expectEqual(file.End{ .status = .txn_limit, .reply = null }, host.last.?);
    for ([_]usize{ 0, 4096, 8192 }) |at| {
        reset();
        host.chunk_status = .io_error;
        host.chunk_at = at;
        try testing.expectEqual(null, feed(&requestOf(.put, 10_000), 99));
        try expectHeard(go_ahead);
        try testing.expectEqual(null, feed(words[0..10_000], 777));
        try expectHeard(.{ .op = .put, .status = .io_error });
        try testing.expectEqual(null, close());
        try testing.expect(transfer.isSaid());
        try testing.expectEqual(1, host.aborts);
        try testing.expectEqual(1, host.end_count);
        try testing.expectEqual(file.End{ .status = .io_error, .reply = null }, host.last.?);
    }
    reset();
    host.commit_status = .integrity_violation;
    try testing.expectEqual(null, feed(&(requestOf(.put, 3) ++ "abc".*), 99));
    try testing.expectEqual(null, close());
    const refused: codec.Reply = .{ .op = .put, .status = .integrity_violation };
    try testing.expectEqual(file.End{ .status = refused.status, .reply = refused }, host.last.?);
    try testing.expectEqual(1, host.aborts);
}

test "a get of any size, taken in pieces of any size" {
    for ([_]usize{ 0, 1, 4096, 4097, most }) |size| for ([_]usize{ 1, 13, 512, 70_000 }) |piece| {
        reset();
        host.len = size;
        @memcpy(host.value[0..size], words[0..size]);
        try testing.expectEqual(null, feed(&requestOf(.get, 0), 3));
        var out: [most + codec.reply_bytes]u8 = undefined;
        const all = try heard(&out, piece);
        const reply: codec.Reply = .{ .op = .get, .value_len = @intCast(size) };
        try testing.expectEqualSlices(u8, &codec.encodeReply(reply), all[0..codec.reply_bytes]);
        try testing.expectEqualSlices(u8, words[0..size], all[codec.reply_bytes..]);
        try testing.expect(transfer.isSaid());
        try testing.expectEqual(1, host.end_count);
        // The peer closes its half behind all this, or has done so long before.
        transfer.sayOver();
        try testing.expectEqual(null, close());
        try testing.expectEqual(std.math.maxInt(u64), transfer.deadline());
    };
}

test "a get whose value changes, goes, or grows on the way ends there" {
    for (0..3) |what| {
        reset();
        host.len = 9000;
        try testing.expectEqual(null, feed(&requestOf(.get, 0), 99));
        var out: [5000]u8 = undefined;
        _ = try transfer.pull(&host, out[0..4000], 0);
        switch (what) {
            0 => host.version += 1,
            1 => host.read_status = .not_found,
            else => host.len += 1,
        }
        try testing.expectError(error.Changed, heard(&out, 100));
    }
}

test "a piece that is longer than the whole value ends a get" {
    for ([_]u32{ 0, 9 }) |total| {
        reset();
        host.len = 10;
        host.total = total;
        try testing.expectEqual(null, feed(&requestOf(.get, 0), 99));
        try expectHeard(.{ .op = .get, .status = .io_error });
        try testing.expect(transfer.isSaid());
        try testing.expectEqual(file.End{ .status = .io_error, .reply = null }, host.last.?);
    }
}

test "a get of nothing, and one that goes on speaking" {
    reset();
    host.read_status = .not_found;
    try testing.expectEqual(null, feed(&requestOf(.get, 0), 99));
    try expectHeard(.{ .op = .get, .status = .not_found });
    try testing.expect(transfer.isSaid());
    reset();
    host.len = 10;
    try testing.expectEqual(Reason.nonsense, feed(&(requestOf(.get, 0) ++ "x".*), 99));
    try testing.expectEqual(0, host.malformed_count);
}

test "a peer that never falls silent and never ends is not waited for either" {
    reset();
    try testing.expectEqual(null, feed(&requestOf(.put, most), 99));
    for (0..64) |second| {
        const now = second * std.time.ns_per_s;
        try testing.expectEqual(null, transfer.expire(&host, now));
        try testing.expectEqual(null, transfer.feed(&host, "x", now));
    }
    try testing.expectEqual(Reason.unwanted, transfer.expire(&host, file.longest_ns));
    try testing.expectEqual(1, host.aborts);
    try testing.expectEqual(1, host.end_count);
}

test "a peer that takes nothing of a get is not waited for, one that takes it slowly is" {
    reset();
    host.len = 100;
    try testing.expectEqual(null, feed(&requestOf(.get, 0), 99));
    var out: [1]u8 = undefined;
    for (0..60) |second| {
        const now = second * std.time.ns_per_s;
        try testing.expectEqual(null, transfer.expire(&host, now));
        try testing.expectEqual(1, (try transfer.pull(&host, &out, now)).len);
    }
    try testing.expectEqual(Reason.unwanted, transfer.expire(&host, 200 * std.time.ns_per_s));
}
