//! The requests of the node's own services at dsoftbusd (`DS` v1), and the calls that they become
//! on the wire.

const std = @import("std");
const contract = @import("contract");
const wire = @import("wire");
const packagefs = @import("packagefs.zig");

pub const inner_bytes_max = @max(
    wire.front.state_request_max,
    @max(packagefs.request_bytes_max, wire.samgr.request_bytes_max),
);
pub const reply_bytes_max = wire.front.reply_bytes_max;

const package_service = @intFromEnum(contract.gateway.Service.packagefsd);

comptime {
    std.debug.assert(packagefs.path_bytes_max == wire.front.path_bytes_max);
    std.debug.assert(packagefs.read_bytes_max == wire.front.package_read_bytes_max);
}

/// A handle of the remote node is good for one session, and the numbers begin anew with each
/// session. So the handle that a client gets has the session's epoch in its upper bits. A handle of
/// an ended session is then never mistaken for one of the present session.
const Handle = packed struct(u32) { remote: u24, epoch: u8 };

/// A request that outlives its frame, because it waits for a session. If a session is lost before
/// it answered, the request may be sent again on the next one: it changes nothing, or changes the
/// same when it is done twice. The exception is a request with a handle, which is gone with its
/// session.
pub const Ask = struct {
    op: wire.front.Op,
    /// The peer that is asked, by its place in the configuration. A request that is sent again goes
    /// to the same peer.
    peer: u8 = 0,
    /// A name, a path, or a whole frame of the state store.
    text: [wire.front.state_request_max]u8 = undefined,
    text_len: u16 = 0,
    handle: Handle = @bitCast(@as(u32, 0)),
    offset: u32 = 0,
    len: u16 = 0,

    pub fn of(request: wire.front.Request) Ask {
        return switch (request) {
            .resolve => |name| withText(.resolve, name),
            .bundle_list => .{ .op = .bundle_list },
            .package_stat => |path| withText(.package_stat, path),
            .package_open => |path| withText(.package_open, path),
            .package_read => |read| .{
                .op = .package_read,
                .handle = @bitCast(read.handle),
                .offset = read.offset,
                .len = read.len,
            },
            .state => |frame| withText(.state, frame),
            .package_close => |handle| .{ .op = .package_close, .handle = @bitCast(handle) },
        };
    }

    fn withText(op: wire.front.Op, text: []const u8) Ask {
        var ask: Ask = .{ .op = op, .text_len = @intCast(text.len) };
        @memcpy(ask.text[0..text.len], text);
        return ask;
    }

    /// Gateway id of the remote service that answers it.
    pub fn service(self: *const Ask) u8 {
        const who: contract.gateway.Service = switch (self.op) {
            .resolve => .samgrd,
            .bundle_list => .bundlemgrd,
            .state => .statefsd,
            else => .packagefsd,
        };
        return @intFromEnum(who);
    }

    /// The session of the handle in the request, if it has one: it cannot travel on another.
    pub fn epoch(self: *const Ask) ?u8 {
        return switch (self.op) {
            .package_read, .package_close => self.handle.epoch,
            else => null,
        };
    }

    /// The frame for that service.
    pub fn inner(self: *const Ask, out: *[inner_bytes_max]u8) []const u8 {
        const text = self.text[0..self.text_len];
        const packet = out[0..packagefs.request_bytes_max];
        const frame = switch (self.op) {
            .resolve => wire.samgr.encodeRequest(out, .{ .resolve_status = text }),
            .bundle_list => wire.bundle.encodeRequest(out, .list),
            .state => return text,
            .package_stat => packagefs.encodePath(packet, .stat, text),
            .package_open => packagefs.encodePath(packet, .open, text),
            .package_read => packagefs.encodeRead(packet, .{
                .handle = self.handle.remote,
                .offset = self.offset,
                .len = self.len,
            }),
            .package_close => packagefs.encodeClose(packet, self.handle.remote),
            else => unreachable, // `of` makes no other
        };
        return frame catch unreachable; // a name of 48 bytes fits
    }

    /// The answer for the local client. `reply` is the remote service's frame, or null if none
    /// came; `session` is the epoch of the session that brought it.
    pub fn answer(
        self: *const Ask,
        out: *[reply_bytes_max]u8,
        reply: ?[]const u8,
        session: u8,
    ) []const u8 {
        const ok = if (self.service() == package_service)
            self.answerPackage(out, reply, session)
        else
            self.succeed(out, reply);
        // Every answer fits.
        return (ok catch unreachable) orelse self.fail(out, .fail);
    }

    /// Every failure is short.
    pub fn fail(self: *const Ask, out: *[reply_bytes_max]u8, status: wire.front.Status) []const u8 {
        return wire.front.encodeReply(out, self.op, status) catch unreachable; // a head
    }

    fn answerPackage(self: *const Ask, out: []u8, reply: ?[]const u8, session: u8) !?[]u8 {
        const frame = reply orelse return try wire.front.encodeReply(out, self.op, .io);
        const op: packagefs.Op = switch (self.op) {
            .package_stat => .stat,
            .package_open => .open,
            .package_read => .read,
            else => .close,
        };
        const good = packagefs.decodeReply(frame, op) orelse {
            return try wire.front.encodeReply(out, self.op, .io);
        };
        if (good.status != .ok) {
            return try wire.front.encodeReply(
                out,
                self.op,
                @enumFromInt(@intFromEnum(good.status)),
            );
        }
        const answered = try wire.front.encodePackageReply(out, self.op, good.tail);
        if (op == .open) {
            const remote = std.mem.readInt(u32, good.tail[0..4], .little);
            const number = std.math.cast(u24, remote) orelse {
                return try wire.front.encodeReply(out, self.op, .io);
            };
            const handle: Handle = .{ .remote = number, .epoch = session };
            std.mem.writeInt(u32, answered[5..9], @bitCast(handle), .little);
        }
        return answered;
    }

    fn succeed(self: *const Ask, out: []u8, reply: ?[]const u8) !?[]u8 {
        const frame = reply orelse return null;
        if (self.op == .state) return wire.front.encodeStateReply(out, frame) catch null;
        if (self.op == .resolve) {
            const resolved = wire.samgr.decodeReply(frame, .resolve_status) orelse return null;
            if (resolved.status != .ok) return null;
            return try wire.front.encodeReply(out, .resolve, .ok);
        }
        const list = wire.bundle.decodeListReply(frame) orelse return null;
        if (list.status != .ok) return null;
        return try wire.front.encodeBundleListReply(out, list.count);
    }
};

