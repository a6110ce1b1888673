@0x9707e6bfedbfe8ab;
# Annotations of the contract: facts for which the schema language has no words.

annotation code(enumerant) :UInt32;
# The number on the wire. Without it that is the enumerant's ordinal.

annotation word(enumerant) :Text;
# The text on the wire or in a record. An enumeration has numbers or texts, not both.

annotation bits(enum) :UInt8;
# The bits of the number on the wire: 8, 16, 32 or 64.

annotation open(enum) :Void;
# A reader may meet numbers that no member has: those of a later version.

annotation failures(enum) :Void;
# The members are reasons to end something: errors in zig, named as their words end.

annotation changes(enumerant) :Void;
# The operation has an effect, so that its repetition is not the same as one call.

annotation never(enumerant) :Void;
# No rule of a configuration lets the operation through: it is for services of the node itself.

annotation guest(enumerant) :Void;
# Spoken between services of one guest only; the host's side does not know the member.

annotation serves(interface) :Text;
# The member of `gateway.Service` that answers, in the spelling of the schema.

annotation bytesMax(field, param) :UInt32;
# Longest text or data that is accepted.

annotation serviceMax(param) :UInt32;
# Longest text or data that the service takes. A reader lets more through: a gateway judges a
# message as the frame that it stands for, and the service says what is too long for it.

annotation optional(param) :Void;
# A text that a caller may leave out. Its frame then ends before it, and has it behind all else.

annotation itemsMax(field, param) :UInt32;
# Longest list that is accepted.

annotation frame(struct) :Void;
# The struct is bytes on the wire, and no message: its fields are packed in their order, and
# little-endian. A text, data or a list ends a part of it.

annotation headBytes(struct) :UInt32;
# The bytes of the part of a frame that comes first: its fields must add up to this.

annotation always(field) :Void;
# In every frame of the kind the field is its default.

annotation reserved(field) :Void;
# The field is zero: a frame in which it is anything else is refused.

annotation bigEndian(field) :Void;
# A number whose first byte is its highest; all others are little-endian.

annotation width(field) :UInt32;
# Data or a text of exactly so many bytes.

annotation lengthIn(field) :Text;
# The field before it that says how long a text or data is, or how many items a list has. Without
# it, it goes on to the frame's end.

annotation prefix(field) :UInt8;
# Bits of the length in front of each text of a list.

annotation line(struct) :Text;
# The struct is a line of text: its fields stand in it, in their order and in braces.

annotation shown(field) :Void;
# A text of unknown origin: it is written with `?` for each byte outside of `!`..`~`, unless the
# field says otherwise.

annotation hex(field) :UInt8;
# A number in hexadecimal digits, of which there are so many at least.

annotation member(field) :Void;
# A text that is the name of a member of an enumeration of the guest.
