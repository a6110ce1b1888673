@0xfa0659c97fafa50b;
# `DS` v1 and v2: what dsoftbusd does for services of its own node.

using A = import "annotations.capnp";

const magic :Data = "DS";
const version :UInt8 = 1;
const versionToPeer :UInt8 = 2;
# The version of requests that name their peer.
const nameBytesMax :UInt8 = 48;
const pathBytesMax :UInt16 = 192;
# A path of a package with its scheme.
const packageReadBytesMax :UInt16 = 128;
const stateRequestMax :UInt16 = 256;
# A frame of the state store, on its way to a peer.
const stateReplyMax :UInt16 = 512;
# And on its way back.

enum Op $A.bits(8) $A.open {
  # The operation of a request.
  malformed @0;
  resolve @1;
  bundleList @2;
  packageStat @3;
  packageOpen @4;
  packageRead @5;
  packageClose @6;
  state @7;
}

enum Status $A.bits(8) $A.open {
  # Package operations have the status of `PK`, io where there was no answer.
  ok @0;
  fail @1;
  unauthenticated @2;
  pathTraversal @3;
  nonPackagefsScheme @4;
  notFound @5;
  badf @6;
  oversized @7;
  limit @8;
  io @9;
}