const testing = std.testing;

fn askOf(frame: []const u8) Ask {
    return .of(wire.front.decodeRequest(frame).request);
}

test "requests become the frames of the remote services" {
    var out: [inner_bytes_max]u8 = undefined;
    const resolve = askOf("DS\x01\x01\x0abundlemgrd");
    try testing.expectEqualSlices(u8, "SM\x01\x06\x0abundlemgrd", resolve.inner(&out));
    const list = askOf("DS\x01\x02");
    try testing.expectEqualSlices(u8, "BN\x01\x01", list.inner(&out));
    try testing.expect(resolve.service() == 1 and list.service() == 2);
    const longest = askOf("DS\x01\x01\x30" ++ "n" ** 48);
    try testing.expectEqual(@as(usize, 53), longest.inner(&out).len);
}

test "only a good answer of the right service is ok" {
    const zero = "\x00" ** 8;
    const table = [_]struct { []const u8, ?[]const u8, []const u8 }{
        .{ "DS\x01\x01\x01x", "SM\x01\x86\x00" ++ zero, "DS\x01\x81\x00" },
        .{ "DS\x01\x01\x01x", "SM\x01\x86\x01" ++ zero, "DS\x01\x81\x01" },
        .{ "DS\x01\x01\x01x", "SM\x01\x82\x00" ++ zero, "DS\x01\x81\x01" },
        .{ "DS\x01\x01\x01x", "SM\x01\x86\x00", "DS\x01\x81\x01" },
        .{ "DS\x01\x01\x01x", "BN\x01\x81\x00\x01\x00\x00", "DS\x01\x81\x01" },
        .{ "DS\x01\x01\x01x", null, "DS\x01\x81\x01" },
        .{ "DS\x01\x02", "BN\x01\x81\x00\x01\x00\x00", "DS\x01\x82\x00\x01\x00" },
        .{ "DS\x01\x02", "BN\x01\x81\x02\x00\x00\x00", "DS\x01\x82\x01" },
        .{ "DS\x01\x02", "", "DS\x01\x82\x01" },
        .{ "DS\x01\x02", null, "DS\x01\x82\x01" },
    };
    var out: [wire.front.reply_bytes_max]u8 = undefined;
    for (table) |row| {
        const ask = askOf(row[0]);
        try testing.expectEqualSlices(u8, row[2], ask.answer(&out, row[1], 0));
    }
}

