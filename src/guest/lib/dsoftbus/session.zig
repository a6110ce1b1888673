//! A session is one connection to a peer: framing, the Noise handshake, then authenticated frames.
//! Bytes come in, and events go out.
//!
//!     handshake ──▶ proven ──admit──▶ confirming ──▶ ready        initiator
//!     handshake ──▶ proven ──admit─────────────────▶ ready        responder
//!          └───────────┴──────────────────┴────────────┴──▶ closed, which nothing leaves
//!
//! `proven` means: the peer holds the private half of a key and claims a device id. The session
//! does not judge that pair (`binding` does). Its owner calls `admit` or `close`, and until then
//! the session neither sends nor takes a frame. The initiator cannot see whether the responder has
//! admitted it. So it sends a ping right behind message 3, and is ready when the first frame of the
//! responder decrypts.
//!
//! Rules of this file:
//! 1. Before `ready` no frame is delivered. A length that no handshake message can have is refused
//!    at once, without waiting for the bytes.
//! 2. A message that does not decrypt ends the session.
//! 3. All secrets and plaintexts are overwritten on `close`.

const std = @import("std");
const contract = @import("contract");
const noise = @import("noise");
const events = @import("session_events.zig");
const frames = @import("frames.zig");
const framing = @import("framing.zig");
const lengths = @import("session_lengths.zig");
const timers = @import("session_timers.zig");
const Id = @import("id.zig").Id;

pub const prologue = contract.bus.prologue;
pub const message_bytes_max = framing.message_bytes_max;
pub const wire_bytes_max = framing.wire_bytes_max;
pub const handshake_ns = timers.handshake_ns;
pub const ping_ns = timers.ping_ns;
pub const lost_ns = timers.lost_ns;
pub const State = events.State;
pub const Refusal = events.Refusal;
pub const Event = events.Event;
pub const Error = events.Error;
pub const Options = events.Options;

