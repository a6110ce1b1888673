//! Asks the state store of its own node for everything there is to ask, and tells every status.
//! What disk the store has is the test's to choose; nothing here takes an answer for granted.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const sf = wire.sf;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const keys = 4;
const new = "/state/shared/new";
const call_ns = 3 * std.time.ns_per_s;

var statefsd: os.Slot = undefined;
var request_buffer: [512]u8 = undefined;
var reply_buffer: [8192]u8 = undefined;
var nonce: u64 = 0;

pub fn main() !void {
    statefsd = try os.route("statefsd");
    var name: [32]u8 = undefined;
    for (0..keys) |number| {
        const key = try std.fmt.bufPrint(&name, "/state/shared/{d}", .{number});
        tellValue(key, ask(.{ .op = .get, .key = key }));
    }
    const listed = ask(.{ .op = .list, .key = "/state/shared/", .limit = 64 });
    tell("list", listed);
    tell("put", ask(.{ .op = .put, .key = new, .value = "n" }));
    tell("delete", ask(.{ .op = .delete, .key = "/state/shared/0" }));
    tell("begin", ask(.{ .op = .txn_begin }));
    tell("sync", ask(.{ .op = .sync }));
    tellValue(new, ask(.{ .op = .get, .key = new }));
    os.print("probe: end", .{});
}

fn ask(request: sf.Request) anyerror!sf.Reply {
    nonce += 1;
    var numbered = request;
    numbered.nonce = nonce;
    const frame = try sf.encodeRequest(&request_buffer, numbered);
    const answer = try os.call(statefsd, frame, &reply_buffer, call_ns);
    return sf.decodeReply(answer, request.op, nonce) orelse error.NotThisReply;
}

fn tell(what: []const u8, reply: anyerror!sf.Reply) void {
    if (reply) |got| {
        os.print("probe: {s} {d}", .{ what, @intFromEnum(got.status) });
    } else |err| os.print("probe: {s} {s}", .{ what, @errorName(err) });
}

fn tellValue(key: []const u8, reply: anyerror!sf.Reply) void {
    const got = reply catch return tell(key, reply);
    if (got.status != .ok) return tell(key, reply);
    const value = sf.valueOf(got) orelse return tell(key, error.NoValue);
    os.print("probe: {s} 0 {x}", .{ key, value });
}
