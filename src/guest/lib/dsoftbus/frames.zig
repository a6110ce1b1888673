//! Frames inside a session: gateway request and response, ping and pong. Byte tables:
//! docs/spec/session.md.

const std = @import("std");
const contract = @import("contract");
const readInt = std.mem.readInt;
const writeInt = std.mem.writeInt;

pub const plaintext_bytes_max = contract.gateway.frame_bytes_max;
pub const request_head = contract.gateway.request_head_bytes;
pub const response_head = contract.gateway.response_head_bytes;
pub const request_payload_max = contract.gateway.request_payload_max;
pub const response_payload_max = contract.gateway.response_payload_max;
pub const ping_bytes = contract.gateway.ping_bytes;
pub const deadline_ms_max = contract.gateway.deadline_ms_max;

pub const Type = contract.gateway.Type;
pub const Status = contract.gateway.Status;

pub const Request = struct {
    service: u8,
    correlation: u64,
    deadline_ms: u32,
    payload: []const u8,
};

pub const Response = struct {
    status: Status,
    correlation: u64,
    payload: []const u8,
};

/// Shape only; that a payload is too long is the gateway's to say.
pub fn decodeRequest(frame: []const u8) error{Malformed}!Request {
    if (frame.len < request_head or frame[0] != @intFromEnum(Type.request)) return error.Malformed;
    const len = readInt(u16, frame[2..4], .little);
    if (frame.len != request_head + @as(usize, len)) return error.Malformed;
    if (readInt(u16, frame[16..18], .little) != 0) return error.Malformed;
    const deadline_ms = readInt(u32, frame[12..16], .little);
    if (deadline_ms == 0 or deadline_ms > deadline_ms_max) return error.Malformed;
    return .{
        .service = frame[1],
        .correlation = readInt(u64, frame[4..12], .little),
        .deadline_ms = deadline_ms,
        .payload = frame[request_head..],
    };
}

/// To answer a frame that does not parse: its correlation id if it is long enough to have one, else
/// 0.
pub fn correlationOf(frame: []const u8) u64 {
    return if (frame.len >= 12) readInt(u64, frame[4..12], .little) else 0;
}

pub fn encodeRequest(
    out: *[request_head + request_payload_max]u8,
    request: Request,
) error{TooLong}![]u8 {
    if (request.payload.len > request_payload_max) return error.TooLong;
    out[0] = @intFromEnum(Type.request);
    out[1] = request.service;
    writeInt(u16, out[2..4], @intCast(request.payload.len), .little);
    writeInt(u64, out[4..12], request.correlation, .little);
    writeInt(u32, out[12..16], request.deadline_ms, .little);
    writeInt(u16, out[16..18], 0, .little);
    @memcpy(out[request_head..][0..request.payload.len], request.payload);
    return out[0 .. request_head + request.payload.len];
}

pub fn decodeResponse(frame: []const u8) error{Malformed}!Response {
    if (frame.len < response_head) return error.Malformed;
    if (frame[0] != @intFromEnum(Type.response)) return error.Malformed;
    const len = readInt(u16, frame[2..4], .little);
    if (len > response_payload_max) return error.Malformed;
    if (frame.len != response_head + @as(usize, len)) return error.Malformed;
    if (readInt(u32, frame[12..16], .little) != 0 or frame[1] > 3) return error.Malformed;
    if (frame[1] != 0 and len != 0) return error.Malformed;
    return .{
        .status = @enumFromInt(frame[1]),
        .correlation = readInt(u64, frame[4..12], .little),
        .payload = frame[response_head..],
    };
}

pub fn encodeResponse(
    out: *[response_head + response_payload_max]u8,
    response: Response,
) error{TooLong}![]u8 {
    if (response.payload.len > response_payload_max) return error.TooLong;
    out[0] = @intFromEnum(Type.response);
    out[1] = @intFromEnum(response.status);
    writeInt(u16, out[2..4], @intCast(response.payload.len), .little);
    writeInt(u64, out[4..12], response.correlation, .little);
    writeInt(u32, out[12..16], 0, .little);
    @memcpy(out[response_head..][0..response.payload.len], response.payload);
    return out[0 .. response_head + response.payload.len];
}

