//! The gateway's decision: may this peer call that operation of this node? Deny by default.
//!
//! Frames and messages of the schema are one thing here (`Asked`). The order of the checks is part
//! of the contract (docs/spec/session.md), so that a refusal has one reason:
//!
//!     ready → shape → size → rate → service → operation on the allowlist → forward

const std = @import("std");
const contract = @import("contract");
const frames = @import("frames.zig");
const rate = @import("rate.zig");

pub const Reason = contract.gateway.Denial;

pub const Service = contract.services.Service;
pub const services = contract.services.services;

pub fn serviceOf(id: u8) ?*const Service {
    for (&services) |*service| if (service.id == id) return service;
    return null;
}

/// True for a call of a known service that must not be run twice.
pub fn isChange(service: *const Service, payload: []const u8) bool {
    const opcode = opcodeOf(service, payload) orelse return true;
    return std.mem.indexOfScalar(u8, service.changes, opcode) != null;
}

/// One permitted operation of one peer.
pub const Rule = struct { peer: u8, service: u8, opcode: u8 };

/// The encoding of a call.
pub const Encoding = enum(u1) { frames, schema };

/// The request of a peer, in either encoding.
pub const Asked = struct {
    encoding: Encoding = .frames,
    /// The correlation id of its answer: 0 where the request is too short or too odd to have one.
    correlation: u64 = 0,
    subject: Subject = .{},
    /// The service's method; only a call of the schema names it.
    method: u16 = 0,
    /// Null: the request does not have the shape of a call. The payload is the service's frame in
    /// both encodings.
    request: ?frames.Request = null,
    /// That frame would be longer than any that is forwarded.
    is_oversized: bool = false,

    pub fn ofFrame(frame: []const u8) Asked {
        return .{
            .correlation = frames.correlationOf(frame),
            .subject = .of(frame),
            .request = frames.decodeRequest(frame) catch null,
            .is_oversized = frame.len > frames.request_head + frames.request_payload_max,
        };
    }
};

/// A request that may be forwarded, or the reason why not.
pub const Decision = union(enum) {
    forward: struct { request: frames.Request, service: *const Service },
    deny: Reason,
};

/// The subject of a decision for the audit, as far as the frame names it.
pub const Subject = struct {
    service: ?u8 = null,
    opcode: ?u8 = null,

    pub fn of(frame: []const u8) Subject {
        const Head = contract.gateway.RequestHead;
        const request = @intFromEnum(frames.Type.request);
        if (frame.len < Head.bytes or frame[Head.at.type] != request) return .{};
        const payload = frame[Head.bytes..];
        const service = frame[Head.at.service];
        return .{ .service = service, .opcode = if (payload.len >= 4) payload[3] else null };
    }

    /// The name in the `denied (service=…)` marker.
    pub fn serviceName(self: Subject) []const u8 {
        const known = serviceOf(self.service orelse return "unknown") orelse return "unknown";
        return known.name;
    }
};

/// `peer` is the bound peer's index in the configuration; null is a connection that is not ready.
pub fn decide(
    peer: ?u8,
    asked: Asked,
    rules: []const Rule,
    bucket: *rate.Bucket,
    now_ns: u64,
) Decision {
    const caller = peer orelse return .{ .deny = .unauthenticated };
    // Every request costs a token, since refusing one is work, too.
    const has_token = bucket.take(now_ns);
    const request = asked.request orelse return .{ .deny = .malformed };
    if (asked.is_oversized) return .{ .deny = .oversized };
    if (!has_token) return .{ .deny = .rate };
    const service = serviceOf(request.service) orelse return .{ .deny = .service };
    const opcode = opcodeOf(service, request.payload) orelse return .{ .deny = .service };
    const is_own = std.mem.indexOfScalar(u8, service.never, opcode) != null;
    if (is_own) return .{ .deny = .service };
    if (!allows(rules, .{ .peer = caller, .service = service.id, .opcode = opcode }))
        return .{ .deny = .service };
    return .{ .forward = .{ .request = request, .service = service } };
}

pub fn allows(rules: []const Rule, wanted: Rule) bool {
    for (rules) |rule| if (std.meta.eql(rule, wanted)) return true;
    return false;
}

fn opcodeOf(service: *const Service, payload: []const u8) ?u8 {
    if (payload.len < 4 or !std.mem.eql(u8, payload[0..2], service.magic)) return null;
    if (payload[2] == 0 or payload[2] > service.version_max) return null;
    return payload[3];
}
