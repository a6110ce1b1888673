@0xd4b2b812a3b9deee;
# `SM` v1: the service registry, served by samgrd.

using A = import "annotations.capnp";

const magic :Data = "SM";
const version :UInt8 = 1;
const versionMax :UInt8 = 1;

const registerNameBytesMax :UInt8 = 255;
# Longest name that a service of the node registers or looks up.

const resolveNameBytesMax :UInt8 = 48;
# Longest name that a peer may ask for.

enum Op $A.bits(8) $A.open {
  # The operation of a request.
  register @0 $A.code(1) $A.changes;
  lookup @1 $A.code(2);
  senderPid @2 $A.code(4);
  senderServiceId @3 $A.code(5);
  resolveStatus @4 $A.code(6);
}

enum Status $A.bits(8) $A.open {
  # The outcome of a request.
  ok @0;
  notFound @1;
  malformed @2;
  unsupported @3;
}

interface Samgr $A.serves("samgrd") {
  # The calls of a peer at the registry.
  resolveStatus @0 (name :Text $A.serviceMax(.resolveNameBytesMax)) -> (status :Status);
  # Says whether a service of this name is registered.
}
