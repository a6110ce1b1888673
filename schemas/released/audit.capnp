@0xdce292f7cc06958c;
# The record of a gateway decision: who asked what, and how it ended.

using A = import "annotations.capnp";

const scope :Text = "dsoftbusd";
# Of all records, in the log.

enum Outcome {
  # How a call ended.
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
