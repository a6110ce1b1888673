//! CipherState (section 5.1): a key, a nonce, and the AEAD under them.

const std = @import("std");
const Aead = std.crypto.aead.chacha_poly.ChaCha20Poly1305;

pub const Error = error{
    /// It is the other side's turn, or the handshake is over (or not over yet).
    Turn,
    /// The message is shorter than its pattern demands or longer than 65535 bytes.
    Length,
    /// The caller's buffer cannot hold the result.
    Buffer,
    /// The message is not authentic. A caller learns nothing more.
    Decrypt,
    /// A Diffie-Hellman result was all zero.
    WeakKey,
    /// The nonce has reached its last value; the session must end.
    Exhausted,
};

pub const tag_bytes = Aead.tag_length;
/// "The maximum n value (2^64-1) is reserved for other use."
const nonce_reserved: u64 = std.math.maxInt(u64);

pub const Cipher = struct {
    k: ?[32]u8 = null,
    n: u64 = 0,

    pub fn init(key: [32]u8) Cipher {
        return .{ .k = key };
    }

    /// The invariants that hold between any two calls.
    fn check(self: *const Cipher) void {
        std.debug.assert(self.k != null or self.n == 0); // a nonce is of a key
    }

    /// EncryptWithAd: without a key the plaintext passes unchanged. Returns the filled part of
    /// `out`.
    pub fn encrypt(self: *Cipher, ad: []const u8, plaintext: []const u8, out: []u8) Error![]u8 {
        self.check();
        const key = self.k orelse {
            if (out.len < plaintext.len) return error.Buffer;
            @memcpy(out[0..plaintext.len], plaintext);
            return out[0..plaintext.len];
        };
        if (self.n == nonce_reserved) return error.Exhausted;
        if (out.len < plaintext.len + tag_bytes) return error.Buffer;
        const tag = out[plaintext.len..][0..tag_bytes];
        Aead.encrypt(out[0..plaintext.len], tag, plaintext, ad, nonce(self.n), key);
        self.n += 1;
        return out[0 .. plaintext.len + tag_bytes];
    }

    /// DecryptWithAd: "If an authentication failure occurs [...] then n is not incremented".
    pub fn decrypt(self: *Cipher, ad: []const u8, ciphertext: []const u8, out: []u8) Error![]u8 {
        self.check();
        const key = self.k orelse {
            if (out.len < ciphertext.len) return error.Buffer;
            @memcpy(out[0..ciphertext.len], ciphertext);
            return out[0..ciphertext.len];
        };
        if (self.n == nonce_reserved) return error.Exhausted;
        if (ciphertext.len < tag_bytes) return error.Length;
        const body = ciphertext[0 .. ciphertext.len - tag_bytes];
        if (out.len < body.len) return error.Buffer;
        const tag = ciphertext[body.len..][0..tag_bytes].*;
        Aead.decrypt(
            out[0..body.len],
            body,
            tag,
            ad,
            nonce(self.n),
            key,
        ) catch return error.Decrypt;
        self.n += 1;
        return out[0..body.len];
    }

    pub fn overhead(self: *const Cipher) usize {
        return if (self.k == null) 0 else tag_bytes;
    }

    /// Overwrite the whole object: a cipher without a key is left. To set `k` to null as well would
    /// overwrite the key in debug builds alone, and hide there whether this function does.
    pub fn wipe(self: *Cipher) void {
        std.crypto.secureZero(u8, std.mem.asBytes(self));
    }
};

/// ChaChaPoly (section 12.3): "32 bits of zeros followed by little-endian encoding of n".
fn nonce(n: u64) [Aead.nonce_length]u8 {
    var bytes: [Aead.nonce_length]u8 = @splat(0);
    std.mem.writeInt(u64, bytes[4..12], n, .little);
    return bytes;
}

test "the last nonce is never used, in either direction" {
    var cipher = Cipher.init(@splat(1));
    cipher.n = nonce_reserved - 1;
    var sealed: [tag_bytes + 2]u8 = undefined;
    _ = try cipher.encrypt("", "ab", &sealed);
    try std.testing.expectError(error.Exhausted, cipher.encrypt("", "ab", &sealed));
    var opened: [2]u8 = undefined;
    try std.testing.expectError(error.Exhausted, cipher.decrypt("", &sealed, &opened));
}

test "of a wiped cipher nothing is left" {
    var cipher = Cipher.init(@splat(7));
    cipher.n = 3;
    cipher.wipe();
    try std.testing.expect(std.mem.allEqual(u8, std.mem.asBytes(&cipher), 0));
    try std.testing.expectEqual(null, cipher.k);
    cipher = .init(@splat(8)); // its place can be used again
    var sealed: [tag_bytes + 2]u8 = undefined;
    _ = try cipher.encrypt("", "ab", &sealed);
    try std.testing.expectEqual(1, cipher.n);
}

test "without a key everything passes as it is, into a buffer that is large enough" {
    var cipher: Cipher = .{};
    try std.testing.expectEqual(0, cipher.overhead());
    var out: [3]u8 = undefined;
    for (2..4) |room| {
        try std.testing.expectEqualStrings("ab", try cipher.encrypt("ad", "ab", out[0..room]));
        try std.testing.expectEqualStrings("cd", try cipher.decrypt("ad", "cd", out[0..room]));
    }
    try std.testing.expectError(error.Buffer, cipher.encrypt("ad", "ab", out[0..1]));
    try std.testing.expectError(error.Buffer, cipher.decrypt("ad", "ab", out[0..1]));
    try std.testing.expectEqual(0, cipher.n);
}

test "a refused ciphertext does not advance the nonce" {
    var sender = Cipher.init(@splat(1));
    var receiver = Cipher.init(@splat(1));
    var sealed: [tag_bytes + 2]u8 = undefined;
    _ = try sender.encrypt("ad", "ab", &sealed);
    var opened: [2]u8 = undefined;
    for (0..sealed.len * 8) |bit| {
        var flipped = sealed;
        flipped[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
        try std.testing.expectError(error.Decrypt, receiver.decrypt("ad", &flipped, &opened));
    }
    try std.testing.expectError(error.Length, receiver.decrypt("ad", sealed[0..15], &opened));
    try std.testing.expectEqual(@as(u64, 0), receiver.n);
    try std.testing.expectEqualStrings("ab", try receiver.decrypt("ad", &sealed, &opened));
}
