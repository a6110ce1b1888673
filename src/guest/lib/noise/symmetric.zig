//! SymmetricState (section 5.2): chaining key, transcript hash, and the cipher they feed.

const std = @import("std");
const Blake2s = std.crypto.hash.blake2.Blake2s256;
const Hmac = std.crypto.auth.hmac.Hmac(Blake2s);
/// Section 4.3 defines HKDF by HMAC; with an empty info it is RFC 5869's.
const Hkdf = std.crypto.kdf.hkdf.Hkdf(Hmac);
const cipher_state = @import("cipher.zig");
const Cipher = cipher_state.Cipher;
const Error = cipher_state.Error;

pub const Symmetric = struct {
    ck: [32]u8,
    h: [32]u8,
    cipher: Cipher = .{},

    /// InitializeSymmetric: a name of at most 32 bytes is padded with zeros, a longer one is
    /// hashed.
    pub fn init(comptime name: []const u8) Symmetric {
        var h: [32]u8 = @splat(0);
        if (name.len <= h.len) @memcpy(h[0..name.len], name) else Blake2s.hash(name, &h, .{});
        return .{ .ck = h, .h = h };
    }

    /// "Sets ck, temp_k = HKDF(ck, input_key_material, 2)", then InitializeKey(temp_k).
    pub fn mixKey(self: *Symmetric, material: []const u8) void {
        std.debug.assert(material.len == 32); // the result of a Diffie-Hellman
        var pair = hkdf2(&self.ck, material);
        defer std.crypto.secureZero(u8, std.mem.asBytes(&pair));
        self.ck = pair[0];
        self.cipher = Cipher.init(pair[1]);
    }

    /// "Sets h = HASH(h || data)."
    pub fn mixHash(self: *Symmetric, data: []const u8) void {
        var hash = Blake2s.init(.{});
        hash.update(&self.h);
        hash.update(data);
        hash.final(&self.h);
    }

    pub fn encryptAndHash(self: *Symmetric, plaintext: []const u8, out: []u8) Error![]u8 {
        const ciphertext = try self.cipher.encrypt(&self.h, plaintext, out);
        self.mixHash(ciphertext);
        return ciphertext;
    }

    pub fn decryptAndHash(self: *Symmetric, ciphertext: []const u8, out: []u8) Error![]u8 {
        const plaintext = try self.cipher.decrypt(&self.h, ciphertext, out);
        self.mixHash(ciphertext);
        return plaintext;
    }

    /// The two ciphers of the transport phase: the first encrypts what the initiator sends.
    pub fn split(self: *const Symmetric) [2]Cipher {
        var pair = hkdf2(&self.ck, "");
        defer std.crypto.secureZero(u8, std.mem.asBytes(&pair));
        return .{ Cipher.init(pair[0]), Cipher.init(pair[1]) };
    }

    pub fn wipe(self: *Symmetric) void {
        std.crypto.secureZero(u8, &self.ck);
        self.cipher.wipe();
    }
};

fn hkdf2(salt: *const [32]u8, material: []const u8) [2][32]u8 {
    var prk = Hkdf.extract(salt, material);
    defer std.crypto.secureZero(u8, &prk);
    var out: [2][32]u8 = undefined;
    Hkdf.expand(std.mem.asBytes(&out), "", prk);
    return out;
}
