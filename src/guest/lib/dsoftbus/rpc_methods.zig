//! Methods of the contract as frames: the one place where the two encodings of a call meet
//! (docs/spec/rpc.md, *Messages as frames*). Services of a node speak frames alone.
//!
//!     a peer's call    parameters ──request──▶ the service's frame
//!                      results ◀──answer────── the service's reply
//!     a call of ours   the frame ──call──▶ parameters
//!                      the reply ◀──reply── results
//!
//! The methods, their parameters and their results are generated from the schema. The bytes behind
//! a frame's head follow from them by one rule (`rpc_fields`). This file adds only the widths of
//! lengths, and bytes that carry nothing.

const std = @import("std");
const contract = @import("contract");
const rule = @import("rpc_fields.zig");
const frames = @import("frames.zig");
const gateway = @import("gateway.zig");
const cursor = @import("wire").cursor;
const message = contract.message;
const samgr = contract.samgr;
const bundle = contract.bundle;
const state = contract.state;
const log = contract.log;
const rpc = contract.rpc;
const Error = rule.Error;

/// Magic, version and operation. In version 2 a nonce comes next; in a reply it follows the status.
const head_bytes = 4;
/// This is more than a reply has.
const records_max = 32;

const Method = struct {
    service: u8,
    number: u16,
    opcode: u8,
    params: rule.Shape,
    /// The methods whose first field is the status.
    results: rule.Shape,
    /// Bytes at the end of a reply that carry nothing for a caller.
    padding: u8,
};

const table = rows: {
    @setEvalBranchQuota(20_000);
    var all: [contract.methods.methods.len]Method = undefined;
    for (contract.methods.methods, &all) |method, *row| row.* = .{
        .service = method.service,
        .number = method.number,
        .opcode = method.opcode,
        .params = rule.shapeOf(method.Params, lengthBytes),
        .results = rule.shapeOf(method.Results, lengthBytes),
        .padding = paddingOf(method.Results),
    };
    break :rows all;
};

/// The width of a text's length in frames.
fn lengthBytes(comptime T: type, comptime name: []const u8) u8 {
    if (T == samgr.ResolveStatusParams) return 1;
    if (T == log.Record and std.mem.eql(u8, name, "scope")) return 1;
    const has_value = T == state.PutParams or T == state.TxnPutParams or T == state.GetResults;
    return if (has_value and std.mem.eql(u8, name, "value")) 4 else 2;
}

fn paddingOf(comptime Results: type) u8 {
    return switch (Results) {
        samgr.ResolveStatusResults => 8,
        bundle.ListResults => 1,
        log.StatsResults => 16,
        else => 0,
    };
}

fn find(service: u8, number: u16) ?*const Method {
    for (&table) |*method| {
        if (method.service == service and method.number == number) return method;
    }
    return null;
}

fn findOpcode(service: u8, opcode: u8) ?*const Method {
    for (&table) |*method| {
        if (method.service == service and method.opcode == opcode) return method;
    }
    return null;
}

/// The operation that a method has in frames; null: there is no such method.
pub fn opcodeOf(service: u8, number: u16) ?u8 {
    return (find(service, number) orelse return null).opcode;
}

/// The frame that asks the service for these parameters; null: there is no such method.
pub fn request(
    said: rpc.Call,
    reader: *message.Reader,
    out: *[frames.request_payload_max]u8,
) error{ Malformed, Oversized }!?[]const u8 {
    const method = find(said.service, said.method) orelse return null;
    const place = try reader.placeOf(said.params);
    var writer = cursor.Writer.frame(out, magicOf(method.service), 1, method.opcode) catch
        unreachable; // `out` is longer than a head
    rule.toFrame(reader, place, method.params.fields, &writer) catch |err| return switch (err) {
        error.NoRoom, error.Truncated => error.Oversized,
        error.Malformed => error.Malformed,
    };
    return writer.done();
}

fn magicOf(service: u8) *const [2]u8 {
    return gateway.serviceOf(service).?.magic;
}

