@0xad28b96b00588a67;
# Frames of the streams inside a session.

using A = import "annotations.capnp";

const version :UInt8 = 1;

const nameBytesMax :UInt8 = 64;
# Longest name of a stream.
const priorityMax :UInt8 = 7;
# 0 goes first.
const dataHeadBytes :UInt8 = 5;
# The head before the bytes of DATA.
const dataBytesMax :UInt32 = 32768;
# Bytes in one DATA, of every kind of session; what a side really accepts is in its SETTINGS.
const messageBytesLeast :UInt32 = 512;
# The shortest limit for a plaintext that a side may set.
const messageBytesMost :UInt32 = 65519;
# The longest: a message of Noise without its tag.
const burstFramesMax :UInt8 = 8;
# Frames of the highest priority while a lower one waits.

enum Type $A.bits(8) $A.open {
  # The type of a frame; numbers below 16 are frames of the gateway.
  settings @0 $A.code(16);
  open @1 $A.code(17);
  openAck @2 $A.code(18);
  data @3 $A.code(19);
  credit @4 $A.code(20);
  close @5 $A.code(21);
  reset @6 $A.code(22);
}

enum ResetReason $A.bits(8) $A.open {
  # The reason for which a stream is reset.
  unwanted @0;
  # This side does not take, or no longer wants, this stream.
  unknownStream @1;
  # No stream of this name is served here.
  nonsense @2;
  # The bytes that came do not belong on this stream.
}

enum Reject $A.failures {
  # The rule of streams that a peer broke, for which its session ended.
  malformed @0 $A.word("mux.reject.malformed_frame");
  frameOversize @1 $A.word("mux.reject.frame_oversize");
  invalidTransition @2 $A.word("mux.reject.invalid_stream_state_transition");
  credit @3 $A.word("mux.reject.window_credit_overflow_or_underflow");
  unknownFrame @4 $A.word("mux.reject.unknown_stream_frame");
  unauthenticated @5 $A.word("mux.reject.unauthenticated_session");
  streamLimit @6 $A.word("mux.reject.stream_limit_exceeded");
  duplicateName @7 $A.word("mux.reject.duplicate_stream_name");
  invalidName @8 $A.word("mux.reject.invalid_stream_name");
}

struct SettingsFrame $A.frame {
  # The limits of the sender, in its first frame besides keepalive.
  type @0 :Type = settings $A.always;
  version @1 :UInt8 = 1 $A.always;
  streamsMax @2 :UInt16;
  # Streams that the other side may have open.
  messageBytesMax @3 :UInt32;
  # The longest plaintext that it accepts, `messageBytesLeast` to `messageBytesMost`.
  initialCredit @4 :UInt32;
  # Bytes that may be sent on a new stream.
}

struct OpenFrame $A.frame {
  # A new stream of the sender's.
  type @0 :Type = open $A.always;
  stream @1 :UInt32;
  priority @2 :UInt8;
  # At most `priorityMax`.
  nameLength @3 :UInt8;
  # At least 1.
  name @4 :Text $A.lengthIn("nameLength") $A.bytesMax(.nameBytesMax);
}

struct OpenAckFrame $A.frame {
  # The sender uses the stream.
  type @0 :Type = openAck $A.always;
  stream @1 :UInt32;
}

struct DataFrame $A.frame $A.headBytes(.dataHeadBytes) {
  # Bytes of a stream.
  type @0 :Type = data $A.always;
  stream @1 :UInt32;
  bytes @2 :Data $A.bytesMax(.dataBytesMax);
  # At least 1.
}

struct CreditFrame $A.frame {
  # The receiver of this frame may send this many more bytes.
  type @0 :Type = credit $A.always;
  stream @1 :UInt32;
  count @2 :UInt32;
}

struct CloseFrame $A.frame {
  # The sender sends no more data on the stream.
  type @0 :Type = close $A.always;
  stream @1 :UInt32;
}

struct ResetFrame $A.frame {
  # The stream is over, in both directions.
  type @0 :Type = reset $A.always;
  stream @1 :UInt32;
  reason @2 :ResetReason;
}
