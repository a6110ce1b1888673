@0x8b0343e6ac358ddf;
# The session between two nodes: what it is called, how long it waits, how it is refused.

using A = import "annotations.capnp";

const prologue :Data = "nexus-dsoftbus/1";
# Bound into the handshake: another protocol or version cannot be mistaken for this one.
const deviceIdBytesMax :UInt8 = 64;
# UTF-8, at least one byte.

const peersMax :UInt16 = 8;
# Configured peers of one node.
const rulesMax :UInt16 = 64;
# Rules of one node: a peer, a service and an operation each.

const handshakeNs :UInt64 = 2000000000;
# From the connection to the proof of both identities.
const pingNs :UInt64 = 1000000000;
# A session that has sent nothing for so long sends a ping.
const lostNs :UInt64 = 3000000000;
# A session that has received nothing for so long is over.

enum Refusal {
  # The reason for which a session ended before its owner wanted it to.
  unauthenticated @0;
  # Something else than a valid handshake message before the session was ready.
  oversized @1;
  # A message longer than a session's may be.
  decrypt @2;
  # A message of a ready session that is not authentic: damaged or replayed.
  timeout @3;
  # No handshake within its time, or a silent peer.
}
