@0xf8bbed6e5549c79d;
# `SF` v1 and v2: the state store, served by statefsd; and `ST` v1, one value on a stream.

using A = import "annotations.capnp";

const magic :Data = "SF";
const versionMax :UInt8 = 2;

const keyBytesMax :UInt16 = 255;
const valueBytesMax :UInt32 = 65536;
const chunkBytesMax :UInt16 = 8192;
# Longest piece of a value that is written or read in pieces.
const listMax :UInt16 = 256;
# Keys in one listing.

const transactionsMax :UInt8 = 8;
# Open at a time.
const transactionKeysMax :UInt8 = 32;
# Set by one transaction.
const transactionBytesMax :UInt32 = 131072;
# Values of one transaction, together.
const transactionsBytesMax :UInt32 = 262144;
# Values of all open transactions, together.
const transactionSilenceNs :UInt64 = 30000000000;
# A transaction without a request for so long is aborted.
const transactionLongestNs :UInt64 = 64000000000;
# A peer's is aborted then in any case: while one is open, a store may not be compacted.

const peerFrameBytesMax :UInt16 = 256;
# A peer's request.
const peerReplyBytesMax :UInt16 = 512;
# An answer to a peer.
const peerKeyBytesMax :UInt8 = 96;
const peerValueBytesMax :UInt16 = 128;
# In a frame; a longer one has a stream.
const peerListMax :UInt16 = 64;
const peerNamespace :Text = "/state/shared/";
# The prefix of a peer's keys.

enum Op $A.bits(8) {
  # The operation of a request.
  put @0 $A.code(1) $A.changes;
  get @1 $A.code(2);
  delete @2 $A.code(3) $A.changes;
  list @3 $A.code(4);
  sync @4 $A.code(5);
  reopen @5 $A.code(6);
  txnBegin @6 $A.code(7);
  txnPut @7 $A.code(8);
  txnCommit @8 $A.code(9) $A.changes;
  txnAbort @9 $A.code(10);
  read @10 $A.code(11);
}

enum Status $A.bits(8) $A.open {
  # The outcome of a request.
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
  # The peer has as much of the store as it may have.
}

enum Verb {
  # The kind of change in a record about a peer.
  put @0;
  delete @1;
  txnPut @2 $A.word("txn-put");
  # A value is to be set, by a transaction.
  txnCommit @3 $A.word("txn-commit");
  txnAbort @4 $A.word("txn-abort");
  # By the peer, or since its session or its time was over.
}

enum Reject {
  # The reason for which a peer's request does not reach the store.
  badRequest @0 $A.word("bad_request");
  unauthenticated @1;
  outsideAcl @2 $A.word("outside_acl");
  prefixEscape @3 $A.word("prefix_escape");
  oversized @4;
  busy @5 $A.guest;
  # The store has as many requests as it takes at a time.
  withdrawn @6 $A.guest;
  # Its time was over before the store was asked.
}

enum Ending {
  # The outcome of a peer's change, in its record.
  allow @0;
  status @1 $A.word("reject status");
  # The store said no.
  allowLate @2 $A.word("allow late");
  # By then the peer had the answer that the store gave none.
  statusLate @3 $A.word("reject status late");
  unknown @4;
  # The store was asked, and never said what it did.
  reject @5;
  # With the `Reject` behind it.
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
  # The direction of a value.
  put @0 $A.code(1);
  get @1 $A.code(2);
}

enum Stage $A.bits(8) {
  # The stage of an answer on the stream.
  goAhead @0;
  done @1;
}

struct TransferRequest $A.frame $A.headBytes(.transferHeadBytes) {
  # The beginning of a stream of `transferStream`; the value of a put follows the go-ahead.
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
  # The calls of a peer at the store.
  put @0 (key :Text $A.serviceMax(.peerKeyBytesMax), value :Data $A.serviceMax(.peerValueBytesMax))
      -> (status :Status);
  # Set a key; done once, however often it is repeated over lost sessions.
  get @1 (key :Text $A.serviceMax(.peerKeyBytesMax))
      -> (status :Status, value :Data $A.bytesMax(.peerReplyBytesMax));
  # The value of a key.
  delete @2 (key :Text $A.serviceMax(.peerKeyBytesMax)) -> (status :Status);
  # Remove a key.
  list @3 (prefix :Text $A.serviceMax(.peerKeyBytesMax), limit :UInt16,
          after :Text $A.serviceMax(.peerKeyBytesMax) $A.optional)
      -> (status :Status, keys :List(Text) $A.itemsMax(.peerListMax));
  # The keys that begin so, sorted, from the first one behind `after` on.
  sync @4 () -> (status :Status);
  # Every change that was acknowledged before is durable afterwards.
  txnBegin @5 () -> (status :Status, txn :UInt64);
  # Begin a transaction, one at a time in a session; it ends with the session at the latest.
  txnPut @6 (txn :UInt64, key :Text $A.serviceMax(.peerKeyBytesMax),
            value :Data $A.serviceMax(.peerValueBytesMax)) -> (status :Status);
  # Add to the value that a key is to have; parts of one key are joined in their order.
  txnCommit @7 (txn :UInt64) -> (status :Status);
  # Set all of its keys at once; done once, however often it is repeated over lost sessions.
  txnAbort @8 (txn :UInt64) -> (status :Status);
  # Forget it.
}
