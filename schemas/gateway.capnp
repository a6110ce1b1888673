@0xe48df7a823628927;
# The frames inside a session: calls through the gateway, and the proof of life.

using A = import "annotations.capnp";

const frameBytesMax :UInt32 = 1024;
# Longest frame, of any type.
const requestHeadBytes :UInt32 = 18;
# The bytes before the payload of a request.
const responseHeadBytes :UInt32 = 16;
# The bytes before the payload of a response.
const requestPayloadMax :UInt32 = 256;
# Longest request of a service that is forwarded.
const responsePayloadMax :UInt32 = 512;
# Longest reply of a service that is returned.
const deadlineMsMax :UInt32 = 60000;
# Longest time that a caller may give a call.
const pingBytes :UInt32 = 16;
# Length of a ping, and of a pong.

const replyBit :UInt8 = 0x80;
# In a service's reply the operation's number has this bit set.

enum Type $A.bits(8) $A.open {
  # The type of a frame.
  request @0 $A.code(1);
  response @1 $A.code(2);
  ping @2 $A.code(3);
  pong @3 $A.code(4);
}

enum Status $A.bits(8) $A.open {
  # The outcome of a call.
  ok @0;
  refused @1;
  # The gateway did not let the call through; the caller does not learn why.
  failed @2;
  # The service gave no answer in time, or none that fits.
  busy @3;
  # The service has as many calls as it takes at a time.
}

enum Denial {
  # The reasons for which the gateway refuses a call; `audit.Outcome` has the same ones.
  unauthenticated @0;
  # The session is not ready.
  malformed @1;
  # It has not the shape of a call.
  oversized @2;
  # Its payload is longer than any that is forwarded.
  rate @3;
  # The peer has called too often of late.
  service @4;
  # The service or the operation is not known, or not on the allowlist.
  busy @5;
  # The service has as many calls as it takes at a time.
}

enum Service $A.bits(8) {
  # Services that a peer may be allowed to call.
  samgrd @0 $A.code(1);
  bundlemgrd @1 $A.code(2);
  packagefsd @2 $A.code(3);
  statefsd @3 $A.code(4);
  logd @4 $A.code(5);
}

struct Request $A.frame $A.headBytes(.requestHeadBytes) {
  # A call.
  type @0 :Type = request $A.always;
  service @1 :UInt8;
  # A number of `Service`, or one that is not known here.
  length @2 :UInt16;
  correlation @3 :UInt64;
  # Names the call in the session; with an epoch above it, beyond the session.
  deadlineMs @4 :UInt32;
  # From receipt, 1 to `deadlineMsMax`.
  reserved @5 :UInt16 $A.reserved;
  payload @6 :Data $A.lengthIn("length") $A.bytesMax(.requestPayloadMax);
  # A frame of the service.
}

struct Response $A.frame $A.headBytes(.responseHeadBytes) {
  # The one answer to a call.
  type @0 :Type = response $A.always;
  status @1 :Status;
  length @2 :UInt16;
  correlation @3 :UInt64;
  # That of the request.
  reserved @4 :UInt32 $A.reserved;
  payload @5 :Data $A.lengthIn("length") $A.bytesMax(.responsePayloadMax);
  # A frame of the service; empty unless the status is `ok`.
}

struct Keepalive $A.frame $A.headBytes(.pingBytes) {
  # A ping, or the pong with its nonce.
  type @0 :Type;
  reserved @1 :Data $A.width(7) $A.reserved;
  nonce @2 :UInt64;
}