/// The answer to a call of this method that says the same as a service's reply. Null: the bytes are
/// not such a reply. A log gives as many records as there is room for, the oldest first.
pub fn answer(
    service: u8,
    number: u16,
    correlation: u64,
    frame: []const u8,
    out: []u8,
) ?[]const u8 {
    const method = find(service, number) orelse return null;
    var records: usize = records_max;
    while (true) : (records -= 1) {
        return writeAnswer(method, correlation, frame, out, records) catch |err| {
            if (err != error.NoRoom or records == 0) return null;
            continue;
        };
    }
}

fn writeAnswer(
    method: *const Method,
    correlation: u64,
    frame: []const u8,
    out: []u8,
    records: usize,
) Error![]const u8 {
    const opcode = method.opcode | cursor.reply_bit;
    if (!cursor.hasHeader(frame, magicOf(method.service), 1, opcode)) return error.Malformed;
    var reader: cursor.Reader = .init(frame[head_bytes..]);
    var begun = try message.begin(rpc.Answer{ .correlation = correlation }, out);
    const fields = method.results.fields;
    const into: rule.Into = .{
        .builder = &begun.builder,
        .at = try begun.startInner(method.results.data_words, method.results.pointers),
        .data_words = method.results.data_words,
        .records_max = records,
    };
    try rule.toMessage(&reader, fields[0..1], into);
    const is_ok = frame[head_bytes] == 0;
    // A failure may be a bare status; if it is not, the rest says nothing more.
    if (is_ok or !reader.atEnd()) {
        try rule.toMessage(&reader, fields[1..], if (is_ok) into else null);
        _ = try reader.take(method.padding);
    }
    return if (reader.atEnd()) begun.done() else error.Malformed;
}

/// The call that asks the same as this frame of a service of this node. Null: no method does.
pub fn call(service: u8, frame: []const u8, head: rpc.Call, out: []u8) ?[]const u8 {
    const tail = tailOf(service, frame) orelse return null;
    const method = findOpcode(service, frame[3]) orelse return null;
    var whole = head;
    whole.service = service;
    whole.method = method.number;
    return writeCall(method, tail, whole, out) catch null;
}

fn writeCall(method: *const Method, tail: []const u8, head: rpc.Call, out: []u8) Error!?[]const u8 {
    var reader: cursor.Reader = .init(tail);
    var begun = try message.begin(head, out);
    try rule.toMessage(&reader, method.params.fields, .{
        .builder = &begun.builder,
        .at = try begun.startInner(method.params.data_words, method.params.pointers),
        .data_words = method.params.data_words,
    });
    return if (reader.atEnd()) begun.done() else null;
}

/// The bytes behind head and nonce of a frame for this service.
fn tailOf(service: u8, frame: []const u8) ?[]const u8 {
    if (frame.len < head_bytes or !std.mem.eql(u8, frame[0..2], magicOf(service))) return null;
    const nonce = nonceOf(frame);
    if (frame[2] != 1 and nonce.len == 0) return null;
    return frame[head_bytes + nonce.len ..];
}

/// A nonce stays between a service and the node: a call by schema has its correlation instead.
fn nonceOf(frame: []const u8) []const u8 {
    return if (frame[2] == 2 and frame.len >= head_bytes + 8) frame[head_bytes..][0..8] else "";
}

/// The reply that the service would have sent for these results of the request in this frame. Null:
/// they are not results of its method.
pub fn reply(
    service: u8,
    asked: []const u8,
    reader: *message.Reader,
    results: message.Any,
    out: *[frames.response_payload_max]u8,
) ?[]const u8 {
    const method = findOpcode(service, asked[3]) orelse return null;
    return writeReply(method, asked, reader, results, out) catch null;
}

fn writeReply(
    method: *const Method,
    asked: []const u8,
    reader: *message.Reader,
    results: message.Any,
    out: []u8,
) Error![]const u8 {
    const place = try reader.placeOf(results);
    const opcode = method.opcode | cursor.reply_bit;
    var writer = try cursor.Writer.frame(out, asked[0..2], asked[2], opcode);
    const fields = method.results.fields;
    try rule.toFrame(reader, place, fields[0..1], &writer);
    try writer.put(nonceOf(asked));
    try rule.toFrame(reader, place, fields[1..], &writer);
    const zeros: [16]u8 = @splat(0);
    try writer.put(zeros[0..method.padding]);
    return writer.done();
}
