@0x9118826493dfe347;
# `PO` v2: may this service use that capability? Served by policyd.

using A = import "annotations.capnp";

const magic :Data = "PO";
const version :UInt8 = 2;
const capabilityBytesMax :UInt8 = 48;

enum Op $A.bits(8) $A.open {
  # The operation of a request.
  checkCap @0 $A.code(4);
  checkCapDelegated @1 $A.code(5);
}

enum Status $A.bits(8) $A.open {
  # The verdict.
  allow @0;
  deny @1;
  malformed @2;
  unsupported @3;
}
