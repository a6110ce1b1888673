//! HandshakeState (section 5.3) runs the messages of a pattern, then becomes a `Transport`.
//!
//!     initiator                      responder
//!       write ── e, es ───────────────▶ read
//!       read  ◀─────────────── e, ee ── write
//!       write ── s, se ───────────────▶ read
//!       finish                          finish

const std = @import("std");
const patterns = @import("pattern.zig");
const Symmetric = @import("symmetric.zig").Symmetric;
const Transport = @import("transport.zig").Transport;
const keys = @import("keys.zig");
const KeyPair = keys.KeyPair;
const Error = @import("cipher.zig").Error;

/// The name that is mixed into the first hash (section 5.2, InitializeSymmetric).
pub const protocol_name = "Noise_XK_25519_ChaChaPoly_BLAKE2s";

pub const Role = enum { initiator, responder };
const pattern = patterns.xk;

pub const Handshake = struct {
    role: Role,
    step: u8 = 0,
    symmetric: Symmetric,
    s: KeyPair,
    e: KeyPair,
    rs: ?[32]u8,
    re: ?[32]u8 = null,

    /// Begin as the dialler; `responder_static` is the pinned key of the peer that it means to
    /// reach.
    pub fn initiator(
        prologue: []const u8,
        static: KeyPair,
        ephemeral: KeyPair,
        responder_static: [32]u8,
    ) Handshake {
        return start(.initiator, prologue, static, ephemeral, responder_static);
    }

    pub fn responder(prologue: []const u8, static: KeyPair, ephemeral: KeyPair) Handshake {
        return start(.responder, prologue, static, ephemeral, null);
    }

    fn start(role: Role, prologue: []const u8, s: KeyPair, e: KeyPair, rs: ?[32]u8) Handshake {
        var self: Handshake = .{
            .role = role,
            .symmetric = Symmetric.init(protocol_name),
            .s = s,
            .e = e,
            .rs = rs,
        };
        self.symmetric.mixHash(prologue);
        if (pattern.responder_known) self.symmetric.mixHash(if (rs) |*known| known else &s.public);
        return self;
    }

    pub fn isOver(self: *const Handshake) bool {
        return self.step >= pattern.messages.len;
    }

    pub fn isMyTurn(self: *const Handshake) bool {
        return !self.isOver() and (self.step % 2 == 0) == (self.role == .initiator);
    }

    /// WriteMessage. The result is the filled part of `out`.
    pub fn write(self: *Handshake, payload: []const u8, out: []u8) Error![]u8 {
        if (!self.isMyTurn()) return error.Turn;
        var next = self.*;
        defer next.wipe();
        var len: usize = 0;
        for (pattern.messages[self.step]) |token| switch (token) {
            .e => {
                if (out.len - len < 32) return error.Buffer;
                out[len..][0..32].* = next.e.public;
                next.symmetric.mixHash(&next.e.public);
                len += 32;
            },
            .s => len += (try next.symmetric.encryptAndHash(&next.s.public, out[len..])).len,
            .ee, .es, .se => try next.mix(token),
        };
        len += (try next.symmetric.encryptAndHash(payload, out[len..])).len;
        if (len > 65535) return error.Length;
        next.step += 1;
        self.* = next;
        std.debug.assert(self.isOver() or !self.isMyTurn());
        return out[0..len];
    }

    /// ReadMessage. The result is the payload, in `out`.
    pub fn read(self: *Handshake, message: []const u8, out: []u8) Error![]u8 {
        if (self.isOver() or self.isMyTurn()) return error.Turn;
        if (message.len > 65535) return error.Length;
        var next = self.*;
        defer next.wipe();
        var rest = message;
        for (pattern.messages[self.step]) |token| switch (token) {
            .e => {
                if (rest.len < 32) return error.Length;
                next.re = rest[0..32].*;
                next.symmetric.mixHash(rest[0..32]);
                rest = rest[32..];
            },
            .s => {
                const len = 32 + next.symmetric.cipher.overhead();
                if (rest.len < len) return error.Length;
                var rs: [32]u8 = undefined;
                _ = try next.symmetric.decryptAndHash(rest[0..len], &rs);
                next.rs = rs;
                rest = rest[len..];
            },
            .ee, .es, .se => try next.mix(token),
        };
        const payload = try next.symmetric.decryptAndHash(rest, out);
        next.step += 1;
        self.* = next;
        std.debug.assert(self.isOver() or self.isMyTurn());
        return payload;
    }

    /// MixKey(DH(..)) with the keys that the token names: its first letter is the initiator's key,
    /// its second the responder's.
    fn mix(self: *Handshake, token: patterns.Token) Error!void {
        const mine_static = switch (token) {
            .ee => false,
            .es => self.role == .responder,
            .se => self.role == .initiator,
            .e, .s => unreachable,
        };
        const theirs_static = token != .ee and !mine_static;
        const mine = if (mine_static) &self.s else &self.e;
        const theirs = if (theirs_static) self.rs.? else self.re.?;
        var shared = try keys.dh(mine, theirs);
        defer std.crypto.secureZero(u8, &shared);
        self.symmetric.mixKey(&shared);
    }

    /// Split: the handshake is spent and wiped, its transport lives on.
    pub fn finish(self: *Handshake) Error!Transport {
        const remote = self.rs orelse return error.Turn;
        if (!self.isOver() or self.symmetric.cipher.k == null) return error.Turn;
        std.debug.assert(self.step == pattern.messages.len);
        const pair = self.symmetric.split();
        const mine: usize = if (self.role == .initiator) 0 else 1;
        defer self.wipe();
        return .{
            .sending = pair[mine],
            .receiving = pair[1 - mine],
            .remote_static = remote,
            .handshake_hash = self.symmetric.h,
        };
    }

    pub fn wipe(self: *Handshake) void {
        self.s.wipe();
        self.e.wipe();
        self.symmetric.wipe();
        self.step = pattern.messages.len;
        std.debug.assert(self.isOver());
    }
};
