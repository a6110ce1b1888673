import pytest

from nexus.emulator.isa.decode import BASE
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob import Blob, BlobError, unpack
from nexus.emulator.native.blob_support import HOST, native_blob
from nexus.emulator.native.build import build
from nexus.emulator.native.flatten import FlattenError, flatten
from nexus.emulator.native.mapping import Code
from nexus.emulator.native.processor import AARCH64, PROCESSORS, X86_64, Processor
from nexus.emulator.program_support import program

GOOD = Blob(enter=0, fill=4, handlers=3, code=b"\xc3" * 8, processor=HOST).pack()


def test_a_blob_round_trips() -> None:
    for processor in PROCESSORS:
        blob = Blob(enter=0, fill=4, handlers=3, code=b"\xc3" * 8, processor=processor)
        assert unpack(blob.pack()) == blob


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes"),
        (b"ELF!" + GOOD[4:], "magic"),
        (GOOD[:4] + b"\x09" + GOOD[5:], "format"),
        (GOOD[:6] + b"\x09" + GOOD[7:], "processor 9; expected 1 .x86_64. or 2 .aarch64."),
        (GOOD[:8] + bytes([GOOD[8] ^ 1]) + GOOD[9:], "another instruction table"),
        (GOOD[:-1], "length"),
        (Blob(enter=8, fill=0, handlers=0, code=b"\xc3" * 8, processor=HOST).pack(), "outside"),
    ],
)
def test_a_blob_that_does_not_fit_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(BlobError, match=message):
        unpack(data)
    with pytest.raises(BlobError, match=message):
        Machine(MachineOptions(kernel=program("nop"), engine="native", native_blob=data))


def test_building_twice_gives_the_same_bytes() -> None:
    assert build(HOST) == native_blob()


def test_every_processor_has_code_of_its_own() -> None:
    others = [processor for processor in PROCESSORS if processor is not HOST]
    ours = unpack(native_blob())
    for processor in others:
        theirs = unpack(build(processor))
        assert theirs.processor is processor
        assert theirs.code != ours.code
        assert (theirs.handlers, theirs.compiler) == (ours.handlers, ours.compiler)


def test_the_blob_stays_small() -> None:
    """It is mapped for every machine; a jump in size is a change worth noticing."""
    assert len(native_blob()) < 256 << 10  # Pairs were the last jump.
    assert unpack(native_blob()).handlers > len(BASE)


@pytest.mark.parametrize("processor", PROCESSORS)
def test_an_object_that_needs_others_is_refused(processor: Processor) -> None:
    from nexus.emulator.native.build import compile_object

    text = """
    declare void @elsewhere()
    define dso_local void @f() {
        call void @elsewhere()
        ret void
    }
    """
    with pytest.raises(FlattenError, match="cannot be resolved"):
        flatten(compile_object(text, processor))


@pytest.mark.parametrize(
    ("machine", "made_for", "message"),
    [
        ("aarch64", X86_64, "made for x86_64, and this host is aarch64; give that of this host"),
        ("x86_64", AARCH64, "made for aarch64, and this host is x86_64; give that of this host"),
        ("AMD64", AARCH64, "made for aarch64, and this host is AMD64; give that of this host"),
        ("ppc64le", AARCH64, "and this host is ppc64le; use the engine reference"),
        ("", X86_64, "and this host is unknown; use the engine reference"),
    ],
)
def test_another_processor_is_told_so(
    monkeypatch: pytest.MonkeyPatch, machine: str, made_for: Processor, message: str
) -> None:
    monkeypatch.setattr("nexus.emulator.native.processor.machine_name", lambda: machine)
    with pytest.raises(BlobError, match=message):
        Code(Blob(enter=0, fill=4, handlers=3, code=b"\xc3" * 8, processor=made_for))


@pytest.mark.parametrize("options", [{"engine": "native"}, {"native_blob": GOOD}])
def test_blob_and_engine_go_together(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="native_blob"):
        MachineOptions(kernel=program("nop"), **options)  # type: ignore[arg-type]  # Mixed types.
