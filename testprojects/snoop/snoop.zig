//! A service without any grant: what it tries must be refused, and leave a trace.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const abuse = @import("abuse.zig");
const ask = @import("asking.zig").ask;

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const selftest_id = os.serviceId("selftest-client");

var request_buffer: [wire.log.append_bytes_max]u8 = undefined;

pub fn main() !void {
    try beDeniedARoute();
    try beRefusedTheBundles();
    try askForAnother();
    try findTheAudit();
    try abuse.run();
    os.print("snoop: done", .{});
}

/// No route of the configuration leads there, whether it runs or not.
fn beDeniedARoute() !void {
    _ = os.route("netstackd") catch |err| {
        if (err != error.Denied) return err;
        return os.print("snoop: unrouted service denied", .{});
    };
    return error.RouteGiven;
}

fn beRefusedTheBundles() !void {
    const reply = try ask("bundlemgrd", try wire.bundle.encodeRequest(&request_buffer, .list));
    const list = wire.bundle.decodeListReply(reply) orelse return error.NotThisReply;
    if (list.status != .unsupported or list.count != 0) return error.WrongStatus;
    os.print("snoop: bundle list refused", .{});
}

/// Under another's name, and then as one that asks about others, which this service may not do.
fn askForAnother() !void {
    for ([_]wire.policy.Op{ .check_cap, .check_cap_delegated }) |op| {
        const reply = try ask("policyd", try wire.policy.encodeRequest(&request_buffer, .{
            .op = op,
            .nonce = 1,
            .subject = selftest_id,
            .capability = "bundle.query",
        }));
        if (wire.policy.decodeReply(reply, op, 1) != .deny) return error.WrongStatus;
    }
    os.print("snoop: another's capability denied", .{});
}

/// policyd has logged the refusal that bundlemgrd asked about, and logd knows that it was policyd.
fn findTheAudit() !void {
    var text: [96]u8 = undefined;
    const wanted = try std.fmt.bufPrint(
        &text,
        "audit v1 op=check_cap_delegated decision=deny subject=0x{x:0>16} reason=policy",
        .{os.serviceId(os.name())},
    );
    const query: wire.log.Body = .{ .query = .{ .since_ns = 0, .max = 16 } };
    const reply = try ask("logd", try wire.log.encodeRequest(&request_buffer, 9, query));
    var records = wire.log.decodeQueryReply(reply, 9) orelse return error.NotThisReply;
    while (try records.next()) |record| {
        if (!std.mem.eql(u8, record.message, wanted)) continue;
        if (record.service != os.serviceId("policyd") or record.level != .warn)
            return error.WrongSender;
        if (!std.mem.eql(u8, record.scope, "policyd.audit")) return error.WrongScope;
        return os.print("snoop: audit found", .{});
    }
    return error.NoAudit;
}
