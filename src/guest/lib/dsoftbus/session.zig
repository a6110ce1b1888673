//! One connection to a peer: framing, Noise handshake, then authenticated frames. Bytes in, events
//! out.
//!
//!     handshake ──▶ proven ──admit──▶ confirming ──▶ ready        initiator
//!     handshake ──▶ proven ──admit─────────────────▶ ready        responder
//!          └───────────┴──────────────────┴────────────┴──▶ closed, which nothing leaves
//!
//! `proven` means: the peer holds the private half of a key and claims a device id. Whether that
//! pair is acceptable is not the session's business (`binding`); its owner calls `admit` or
//! `close`, and until then no frame is sent or taken. The initiator cannot see whether the
//! responder has admitted it: it sends a ping right behind message 3 and is ready when the first
//! frame of the responder decrypts.
//!
//! Rules of this file:
//! 1. Before `ready` no frame is delivered; a length that no handshake message has is refused
//!    before its bytes are awaited.
//! 2. What cannot be decrypted ends the session.
//! 3. All secrets and plaintexts are overwritten on `close`.

const std = @import("std");
const contract = @import("contract");
const noise = @import("noise");
const frames = @import("frames.zig");
const Id = @import("id.zig").Id;

pub const prologue = contract.bus.prologue;
const head_bytes = 2;
const tag_bytes = noise.tag_bytes;
pub const message_bytes_max = frames.plaintext_bytes_max + tag_bytes;
pub const wire_bytes_max = head_bytes + message_bytes_max;

pub const handshake_ns: u64 = contract.bus.handshake_ns;
pub const ping_ns: u64 = contract.bus.ping_ns;
pub const lost_ns: u64 = contract.bus.lost_ns;

pub const State = enum { handshake, proven, confirming, ready, closed };

pub const Refusal = contract.bus.Refusal;

pub const Event = union(enum) {
    /// A first message is here, and no key to answer it with: call `provide` or `close`.
    key_wanted,
    /// Call `admit` or `close`.
    proven: struct { claimed: Id, key: [32]u8 },
    ready,
    /// A plaintext frame (never a well-formed ping or pong); valid until the next call.
    frame: []const u8,
    /// The session is closed.
    refused: Refusal,
};

pub const Error = error{
    /// The session is not ready.
    NotReady,
    /// The peer takes nothing; the out buffer is full.
    Backlog,
    TooLong,
    Crypto,
};

pub const Options = struct {
    id: *const Id,
    static: noise.KeyPair,
    /// Fresh from the entropy device, used for this session only. A responder may leave it out
    /// until there is a message to answer: most strangers that connect never send one.
    ephemeral: ?noise.KeyPair,
    now_ns: u64,
};

