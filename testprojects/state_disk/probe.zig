//! Asks the state store of its own node for everything there is to ask, and prints every status.
//! What disk the store has is the test's to choose; nothing here takes an answer for granted.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const state_frames = @import("wire").state;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const keys = 4;
const new = "/state/shared/new";

pub fn main() !void {
    var state = try svc.State.openLocal();
    var name: [32]u8 = undefined;
    for (0..keys) |number| {
        const key = try std.fmt.bufPrint(&name, "/state/shared/{d}", .{number});
        tellValue(key, state.ask(.{ .op = .get, .key = key }));
    }
    const listed = state.ask(.{ .op = .list, .key = "/state/shared/", .limit = 64 });
    tell("list", listed);
    tell("put", state.ask(.{ .op = .put, .key = new, .value = "n" }));
    tell("delete", state.ask(.{ .op = .delete, .key = "/state/shared/0" }));
    tell("begin", state.ask(.{ .op = .txn_begin }));
    tell("sync", state.ask(.{ .op = .sync }));
    tellValue(new, state.ask(.{ .op = .get, .key = new }));
    os.print("probe: end", .{});
}

fn tell(what: []const u8, reply: anyerror!state_frames.Reply) void {
    if (reply) |got| {
        os.print("probe: {s} {d}", .{ what, @intFromEnum(got.status) });
    } else |err| os.print("probe: {s} {s}", .{ what, @errorName(err) });
}

fn tellValue(key: []const u8, reply: anyerror!state_frames.Reply) void {
    const got = reply catch return tell(key, reply);
    if (got.status != .ok) return tell(key, reply);
    const value = state_frames.valueOf(got) orelse return tell(key, error.NoValue);
    os.print("probe: {s} 0 {x}", .{ key, value });
}
