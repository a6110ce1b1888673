//! Handshake patterns as data (section 7): the tokens of each message, in order.

pub const Token = enum { e, s, ee, es, se };

pub const Pattern = struct {
    /// The responder's static key is known to the initiator beforehand (pre-message `<- s`).
    responder_known: bool,
    /// Messages alternate, the initiator's first.
    messages: []const []const Token,
};

/// XK:
///       <- s
///       ...
///       -> e, es
///       <- e, ee
///       -> s, se
pub const xk: Pattern = .{
    .responder_known = true,
    .messages = &.{
        &.{ .e, .es },
        &.{ .e, .ee },
        &.{ .s, .se },
    },
};
