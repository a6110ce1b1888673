//! Frames of every wrong length, more records than one sender may write, and records in another's
//! name: each is answered, and none stops a service.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const ask = @import("asking.zig").ask;

const services = [_][]const u8{ "samgrd", "policyd", "logd", "bundlemgrd" };
const magics = [_][]const u8{ "SM\x01\x01", "PO\x02\x05", "LO\x01\x01", "BN\x01\x03" };
const lengths = [_]usize{ 0, 1, 3, 4, 5, 64, 65, 1024, os.abi.payload_bytes_max };

/// What logd lets one sender append in a second.
const appends_per_second = 24;

var frame: [os.abi.payload_bytes_max]u8 = undefined;

pub fn run() !void {
    try sendGarbage();
    try flood();
    try claimIdentity();
}

fn sendGarbage() !void {
    for (services, magics) |service, magic| for ([_]bool{ false, true }) |is_framed| {
        @memset(&frame, 0xA5);
        if (is_framed) @memcpy(frame[0..4], magic);
        for (lengths) |length| {
            const reply = try ask(service, frame[0..length]);
            if (!std.mem.eql(u8, reply[0..2], magic[0..2])) return error.NotThisReply;
            // A status other than 0 stands behind the operation, or behind policyd's nonce.
            const status_at: usize = if (magic[0] == 'P') 8 else 4;
            if (reply[status_at] == 0) return error.GarbageAccepted;
        }
    };
    os.print("snoop: garbage answered", .{});
}

fn append(fields: []const u8) !wire.log.Status {
    const request = try wire.log.encodeRequest(&frame, null, .{ .append = .{
        .level = .info,
        .scope = "snoop",
        .message = "flood",
        .fields = fields,
    } });
    const reply = try ask("logd", request);
    if (reply.len < 5) return error.NotThisReply;
    return @enumFromInt(reply[4]);
}

fn flood() !void {
    for (0..appends_per_second) |_| if (try append("") != .ok) return error.RefusedTooEarly;
    if (try append("") != .rate_limited) return error.NotLimited;
    os.print("snoop: flood limited", .{});
}

fn claimIdentity() !void {
    if (try append("service_id=0xc4b6d847aa573fa1") != .invalid) return error.ClaimAccepted;
    os.print("snoop: another's record refused", .{});
}
