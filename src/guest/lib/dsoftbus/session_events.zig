//! The vocabulary between a session and its owner: states, events, refusals, and the settings with
//! which a session begins.

const contract = @import("contract");
const noise = @import("noise");
const Id = @import("id.zig").Id;

pub const State = enum { handshake, proven, confirming, ready, closed };

pub const Refusal = contract.bus.Refusal;

pub const Event = union(enum) {
    /// A first message is here, and the session has no key for its answer: call `provide` or
    /// `close`.
    key_wanted,
    /// Call `admit` or `close`.
    proven: struct { claimed: Id, key: [32]u8 },
    ready,
    /// A plaintext frame (never a well-formed ping or pong); valid until the next call.
    received: []const u8,
    /// The session is closed.
    refused: Refusal,
};

pub const Error = error{
    /// The session is not ready.
    NotReady,
    /// The buffer for the connection is full, because the peer takes no bytes.
    Backlog,
    TooLong,
    Crypto,
};

pub const Options = struct {
    id: *const Id,
    static: noise.KeyPair,
    /// A key fresh from the entropy device, used for this session alone. A responder may leave it
    /// out until there is a message to answer: most strangers that connect never send one.
    ephemeral: ?noise.KeyPair,
    now_ns: u64,
};
