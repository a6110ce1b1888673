//! Writes to the state of the other node, waits while that node loses its power, and reads.
//! That it did, and that this is another session, the world demands of dsoftbusd's lines.
//! It stands in for selftest-client, of which it has the name and so the routes.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const state_frames = @import("wire").state;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const key = "/state/shared/keeper/kept";
const value = "kept-over-a-reboot";
const unsynced_key = "/state/shared/keeper/unsynced";

const pause_ns = 200 * std.time.ns_per_ms;
/// The power fails at once, and discovery and handshake take a part of a second.
const away_ns = 3 * std.time.ns_per_s;
/// Discovery, handshake, and a peer that is off for a while.
const patience_ns = 20 * std.time.ns_per_s;

var state: svc.State = undefined;

/// The node that keeps has nothing to do here; which one this is the configuration says (mode 1 is
/// the client's).
pub fn main() !void {
    var section: [256]u8 = undefined;
    var records = os.records.iterate(try os.config(&section));
    while (try records.next()) |record| {
        if (record.tag == 1 and record.value.len == 1 and record.value[0] == 1) return write();
    }
}

fn write() !void {
    state = try svc.State.openRemote();
    if (try persist(.{ .op = .put, .key = key, .value = value }) != .ok) return error.PutRefused;
    if (try status(.{ .op = .sync }) != .ok) return error.SyncRefused;
    // Acknowledged, and never asked to be durable.
    const late: state_frames.Request = .{ .op = .put, .key = unsynced_key, .value = "x" };
    if (try status(late) != .ok) return error.PutRefused;
    os.print("keeper: written and synced", .{});
    svc.sleep(away_ns);
    switch (try persist(.{ .op = .get, .key = key })) {
        .ok => try compare(),
        .not_found => os.print("keeper: the value is gone", .{}),
        else => return error.GetRefused,
    }
    const unsynced = try status(.{ .op = .get, .key = unsynced_key });
    if (unsynced == .not_found) os.print("keeper: what was not synced is gone", .{});
    os.print("keeper: end", .{});
}

fn compare() !void {
    const got = try state.ask(.{ .op = .get, .key = key });
    const bytes = state_frames.valueOf(got) orelse return error.NoValue;
    if (!std.mem.eql(u8, bytes, value)) return error.OtherValue;
    os.print("keeper: the value is kept", .{});
}

/// Ask until there is an answer of the store itself.
fn persist(request: state_frames.Request) !state_frames.Status {
    const until = os.after(patience_ns);
    while (true) {
        if (status(request)) |answer| {
            if (answer != .io_error) return answer;
        } else |err| if (os.nsec() >= until) return err;
        if (os.nsec() >= until) return error.TimedOut;
        svc.sleep(pause_ns);
    }
}

fn status(request: state_frames.Request) !state_frames.Status {
    return (try state.ask(request)).status;
}
