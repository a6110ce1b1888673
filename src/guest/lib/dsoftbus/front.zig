//! `DS` v1: what the node's own services ask of dsoftbusd, and what that becomes on the wire.

const std = @import("std");

pub const name_bytes_max = 48;

pub const Request = union(enum) {
    resolve: Name,
    bundle_list,

    pub const Name = struct { bytes: [name_bytes_max]u8, len: u8 };

    pub fn opcode(self: Request) u8 {
        return switch (self) {
            .resolve => 1,
            .bundle_list => 2,
        };
    }

    /// Gateway service that answers it.
    pub fn service(self: Request) u8 {
        return switch (self) {
            .resolve => 1,
            .bundle_list => 2,
        };
    }

    /// The frame for that service.
    pub fn inner(self: *const Request, out: *[5 + name_bytes_max]u8) []const u8 {
        switch (self.*) {
            .resolve => |name| {
                out[0..4].* = "SM\x01\x06".*;
                out[4] = name.len;
                @memcpy(out[5..][0..name.len], name.bytes[0..name.len]);
                return out[0 .. 5 + @as(usize, name.len)];
            },
            .bundle_list => {
                out[0..4].* = "BN\x01\x01".*;
                return out[0..4];
            },
        }
    }
};

pub const malformed = "DS\x01\x80\x01";

pub fn decode(frame: []const u8) error{Malformed}!Request {
    if (frame.len < 4 or !std.mem.eql(u8, frame[0..3], "DS\x01")) return error.Malformed;
    switch (frame[3]) {
        1 => {
            if (frame.len < 5 or frame[4] == 0 or frame[4] > name_bytes_max) return error.Malformed;
            if (frame.len != 5 + @as(usize, frame[4])) return error.Malformed;
            var name: Request.Name = .{ .bytes = undefined, .len = frame[4] };
            @memcpy(name.bytes[0..name.len], frame[5..]);
            return .{ .resolve = name };
        },
        2 => return if (frame.len == 4) .bundle_list else error.Malformed,
        else => return error.Malformed,
    }
}

/// The answer for the local client; `reply` is the remote service's frame, null if there was none.
pub fn answer(out: *[7]u8, request: *const Request, reply: ?[]const u8) []const u8 {
    out[0..3].* = "DS\x01".*;
    out[3] = request.opcode() | 0x80;
    out[4] = 1;
    const bytes = reply orelse return out[0..5];
    switch (request.*) {
        .resolve => {
            const ok = bytes.len == 13 and std.mem.eql(u8, bytes[0..4], "SM\x01\x86") and bytes[4] == 0;
            if (ok) out[4] = 0;
            return out[0..5];
        },
        .bundle_list => {
            if (bytes.len != 8 or !std.mem.eql(u8, bytes[0..4], "BN\x01\x81") or bytes[4] != 0) return out[0..5];
            out[4] = 0;
            out[5..7].* = bytes[5..7].*;
            return out[0..7];
        },
    }
}

test "golden requests become the frames of the original" {
    var out: [5 + name_bytes_max]u8 = undefined;
    const resolve = try decode("DS\x01\x01\x0abundlemgrd");
    try std.testing.expectEqualSlices(u8, "SM\x01\x06\x0abundlemgrd", resolve.inner(&out));
    const list = try decode("DS\x01\x02");
    try std.testing.expectEqualSlices(u8, "BN\x01\x01", list.inner(&out));
}

test "refused requests" {
    for ([_][]const u8{
        "",               "DS\x01",          "DX\x01\x02",        "DS\x02\x02",                  "DS\x01\x03", "DS\x01\x02x", "DS\x01\x01",
        "DS\x01\x01\x00", "DS\x01\x01\x02a", "DS\x01\x01\x02abc", "DS\x01\x01\x31" ++ "x" ** 49,
    }) |frame| try std.testing.expectError(error.Malformed, decode(frame));
}

test "answers" {
    var out: [7]u8 = undefined;
    const resolve = try decode("DS\x01\x01\x01x");
    const zero = "\x00" ** 8;
    try std.testing.expectEqualSlices(u8, "DS\x01\x81\x00", answer(&out, &resolve, "SM\x01\x86\x00" ++ zero));
    try std.testing.expectEqualSlices(u8, "DS\x01\x81\x01", answer(&out, &resolve, "SM\x01\x86\x01" ++ zero));
    try std.testing.expectEqualSlices(u8, "DS\x01\x81\x01", answer(&out, &resolve, "SM\x01\x82\x00" ++ zero));
    try std.testing.expectEqualSlices(u8, "DS\x01\x81\x01", answer(&out, &resolve, "SM\x01\x86\x00"));
    try std.testing.expectEqualSlices(u8, "DS\x01\x81\x01", answer(&out, &resolve, null));
    const list = try decode("DS\x01\x02");
    try std.testing.expectEqualSlices(u8, "DS\x01\x82\x00\x01\x00", answer(&out, &list, "BN\x01\x81\x00\x01\x00\x00"));
    try std.testing.expectEqualSlices(u8, "DS\x01\x82\x01", answer(&out, &list, "BN\x01\x81\x02\x00\x00\x00"));
    try std.testing.expectEqualSlices(u8, "DS\x01\x82\x01", answer(&out, &list, null));
}
