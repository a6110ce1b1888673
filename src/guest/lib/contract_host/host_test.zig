//! The functions of the library: a message of each kind comes back unchanged. Bytes that are not a
//! message, a buffer that is too small and an unknown kind each have an error number of their own.

const std = @import("std");
const testing = std.testing;
const contract = @import("contract");
const root = @import("root.zig");
const message = contract.message;

const record: contract.log.Record = .{
    .id = 7,
    .time_ns = 9,
    .level = .warn,
    .service = 11,
    .scope = "a scope",
    .message = "words",
};

fn rewrite(name: []const u8, in: []const u8, out: []u8) isize {
    return root.contract_rewrite(name.ptr, name.len, in.ptr, in.len, out.ptr, out.len);
}

fn judge(inner: []const u8, in: []const u8) isize {
    return root.contract_judge_call(inner.ptr, inner.len, in.ptr, in.len);
}

test "a message comes back as it was, if there is just room for it" {
    var buffer: [512]u8 align(8) = undefined;
    const bytes = try message.encode(record, &buffer);
    var out: [512]u8 align(8) = undefined;
    const len: isize = @intCast(bytes.len);
    try testing.expectEqual(len, rewrite("log.Record", bytes, out[0..bytes.len]));
    try testing.expectEqualSlices(u8, bytes, out[0..bytes.len]);
    try testing.expectEqual(-2, rewrite("log.Record", bytes, out[0 .. bytes.len - 8]));
    try testing.expectEqual(-1, rewrite("log.Record", bytes[0 .. bytes.len - 8], &out));
    for ([_][]const u8{ "", "log.Recor", "log.Records", "Record" }) |name| {
        try testing.expectEqual(-3, rewrite(name, bytes, &out));
    }
    // Of another kind the same bytes are something else, or nothing.
    try testing.expect(rewrite("log.QueryParams", bytes, &out) != len);
}

test "what stands in a call is judged as the kind that is named" {
    var buffer: [512]u8 align(8) = undefined;
    const params: contract.log.QueryParams = .{ .since_ns = 5, .max = 6 };
    const bytes = try message.encodeWith(contract.rpc.Call{ .correlation = 1 }, params, &buffer);
    try testing.expectEqual(0, judge("log.QueryParams", bytes));
    try testing.expectEqual(-3, judge("log.Nothing", bytes));
    try testing.expectEqual(-1, judge("log.QueryParams", bytes[0 .. bytes.len - 8]));
    // Texts where there are numbers only.
    const texts = try message.encodeWith(contract.rpc.Call{ .correlation = 1 }, record, &buffer);
    try testing.expectEqual(0, judge("log.Record", texts));
    try testing.expectEqual(-1, judge("log.Record", texts[0 .. texts.len - 8]));
}

test "every message of the contract is known, and nothing else of it" {
    var out: [8]u8 align(8) = undefined;
    // No bytes are a message of any kind; a head has no kind of message.
    for ([_][]const u8{
        "bundle.ListParams",          "bundle.ListResults",   "log.QueryParams",
        "log.StatsResults",           "packagefs.StatParams", "packagefs.CloseResults",
        "rpc.Call",                   "rpc.Answer",           "samgr.ResolveStatusParams",
        "samgr.ResolveStatusResults", "state.PutParams",      "state.TxnAbortResults",
    }) |name| {
        testing.expectEqual(-1, rewrite(name, "", &out)) catch |err| {
            std.debug.print("{s}\n", .{name});
            return err;
        };
    }
    for ([_][]const u8{
        "announce.AnnounceHead", "gateway.RequestHead", "mux.OpenFrameHead",
        "rpc.TableHead",         "services.Service",    "state.TransferRequestHead",
    }) |name| try testing.expectEqual(-3, rewrite(name, "", &out));
}
