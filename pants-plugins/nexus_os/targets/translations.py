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

# The value of a field that leaves the processor to the host.
HOST = "host"
AARCH64 = "aarch64"
X86_64 = "x86_64"
PROCESSORS = (X86_64, AARCH64)


class TranslationDependenciesField(Dependencies):
    help = "Seldom needed: the dependency on the image is inferred."


class TranslationImageField(StringField, AsyncFieldMixin):
    alias = "image"
    required = True
    help = help_text(
        """
        Address of the `rv64_system_image`, `rv64_guest_image` or `rv64_prebuilt_image` whose code
        is translated. For a system image, the kernel and every service in the archive are
        translated. The address of the kernel alone translates only the kernel, which is quicker
        and fits every image with that kernel.
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

        `package` builds it on all processors, in about 200 ms of processor time for a KiB of code;
        the same code is translated once. A page of guest memory is looked up by its content, so a
        translation of another image is never wrong: a page that it lacks is interpreted. Name it in
        the field `translations` of a test or of a `guest_run`, or give the file to
        `nexus vm run --engine translated --translations FILE`.

        Example:

            rv64_translation(name="translations", image="//src/guest:system")
        """
    )


class InterpreterMarkField(BoolField):
    alias = "_native_interpreter"
    default = True
    help = "Marks this target as the native interpreter."


class NativeInterpreter(Target):
    alias = "native_interpreter"
    core_fields = (*COMMON_TARGET_FIELDS, OutputPathField, InterpreterMarkField, ProcessorField)
    help = help_text(
        """
        The emulator's native interpreter as a file. Tests and runs that boot machines have it
        without this; the target is for programs that call the emulator themselves, with
        `--native-blob`. The file for the host is `native-interpreter.bin`; a file for a named
        processor has the processor's name in its own.

        Example:

            native_interpreter(name="interpreter")
            native_interpreter(name="for_arm", processor="aarch64")
        """
    )
