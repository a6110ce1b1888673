@0xab5b75b279958b0d;
# `BN` v1: installed bundles, served by bundlemgrd; and `NXBI` v1, the image of them.

using A = import "annotations.capnp";

const magic :Data = "BN";
const version :UInt8 = 1;
const versionMax :UInt8 = 1;

const imageMagic :Data = "NXBI";
const imageVersion :UInt8 = 1;
const imageKindFile :UInt16 = 0;
# The one kind of entry there is.

enum Op $A.bits(8) $A.open {
  # The operation of a request.
  list @0 $A.code(1);
  fetchImage @1 $A.code(3);
}

enum Status $A.bits(8) $A.open {
  # The outcome of a request.
  ok @0;
  malformed @1;
  unsupported @2;
}

interface Bundlemgr $A.serves("bundlemgrd") {
  # The calls of a peer at the bundle manager.
  list @0 () -> (status :Status, count :UInt16);
  # The number of installed bundles.
}
