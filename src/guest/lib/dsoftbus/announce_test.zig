//! Golden packets of the original system, and every way to get one wrong.

const std = @import("std");
const announce = @import("announce.zig");
const Announce = announce.Announce;
const expectError = std.testing.expectError;

fn hex(comptime digits: []const u8) [digits.len / 2]u8 {
    @setEvalBranchQuota(10_000);
    var bytes: [digits.len / 2]u8 = undefined;
    _ = std.fmt.hexToBytes(&bytes, digits) catch unreachable;
    return bytes;
}

const node_9 = hex("4e58534201056e6f646539909c" ++ "11" ** 32 ++
    "020673616d6772640a62756e646c656d677264");
const node_a = hex("4e58534201066e6f64652d618707" ++
    "24260eb6eddf8284e4cb6e9169ce2e0ba1b21c5c3bed796e41a8853b82abaa4d" ++
    "020673616d6772640a62756e646c656d677264");
const single_node_b = hex("4e58534201066e6f64652d628708" ++
    "ba9f625f38c5663d272ae4ad91849d9fd075b2c95bbb7dee6b3d799db77e4526" ++
    "010964736f667462757364");

test "golden packets are read and written" {
    inline for (.{
        .{ &node_9, "node9", 37020, &[_][]const u8{ "samgrd", "bundlemgrd" } },
        .{ &node_a, "node-a", 34567, &[_][]const u8{ "samgrd", "bundlemgrd" } },
        .{ &single_node_b, "node-b", 34568, &[_][]const u8{"dsoftbusd"} },
    }) |case| {
        const packet, const id, const tcp_port, const names = case;
        const decoded = try announce.decode(packet);
        try std.testing.expectEqualStrings(id, decoded.device_id);
        try std.testing.expectEqual(@as(u16, tcp_port), decoded.tcp_port);
        try std.testing.expectEqual(names.len, decoded.services().len);
        for (names, decoded.services()) |want, got| try std.testing.expectEqualStrings(want, got);
        var out: [announce.bytes_max]u8 = undefined;
        try std.testing.expectEqualSlices(u8, packet, try announce.encode(&out, &decoded));
    }
}

test "every truncation is truncated, and nothing else" {
    for (0..node_9.len) |len| try expectError(error.Truncated, announce.decode(node_9[0..len]));
}

test "bytes behind the last service are ignored" {
    const longer = node_9 ++ [_]u8{ 1, 2, 3 };
    try std.testing.expectEqual(@as(usize, 2), (try announce.decode(&longer)).count);
}

test "a wrong packet is refused with its label" {
    const Case = struct { at: usize, byte: u8, label: []const u8 };
    const cases = [_]Case{
        .{ .at = 0, .byte = 'X', .label = "bad magic" },
        .{ .at = 3, .byte = 'b', .label = "bad magic" },
        .{ .at = 4, .byte = 2, .label = "unsupported version" },
        .{ .at = 4, .byte = 0, .label = "unsupported version" },
        .{ .at = 5, .byte = 0, .label = "device_id length" },
        .{ .at = 5, .byte = 65, .label = "device_id length" },
        .{ .at = 6, .byte = 0xff, .label = "utf8" },
        .{ .at = 45, .byte = 17, .label = "service count" },
        .{ .at = 46, .byte = 0, .label = "service name length" },
        .{ .at = 46, .byte = 65, .label = "service name length" },
        .{ .at = 47, .byte = 0x80, .label = "utf8" },
    };
    for (cases) |case| {
        var packet = node_9;
        packet[case.at] = case.byte;
        if (announce.decode(&packet)) |_| {
            return error.TestUnexpectedResult;
        } else |err| try std.testing.expectEqualStrings(case.label, announce.label(err));
    }
}

test "any flipped bit of a packet is refused or is another valid packet, never a crash" {
    for (0..node_9.len * 8) |bit| {
        var packet = node_9;
        packet[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
        const decoded = announce.decode(&packet) catch continue;
        var out: [announce.bytes_max]u8 = undefined;
        const again = try announce.encode(&out, &decoded);
        try std.testing.expectEqualSlices(u8, packet[0..again.len], again);
    }
}

test "the encoder keeps the decoder's bounds" {
    var out: [announce.bytes_max]u8 = undefined;
    var full: Announce = .{ .device_id = "d" ** 64, .tcp_port = 1, .key = @splat(1), .count = 16 };
    for (&full.names) |*name| name.* = "s" ** 64;
    const packet = try announce.encode(&out, &full);
    try std.testing.expectEqual(@as(usize, announce.bytes_max), packet.len);
    try std.testing.expectEqual(@as(usize, 16), (try announce.decode(packet)).count);
    try expectError(error.Buffer, announce.encode(out[0 .. out.len - 1], &full));
    full.names[15] = "s" ** 65;
    try expectError(error.ServiceNameLength, announce.encode(&out, &full));
    full.names[15] = "";
    try expectError(error.ServiceNameLength, announce.encode(&out, &full));
    full.count = 17;
    try expectError(error.ServiceCount, announce.encode(&out, &full));
    full.count = 0;
    full.device_id = "";
    try expectError(error.DeviceIdLength, announce.encode(&out, &full));
    full.device_id = "\xc3";
    try expectError(error.Utf8, announce.encode(&out, &full));
}
