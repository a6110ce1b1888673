@0xba1d8d4a1489ae1d;
# Remote calls as messages on a stream: encoding 2, beside the frames of services.
#
# A message is one segment with its table in front, as other implementations write it. The service
# is a number of `gateway.Service`, the method its ordinal in that service's interface.

using A = import "annotations.capnp";
using Gateway = import "gateway.capnp";

const version :UInt8 = 2;
# What a peer offers that reads and writes these.

const messageWordsMax :UInt32 = 256;
# A whole message without its table; what does not fit has a stream of its own.
const traversalWordsMax :UInt32 = 1024;
# Words that a reader follows pointers to, however often they are the same.
const nestingMax :UInt8 = 8;
# Structs and lists within each other.

struct Call {
  # What is asked.
  correlation @0 :UInt64;
  # Names the call; a repetition of a change under the same name is not run twice.
  deadlineMs @1 :UInt32;
  # How long the caller waits.
  epoch @2 :UInt32;
  # Since when the caller counts its calls.
  service @3 :UInt8;
  method @4 :UInt16;
  params @5 :AnyPointer;
  # The struct of the method's parameters.
}

struct Answer {
  # How it ended.
  correlation @0 :UInt64;
  # Of the call.
  union {
    results @1 :AnyPointer;
    # The struct of the method's results: the service answered.
    refusal @2 :Gateway.Status;
    # It did not, and why as far as a peer is told.
  }
}
