//! On one node it calls the other, once; there it waits until the log says that a record of that
//! call was not confirmed.
//! It stands in for selftest-client, of which it has the name and so the routes.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const wire = @import("wire");
const log = wire.log;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const call_ns = 6 * std.time.ns_per_s;
const pause_ns = std.time.ns_per_s / 4;
const patience_ns = 20 * std.time.ns_per_s;

var request: [log.append_bytes_max]u8 = undefined;
var reply: [log.reply_bytes_max]u8 = undefined;

/// Which node this is the configuration says (mode 1 is the client's).
pub fn main() !void {
    var section: [256]u8 = undefined;
    var records = os.records.iterate(try os.config(&section));
    while (try records.next()) |record| {
        if (record.tag == 1 and record.value.len == 1 and record.value[0] == 1) return call();
    }
    const until = os.after(patience_ns);
    while (!try isTold()) {
        if (os.nsec() >= until) return error.NotTold;
        svc.sleep(pause_ns);
    }
    os.print("slow: records without an answer are reported", .{});
}

fn call() !void {
    const dsoftbusd = try os.route("dsoftbusd");
    const frame = try wire.front.encodeRequest(&request, .{ .resolve = "samgrd" });
    const until = os.after(patience_ns);
    while (os.nsec() < until) {
        const answer = os.call(dsoftbusd, frame, &reply, call_ns) catch continue;
        if (answer.len >= 5 and answer[4] == 0) return os.print("slow: call answered", .{});
    }
    return error.NoSession;
}

/// The record itself is there too, since it only waited; that was not certain before.
fn isTold() !bool {
    const logd = try os.route("logd");
    defer os.sys.capClose(logd);
    const query: log.Body = .{ .query = .{ .since_ns = 0, .max = 16 } };
    const bytes = try os.call(logd, try log.encodeRequest(&request, 1, query), &reply, call_ns);
    var records = log.decodeQueryReply(bytes, 1) orelse return error.NotThisReply;
    while (try records.next()) |record| {
        const is_own = record.service == os.serviceId("dsoftbusd");
        if (is_own and std.mem.eql(u8, record.message, "audit unlogged=1")) return true;
    }
    return false;
}