pub const Session = struct {
    state: State,
    id: Id,
    handshake: noise.Handshake,
    transport: noise.Transport = undefined,
    claimed: Id = .{},
    started_ns: u64,
    heard_ns: u64,
    pinged_ns: u64,
    ping_nonce: u64 = 0,
    correlation: u64 = 0,
    /// The ephemeral key has yet to be provided.
    lacks_key: bool = false,
    /// `ready` has been reached but not reported yet.
    tell_ready: bool = false,
    /// A decrypted frame that waits until `ready` is reported.
    held: ?usize = null,
    in: [wire_bytes_max]u8 = undefined,
    in_len: usize = 0,
    plain: [frames.plaintext_bytes_max]u8 = undefined,
    /// Room for what streams have to say, beside the answer to one message of any size and what
    /// the timers add.
    out: [3 * wire_bytes_max]u8 = undefined,
    out_len: usize = 0,

    /// The dialler's side; message 1 is in `output` at once.
    pub fn dial(self: *Session, options: Options, pinned: [32]u8) Error!void {
        const ephemeral = options.ephemeral.?;
        self.begin(
            options,
            noise.Handshake.initiator(prologue, options.static, ephemeral, pinned),
        );
        return self.writeHandshake("");
    }

    pub fn accept(self: *Session, options: Options) void {
        const none: noise.KeyPair = .{ .secret = @splat(0), .public = @splat(0) };
        const ephemeral = options.ephemeral orelse none;
        self.begin(options, noise.Handshake.responder(prologue, options.static, ephemeral));
        self.lacks_key = options.ephemeral == null;
    }

    /// The answer to `key_wanted`.
    pub fn provide(self: *Session, ephemeral: noise.KeyPair) void {
        std.debug.assert(self.lacks_key);
        self.handshake.e = ephemeral;
        self.lacks_key = false;
    }

    fn begin(self: *Session, options: Options, handshake: noise.Handshake) void {
        const now = options.now_ns;
        self.* = .{
            .state = .handshake,
            .id = options.id.*,
            .handshake = handshake,
            .started_ns = now,
            .heard_ns = now,
            .pinged_ns = now,
        };
    }

    /// What holds between any two calls.
    fn check(self: *const Session) void {
        std.debug.assert(self.in_len <= self.in.len and self.out_len <= self.out.len);
        // Nothing is reported or decrypted before the peer is proven and admitted.
        std.debug.assert(!self.tell_ready or self.state == .ready);
        if (self.held) |len| {
            std.debug.assert(self.state == .ready and len <= self.plain.len);
        }
        std.debug.assert(!self.lacks_key or self.state == .handshake or self.state == .closed);
    }

    /// Take bytes from the connection. Returns how many fitted; call `take` until null before
    /// feeding the rest.
    pub fn feed(self: *Session, bytes: []const u8) usize {
        if (self.state == .closed) return bytes.len;
        self.check();
        const count = @min(bytes.len, self.room());
        @memcpy(self.in[self.in_len..][0..count], bytes[0..count]);
        self.in_len += count;
        return count;
    }

    /// How many bytes `feed` takes now.
    pub fn room(self: *const Session) usize {
        return self.in.len - self.in_len;
    }

    /// The next thing that happened. Null: nothing until more bytes come (or, in `proven`, until
    /// the owner decides).
    pub fn take(self: *Session, now_ns: u64) ?Event {
        defer self.check();
        // A peer that pings and never reads must not make us produce without end.
        while (self.canAnswer()) {
            if (self.tell_ready) {
                self.tell_ready = false;
                return .ready;
            }
            if (self.held) |len| {
                self.held = null;
                if (self.absorb(self.plain[0..len])) continue;
                return .{ .frame = self.plain[0..len] };
            }
            if (self.state == .closed or self.state == .proven) return null;
            const len = self.announcedLength() orelse return null;
            if (self.unacceptable(len)) |refusal| return self.refuse(refusal);
            if (self.in_len < head_bytes + len) return null;
            if (self.lacks_key) return .key_wanted;
            const bytes = self.in[head_bytes..][0..len];
            defer self.drop(head_bytes + len);
            if (self.state == .handshake) {
                if (self.readHandshake(bytes)) |event| return event;
            } else self.open(bytes, now_ns) catch return self.refuse(self.undecryptable());
        }
        return null;
    }

    /// There is room for whatever a message may make us say.
    pub fn canAnswer(self: *const Session) bool {
        return self.out.len - self.out_len >= wire_bytes_max;
    }

    /// There is room for a frame beside that: what is sent unasked must not keep us from reading,
    /// or two sides that both insist would wait for each other.
    pub fn hasRoom(self: *const Session) bool {
        return self.out.len - self.out_len >= 2 * wire_bytes_max;
    }

    /// The claimed identity is bound to the proven key: the session may carry frames.
    pub fn admit(self: *Session, now_ns: u64) Error!void {
        if (self.state != .proven) return error.NotReady;
        std.debug.assert(self.claimed.slice().len != 0 and !self.lacks_key);
        defer self.check();
        const dialled = self.handshake.isMyTurn();
        if (dialled) try self.writeHandshake(self.id.slice());
        self.transport = self.handshake.finish() catch return error.Crypto;
        self.heard_ns = now_ns;
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
        return self.correlation;
    }

    /// Bytes for the connection, and how many of them it took.
    pub fn output(self: *const Session) []const u8 {
        return self.out[0..self.out_len];
    }

    pub fn takeOutput(self: *Session, count: usize) void {
        std.debug.assert(count <= self.out_len);
        std.mem.copyForwards(u8, &self.out, self.out[count..self.out_len]);
        self.out_len -= count;
    }

    /// When `tick` has something to do.
    pub fn deadline(self: *const Session) u64 {
        return switch (self.state) {
            .handshake, .proven, .confirming => self.started_ns + handshake_ns,
            .ready => @min(self.heard_ns + lost_ns, self.pingAt()),
            .closed => std.math.maxInt(u64),
        };
    }

    /// Timers: the handshake's end, keepalive, loss.
    pub fn tick(self: *Session, now_ns: u64) ?Event {
        if (self.state == .closed) return null;
        if (self.state != .ready) {
            return if (now_ns >= self.started_ns + handshake_ns) self.refuse(.timeout) else null;
        }
        if (now_ns >= self.heard_ns + lost_ns) return self.refuse(.timeout);
        if (now_ns < self.pingAt()) return null;
        self.pinged_ns = now_ns;
        // A full buffer means the peer takes nothing: the loss timer will tell.
        self.ping() catch {};
        return null;
    }

    /// Forget everything. What is in `output` may still be written.
    pub fn close(self: *Session) void {
        if (self.state == .closed) return;
        defer self.check();
        if (self.state == .confirming or self.state == .ready) self.transport.wipe();
        self.handshake.wipe();
        std.crypto.secureZero(u8, &self.plain);
        self.state = .closed;
        self.tell_ready = false;
        self.held = null;
        self.in_len = 0;
    }

    fn pingAt(self: *const Session) u64 {
        return @max(self.heard_ns, self.pinged_ns) + ping_ns;
    }

    fn refuse(self: *Session, refusal: Refusal) Event {
        self.close();
        return .{ .refused = refusal };
    }

    /// Until the responder has spoken, what does not decrypt is not a session either.
    fn undecryptable(self: *const Session) Refusal {
        return if (self.state == .ready) .decrypt else .unauthenticated;
    }

    /// Length of the message at the head of the buffer.
    fn announcedLength(self: *const Session) ?usize {
        if (self.in_len < head_bytes) return null;
        return std.mem.readInt(u16, self.in[0..2], .big);
    }

    /// Told by the length alone, before the peer can make us wait for bytes that never come.
    fn unacceptable(self: *const Session, len: usize) ?Refusal {
        switch (self.state) {
            .handshake => {
                const least: usize, const most: usize = switch (self.handshake.step) {
                    0 => .{ 48, 48 },
                    1 => .{ 48 + 1, 48 + 64 },
                    else => .{ 64 + 1, 64 + 64 },
                };
                return if (len < least or len > most) .unauthenticated else null;
            },
            .confirming => {
                const fits = len >= tag_bytes and len <= message_bytes_max;
                return if (fits) null else .unauthenticated;
            },
            else => {
                if (len > message_bytes_max) return .oversized;
                return if (len < tag_bytes) .decrypt else null;
            },
        }
    }

    fn readHandshake(self: *Session, message: []const u8) ?Event {
        var payload: [64]u8 = undefined;
        const text = self.handshake.read(
            message,
            &payload,
        ) catch return self.refuse(.unauthenticated);
        if (self.handshake.role == .responder and !self.handshake.isOver()) {
            self.writeHandshake(self.id.slice()) catch return self.refuse(.unauthenticated);
            return null;
        }
        self.claimed = Id.from(text) catch return self.refuse(.unauthenticated);
        self.state = .proven;
        return .{ .proven = .{ .claimed = self.claimed, .key = self.handshake.rs.? } };
    }

    fn writeHandshake(self: *Session, payload: []const u8) Error!void {
        const space = self.out[self.out_len..];
        if (space.len < head_bytes) return error.Backlog;
        const message = self.handshake.write(payload, space[head_bytes..]) catch |err| {
            return if (err == error.Buffer) error.Backlog else error.Crypto;
        };
        self.commit(message.len);
    }

    /// Decrypt one message into `plain` and hold it.
    fn open(self: *Session, message: []const u8, now_ns: u64) Error!void {
        const frame = self.transport.decrypt(message, &self.plain) catch return error.Crypto;
        self.heard_ns = now_ns;
        self.held = frame.len;
        if (self.state == .confirming) self.becomeReady();
    }

    fn becomeReady(self: *Session) void {
        std.debug.assert(self.state == .proven or self.state == .confirming);
        self.state = .ready;
        self.tell_ready = true;
    }

    /// True if the frame was keepalive, and is dealt with.
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
        const space = self.out[self.out_len..];
        if (space.len < head_bytes + frame.len + tag_bytes) return error.Backlog;
        const message = self.transport.encrypt(
            frame,
            space[head_bytes..],
        ) catch return error.Crypto;
        self.commit(message.len);
    }

    /// A message was written behind `out_len`: put its length before it.
    fn commit(self: *Session, len: usize) void {
        std.mem.writeInt(u16, self.out[self.out_len..][0..2], @intCast(len), .big);
        self.out_len += head_bytes + len;
        std.debug.assert(self.out_len <= self.out.len);
    }

    fn drop(self: *Session, count: usize) void {
        if (self.in_len == 0) return; // closed meanwhile
        std.debug.assert(count <= self.in_len);
        std.mem.copyForwards(u8, &self.in, self.in[count..self.in_len]);
        self.in_len -= count;
    }
};
