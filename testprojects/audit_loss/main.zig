//! Makes records faster than a log takes them, and looks for each of them afterwards. On one node
//! it calls the other; there it shouts, and reads the log.
//! It stands in for selftest-client, of which it has the name and so the routes.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const wire = @import("wire");
const log = @import("log.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

/// More than the log takes of one sender in a second, and than the queue before it holds.
const shouts = 100;
const calls = 40;
const call_ns = 3 * std.time.ns_per_s;
const second = std.time.ns_per_s;
/// Discovery, handshake, and the other node's wait.
const patience_ns = 20 * second;
const logd_second_max = 24;

/// Which node this is the configuration says (mode 1 is the client's).
pub fn main() !void {
    var section: [256]u8 = undefined;
    var records = os.records.iterate(try os.config(&section));
    while (try records.next()) |record| {
        if (record.tag == 1 and record.value.len == 1 and record.value[0] == 1) return call();
    }
    try log.open();
    try shout();
    try accountForCalls();
    try overflow();
    os.print("loss: end", .{});
}

fn call() !void {
    const dsoftbusd = try os.route("dsoftbusd");
    const until = os.after(patience_ns);
    while (!try resolves(dsoftbusd)) if (os.nsec() >= until) return error.NoSession;
    // The log counts seconds from a record on: the calls are to be the first of theirs.
    svc.sleep(2 * second);
    const began = os.nsec();
    for (0..calls) |_| if (!try resolves(dsoftbusd)) return error.CallFailed;
    if (os.nsec() - began >= second) return error.TooSlow;
    os.print("loss: {d} calls answered", .{calls});
}

fn resolves(dsoftbusd: os.Slot) !bool {
    var request: [wire.front.request_bytes_max]u8 = undefined;
    var reply: [wire.front.reply_bytes_max]u8 = undefined;
    const frame = try wire.front.encodeRequest(&request, .{ .resolve = "samgrd" });
    // The front itself waits for a session, and gives up after four seconds.
    const answer = os.call(dsoftbusd, frame, &reply, 2 * call_ns) catch return false;
    return answer.len >= 5 and answer[4] == 0;
}

/// Records for which no answer is awaited: their sender does not learn that most were refused.
fn shout() !void {
    for (0..shouts) |_| try log.tell("shout");
    svc.sleep(second + second / 10);
    const kept = try log.count(os.serviceId(os.name()), "shout");
    const limited = try log.number(os.serviceId("logd"), "audit limited=");
    if (kept != logd_second_max or limited != shouts - logd_second_max) return error.NotCounted;
    os.print("loss: refusals of the limiter are reported", .{});
}

fn accountForCalls() !void {
    const dsoftbusd = os.serviceId("dsoftbusd");
    const until = os.after(patience_ns);
    while (true) {
        const unlogged = try log.number(dsoftbusd, "audit unlogged=");
        const logged = try log.count(dsoftbusd, "audit remote call outcome=ok peer=node-a ");
        // One more: the first call, which waited for the session.
        if (unlogged != 0 and unlogged + logged == calls + 1) break;
        if (os.nsec() >= until) return error.NotAccountedFor;
        svc.sleep(second / 4);
    }
    os.print("loss: every call is in the log or counted there", .{});
}

/// As many records as the limiter lets through, until the oldest make room.
fn overflow() !void {
    const until = os.after(patience_ns);
    while (true) {
        for (0..logd_second_max) |_| try log.tell("m" ** 160);
        const stats = try log.stats();
        if (stats.total != stats.dropped + stats.records_used) return error.NotCounted;
        if (stats.dropped > 0) break;
        if (os.nsec() >= until) return error.NeverFull;
        svc.sleep(second);
    }
    const before = try log.stats();
    const seen = try log.all();
    // What is read says the same of the loss as the counters do.
    if (seen.counters.dropped < before.dropped) return error.NotCounted;
    if (seen.first_id != seen.counters.dropped + 1) return error.NotTheOldest;
    os.print("loss: what the ring dropped is counted", .{});
}
