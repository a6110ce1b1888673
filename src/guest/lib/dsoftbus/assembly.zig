//! The assembly takes the bytes of a stream and gives back gateway frames, or messages of calls.
//! They lie back to back in the stream, and each states its length. The buffer holds as much as the
//! stream's credit lets a peer send.

const std = @import("std");
const contract = @import("contract");
const frames = @import("frames.zig");
const mux = @import("mux.zig");
const rpc = @import("rpc.zig");

pub const Error = error{
    /// The frame has a type that this stream does not carry, so the place of the next one is
    /// unknown.
    Malformed,
    /// The frame says that it is longer than any frame may be.
    Oversized,
};

pub const Kind = enum { request, response, message };

pub const Assembly = struct {
    kind: Kind,
    len: usize = 0,
    bytes: [mux.own.initial_credit]u8 = undefined,

    /// The invariants that hold between any two calls.
    fn check(self: *const Assembly) void {
        std.debug.assert(self.len <= self.bytes.len);
    }

    /// Begin in place: the value is too large to be copied without need.
    pub fn begin(self: *Assembly, kind: Kind) void {
        self.kind = kind;
        self.len = 0;
    }

    /// Take bytes of the stream. False: they are more than the peer had credit for, which the mux
    /// does not let through.
    pub fn put(self: *Assembly, bytes: []const u8) bool {
        if (bytes.len > self.bytes.len - self.len) return false;
        @memcpy(self.bytes[self.len..][0..bytes.len], bytes);
        self.len += bytes.len;
        self.check();
        return true;
    }

    /// The first frame, if it is there in full. Valid until `drop`, which follows.
    pub fn next(self: *const Assembly) Error!?[]const u8 {
        const len = switch (self.kind) {
            .request => try self.lengthOfFrame(.request, frames.request_head),
            .response => try self.lengthOfFrame(.response, frames.response_head),
            .message => try rpc.lengthOf(self.rest()),
        } orelse return null;
        return if (self.len < len) null else self.bytes[0..len];
    }

    fn lengthOfFrame(self: *const Assembly, kind: frames.Type, head: usize) Error!?usize {
        if (self.len == 0) return null;
        if (self.bytes[0] != @intFromEnum(kind)) return error.Malformed;
        if (self.len < head) return null;
        const at = contract.gateway.RequestHead.at.length;
        comptime std.debug.assert(at == contract.gateway.ResponseHead.at.length);
        const len = head + std.mem.readInt(u16, self.bytes[at..][0..2], .little);
        return if (len > frames.plaintext_bytes_max) error.Oversized else len;
    }

    /// The owner has dealt with the first `count` bytes.
    pub fn drop(self: *Assembly, count: usize) void {
        std.debug.assert(count != 0 and count <= self.len);
        std.mem.copyForwards(u8, &self.bytes, self.bytes[count..self.len]);
        self.len -= count;
        self.check();
    }

    /// The beginning of a frame that cannot be assembled: enough of it to say what it was about.
    pub fn rest(self: *const Assembly) []const u8 {
        return self.bytes[0..self.len];
    }
};

test "frames come out whole, however the bytes came" {
    var buffer: [frames.request_head + frames.request_payload_max]u8 = undefined;
    const frame = try frames.encodeRequest(&buffer, .{
        .service = 1,
        .correlation = 7,
        .deadline_ms = 9,
        .payload = "payload",
    });
    for (1..frame.len + 1) |piece| {
        var assembly: Assembly = .{ .kind = .request };
        var seen: usize = 0;
        for (0..3) |_| {
            var rest: []const u8 = frame;
            while (rest.len != 0) {
                const count = @min(piece, rest.len);
                try std.testing.expect(assembly.put(rest[0..count]));
                rest = rest[count..];
                if (try assembly.next()) |whole| {
                    try std.testing.expectEqualSlices(u8, frame, whole);
                    assembly.drop(whole.len);
                    seen += 1;
                }
            }
        }
        try std.testing.expectEqual(3, seen);
        try std.testing.expectEqual(0, assembly.len);
    }
}

test "several at once, as many as the credit allows, and no byte more" {
    var assembly: Assembly = .{ .kind = .response };
    const frame = "\x02\x01\x00\x00" ++ "\x07" ++ "\x00" ** 11;
    for (0..mux.own.initial_credit / frame.len) |_| try std.testing.expect(assembly.put(frame));
    try std.testing.expect(!assembly.put("x"));
    for (0..mux.own.initial_credit / frame.len) |_| {
        try std.testing.expectEqualSlices(u8, frame, (try assembly.next()).?);
        assembly.drop(frame.len);
    }
    try std.testing.expectEqual(null, try assembly.next());
}

test "what has no next frame" {
    var assembly: Assembly = .{ .kind = .request };
    _ = assembly.put("\x02");
    try std.testing.expectError(error.Malformed, assembly.next());
    assembly = .{ .kind = .request };
    var frame: [frames.request_head]u8 = @splat(0);
    frame[0] = 1;
    std.mem.writeInt(u16, frame[2..4], frames.plaintext_bytes_max - frame.len, .little);
    _ = assembly.put(&frame);
    try std.testing.expectEqual(null, try assembly.next());
    assembly.bytes[2] += 1;
    try std.testing.expectError(error.Oversized, assembly.next());
}
