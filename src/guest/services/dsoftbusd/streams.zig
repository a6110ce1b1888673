//! What travels inside a ready session: joins the mux to a link, the gateway's stream to gate and
//! desk, and tells how the ladder goes. A peer that knows no streams is served directly.

const std = @import("std");
const os = @import("os");
const dsoftbus = @import("dsoftbus");
const node = @import("node.zig");
const desk = @import("desk.zig");
const gate = @import("gate.zig");
const links = @import("links.zig");
const transfers = @import("transfers.zig");
const Link = links.Link;
const Assembly = dsoftbus.assembly.Assembly;
const frames = dsoftbus.frames;
const Ladder = dsoftbus.mux_ladder.Ladder;
const Mux = dsoftbus.mux.Mux;
pub const Reject = dsoftbus.mux.Reject;

const gateway_name = "gateway";
const response_bytes_max = frames.response_head + frames.response_payload_max;

const Streams = struct {
    /// Told apart by the peer's first frame.
    mode: enum { unknown, direct, streams },
    mux: Mux,
    ladder: Ladder,
    /// The peer's gateway stream, and ours; 0: there is none.
    serving: u32,
    /// The peer has closed its half: what it has asked is answered, then we close ours.
    is_last: bool,
    asking: u32,
    requests: Assembly,
    responses: Assembly,
};

/// One a link. Apart from the links, so that they stay small to copy.
var all: [links.links_max]Streams = undefined;
var frame_buffer: [frames.plaintext_bytes_max]u8 = undefined;

fn of(link: *const Link) *Streams {
    return &all[links.indexOf(link)];
}

/// The session has become ready.
pub fn begin(link: *Link) void {
    const self = of(link);
    const side: dsoftbus.mux.Side = if (link.dialled != null) .dialler else .acceptor;
    self.mode = .unknown;
    self.mux.init(side);
    self.mux.start();
    self.ladder = .{ .side = side, .started_ns = node.now_ns };
    self.serving = 0;
    self.asking = 0;
    transfers.forsake(link);
}

/// A frame of the peer. An error ends the session.
pub fn take(link: *Link, frame: []const u8) Reject!void {
    const self = of(link);
    if (self.mode == .unknown) {
        const settings = @intFromEnum(dsoftbus.mux_frames.Type.settings);
        self.mode = if (frame.len == 0 or frame[0] < settings) .direct else .streams;
    }
    if (self.mode == .direct) {
        links.tellUp();
        if (frames.decodeResponse(frame)) |response| {
            desk.settle(link, response);
        } else |_| gate.serve(link, frame);
        return;
    }
    const event = try self.mux.receive(frame) orelse return;
    const is_taken = self.ladder.take(&self.mux, event) or transfers.take(link, &self.mux, event);
    if (!is_taken) dispatch(link, self, event);
    tell(self);
}

fn dispatch(link: *Link, self: *Streams, event: dsoftbus.mux.Event) void {
    switch (event) {
        .settings => self.ladder.begin(&self.mux),
        .opened => |stream| {
            if (!std.mem.eql(u8, stream.name, gateway_name)) {
                return self.mux.reset(stream.id, .unknown);
            }
            self.mux.accept(stream.id);
            self.serving = stream.id;
            self.is_last = false;
            self.requests.begin(.request);
            links.tellUp();
        },
        .data => |data| {
            const is_request = data.id == self.serving;
            const assembly = if (is_request) &self.requests else &self.responses;
            // It holds what the credit allows, and the mux lets no more through.
            if (!assembly.put(data.bytes)) unreachable;
            if (!is_request) settle(link, self);
        },
        .closed => |id| if (id == self.serving) {
            self.is_last = true;
        } else abandon(link, self, .unwanted), // no answers will come
        .reset => |what| forget(link, self, what.id),
        .acknowledged, .credit => {},
    }
}

fn forget(link: *const Link, self: *Streams, id: u32) void {
    if (id == self.serving) self.serving = 0;
    if (id != self.asking) return;
    self.asking = 0;
    desk.forsake(link);
}

/// Responses that have come.
fn settle(link: *const Link, self: *Streams) void {
    while (self.responses.next() catch return abandon(link, self, .senseless)) |frame| {
        const response = frames.decodeResponse(frame) catch
            return abandon(link, self, .senseless);
        desk.settle(link, response);
        self.mux.grant(self.asking, frame.len);
        self.responses.drop(frame.len);
    }
}

