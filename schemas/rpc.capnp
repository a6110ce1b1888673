@0xba1d8d4a1489ae1d;
# Remote calls as messages on a stream: encoding 2, beside the frames of services.
#
# A message is one segment with its table in front, as other implementations write it. The service
# is a number of `gateway.Service`, the method its ordinal in that service's interface.

using A = import "annotations.capnp";
using Gateway = import "gateway.capnp";

const version :UInt8 = 2;
# The version of the encoding: frames are 1.

const stream :Text = "rpc/2";
# The stream of the calls of one side; a peer that acknowledges it reads and writes these messages.
const streamPriority :UInt8 = 0;
# Calls go first.
const streamPrefix :Text = "rpc/";
# Streams of such names are the node's own: a later version is another name.

const messageHeadBytes :UInt8 = 8;
# The table in front of a message.
const messageWordsMax :UInt32 = 256;
# A whole message without its table; what does not fit has a stream of its own.
const traversalWordsMax :UInt32 = 1024;
# Words that a reader follows pointers to, however often they are the same.
const nestingMax :UInt8 = 8;
# Structs and lists within each other.

struct Table $A.frame $A.headBytes(.messageHeadBytes) {
  # The head in front of a message, as other implementations write it.
  segments @0 :UInt32 $A.reserved;
  # Segments less one.
  words @1 :UInt32;
  # Words of the segment, 1 to `messageWordsMax`.
}

enum Mode $A.bits(8) {
  # The encoding in which a node calls its peers, and whether peers may call it by messages.
  frames @0;
  # It calls by frames, and acknowledges no stream of messages.
  messages @1;
  # `schema` in a configuration: it calls by messages only.
  auto @2;
  # It calls by messages where the peer acknowledges the stream, else by frames.
}

struct Call {
  # A request.
  correlation @0 :UInt64;
  # Names the call, below 2^32; a repetition of a change under the same name is not run twice.
  deadlineMs @1 :UInt32;
  # The time that the caller waits.
  epoch @2 :UInt32;
  # Tells one start of the caller from all others; 0 is none.
  service @3 :UInt8;
  method @4 :UInt16;
  params @5 :AnyPointer;
  # The struct of the method's parameters.
}

struct Answer {
  # The answer to a call.
  correlation @0 :UInt64;
  # That of the call.
  union {
    results @1 :AnyPointer;
    # The struct of the method's results: the service answered.
    refusal @2 :Gateway.Status;
    # It did not; the reason, as far as a peer may know it.
  }
}
