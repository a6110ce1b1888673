//! The TCP header (RFC 9293 section 3.1): bytes to values and back.

const std = @import("std");
const address = @import("address.zig");
const checksum = @import("checksum.zig");
const packet = @import("packet.zig");

pub const header_bytes = 20;
pub const mss_option_bytes = 4;
pub const mss_ours: u16 = packet.mtu - packet.ipv4_bytes - header_bytes;
/// The segment size of a peer without the option (RFC 9293 section 3.7.1).
pub const mss_default: u16 = 536;
/// A peer that asks for less only wastes our time: it could make us send dust.
pub const mss_min: u16 = 64;

pub const Flags = packed struct(u8) {
    fin: bool = false,
    syn: bool = false,
    rst: bool = false,
    psh: bool = false,
    ack: bool = false,
    urg: bool = false,
    ece: bool = false,
    cwr: bool = false,
};

pub const Segment = struct {
    source_port: u16,
    target_port: u16,
    seq: u32,
    ack: u32 = 0,
    flags: Flags,
    window: u16 = 0,
    mss: ?u16 = null,
    data: []const u8 = &.{},

    pub const Error = error{ Malformed, BadChecksum };

    /// Length in sequence space: SYN and FIN count as one each.
    pub fn length(self: Segment) u32 {
        const ends = @as(u32, @intFromBool(self.flags.syn)) + @intFromBool(self.flags.fin);
        return @as(u32, @intCast(self.data.len)) + ends;
    }

    /// Number of the first byte of text: a SYN comes before it.
    pub fn textStart(self: Segment) u32 {
        return self.seq +% @intFromBool(self.flags.syn);
    }

    pub fn parse(ip: packet.Ipv4) Error!Segment {
        const bytes = ip.payload;
        if (bytes.len < header_bytes) return error.Malformed;
        const data_at = @as(usize, bytes[12] >> 4) * 4;
        if (data_at < header_bytes or data_at > bytes.len) return error.Malformed;
        const head = checksum.pseudo(ip.source, ip.target, packet.Protocol.tcp, bytes.len);
        if (!checksum.isValid(head + checksum.sum(bytes))) return error.BadChecksum;
        const flags: Flags = @bitCast(bytes[13]);
        // The option means something on a SYN alone, which spares the loop for all other segments.
        const mss = if (flags.syn) try parseMss(bytes[header_bytes..data_at]) else null;
        return .{
            .source_port = packet.get16(bytes, 0),
            .target_port = packet.get16(bytes, 2),
            .seq = packet.get32(bytes, 4),
            .ack = packet.get32(bytes, 8),
            .flags = flags,
            .window = packet.get16(bytes, 14),
            .mss = mss,
            .data = bytes[data_at..],
        };
    }

    pub fn headerLen(self: Segment) usize {
        return header_bytes + @as(usize, if (self.mss != null) mss_option_bytes else 0);
    }

    /// Write header and checksum; the data is already at `bytes[headerLen()..]`.
    pub fn write(self: Segment, bytes: []u8, source: address.Ip, target: address.Ip) void {
        packet.put16(bytes, 0, self.source_port);
        packet.put16(bytes, 2, self.target_port);
        packet.put32(bytes, 4, self.seq);
        packet.put32(bytes, 8, self.ack);
        bytes[12] = @intCast(self.headerLen() / 4 << 4);
        bytes[13] = @bitCast(self.flags);
        packet.put16(bytes, 14, self.window);
        packet.put32(bytes, 16, 0);
        if (self.mss) |mss| packet.put32(bytes, 20, 0x0204_0000 | @as(u32, mss));
        const head = checksum.pseudo(source, target, packet.Protocol.tcp, bytes.len);
        packet.put16(bytes, 16, checksum.finish(head + checksum.sum(bytes)));
    }
};

fn parseMss(options: []const u8) Segment.Error!?u16 {
    var at: usize = 0;
    var found: ?u16 = null;
    while (at < options.len) {
        const kind = options[at];
        if (kind == 0) break;
        if (kind == 1) {
            at += 1;
            continue;
        }
        if (at + 2 > options.len) return error.Malformed;
        const len = options[at + 1];
        if (len < 2 or at + len > options.len) return error.Malformed;
        if (kind == 2) {
            if (len != mss_option_bytes) return error.Malformed;
            found = packet.get16(options, at + 2);
        }
        at += len;
    }
    return found;
}

test "a segment survives the wire, with and without the option" {
    var bytes: [64]u8 align(8) = undefined;
    for ([_]?u16{ null, 1460 }) |mss| {
        const out: Segment = .{
            .source_port = 49152,
            .target_port = 34568,
            .seq = 0xFFFF_FFFE,
            .ack = 17,
            .flags = .{ .syn = mss != null, .ack = true },
            .window = 4096,
            .mss = mss,
        };
        const len = out.headerLen() + 5;
        @memcpy(bytes[out.headerLen()..len], "hello");
        out.write(bytes[0..len], 1, 2);
        var ip: packet.Ipv4 = .{
            .source = 1,
            .target = 2,
            .protocol = packet.Protocol.tcp,
            .payload = bytes[0..len],
        };
        const in = try Segment.parse(ip);
        try std.testing.expectEqualStrings("hello", in.data);
        try std.testing.expectEqual(mss, in.mss);
        try std.testing.expectEqual(out.seq, in.seq);
        try std.testing.expectEqual(out.flags, in.flags);
        ip.source = 3;
        try std.testing.expectError(error.BadChecksum, Segment.parse(ip));
    }
}

test "what a segment does not say is zero on the wire" {
    var bytes: [header_bytes]u8 align(8) = @splat(0xFF);
    const first: Segment = .{
        .source_port = 0x0102,
        .target_port = 0x0304,
        .seq = 0x0506_0708,
        .flags = .{ .rst = true },
    };
    first.write(&bytes, 1, 2);
    const head = "\x01\x02\x03\x04" ++ "\x05\x06\x07\x08" ++ "\x00" ** 4 ++ "\x50\x04\x00\x00";
    try std.testing.expectEqualStrings(head, bytes[0..16]);
    try std.testing.expectEqual(0, packet.get16(&bytes, 18));
}

test "options are walked within their bounds" {
    const table = [_]struct { options: []const u8, mss: ?u16 = null, is_bad: bool = false }{
        .{ .options = "\x01\x01\x01\x01" },
        .{ .options = "\x02\x04\x05\xb4", .mss = 1460 },
        .{ .options = "\x03\x03\x07\x01\x02\x04\x02\x18", .mss = 536 },
        .{ .options = "\x00\x02\x04\x05" },
        .{ .options = "\x02\x03\x05\xb4", .is_bad = true },
        .{ .options = "\x05\x00\x01\x01", .is_bad = true },
        .{ .options = "\x01\x01\x02\x04", .is_bad = true },
        .{ .options = "\x01\x01\x01\x08", .is_bad = true },
    };
    for (table) |row| {
        if (row.is_bad) {
            try std.testing.expectError(error.Malformed, parseMss(row.options));
        } else try std.testing.expectEqual(row.mss, try parseMss(row.options));
    }
}
