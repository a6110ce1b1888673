@0xf8bbed6e5549c79d;
# `SF` v1 and v2: the state store, served by statefsd; and `ST` v1, one value on a stream.

using A = import "annotations.capnp";

const magic :Data = "SF";
const versionMax :UInt8 = 2;

const keyBytesMax :UInt16 = 255;
const valueBytesMax :UInt32 = 65536;
const chunkBytesMax :UInt16 = 8192;
# Of a value that is written or read in pieces.
const listMax :UInt16 = 256;
# Keys in one listing.

const peerFrameBytesMax :UInt16 = 256;
# A peer's request.
const peerReplyBytesMax :UInt16 = 512;
# What a peer is answered.
const peerKeyBytesMax :UInt8 = 96;
const peerValueBytesMax :UInt16 = 128;
# In a frame; a longer one has a stream.
const peerListMax :UInt16 = 64;
const peerNamespace :Text = "/state/shared/";
# Where a peer's keys are.

enum Op $A.bits(8) {
  # What is asked.
  put @0 $A.code(1) $A.changes;
  get @1 $A.code(2);
  delete @2 $A.code(3) $A.changes;
  list @3 $A.code(4);
  sync @4 $A.code(5);
  reopen @5 $A.code(6);
  txnBegin @6 $A.code(7);
  txnPut @7 $A.code(8);
  txnCommit @8 $A.code(9);
  txnAbort @9 $A.code(10);
  read @10 $A.code(11);
}

enum Status $A.bits(8) $A.open {
  # How it ended.
  ok @0;
  notFound @1;
  accessDenied @2;
  valueTooLarge @3;
  keyTooLong @4;
  invalidKey @5;
  malformed @6;
  ioError @7;
  unsupported @8;
  integrityViolation @9;
  rollbackDetected @10;
  txnLimit @11;
  overShare @12;
  # Of a peer: it has as much of the store as it may have.
}

const transferStream :Text = "state/transfer";
# The stream that moves one value which no frame can hold.
const transferPriority :UInt8 = 6;
# Bulk: behind calls.
const transferMagic :Data = "ST";
const transferVersionMax :UInt8 = 1;
const transferHeadBytes :UInt8 = 20;
const transferReplyBytes :UInt8 = 12;
const transferSilenceNs :UInt64 = 5000000000;
# Without a byte for so long, a transfer is given up.
const transferLongestNs :UInt64 = 64000000000;
# 1 KiB a second: a slower peer holds what others could use.

enum TransferOp $A.bits(8) {
  # Which way a value goes.
  put @0 $A.code(1);
  get @1 $A.code(2);
}

enum Stage $A.bits(8) {
  # What an answer on the stream is.
  goAhead @0;
  done @1;
}

struct TransferRequest $A.frame $A.headBytes(.transferHeadBytes) {
  # What a stream of `transferStream` begins with; the value of a put follows the go-ahead.
  magic @0 :Data = "ST" $A.width(2) $A.always;
  version @1 :UInt8 = 1 $A.always;
  op @2 :TransferOp;
  id @3 :UInt64;
  # A correlation id; without an epoch above it nothing is remembered.
  keyLength @4 :UInt16;
  reserved @5 :UInt16 $A.reserved;
  valueLength @6 :UInt32;
  # 1 to `valueBytesMax` for a put, 0 for a get.
  key @7 :Text $A.lengthIn("keyLength") $A.bytesMax(.peerKeyBytesMax);
}

struct TransferReply $A.frame $A.headBytes(.transferReplyBytes) {
  # Go ahead, or how it ended; the value of a get follows.
  magic @0 :Data = "ST" $A.width(2) $A.always;
  version @1 :UInt8 = 1 $A.always;
  op @2 :TransferOp;
  # With the `replyBit` of gateway.capnp.
  status @3 :Status;
  stage @4 :Stage;
  reserved @5 :UInt16 $A.reserved;
  valueLength @6 :UInt32;
  # The bytes taken for a put, those of the value for a get; 0 unless done and ok.
}

interface StateFs $A.serves("statefsd") {
  # What a peer may ask of the store.
  put @0 (key :Text $A.bytesMax(.peerKeyBytesMax), value :Data $A.bytesMax(.peerValueBytesMax))
      -> (status :Status);
  # Set a key; done once, however often it is repeated over lost sessions.
  get @1 (key :Text $A.bytesMax(.peerKeyBytesMax))
      -> (status :Status, value :Data $A.bytesMax(.peerReplyBytesMax));
  # The value of a key.
  delete @2 (key :Text $A.bytesMax(.peerKeyBytesMax)) -> (status :Status);
  # Remove a key.
  list @3 (prefix :Text $A.bytesMax(.peerKeyBytesMax), limit :UInt16)
      -> (status :Status, keys :List(Text) $A.itemsMax(.peerListMax));
  # The keys that begin so, sorted.
  sync @4 () -> (status :Status);
  # What was acknowledged before is durable afterwards.
}
