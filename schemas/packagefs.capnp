@0xbcfde9bd4db6bc26;
# `PK` v1: read-only files of a peer's packages; and `PR` v1, longer reads on a stream.

using A = import "annotations.capnp";

const magic :Data = "PK";
const version :UInt8 = 1;
const versionMax :UInt8 = 1;

const pathBytesMax :UInt16 = 192;
# With its scheme.
const readBytesMax :UInt16 = 128;
# One read.

enum Op $A.bits(8) $A.open {
  # The operation of a request.
  stat @0 $A.code(1);
  open @1 $A.code(2);
  read @2 $A.code(3);
  close @3 $A.code(4);
}

enum Status $A.bits(8) $A.open {
  # The outcome of a request.
  ok @0;
  badRequest @1;
  unauthenticated @2;
  pathTraversal @3;
  nonPackagefsScheme @4;
  notFound @5;
  badf @6;
  oversized @7;
  limit @8;
  io @9;
}

enum Kind $A.bits(16) {
  # The kind of a path's target.
  file @0;
  folder @1;
}

const streamName :Text = "package/read";
# The stream on which one longer read is asked and answered.
const streamPriority :UInt8 = 6;
# Bulk: behind calls.
const streamMagic :Data = "PR";
const streamVersionMax :UInt8 = 1;
const streamHeadBytes :UInt8 = 24;
const streamReplyBytes :UInt8 = 32;
const streamLengthMax :UInt32 = 16777216;
# Bytes that one request may ask for.
const streamNameBytesMax :UInt16 = 1024;
# Longest path on such a stream.

enum StreamOp $A.bits(8) {
  # The operation on a stream.
  read @0 $A.code(1);
  list @1 $A.code(2);
}

interface PackageFs $A.serves("packagefsd") {
  # The calls of a peer at the package files.
  stat @0 (path :Text $A.serviceMax(.pathBytesMax))
      -> (status :Status, size :UInt64, kind :Kind);
  # The size of a file.
  open @1 (path :Text $A.serviceMax(.pathBytesMax)) -> (status :Status, handle :UInt32);
  # A handle to read by; it belongs to the session and ends with it.
  read @2 (handle :UInt32, offset :UInt32, length :UInt16)
      -> (status :Status, bytes :Data $A.bytesMax(.readBytesMax));
  # A piece of a file; shorter than asked only at its end.
  close @3 (handle :UInt32) -> (status :Status);
  # Give a handle back.
}
