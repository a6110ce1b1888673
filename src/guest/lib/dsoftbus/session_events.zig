//! What a session says to its owner: its states, what happened, what it refuses, and what it is
//! begun with.

const contract = @import("contract");
const noise = @import("noise");
const Id = @import("id.zig").Id;

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
