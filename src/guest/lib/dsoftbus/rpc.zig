//! Encoding 2 of remote calls: messages of the schema on a stream of their own (docs/spec/rpc.md).
//! A message becomes the same `gateway.Asked` as a frame, so that both are judged, carried out and
//! recorded alike.

const std = @import("std");
const contract = @import("contract");
const frames = @import("frames.zig");
const gateway = @import("gateway.zig");
const methods = @import("rpc_methods.zig");
const message = contract.message;
const rpc = contract.rpc;

pub const Mode = rpc.Mode;
pub const stream_name = rpc.stream;
const head_bytes = rpc.message_head_bytes;
pub const message_bytes_max = head_bytes + 8 * rpc.message_words_max;
/// The longest answer that a guest gives: this much may wait for a stream's turn.
pub const answer_bytes_max = @import("mux_stream.zig").buffer_bytes;

const limits: message.Limits = .{
    .words = rpc.message_words_max,
    .traversal = rpc.traversal_words_max,
    .nesting = rpc.nesting_max,
};

/// The length of a message that begins so, with its table. Null: the table is not there yet.
pub fn lengthOf(bytes: []const u8) error{ Malformed, Oversized }!?usize {
    if (bytes.len < head_bytes) return null;
    if (!rpc.TableHead.holds(bytes[0..head_bytes])) return error.Malformed;
    const words = rpc.TableHead.read(bytes[0..head_bytes]).words;
    if (words == 0) return error.Malformed;
    if (words > rpc.message_words_max) return error.Oversized;
    return head_bytes + 8 * @as(usize, words);
}

/// The correlation of a message, even if nothing else in it can be read, so that it gets an answer;
/// 0 where it has none.
pub fn correlationOf(bytes: []const u8) u64 {
    if (bytes.len < 24) return 0;
    const pointer = std.mem.readInt(u64, bytes[head_bytes..][0..8], .little);
    const data_words: u16 = @truncate(pointer >> 32);
    if (pointer == 0 or pointer & 3 != 0 or data_words == 0) return 0;
    const offset: i64 = @as(i32, @bitCast(@as(u32, @truncate(pointer)))) >> 2;
    const at = std.math.cast(usize, head_bytes + 8 + 8 * offset) orelse return 0;
    if (at < head_bytes or at + 8 > bytes.len) return 0;
    return std.mem.readInt(u64, bytes[at..][0..8], .little);
}

/// The request in a peer's message; the service's frame is written to `out`.
pub fn asked(bytes: []const u8, out: *[frames.request_payload_max]u8) gateway.Asked {
    var found: gateway.Asked = .{ .encoding = .schema, .correlation = correlationOf(bytes) };
    var reader = message.Reader.open(bytes, limits) catch return found;
    const said = reader.root(rpc.Call) catch return found;
    found.method = said.method;
    found.subject = .{
        .service = said.service,
        .opcode = methods.opcodeOf(said.service, said.method),
    };
    const number = std.math.cast(u32, said.correlation) orelse return found;
    if (said.deadline_ms == 0 or said.deadline_ms > frames.deadline_ms_max) return found;
    const payload = methods.request(said, &reader, out) catch |err| switch (err) {
        error.Malformed => return found,
        error.Oversized => null,
    };
    found.is_oversized = payload == null and found.subject.opcode != null;
    found.request = .{
        .service = said.service,
        .correlation = @as(u64, said.epoch) << 32 | number,
        .deadline_ms = said.deadline_ms,
        // An empty payload is not a frame, so no rule of the gateway permits it.
        .payload = payload orelse "",
    };
    return found;
}

/// The answer to a call of this service and method, under the correlation that the call had.
pub fn answer(
    service: u8,
    method: u16,
    response: frames.Response,
    out: *[answer_bytes_max]u8,
) []const u8 {
    if (response.status == .ok) {
        const payload = response.payload;
        const said = methods.answer(service, method, response.correlation, payload, out);
        if (said) |bytes| return bytes;
    }
    const refusal: rpc.Answer = .{
        .which = .refusal,
        .correlation = response.correlation,
        .refusal = if (response.status == .ok) .failed else response.status,
    };
    return message.encode(refusal, out) catch unreachable; // it is short
}

/// A call of this node's own that asks the same as this frame, under this name. Null: no method
/// does.
pub fn call(request: frames.Request, out: []u8) ?[]const u8 {
    return methods.call(request.service, request.payload, .{
        .correlation = @as(u32, @truncate(request.correlation)),
        .epoch = @intCast(request.correlation >> 32),
        .deadline_ms = request.deadline_ms,
    }, out);
}

/// A peer's answer to a call of ours. Its results are read when the node knows what was asked.
pub const Answer = struct {
    correlation: u64,
    /// Null: the call failed, or was refused.
    results: ?struct { message.Reader, message.Any },

    pub fn of(bytes: []const u8) Answer {
        var found: Answer = .{ .correlation = correlationOf(bytes), .results = null };
        var reader = message.Reader.open(bytes, limits) catch return found;
        const said = reader.root(rpc.Answer) catch return found;
        if (said.which == .results) found.results = .{ reader, said.results };
        return found;
    }

    /// The reply that the service would have sent to the request; null: there is none.
    pub fn reply(
        self: Answer,
        service: u8,
        frame: []const u8,
        out: *[frames.response_payload_max]u8,
    ) ?[]const u8 {
        var reader, const any = self.results orelse return null;
        return methods.reply(service, frame, &reader, any, out);
    }
};
