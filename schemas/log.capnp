@0xf3b661c3db72deb9;
# `LO` v1 and v2: the log, served by logd.

using A = import "annotations.capnp";

const magic :Data = "LO";
const versionMax :UInt8 = 2;

const scopeBytesMax :UInt16 = 64;
const messageBytesMax :UInt16 = 256;
const fieldsBytesMax :UInt16 = 512;
const replyBytesMax :UInt16 = 2048;

enum Op $A.bits(8) $A.open {
  # The operation of a request.
  append @0 $A.code(1) $A.changes $A.never;
  query @1 $A.code(2);
  stats @2 $A.code(3);
  note @3 $A.code(16) $A.guest;
  # A record, with the source that it is about.
}

enum Level $A.bits(8) {
  # The severity of a record.
  error @0;
  warn @1;
  info @2;
  debug @3;
  trace @4;
}

enum Status $A.bits(8) $A.open {
  # The outcome of a request.
  ok @0;
  malformed @1;
  unsupported @2;
  tooLarge @3;
  invalid @4;
  overLimit @5;
  rateLimited @6;
}

struct Record {
  # One line of the log.
  id @0 :UInt64;
  timeNs @1 :UInt64;
  level @2 :Level;
  service @3 :UInt64;
  # The writer's identity, as the kernel says.
  scope @4 :Text $A.bytesMax(.scopeBytesMax);
  message @5 :Text $A.bytesMax(.messageBytesMax);
  fields @6 :Text $A.bytesMax(.fieldsBytesMax);
}

interface Log $A.serves("logd") {
  # The calls of a peer at the log.
  query @0 (sinceNs :UInt64, max :UInt16)
      -> (status :Status, total :UInt64, dropped :UInt64, records :List(Record) $A.itemsMax(64));
  # Records from a time on, oldest first.
  stats @1 () -> (status :Status, total :UInt64, dropped :UInt64);
  # The numbers of records that were written and lost.
}
