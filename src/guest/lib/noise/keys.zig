//! X25519 key pairs and the DH function (section 4.1).

const std = @import("std");
const X25519 = std.crypto.dh.X25519;
const Error = @import("cipher.zig").Error;

pub const KeyPair = struct {
    secret: [32]u8,
    public: [32]u8,

    /// The secret may be any 32 bytes; clamping is part of X25519.
    pub fn fromSecret(secret: [32]u8) Error!KeyPair {
        const public = X25519.recoverPublicKey(secret) catch return error.WeakKey;
        return .{ .secret = secret, .public = public };
    }

    pub fn wipe(self: *KeyPair) void {
        std.crypto.secureZero(u8, &self.secret);
    }
};

/// The function refuses a public key of small order. Its result is all zero, so every peer would
/// know the shared secret.
pub fn dh(pair: *const KeyPair, public: [32]u8) Error![32]u8 {
    return X25519.scalarmult(pair.secret, public) catch return error.WeakKey;
}

test "a point of small order is refused" {
    const pair = try KeyPair.fromSecret(@splat(7));
    try std.testing.expectError(error.WeakKey, dh(&pair, @splat(0)));
    var one: [32]u8 = @splat(0);
    one[0] = 1;
    try std.testing.expectError(error.WeakKey, dh(&pair, one));
}
