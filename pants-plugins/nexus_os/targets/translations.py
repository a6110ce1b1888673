"""The targets of compiled emulator code: translations of guest images, and the interpreter."""

from __future__ import annotations

from pants.core.goals.package import OutputPathField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    BoolField,
    Dependencies,
    StringField,
    Target,
)
from pants.util.strutil import help_text

# What a field says that leaves the processor to the host.
HOST = "host"
AARCH64 = "aarch64"
X86_64 = "x86_64"
PROCESSORS = (X86_64, AARCH64)


class TranslationDependenciesField(Dependencies):
    help = "Seldom needed: the image is depended on by itself."


class TranslationImageField(StringField, AsyncFieldMixin):
    alias = "image"
    required = True
    help = help_text(
        """
        Address of the `rv64_system_image`, `rv64_guest_image` or `rv64_prebuilt_image` whose code
        is translated. Of a system image that is the kernel and every service in the archive;
        naming the kernel alone translates the kernel alone, which is quicker and fits every image
        that has it.
        """
    )


class ProcessorField(StringField):
    alias = "processor"
    default = HOST
    value: str
    valid_choices = (HOST, *PROCESSORS)
    help = help_text(
        """
        What the code is for: `host`, or a processor by its name. Each has a product of its own,
        which every host makes alike; only a host with that processor runs it.
        """
    )


class Rv64Translation(Target):
    alias = "rv64_translation"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        TranslationDependenciesField,
        OutputPathField,
        TranslationImageField,
        ProcessorField,
    )
    help = help_text(
        """
        The code of a guest image, compiled for a processor: what the emulator's engine
        `translated` runs instead of interpreting.

        `package` builds it, on all processors and once for a content, at about 200 ms of processor
        time for a KiB of code. A page of guest memory is looked up by what it holds, so a
        translation of another image is never wrong: what it lacks is interpreted. Name it in the
        field `translations` of a test or of a `guest_run`, or give the file to
        `nexus vm run --engine translated --translations FILE`.

        Example:

            rv64_translation(name="translations", image="//src/guest:system")
        """
    )


class InterpreterMarkField(BoolField):
    alias = "_native_interpreter"
    default = True
    help = "Tells this target from others."


class NativeInterpreter(Target):
    alias = "native_interpreter"
    core_fields = (*COMMON_TARGET_FIELDS, OutputPathField, InterpreterMarkField, ProcessorField)
    help = help_text(
        """
        The emulator's native interpreter as a file. Tests and runs that boot machines have it
        without this; the target is for what calls the emulator by itself, with `--native-blob`.
        The file of the host is `native-interpreter.bin`; one of a named processor has that name
        in its own.

        Example:

            native_interpreter(name="interpreter")
            native_interpreter(name="for_arm", processor="aarch64")
        """
    )
