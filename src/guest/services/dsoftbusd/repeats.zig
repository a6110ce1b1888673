//! Changes that a peer asks for again after a reconnect: found in what was remembered of them, or
//! run and remembered. Joins `replay` of lib/dsoftbus to the gateway's requests.

const dsoftbus = @import("dsoftbus");
const Link = @import("links.zig").Link;
const frames = dsoftbus.frames;
const gateway = dsoftbus.gateway;
const replay = dsoftbus.replay;

/// It outlives sessions, and ends with this process.
var table: replay.Table = .{};

/// What to answer to a call that is not to be run; null: run it, then call `remember`.
pub fn answerTo(
    link: *const Link,
    service: *const gateway.Service,
    request: frames.Request,
) ?Answer {
    if (!isKept(service, request)) return null;
    return switch (judge(link, request.correlation, digestOf(service, request))) {
        .run => null,
        .done => |payload| .{ .is_first = true, .payload = payload },
        .gone, .conflict => .{ .is_first = false, .payload = null },
    };
}

/// Null is *failed*.
pub const Answer = struct {
    /// The answer that it had: there is a record of it already.
    is_first: bool,
    payload: ?[]const u8,
};

/// The answer of a call that was run.
pub fn remember(
    link: *const Link,
    service: *const gateway.Service,
    request: frames.Request,
    payload: ?[]const u8,
) void {
    if (!isKept(service, request)) return;
    keep(link, request.correlation, digestOf(service, request), payload);
}

pub fn judge(link: *const Link, id: u64, digest: replay.Digest) replay.Verdict {
    return table.judge(.{ .peer = link.bound.?, .id = id }, digest);
}

pub fn keep(link: *const Link, id: u64, digest: replay.Digest, payload: ?[]const u8) void {
    table.finish(.{ .peer = link.bound.?, .id = id }, digest, payload);
}

fn isKept(service: *const gateway.Service, request: frames.Request) bool {
    return replay.hasEpoch(request.correlation) and gateway.isChange(service, request.payload);
}

fn digestOf(service: *const gateway.Service, request: frames.Request) replay.Digest {
    return replay.digestOf(service.id, request.payload);
}