fn abandon(link: *const Link, self: *Streams, reason: dsoftbus.mux.Reason) void {
    self.mux.reset(self.asking, reason);
    forget(link, self, self.asking);
}

/// Answer the next request that has come, if its answer has room. False: nothing to do.
pub fn serve(link: *Link) bool {
    const self = of(link);
    if (!link.isReady() or self.mode != .streams or self.serving == 0) return false;
    if (self.mux.room(self.serving) < response_bytes_max) return false;
    const frame = self.requests.next() catch |err| {
        const reason: dsoftbus.gateway.Reason =
            if (err == error.Oversized) .oversized else .malformed;
        gate.refuseFrame(link, reason, self.requests.rest());
        self.mux.reset(self.serving, .senseless);
        self.serving = 0;
        return true;
    } orelse {
        if (self.is_last) {
            self.mux.close(self.serving) catch {};
            self.serving = 0;
        }
        return false;
    };
    gate.serve(link, frame);
    self.mux.grant(self.serving, frame.len);
    self.requests.drop(frame.len);
    return true;
}

/// The answer to the request that is being served.
pub fn answer(link: *Link, frame: []const u8) void {
    const self = of(link);
    // Served only when there is room; a session that is over needs no answer.
    if (self.mode == .direct) return link.session.send(frame) catch {};
    const taken = self.mux.write(self.serving, frame);
    std.debug.assert(taken == frame.len);
}

/// What was answered is on its way.
pub fn hasLeft(link: *const Link) bool {
    const self = of(link);
    return self.mode != .streams or self.mux.waiting(self.serving) == 0;
}

/// One request at a time, and the next frame may be one: not before the answer has left.
pub fn mustWait(link: *const Link) bool {
    return link.served != null and of(link).mode == .direct;
}

/// May the node's own calls go this way now?
pub fn canAsk(link: *const Link) bool {
    const self = of(link);
    return switch (self.mode) {
        .unknown => false,
        .direct => link.session.canAnswer(),
        .streams => self.ladder.letsCall(node.now_ns),
    };
}

/// Send a request. Returns its correlation id.
pub fn ask(link: *Link, service: u8, payload: []const u8, deadline_ms: u32) !u64 {
    const self = of(link);
    if (self.mode == .direct) return link.session.request(service, payload, deadline_ms);
    if (self.asking == 0) {
        self.asking = try self.mux.open(gateway_name, 0);
        self.responses.begin(.response);
    }
    var buffer: [frames.request_head + frames.request_payload_max]u8 = undefined;
    const frame = try frames.encodeRequest(&buffer, .{
        .service = service,
        .correlation = link.session.correlation + 1,
        .deadline_ms = deadline_ms,
        .payload = payload,
    });
    if (self.mux.room(self.asking) < frame.len) return error.Backlog;
    _ = self.mux.write(self.asking, frame);
    link.session.correlation += 1;
    return link.session.correlation;
}

/// Seal what is to be said, as far as the session has room beside its own needs.
pub fn push(link: *Link) void {
    const self = of(link);
    if (!link.isReady()) return;
    while (link.session.hasRoom()) {
        if (self.mode == .streams) {
            self.ladder.advance(&self.mux);
            transfers.push(link, &self.mux);
        }
        const frame = self.mux.poll(&frame_buffer) orelse break;
        link.session.send(frame) catch return; // the session is over
    }
    tell(self);
}

pub fn deadline(link: *const Link) u64 {
    if (!link.isReady() or of(link).mode == .direct) return node.never;
    return @min(of(link).ladder.deadline(node.now_ns), transfers.deadline(link));
}

pub fn tick(link: *Link) void {
    if (!link.isReady()) return;
    const self = of(link);
    if (self.mode == .direct) return;
    self.ladder.expire(&self.mux, node.now_ns);
    transfers.tick(link, &self.mux);
    tell(self);
}

fn tell(self: *Streams) void {
    while (self.ladder.news()) |milestone| os.print("{s}", .{switch (milestone) {
        .session_up => "dsoftbus:mux crossvm session up",
        .data_ok => "dsoftbus:mux crossvm data ok",
        .control_ok => "SELFTEST: mux crossvm pri control ok",
        .bulk_ok => "SELFTEST: mux crossvm bulk ok",
        .backpressure_ok => "SELFTEST: mux crossvm backpressure ok",
        .failed => "dsoftbus:mux crossvm fail",
    }});
    if (!self.ladder.isRunning()) links.tellUp();
}
