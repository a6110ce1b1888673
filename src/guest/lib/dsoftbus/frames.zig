//! Frames inside a session: gateway request and response, ping and pong. docs/spec/contract.md has
//! the byte tables, docs/spec/session.md what the fields mean.

const std = @import("std");
const contract = @import("contract");
const RequestHead = contract.gateway.RequestHead;
const ResponseHead = contract.gateway.ResponseHead;
const Keepalive = contract.gateway.KeepaliveHead;

pub const plaintext_bytes_max = contract.gateway.frame_bytes_max;
pub const request_head = RequestHead.bytes;
pub const response_head = ResponseHead.bytes;
pub const request_payload_max = contract.gateway.request_payload_max;
pub const response_payload_max = contract.gateway.response_payload_max;
pub const ping_bytes = Keepalive.bytes;
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

/// Judge the shape alone; the gateway judges whether a payload is too long.
pub fn decodeRequest(frame: []const u8) error{Malformed}!Request {
    if (frame.len < request_head) return error.Malformed;
    const bytes = frame[0..request_head];
    const head = RequestHead.read(bytes);
    if (!RequestHead.holds(bytes) or frame.len != request_head + @as(usize, head.length))
        return error.Malformed;
    if (head.deadline_ms == 0 or head.deadline_ms > deadline_ms_max) return error.Malformed;
    return .{
        .service = head.service,
        .correlation = head.correlation,
        .deadline_ms = head.deadline_ms,
        .payload = frame[request_head..],
    };
}

/// The correlation id under which a frame that does not parse is answered: its own if the frame is
/// long enough to have one, else 0.
pub fn correlationOf(frame: []const u8) u64 {
    const at = RequestHead.at.correlation;
    return if (frame.len >= at + 8) std.mem.readInt(u64, frame[at..][0..8], .little) else 0;
}

pub fn encodeRequest(
    out: *[request_head + request_payload_max]u8,
    request: Request,
) error{TooLong}![]u8 {
    if (request.payload.len > request_payload_max) return error.TooLong;
    RequestHead.write(.{
        .service = request.service,
        .length = @intCast(request.payload.len),
        .correlation = request.correlation,
        .deadline_ms = request.deadline_ms,
    }, out[0..request_head]);
    @memcpy(out[request_head..][0..request.payload.len], request.payload);
    return out[0 .. request_head + request.payload.len];
}

pub fn decodeResponse(frame: []const u8) error{Malformed}!Response {
    if (frame.len < response_head) return error.Malformed;
    const bytes = frame[0..response_head];
    const head = ResponseHead.read(bytes);
    if (!ResponseHead.holds(bytes) or head.length > response_payload_max) return error.Malformed;
    if (frame.len != response_head + @as(usize, head.length)) return error.Malformed;
    const status: Status = @enumFromInt(head.status);
    switch (status) {
        .ok => {},
        .refused, .failed, .busy => if (head.length != 0) return error.Malformed,
        _ => return error.Malformed,
    }
    return .{
        .status = status,
        .correlation = head.correlation,
        .payload = frame[response_head..],
    };
}

pub fn encodeResponse(
    out: *[response_head + response_payload_max]u8,
    response: Response,
) error{TooLong}![]u8 {
    if (response.payload.len > response_payload_max) return error.TooLong;
    ResponseHead.write(.{
        .status = @intFromEnum(response.status),
        .length = @intCast(response.payload.len),
        .correlation = response.correlation,
    }, out[0..response_head]);
    @memcpy(out[response_head..][0..response.payload.len], response.payload);
    return out[0 .. response_head + response.payload.len];
}

pub fn encodePing(kind: Type, nonce: u64) [ping_bytes]u8 {
    var frame: [ping_bytes]u8 = undefined;
    Keepalive.write(.{ .type = @intFromEnum(kind), .nonce = nonce }, &frame);
    return frame;
}

/// The nonce of a ping or pong.
pub fn decodePing(frame: []const u8) error{Malformed}!u64 {
    if (frame.len != ping_bytes or !Keepalive.holds(frame[0..ping_bytes])) return error.Malformed;
    return Keepalive.read(frame[0..ping_bytes]).nonce;
}

const golden_request = "\x01\x01\x05\x00" ++ "\x02\x00\x00\x00\x00\x00\x00\x00" ++
    "\xe8\x03\x00\x00\x00\x00" ++ "SM\x01\x06x";

test "a request is read and written" {
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
    const deadline = frame[RequestHead.at.deadline_ms..][0..4];
    std.mem.writeInt(u32, deadline, 0, .little);
    try std.testing.expectError(error.Malformed, decodeRequest(&frame));
    std.mem.writeInt(u32, deadline, deadline_ms_max + 1, .little);
    try std.testing.expectError(error.Malformed, decodeRequest(&frame));
    std.mem.writeInt(u32, deadline, deadline_ms_max, .little);
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

test "a ping is read and written" {
    const frame = encodePing(.ping, 0x0102);
    try std.testing.expectEqual(@as(u64, 0x0102), try decodePing(&frame));
    try std.testing.expectError(error.Malformed, decodePing(frame[0..15]));
    var bad = frame;
    bad[4] = 1;
    try std.testing.expectError(error.Malformed, decodePing(&bad));
}
