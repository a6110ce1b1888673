//! The lengths that a message of the peer may have. The two bytes before the message are judged, so
//! that no peer makes a session wait for bytes that it could not use.

const noise = @import("noise");
const framing = @import("framing.zig");
const events = @import("session_events.zig");
const id = @import("id.zig");

const tag_bytes = noise.tag_bytes;
const key_bytes = noise.key_bytes;
/// Message 2 has a key in the clear and a sealed payload; message 3 a sealed key and a sealed
/// payload.
const clear_bytes = key_bytes + tag_bytes;
const sealed_bytes = key_bytes + 2 * tag_bytes;

/// The error of a length; null: the message may be awaited. `step` counts the messages of the
/// handshake so far.
pub fn refusal(state: events.State, step: usize, len: usize) ?events.Refusal {
    switch (state) {
        .handshake => {
            const least: usize, const most: usize = switch (step) {
                // Message 1 has no payload; each other one carries a device id.
                0 => .{ clear_bytes, clear_bytes },
                1 => .{ clear_bytes + 1, clear_bytes + id.bytes_max },
                else => .{ sealed_bytes + 1, sealed_bytes + id.bytes_max },
            };
            return if (len < least or len > most) .unauthenticated else null;
        },
        .confirming => {
            const fits = len >= tag_bytes and len <= framing.message_bytes_max;
            return if (fits) null else .unauthenticated;
        },
        else => {
            if (len > framing.message_bytes_max) return .oversized;
            return if (len < tag_bytes) .decrypt else null;
        },
    }
}
