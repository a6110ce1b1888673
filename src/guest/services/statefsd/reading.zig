//! The requests that change nothing. `writer` has the head of the reply, and room behind it.

const std = @import("std");
const contract = @import("contract");
const statefs = @import("statefs");
const wire = @import("wire");
const rights = @import("rights.zig");
const inline_value_max = @import("caller.zig").inline_value_max;
const state = wire.state;
const Writer = wire.cursor.Writer;

pub const list_reply_max = contract.state.peer_reply_bytes_max;
pub const list_max = contract.state.list_max;

pub fn get(store: anytype, request: state.Request, writer: *Writer) statefs.Error!void {
    const value = try store.get(request.key) orelse return error.NotFound;
    // Another engine, with larger messages, may have put it there.
    if (value.len > inline_value_max) return error.TooLarge;
    writer.int(u32, @intCast(value.len)) catch unreachable;
    writer.put(value) catch unreachable;
}

/// A piece of a value, for a service whose messages are smaller than values. The version says
/// whether two pieces are of one value.
pub fn read(
    store: anytype,
    request: state.Request,
    version: u64,
    writer: *Writer,
) statefs.Error!void {
    const value = try store.get(request.key) orelse return error.NotFound;
    const from = @min(request.offset, value.len);
    const len = @min(request.length, inline_value_max, value.len - from);
    state.putPiece(writer, .{
        .total = @intCast(value.len),
        .version = version,
        .bytes = value[from..][0..len],
    }) catch unreachable;
}

/// List whole keys in their order, from the first one that may be of the list. A key that takes
/// another capability to read stays hidden from a sender without it.
pub fn list(store: anytype, request: state.Request, writer: *Writer) statefs.Error!void {
    if (!store.is_served) return error.Integrity;
    const contents = &store.contents;
    const limit = std.math.clamp(request.limit, 1, list_max);
    const right = rights.ofKey(.list, request.key);
    const count_at = writer.len;
    writer.int(u16, 0) catch unreachable;
    var count: u16 = 0;
    const is_behind = std.mem.order(u8, request.after, request.key) == .gt;
    for (contents.sortedFrom(if (is_behind) request.after else request.key)) |item| {
        const key = contents.keyOf(item);
        if (count == limit or !std.mem.startsWith(u8, key, request.key)) break;
        if (std.mem.eql(u8, key, request.after)) continue;
        if (!std.mem.eql(u8, rights.ofKey(.list, key), right)) continue;
        if (writer.len + 2 + key.len > list_reply_max) break;
        writer.int(u16, @intCast(key.len)) catch unreachable;
        writer.put(key) catch unreachable;
        count += 1;
    }
    std.debug.assert(count <= list_max and writer.len <= @max(list_reply_max, count_at + 2));
    std.mem.writeInt(u16, writer.buffer[count_at..][0..2], count, .little);
}
