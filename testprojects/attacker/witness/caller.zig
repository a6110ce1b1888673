//! Calls of the attacked node, as the node's own services make them.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const wire = @import("wire");

/// dsoftbusd itself waits four seconds for a session.
const call_ns: u64 = 5 * std.time.ns_per_s;
const attempts_max = 4;

pub fn awaitSession() !void {
    for (0..attempts_max) |_| {
        if (resolve()) |_| return os.print("WITNESS: session stands", .{}) else |_| {}
    }
    return error.NoSession;
}

pub fn testify() !void {
    report("remote resolve", resolve());
    report("remote query", query());
}

fn report(name: []const u8, result: anyerror!void) void {
    if (result) |_| {
        os.print("WITNESS: {s} ok", .{name});
    } else |err| os.print("WITNESS: {s} FAIL: {s}", .{ name, @errorName(err) });
}

fn resolve() !void {
    const reply = try ask(.{ .resolve = "bundlemgrd" });
    if (wire.front.decodeStatus(reply, .resolve) != .ok) return error.Refused;
}

fn query() !void {
    const reply = try ask(.bundle_list);
    if ((wire.front.decodeBundleCount(reply) orelse 0) == 0) return error.Refused;
}

var dsoftbusd: ?os.Slot = null;
var answer: [64]u8 = undefined;

fn ask(request: wire.front.Request) ![]u8 {
    const slot = dsoftbusd orelse try os.route("dsoftbusd");
    dsoftbusd = slot;
    var buffer: [wire.front.request_bytes_max]u8 = undefined;
    return os.call(slot, try wire.front.encodeRequest(&buffer, request), &answer, call_ns);
}
