//! Puts of many sizes, and deletes on the state store of its own node, told as they
//! are acknowledged. The test beside nexus.remotefs.state knows the same table.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const sf = wire.sf;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const rounds = 24;
const sync_every = 4;
const keys = 7;
const call_ns = 3 * std.time.ns_per_s;

var statefsd: os.Slot = undefined;
var request_buffer: [4096]u8 = undefined;
var reply_buffer: [512]u8 = undefined;
var value_buffer: [2048]u8 = undefined;
var nonce: u64 = 0;

pub fn main() !void {
    statefsd = try os.route("statefsd");
    for (0..rounds) |round| {
        var name: [64]u8 = undefined;
        const key = try std.fmt.bufPrint(&name, "/state/shared/work/{d}", .{round % keys});
        const len = (round * 131) % 1500;
        @memset(value_buffer[0..len], @intCast('a' + round % 26));
        try expect(.{ .op = .put, .key = key, .value = value_buffer[0..len] });
        if (round % 5 == 4) try expect(.{ .op = .delete, .key = key });
        if (round % sync_every == sync_every - 1) {
            try expect(.{ .op = .sync });
            os.print("workload: synced {d}", .{round});
        }
    }
    os.print("workload: end", .{});
}

fn expect(request: sf.Request) !void {
    nonce += 1;
    var numbered = request;
    numbered.nonce = nonce;
    const frame = try sf.encodeRequest(&request_buffer, numbered);
    const answer = try os.call(statefsd, frame, &reply_buffer, call_ns);
    const reply = sf.decodeReply(answer, request.op, nonce) orelse return error.NotThisReply;
    if (reply.status != .ok) return error.WrongStatus;
}
