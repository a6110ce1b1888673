//! DSoftBus as pure state machines; `services/dsoftbusd` joins them to sockets, clock and entropy.
//! The wire is described in docs/spec/session.md.
//!
//!     announce    the discovery datagram
//!     discovery   nodes that were heard lately, and from where
//!     session     bytes in, events out: Noise XK, then frames (session_events, session_lengths,
//!                 session_timers); framing: messages behind their lengths
//!     binding     may this identity become a session?
//!     frames      what travels inside a session
//!     gateway     may this peer call that operation?
//!     rate        token bucket
//!     replay      changes that were carried out already
//!     audit       the record of a decision
//!     loss        records that the log did not confirm
//!     front       the `DS` protocol of the node's own services
//!     desk        asks of those services: waiting, travelling, answered
//!     backoff     when to dial again
//!     packagefs   the remote package file system: frames; packagefs_server: handles, answers
//!     remote_state  what of a peer's request may reach the state store
//!     transfer    a value above a frame's, on a stream of its own (transfer_get,
//!                 transfer_head, transfer_intake, transfer_put)
//!     config      the section of the node configuration
//!     mux         streams inside a session (mux_events, mux_frames, mux_places, mux_next_frame,
//!                 mux_schedule, mux_stream); mux_ladder: proof
//!     assembly    gateway frames, or messages, out of a stream's bytes
//!     rpc         calls as messages of the schema; rpc_methods: these as frames, and back
//!
//! Nothing here allocates, and every buffer has a fixed bound.

pub const announce = @import("announce.zig");
pub const assembly = @import("assembly.zig");
pub const audit = @import("audit.zig");
pub const candidates = @import("candidates.zig");
pub const backoff = @import("backoff.zig");
pub const twins = @import("twins.zig");
pub const binding = @import("binding.zig");
pub const config = @import("config.zig");
pub const desk = @import("desk.zig");
pub const discovery = @import("discovery.zig");
pub const frames = @import("frames.zig");
pub const front = @import("front.zig");
pub const gateway = @import("gateway.zig");
pub const loss = @import("loss.zig");
pub const packagefs = @import("packagefs.zig");
pub const packagefs_server = @import("packagefs_server.zig");
pub const mux = @import("mux.zig");
pub const mux_frames = @import("mux_frames.zig");
pub const mux_ladder = @import("mux_ladder.zig");
pub const rate = @import("rate.zig");
pub const replay = @import("replay.zig");
pub const rpc = @import("rpc.zig");
pub const remote_state = @import("remote_state.zig");
pub const transfer = @import("transfer.zig");
pub const transfer_head = @import("transfer_head.zig");
pub const Session = @import("session.zig").Session;
pub const session = @import("session.zig");
pub const edge = @import("node/edge.zig");
pub const Node = @import("node/node.zig").Node;
pub const usage = @import("node/usage.zig");
pub const Id = @import("id.zig").Id;
pub const Key = [32]u8;

test {
    _ = announce;
    _ = assembly;
    _ = audit;
    _ = backoff;
    _ = candidates;
    _ = @import("node/lines.zig");
    _ = @import("node/lines_test.zig");
    _ = @import("node/call_streams_test.zig");
    _ = @import("node/gate_package_test.zig");
    _ = @import("node/gate_test.zig");
    _ = @import("node/links_test.zig");
    _ = @import("node/links_end_test.zig");
    _ = @import("node/links_turn_test.zig");
    _ = @import("node/node_hand_test.zig");
    _ = @import("node/node_test.zig");
    _ = @import("node/call_test.zig");
    _ = @import("node/calls_test.zig");
    _ = @import("node/talk_test.zig");
    _ = @import("node/beacon_test.zig");
    _ = @import("node/dialer_test.zig");
    _ = @import("node/hostile_peer_test.zig");
    _ = @import("node/identity_test.zig");
    _ = @import("node/moving_test.zig");
    _ = @import("node/moving_end_test.zig");
    _ = @import("node/moving_unasked_test.zig");
    _ = @import("node/journal_test.zig");
    _ = @import("node/records_test.zig");
    _ = @import("node/rpc_test.zig");
    _ = @import("node/gate_plain_test.zig");
    _ = @import("node/transaction_test.zig");
    _ = @import("node/transactions_test.zig");
    _ = @import("node/node.zig");
    _ = @import("node/denials.zig");
    _ = @import("node/calls.zig");
    _ = @import("node/strangers.zig");
    _ = @import("node/journal.zig");
    _ = twins;
    _ = binding;
    _ = config;
    _ = desk;
    _ = discovery;
    _ = frames;
    _ = front;
    _ = gateway;
    _ = loss;
    _ = packagefs;
    _ = packagefs_server;
    _ = mux;
    _ = mux_frames;
    _ = @import("mux_stream.zig");
    _ = @import("mux_schedule.zig");
    _ = @import("mux_test.zig");
    _ = @import("mux_reject_test.zig");
    _ = @import("mux_edge_test.zig");
    _ = @import("ladder_edge_test.zig");
    _ = @import("mux_random_test.zig");
    _ = @import("mux_ladder_test.zig");
    _ = @import("mux_transcript_test.zig");
    _ = rate;
    _ = replay;
    _ = rpc;
    _ = @import("rpc_fields.zig");
    _ = @import("rpc_methods.zig");
    _ = @import("rpc_cases_test.zig");
    _ = @import("rpc_fields_test.zig");
    _ = remote_state;
    _ = transfer;
    _ = session;
    _ = @import("fresh_test.zig");
    _ = @import("id.zig");
    _ = @import("cases_test.zig");
    _ = @import("policy_cases_test.zig");
    _ = @import("config_test.zig");
    _ = @import("session_edge_test.zig");
    _ = @import("session_end_test.zig");
    _ = @import("announce_test.zig");
    _ = @import("gateway_test.zig");
    _ = @import("packagefs_test.zig");
    _ = @import("session_test.zig");
    _ = @import("session_random_test.zig");
    _ = @import("transcript_test.zig");
}
