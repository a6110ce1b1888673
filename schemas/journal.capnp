@0xb2d81c6e0f5a7394;
# The journal of a state store: what both engines of it read and write on a disk.

using A = import "annotations.capnp";

const recordMagic :Data = "FSXN";
# The first bytes of a record.
const superblockMagic :Data = "NXS2";
const superblockVersion :UInt8 = 1;
const sectorBytes :UInt16 = 512;

const windowBytes :UInt32 = 65536;
# The bytes that may be written without a flush, and so may lie behind the end after a cut.
const compactBytesMin :UInt16 = 8192;
# A shorter journal is not worth writing anew.
const compactEntriesMax :UInt16 = 8192;
# A snapshot has no more.

const callersMax :UInt8 = 16;
# Peers whose calls are remembered: twice what a node is configured with.
const epochsMax :UInt8 = 8;
# Starts of a peer.
const callsMax :UInt8 = 128;
# Calls of all peers together that are remembered.
const digestBytes :UInt8 = 16;
# Length of the digest of what was asked.

enum RecordOp $A.bits(8) {
  # The effect of a record.
  put @0 $A.code(1);
  delete @1 $A.code(2);
  checkpoint @2 $A.code(3);
  # Everything before it is forgotten.
  prepare @3 $A.code(16);
  payload @4 $A.code(17);
  # A chunk of a value of a transaction.
  commit @5 $A.code(18);
  abort @6 $A.code(19);
  sync @7 $A.code(20);
  # Everything before it was durable when it was written.
  call @8 $A.code(21);
  # A change of a peer, and the memory of its call.
}

enum CallKind $A.bits(8) {
  # The effect of a record of a peer's call.
  nothing @0;
  # The call changed nothing, and that was its answer.
  put @1;
  # The record's key is set: the rest is the value.
  delete @2;
  # The record's key is removed.
  commit @3;
  # A transaction is committed: the rest is its number.
  own @4;
  # Entries are the peer's: the rest has the place of each in the order of keys.
  epoch @5;
  # The forgotten calls of an epoch (up to the number in the id), and the remembered ones.
}