pub const Session = struct {
    state: State,
    id: Id,
    handshake: noise.Handshake,
    transport: noise.Transport = undefined,
    claimed: Id = .{},
    timers: timers.Timers,
    ping_nonce: u64 = 0,
    correlation: u64 = 0,
    /// The ephemeral key has yet to be provided.
    lacks_key: bool = false,
    /// `ready` has been reached but not reported yet.
    tell_ready: bool = false,
    /// A decrypted frame that waits until `ready` is reported.
    held: ?usize = null,
    in: framing.Inbox = .{},
    plain: [frames.plaintext_bytes_max]u8 = undefined,
    out: framing.Outbox = .{},

    /// Begin as the dialler; message 1 is in `output` at once.
    pub fn dial(self: *Session, options: Options, pinned: [32]u8) Error!void {
        const ephemeral = options.ephemeral.?;
        self.begin(options, noise.Handshake.initiator(prologue, options.static, ephemeral, pinned));
        return self.writeHandshake("");
    }

    pub fn accept(self: *Session, options: Options) void {
        const none: noise.KeyPair = .{ .secret = @splat(0), .public = @splat(0) };
        const ephemeral = options.ephemeral orelse none;
        self.begin(options, noise.Handshake.responder(prologue, options.static, ephemeral));
        self.lacks_key = options.ephemeral == null;
        self.check();
    }

    /// Provide the key that `key_wanted` asked for.
    pub fn provide(self: *Session, ephemeral: noise.KeyPair) void {
        std.debug.assert(self.lacks_key);
        self.handshake.e = ephemeral;
        self.lacks_key = false;
    }

    fn begin(self: *Session, options: Options, handshake: noise.Handshake) void {
        self.* = .{
            .state = .handshake,
            .id = options.id.*,
            .handshake = handshake,
            .timers = .begin(options.now_ns),
        };
    }

    /// The invariants that hold between any two calls.
    fn check(self: *const Session) void {
        self.in.check();
        self.out.check();
        // Nothing is reported or decrypted before the peer is proven and admitted.
        std.debug.assert(!self.tell_ready or self.state == .ready);
        if (self.held) |len| std.debug.assert(self.state == .ready and len <= self.plain.len);
        std.debug.assert(!self.lacks_key or self.state == .handshake or self.state == .closed);
    }

    /// Take bytes from the connection. The result is how many fitted; call `take` until it returns
    /// null before feeding the rest.
    pub fn feed(self: *Session, bytes: []const u8) usize {
        if (self.state == .closed) return bytes.len;
        self.check();
        return self.in.put(bytes);
    }

    /// The number of bytes that `feed` takes now.
    pub fn room(self: *const Session) usize {
        return self.in.room();
    }

    /// The next event. Null: there is none until more bytes come, or, in `proven`, until the owner
    /// decides.
    pub fn take(self: *Session, now_ns: u64) ?Event {
        defer self.check();
        // A peer that pings and never reads must not make us produce bytes without end.
        while (self.canAnswer()) {
            if (self.tell_ready) {
                self.tell_ready = false;
                return .ready;
            }
            if (self.held) |len| {
                self.held = null;
                if (self.absorb(self.plain[0..len])) continue;
                return .{ .received = self.plain[0..len] };
            }
            if (self.state == .closed or self.state == .proven) return null;
            const len = self.in.announced() orelse return null;
            const refusal = lengths.refusal(self.state, self.handshake.step, len);
            if (refusal) |known| return self.refuse(known);
            const bytes = self.in.first(len) orelse return null;
            if (self.lacks_key) return .key_wanted;
            defer self.in.drop(len);
            if (self.state == .handshake) {
                if (self.readHandshake(bytes)) |event| return event;
            } else self.open(bytes, now_ns) catch return self.refuse(self.undecryptable());
        }
        return null;
    }

    /// True: there is room for every answer that a message of the peer may cause.
    pub fn canAnswer(self: *const Session) bool {
        return self.out.room() >= wire_bytes_max;
    }

    /// True: there is room for a frame beside that. Frames that we send unasked must not keep us
    /// from reading, or two sides that both insist would wait for each other.
    pub fn hasRoom(self: *const Session) bool {
        return self.out.room() >= 2 * wire_bytes_max;
    }

    /// The owner has bound the claimed identity to the proven key: the session may carry frames.
    pub fn admit(self: *Session, now_ns: u64) Error!void {
        if (self.state != .proven) return error.NotReady;
        std.debug.assert(self.claimed.slice().len != 0 and !self.lacks_key);
        defer self.check();
        const dialled = self.handshake.isMyTurn();
        if (dialled) try self.writeHandshake(self.id.slice());
        self.transport = self.handshake.finish() catch return error.Crypto;
        self.timers.heard_ns = now_ns;
        if (dialled) {
            self.state = .confirming;
            try self.ping();
        } else self.becomeReady();
    }

    /// Seal a frame for the peer.
    pub fn send(self: *Session, frame: []const u8) Error!void {
        if (self.state != .ready) return error.NotReady;
        self.check();
        return self.seal(frame);
    }

    /// Send a gateway request. Returns its correlation id.
    pub fn request(self: *Session, service: u8, payload: []const u8, deadline_ms: u32) Error!u64 {
        var buffer: [frames.request_head + frames.request_payload_max]u8 = undefined;
        const frame = frames.encodeRequest(&buffer, .{
            .service = service,
            .correlation = self.correlation + 1,
            .deadline_ms = deadline_ms,
            .payload = payload,
        }) catch return error.TooLong;
        try self.send(frame);
        self.correlation += 1;
        self.check();
        return self.correlation;
    }

    /// The bytes that the connection has yet to take.
    pub fn output(self: *const Session) []const u8 {
        return self.out.written();
    }

    /// The connection took so many of them.
    pub fn takeOutput(self: *Session, count: usize) void {
        self.out.drop(count);
    }

    /// The instant at which `tick` has something to do.
    pub fn deadline(self: *const Session) u64 {
        return self.timers.deadline(self.state);
    }

    /// Timers: the handshake's end, keepalive, loss.
    pub fn tick(self: *Session, now_ns: u64) ?Event {
        switch (self.timers.due(self.state, now_ns)) {
            .nothing => {},
            .timeout => return self.refuse(.timeout),
            // A full buffer means that the peer takes nothing, and then the session times out.
            .ping => self.ping() catch {},
        }
        return null;
    }

    /// Forget everything. The bytes in `output` may still be written.
    pub fn close(self: *Session) void {
        if (self.state == .closed) return;
        defer self.check();
        if (self.state == .confirming or self.state == .ready) self.transport.wipe();
        self.handshake.wipe();
        std.crypto.secureZero(u8, &self.plain);
        self.state = .closed;
        self.tell_ready = false;
        self.held = null;
        self.in.len = 0;
    }

    fn refuse(self: *Session, refusal: Refusal) Event {
        self.close();
        return .{ .refused = refusal };
    }

    /// Until the responder has spoken, a message that does not decrypt means that there is no
    /// session.
    fn undecryptable(self: *const Session) Refusal {
        return if (self.state == .ready) .decrypt else .unauthenticated;
    }

    fn readHandshake(self: *Session, message: []const u8) ?Event {
        var payload: [64]u8 = undefined;
        const text = self.handshake.read(message, &payload) catch
            return self.refuse(.unauthenticated);
        if (self.handshake.role == .responder and !self.handshake.isOver()) {
            self.writeHandshake(self.id.slice()) catch return self.refuse(.unauthenticated);
            return null;
        }
        self.claimed = Id.from(text) catch return self.refuse(.unauthenticated);
        self.state = .proven;
        return .{ .proven = .{ .claimed = self.claimed, .key = self.handshake.rs.? } };
    }

    fn writeHandshake(self: *Session, payload: []const u8) Error!void {
        const space = self.out.space() orelse return error.Backlog;
        const message = self.handshake.write(payload, space) catch |err| {
            return if (err == error.Buffer) error.Backlog else error.Crypto;
        };
        self.out.commit(message.len);
    }

    /// Decrypt one message into `plain` and hold it.
    fn open(self: *Session, message: []const u8, now_ns: u64) Error!void {
        const frame = self.transport.decrypt(message, &self.plain) catch return error.Crypto;
        self.timers.heard_ns = now_ns;
        self.held = frame.len;
        if (self.state == .confirming) self.becomeReady();
    }

    fn becomeReady(self: *Session) void {
        std.debug.assert(self.state == .proven or self.state == .confirming);
        self.state = .ready;
        self.tell_ready = true;
    }

    /// True: the frame was a keepalive, and the session has dealt with it.
    fn absorb(self: *Session, frame: []const u8) bool {
        const nonce = frames.decodePing(frame) catch return false;
        switch (@as(frames.Type, @enumFromInt(frame[0]))) {
            .ping => self.seal(&frames.encodePing(.pong, nonce)) catch {},
            .pong => {},
            else => return false,
        }
        return true;
    }

    fn ping(self: *Session) Error!void {
        self.ping_nonce += 1;
        return self.seal(&frames.encodePing(.ping, self.ping_nonce));
    }

    fn seal(self: *Session, frame: []const u8) Error!void {
        std.debug.assert(self.state == .confirming or self.state == .ready);
        if (frame.len > frames.plaintext_bytes_max) return error.TooLong;
        const space = self.out.space() orelse return error.Backlog;
        if (space.len < frame.len + noise.tag_bytes) return error.Backlog;
        const message = self.transport.encrypt(frame, space) catch return error.Crypto;
        self.out.commit(message.len);
    }
};
