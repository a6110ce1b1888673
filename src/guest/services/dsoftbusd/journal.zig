//! Audit records go to logd; what logd does not confirm goes to the UART, so that none is lost, and
//! is counted, so that the log itself tells of its gap.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const dsoftbus = @import("dsoftbus");
const node = @import("node.zig");
const audit_record = dsoftbus.audit;

/// logd answers from memory; longer than this and it is gone.
const timeout_ns: u64 = 250 * std.time.ns_per_ms;

var logd: ?os.Slot = null;
var nonce: u64 = 0;
var loss: dsoftbus.loss.Loss = .{};

pub fn audit(
    outcome: audit_record.Outcome,
    peer: ?*const dsoftbus.Id,
    subject: dsoftbus.gateway.Subject,
) void {
    var buffer: [audit_record.bytes_max]u8 = undefined;
    record(outcome.level(), audit_record.message(&buffer, outcome, peer, subject));
}

/// The peer's streams have ended its session.
pub fn auditMux(label: []const u8, peer: *const dsoftbus.Id) void {
    var buffer: [audit_record.bytes_max]u8 = undefined;
    record(audit_record.warn, audit_record.muxMessage(&buffer, label, peer));
}

pub fn record(level: u8, message: []const u8) void {
    append(level, message) catch {
        loss.add(node.now_ns);
        return os.print("dsoftbusd: {s}", .{message});
    };
    if (loss.count != 0) tellLoss();
}

pub fn deadline() u64 {
    return loss.deadline();
}

pub fn tick() void {
    if (node.now_ns >= loss.deadline()) tellLoss();
}

/// Into the log, and where the records themselves went.
fn tellLoss() void {
    var buffer: [audit_record.bytes_max]u8 = undefined;
    const message = audit_record.lossMessage(&buffer, loss.count);
    append(audit_record.warn, message) catch return loss.postpone(node.now_ns);
    loss.told();
    os.print("dsoftbusd: {s}", .{message});
}

fn append(level: u8, message: []const u8) !void {
    const slot = logd orelse try os.route("logd");
    logd = slot;
    nonce += 1;
    var request: [wire.lo.append_bytes_max]u8 = undefined;
    const frame = try wire.lo.encodeRequest(&request, nonce, .{ .append = .{
        .level = @enumFromInt(level),
        .scope = audit_record.scope,
        .message = message,
    } });
    var reply: [64]u8 = undefined;
    const bytes = try os.call(slot, frame, &reply, timeout_ns);
    if (wire.lo.decodeAppendReply(bytes, nonce) == null) return error.Refused;
}
