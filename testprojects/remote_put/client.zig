//! Asks the other node's registry and state store again and again, and says when each request began
//! and when its answer was there. It says too what one seal and one open of a message takes.
//! It stands in for selftest-client, of which it has the name and so the routes.

const std = @import("std");
const os = @import("os");
const noise = @import("noise");
const svc = @import("svc");
const wire = @import("wire");
const state_frames = wire.state;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const key = "/state/shared/bench/value";
const value = "v" ** 100;
const rounds = 9;

const pause_ns = 50 * std.time.ns_per_ms;
const patience_ns = 20 * std.time.ns_per_s;

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
    var state = try svc.State.openRemote();
    const until = os.after(patience_ns);
    while (true) {
        if (state.ask(.{ .op = .put, .key = key, .value = value })) |reply| {
            if (reply.status == .ok) break;
        } else |_| {}
        if (os.nsec() >= until) return error.TimedOut;
        svc.sleep(pause_ns);
    }
    for (0..rounds) |_| {
        svc.sleep(pause_ns); // Until nothing of the last one goes on.
        try timed(&state, "put", .{ .op = .put, .key = key, .value = value });
        svc.sleep(pause_ns);
        try timed(&state, "sync", .{ .op = .sync });
        svc.sleep(pause_ns);
        try timedResolve(state.service);
    }
    os.print("remote_put: end", .{});
}

fn timed(state: *svc.State, name: []const u8, request: state_frames.Request) !void {
    const begun = os.nsec();
    const reply = try state.ask(request);
    const ended = os.nsec();
    if (reply.status != .ok) return error.Refused;
    os.print("remote_put: {s} from {d} to {d} ns", .{ name, begun, ended });
}

/// The least that a node is asked: nothing of it is a disk's or a long value's.
fn timedResolve(bus: os.Slot) !void {
    var request: [wire.front.request_bytes_max]u8 = undefined;
    var reply: [wire.front.reply_bytes_max]u8 = undefined;
    const frame = try wire.front.encodeRequest(&request, .{ .resolve = "statefsd" });
    const begun = os.nsec();
    const answer = try os.call(bus, frame, &reply, os.call_timeout_ns);
    const ended = os.nsec();
    if (wire.front.decodeStatus(answer, .resolve) != .ok) return error.Refused;
    os.print("remote_put: resolve from {d} to {d} ns", .{ begun, ended });
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
