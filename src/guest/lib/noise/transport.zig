//! The transport phase (section 5.3, after Split) has one cipher for each direction and empty
//! associated data.

const std = @import("std");
const cipher_state = @import("cipher.zig");
const Cipher = cipher_state.Cipher;
const Error = cipher_state.Error;

pub const Transport = struct {
    sending: Cipher,
    receiving: Cipher,
    /// The peer's static key, proven by the handshake.
    remote_static: [32]u8,
    /// Section 11.2: names this session; equal on both sides and secret-free.
    handshake_hash: [32]u8,

    const plaintext_bytes_max = 65535 - cipher_state.tag_bytes;

    pub fn encrypt(self: *Transport, plaintext: []const u8, out: []u8) Error![]u8 {
        if (self.sending.k == null) return error.Turn;
        if (plaintext.len > plaintext_bytes_max) return error.Length;
        return self.sending.encrypt("", plaintext, out);
    }

    pub fn decrypt(self: *Transport, message: []const u8, out: []u8) Error![]u8 {
        if (self.receiving.k == null) return error.Turn;
        if (message.len > 65535) return error.Length;
        return self.receiving.decrypt("", message, out);
    }

    pub fn wipe(self: *Transport) void {
        self.sending.wipe();
        self.receiving.wipe();
    }
};

test "a wiped transport encrypts nothing" {
    // Without this a cipher without a key would pass plaintext through (section 5.1), which must
    // never reach the wire.
    var transport: Transport = .{
        .sending = Cipher.init(@splat(1)),
        .receiving = Cipher.init(@splat(2)),
        .remote_static = @splat(0),
        .handshake_hash = @splat(0),
    };
    transport.wipe();
    var out: [32]u8 = undefined;
    try std.testing.expectError(error.Turn, transport.encrypt("secret", &out));
    try std.testing.expectError(error.Turn, transport.decrypt("secret", &out));
}