test "package operations travel as PK, and their answers come back" {
    var inner: [inner_bytes_max]u8 = undefined;
    var out: [reply_bytes_max]u8 = undefined;
    const Case = struct { []const u8, []const u8, ?[]const u8, []const u8 };
    const stat = "DS\x01\x03\x02ab";
    const stat_inner = "PK\x01\x01\x02\x00ab";
    const read = "DS\x01\x05\x01\x00\x00\x00\x05\x00\x00\x00\x40\x00";
    const read_inner = "PK\x01\x03\x01\x00\x00\x00\x05\x00\x00\x00\x40\x00";
    const close = "DS\x01\x06\x07\x00\x00\x00";
    const size = "\x13\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    for ([_]Case{
        .{ stat, stat_inner, "PK\x01\x81\x00" ++ size, "DS\x01\x83\x00" ++ size },
        .{ stat, stat_inner, "PK\x01\x81\x04", "DS\x01\x83\x04" },
        .{ "DS\x01\x04\x00", "PK\x01\x02\x00\x00", "PK\x01\x82\x08", "DS\x01\x84\x08" },
        .{ read, read_inner, "PK\x01\x83\x00\x01\x00x", "DS\x01\x85\x00\x01\x00x" },
        .{ read, read_inner, "PK\x01\x83\x06\x00\x00", "DS\x01\x85\x06" },
        .{ read, read_inner, "PK\x01\x83\x00\x02\x00x", "DS\x01\x85\x09" },
        .{ read, read_inner, null, "DS\x01\x85\x09" },
        .{ close, "PK\x01\x04\x07\x00\x00\x00", "PK\x01\x84\x00", "DS\x01\x86\x00" },
        .{ close, "PK\x01\x04\x07\x00\x00\x00", "SM\x01\x84\x00", "DS\x01\x86\x09" },
    }) |case| {
        const ask = askOf(case[0]);
        try testing.expectEqual(@as(u8, 3), ask.service());
        try testing.expectEqualSlices(u8, case[1], ask.inner(&inner));
        try testing.expectEqualSlices(u8, case[3], ask.answer(&out, case[2], 0));
    }
}

test "a state frame travels as it is, and so does its answer" {
    var inner: [inner_bytes_max]u8 = undefined;
    var out: [reply_bytes_max]u8 = undefined;
    const sync = askOf("DS\x01\x07\x04\x00SF\x01\x05");
    try testing.expectEqual(@as(u8, 4), sync.service());
    try testing.expectEqualSlices(u8, "SF\x01\x05", sync.inner(&inner));
    const answered = sync.answer(&out, "SF\x01\x85\x02", 0);
    try testing.expectEqualSlices(u8, "DS\x01\x87\x00\x05\x00SF\x01\x85\x02", answered);
    try testing.expectEqualSlices(u8, "DS\x01\x87\x01", sync.answer(&out, null, 0));
    const longest = askOf("DS\x01\x07\x00\x01" ++ "x" ** 256);
    try testing.expectEqual(@as(usize, 256), longest.inner(&inner).len);
}

test "a handle remembers the session it is of" {
    var out: [reply_bytes_max]u8 = undefined;
    const opened = "PK\x01\x82\x00\x01\x00\x00\x00";
    const open = askOf("DS\x01\x04\x01a");
    const first = open.answer(&out, opened, 0);
    try testing.expectEqualSlices(u8, "DS\x01\x84\x00\x01\x00\x00\x00", first);
    const sixth = open.answer(&out, opened, 5);
    try testing.expectEqualSlices(u8, "DS\x01\x84\x00\x01\x00\x00\x05", sixth);
    try testing.expectEqual(@as(?u8, null), open.epoch());
    const close = askOf("DS\x01\x06\x01\x00\x00\x05");
    try testing.expectEqual(@as(?u8, 5), close.epoch());
    var inner: [inner_bytes_max]u8 = undefined;
    try testing.expectEqualSlices(u8, "PK\x01\x04\x01\x00\x00\x00", close.inner(&inner));
    // This node cannot give out a handle that leaves no room for the epoch.
    const far = "PK\x01\x82\x00\x00\x00\x00\x01";
    try testing.expectEqualSlices(u8, "DS\x01\x84\x09", open.answer(&out, far, 0));
}
