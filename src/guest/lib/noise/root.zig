//! Noise_XK_25519_ChaChaPoly_BLAKE2s, revision 34 of the Noise specification.
//!
//! Files are the specification's objects: `cipher` (section 5.1), `symmetric` (5.2), `handshake`
//! (5.3), `pattern` (7), `transport` (what Split leaves). All cryptography is the standard
//! library's. The code has no entropy of its own: ephemeral keys come from the caller, which takes
//! them from the entropy device and uses each for one handshake.
//!
//! Rules of this library:
//! 1. A message that is refused leaves the object exactly as it was.
//! 2. Secrets are overwritten when an object is done with them (`wipe`, `finish`).
//! 3. An error carries no detail that depends on a secret.

pub const pattern = @import("pattern.zig");
pub const Cipher = @import("cipher.zig").Cipher;
pub const Symmetric = @import("symmetric.zig").Symmetric;
pub const Handshake = @import("handshake.zig").Handshake;
pub const Transport = @import("transport.zig").Transport;
pub const KeyPair = @import("keys.zig").KeyPair;
pub const Role = @import("handshake.zig").Role;
pub const Error = @import("cipher.zig").Error;

pub const protocol_name = @import("handshake.zig").protocol_name;
pub const key_bytes = 32;
pub const tag_bytes = 16;
/// Section 3: "All Noise messages are less than or equal to 65535 bytes in length."
pub const message_bytes_max = 65535;

test "what is known of it outside is what it is inside" {
    const testing = @import("std").testing;
    try testing.expectEqual(@import("cipher.zig").tag_bytes, tag_bytes);
    try testing.expectEqual(@sizeOf(@FieldType(KeyPair, "public")), key_bytes);
    try testing.expectEqual(65_535, message_bytes_max);
}

test {
    _ = @import("vectors_test.zig");
    _ = @import("refusal_test.zig");
}
