@0xdce292f7cc06958c;
# The record of a gateway decision: who asked what, and how it ended.

using A = import "annotations.capnp";
using State = import "state.capnp";

const scope :Text = "dsoftbusd";
# The scope of all records in the log.

enum Outcome {
  # The outcome of a call.
  ok @0;
  failed @1;
  unauthenticated @2 $A.word("denied-unauthenticated");
  malformed @3 $A.word("denied-malformed");
  oversized @4 $A.word("denied-oversized");
  rate @5 $A.word("denied-rate");
  service @6 $A.word("denied-service");
  busy @7 $A.word("denied-busy");
  # The service had as many calls as it takes at a time.
  decrypt @8 $A.word("denied-decrypt");
  # A message of a ready session was not authentic (damaged or replayed); the session ended.
}

struct Call $A.line("audit remote call outcome={outcome} peer={peer} service={service} op={op}") {
  # A decision about a call. What is not known is `-`; a service that is not known is `#` and its
  # number.
  outcome @0 :Outcome;
  peer @1 :Text $A.shown;
  service @2 :Text $A.shown;
  op @3 :Text $A.shown;
  # The operation's number in frames.
}

struct StateChange $A.line("audit remote statefs {verb} {ending} peer={peer} key={key}") {
  # A change of a peer, let through or not.
  verb @0 :State.Verb;
  ending @1 :Text $A.shown;
  # A `state.Ending`; of `reject` the `state.Reject` follows.
  peer @2 :Text $A.shown;
  key @3 :Text $A.shown;
  # The first 8 bytes of its SHA-256, 16 digits.
}

struct Mux $A.line("audit mux outcome={reject} peer={peer}") {
  # A session that its streams have ended.
  reject @0 :Text;
  # The text of a `mux.Reject`.
  peer @1 :Text $A.shown;
}

struct Fault $A.line("audit session outcome=fault peer={peer}") {
  # A session that ended on account of a defect of this side.
  peer @0 :Text $A.shown;
}

struct Address $A.line("audit address outcome=unproven peer={peer} address={address}") {
  # A peer was dialled at an address that did not prove its key.
  peer @0 :Text $A.shown;
  address @1 :Text $A.shown;
}

struct Strangers
    $A.line("audit strangers source={source} refused={refused} evicted={evicted} timeout={timeout} ms={ms}") {
  # The counts of one source's connections in an interval, beyond those with a record.
  source @0 :Text;
  refused @1 :UInt64;
  evicted @2 :UInt64;
  timeout @3 :UInt64;
  ms @4 :UInt64;
}

struct Denials $A.line("audit denials peer={peer} count={count} ms={ms}") {
  # Denials of a peer in an interval, beyond those with a record.
  peer @0 :Text $A.shown;
  count @1 :UInt64;
  ms @2 :UInt64;
}

struct Unlogged $A.line("audit unlogged={count}") {
  # Records that a guest's log does not have.
  count @0 :UInt64;
}

struct Lost $A.line("audit lost={count}") {
  # Records that a Python node's log does not have.
  count @0 :UInt64;
}

struct LogLimited $A.line("audit limited={count}") {
  # Records that logd refused, of all senders.
  count @0 :UInt64;
}

struct LogDropped $A.line("audit dropped={count} room={room} total={total}") {
  # Records of a room that made room for newer ones.
  count @0 :UInt64;
  room @1 :Text $A.member;
  total @2 :UInt64;
}

struct LogRefused $A.line("audit refused={count} source={source}") {
  # Records of a source that were refused.
  count @0 :UInt64;
  source @1 :Text;
}

struct Policy $A.line("audit v1 op={op} decision={decision} subject=0x{subject} reason=policy") {
  # A decision of policyd.
  op @0 :Text;
  decision @1 :Text;
  subject @2 :UInt64 $A.hex(16);
}

const policyOthers :Text = "audit v1 op=- decision=- subject=others reason=policy";
# Decisions about subjects that are not counted each.

struct PolicyRepeats $A.line(" repeats={count}") {
  # Behind a decision that was made so many times.
  count @0 :UInt64;
}
