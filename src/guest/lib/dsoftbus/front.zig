//! What the node's own services ask of dsoftbusd (`DS` v1), and what that becomes on the wire.

const std = @import("std");
const wire = @import("wire");

pub const inner_bytes_max = wire.sm.request_bytes_max;

/// A request that outlives its frame, because it waits for a session. All of them are idempotent:
/// one that a lost session left unanswered may be sent again on the next.
pub const Ask = struct {
    op: wire.ds.Op,
    name: [wire.ds.name_bytes_max]u8 = undefined,
    name_len: u8 = 0,

    pub fn of(request: wire.ds.Request) Ask {
        switch (request) {
            .resolve => |name| {
                var ask: Ask = .{ .op = .resolve, .name_len = @intCast(name.len) };
                @memcpy(ask.name[0..name.len], name);
                return ask;
            },
            .bundle_list => return .{ .op = .bundle_list },
        }
    }

    /// Gateway id of the remote service that answers it.
    pub fn service(self: *const Ask) u8 {
        return if (self.op == .resolve) 1 else 2;
    }

    /// The frame for that service.
    pub fn inner(self: *const Ask, out: *[inner_bytes_max]u8) []const u8 {
        const name = self.name[0..self.name_len];
        const frame = if (self.op == .resolve)
            wire.sm.encodeRequest(out, .{ .resolve_status = name })
        else
            wire.bn.encodeRequest(out, .list);
        return frame catch unreachable; // a name of 48 bytes fits
    }

    /// The answer for the local client; `reply` is the remote service's frame, null if none came.
    pub fn answer(
        self: *const Ask,
        out: *[wire.ds.reply_bytes_max]u8,
        reply: ?[]const u8,
    ) []const u8 {
        const ok = self.succeed(out, reply) catch unreachable; // every answer fits
        return ok orelse wire.ds.encodeReply(out, self.op, .fail) catch unreachable;
    }

    fn succeed(self: *const Ask, out: []u8, reply: ?[]const u8) !?[]u8 {
        const frame = reply orelse return null;
        if (self.op == .resolve) {
            const resolved = wire.sm.decodeReply(frame, .resolve_status) orelse return null;
            if (resolved.status != .ok) return null;
            return try wire.ds.encodeReply(out, .resolve, .ok);
        }
        const list = wire.bn.decodeListReply(frame) orelse return null;
        return if (list.status == .ok) try wire.ds.encodeBundleListReply(out, list.count) else null;
    }
};

const testing = std.testing;

fn askOf(frame: []const u8) Ask {
    return .of(wire.ds.decodeRequest(frame).request);
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
    var out: [wire.ds.reply_bytes_max]u8 = undefined;
    for (table) |row| {
        const ask = askOf(row[0]);
        try testing.expectEqualSlices(u8, row[2], ask.answer(&out, row[1]));
    }
}
