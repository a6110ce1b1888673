//! Asks the other node's state store again and again, and tells when each request began and when
//! its answer was there. What one seal and one open of a message takes is told too.
//! It stands in for selftest-client, of which it has the name and so the routes.

const std = @import("std");
const os = @import("os");
const noise = @import("noise");
const svc = @import("svc");
const wire = @import("wire");
const sf = wire.sf;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const key = "/state/shared/bench/value";
const value = "v" ** 100;
const rounds = 9;

const call_ns = 3 * std.time.ns_per_s;
const pause_ns = 50 * std.time.ns_per_ms;
const patience_ns = 20 * std.time.ns_per_s;

var dsoftbusd: os.Slot = undefined;
var request_buffer: [wire.ds.request_bytes_max]u8 = undefined;
var state_buffer: [wire.ds.state_request_max]u8 = undefined;
var reply_buffer: [wire.ds.reply_bytes_max]u8 = undefined;
var nonce: u64 = 0;

/// The node that is asked has nothing to do here; which one this is the configuration says (mode 1
/// is the client's).
pub fn main() !void {
    var section: [256]u8 = undefined;
    var records = os.records.iterate(try os.config(&section));
    while (try records.next()) |record| {
        if (record.tag == 1 and record.value.len == 1 and record.value[0] == 1) return measure();
    }
}

fn measure() !void {
    try timeCiphers();
    dsoftbusd = try os.route("dsoftbusd");
    const until = os.after(patience_ns);
    while (true) {
        if (ask(.{ .op = .put, .key = key, .value = value })) |status| {
            if (status == .ok) break;
        } else |_| {}
        if (os.nsec() >= until) return error.TimedOut;
        svc.sleep(pause_ns);
    }
    for (0..rounds) |_| {
        svc.sleep(pause_ns); // Until nothing of the last one goes on.
        try timed("put", .{ .op = .put, .key = key, .value = value });
        svc.sleep(pause_ns);
        try timed("sync", .{ .op = .sync });
    }
    os.print("remote_put: end", .{});
}

fn timed(name: []const u8, request: sf.Request) !void {
    const begun = os.nsec();
    const status = try ask(request);
    const ended = os.nsec();
    if (status != .ok) return error.Refused;
    os.print("remote_put: {s} from {d} to {d} ns", .{ name, begun, ended });
}

fn ask(request: sf.Request) !sf.Status {
    nonce += 1;
    var numbered = request;
    numbered.nonce = nonce;
    const inner = try sf.encodeRequest(&state_buffer, numbered);
    const frame = try wire.ds.encodeRequest(&request_buffer, .{ .state = inner });
    const answer = try os.call(dsoftbusd, frame, &reply_buffer, call_ns);
    const reply = wire.ds.decodeState(answer) orelse return error.NoAnswer;
    return (sf.decodeReply(reply, request.op, nonce) orelse return error.NotThisReply).status;
}

const message_max = 320;
const message_step = 32;
const repeats = 16;

/// With the code and in the machine of dsoftbusd: the ciphers of its sessions. The shortest of
/// some times, for other services run in between.
fn timeCiphers() !void {
    var plain: [message_max]u8 = @splat(7);
    var sealed: [message_max + noise.tag_bytes]u8 = undefined;
    var sending = noise.Cipher.init(@splat(1));
    var receiving = noise.Cipher.init(@splat(1));
    var len: usize = 0;
    while (len <= message_max) : (len += message_step) {
        var seal: u64 = std.math.maxInt(u64);
        var open: u64 = std.math.maxInt(u64);
        for (0..repeats) |_| {
            const begun = os.nsec();
            const message = try sending.encrypt("", plain[0..len], &sealed);
            const between = os.nsec();
            _ = try receiving.decrypt("", message, &plain);
            const ended = os.nsec();
            seal = @min(seal, between - begun);
            open = @min(open, ended - between);
        }
        os.print("remote_put: message {d} sealed {d} opened {d} ns", .{ len, seal, open });
    }
}