pub fn encodePing(kind: Type, nonce: u64) [ping_bytes]u8 {
    var frame: [ping_bytes]u8 = @splat(0);
    frame[0] = @intFromEnum(kind);
    writeInt(u64, frame[8..16], nonce, .little);
    return frame;
}

/// The nonce of a ping or pong.
pub fn decodePing(frame: []const u8) error{Malformed}!u64 {
    if (frame.len != ping_bytes or !std.mem.allEqual(u8, frame[1..8], 0)) return error.Malformed;
    return readInt(u64, frame[8..16], .little);
}

const golden_request = "\x01\x01\x05\x00" ++ "\x02\x00\x00\x00\x00\x00\x00\x00" ++
    "\xe8\x03\x00\x00\x00\x00" ++ "SM\x01\x06x";

test "request, both ways" {
    var out: [request_head + request_payload_max]u8 = undefined;
    const request: Request = .{
        .service = 1,
        .correlation = 2,
        .deadline_ms = 1000,
        .payload = "SM\x01\x06x",
    };
    try std.testing.expectEqualSlices(u8, golden_request, try encodeRequest(&out, request));
    const decoded = try decodeRequest(golden_request);
    try std.testing.expectEqual(request.correlation, decoded.correlation);
    try std.testing.expectEqual(request.deadline_ms, decoded.deadline_ms);
    try std.testing.expectEqualSlices(u8, request.payload, decoded.payload);
}

test "a request of any other length, with a reserved byte or a deadline out of range is malformed" {
    for (0..golden_request.len) |len| {
        try std.testing.expectError(error.Malformed, decodeRequest(golden_request[0..len]));
    }
    try std.testing.expectError(error.Malformed, decodeRequest(golden_request ++ "x"));
    const cases = [_]struct { usize, u8 }{ .{ 0, 2 }, .{ 16, 1 }, .{ 17, 1 }, .{ 15, 1 } };
    for (cases) |case| {
        var frame = golden_request.*;
        frame[case[0]] = case[1];
        try std.testing.expectError(error.Malformed, decodeRequest(&frame));
    }
    var frame = golden_request.*;
    writeInt(u32, frame[12..16], 0, .little);
    try std.testing.expectError(error.Malformed, decodeRequest(&frame));
    writeInt(u32, frame[12..16], deadline_ms_max + 1, .little);
    try std.testing.expectError(error.Malformed, decodeRequest(&frame));
    writeInt(u32, frame[12..16], deadline_ms_max, .little);
    _ = try decodeRequest(&frame);
}

test "response, both ways, and its refusals" {
    var out: [response_head + response_payload_max]u8 = undefined;
    const response: Response = .{ .status = .ok, .correlation = 7, .payload = "SM\x01\x86" };
    const frame = try encodeResponse(&out, response);
    try std.testing.expectEqualSlices(
        u8,
        "\x02\x00\x04\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00SM\x01\x86",
        frame,
    );
    try std.testing.expectEqualSlices(u8, response.payload, (try decodeResponse(frame)).payload);
    for (0..frame.len) |len| {
        try std.testing.expectError(error.Malformed, decodeResponse(frame[0..len]));
    }
    frame[1] = 1;
    try std.testing.expectError(error.Malformed, decodeResponse(frame));
    frame[1] = 4;
    try std.testing.expectError(error.Malformed, decodeResponse(frame));
}

test "ping" {
    const frame = encodePing(.ping, 0x0102);
    try std.testing.expectEqual(@as(u64, 0x0102), try decodePing(&frame));
    try std.testing.expectError(error.Malformed, decodePing(frame[0..15]));
    var bad = frame;
    bad[4] = 1;
    try std.testing.expectError(error.Malformed, decodePing(&bad));
}
