"""Clones of this repository: what one has built, another gets from the cache, or builds the same.

The first clone builds and writes.  The second, with nothing local, finds every process.  Then the
image is taken out of the store, so that a third must build it, elsewhere: the same bytes again.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from nexus.remotecache import report
from nexus.remotecache.proof_project import Run
from nexus.remotecache.proof_stage import Stage, expect, expect_counters, expect_report

# A guest image and the tests of a guest library: an installed compiler, a build, a test.
GOALS: Final = (
    "package",
    "src/guest/services/logd:logd",
    "test",
    "src/guest/lib/wire:tests",
)
IMAGE: Final = "dist/src.guest.services.logd/logd.elf"

# The machine that an ELF file is for (`e_machine`), as the file has it.
RISCV: Final = b"\xf3\x00"

# The compiler as a PEX, the image, the test.
PROCESSES_MIN: Final = 3


def clones_share_and_agree(stage: Stage) -> None:
    """Found by the second clone, built again by the third, and the same image in all of them."""
    place = stage.folder / stage.salt
    clones = [place / name for name in ("clone", "elsewhere/another-clone", "third/clone")]
    environment = stage.environment(stage.shared)
    environment["PANTS_CONFIG_FILES"] = "pants.ci.toml"
    # As in the small project: no server on a busy machine shall be late.
    environment["PANTS_REMOTE_CACHE_RPC_TIMEOUT_MILLIS"] = "60000"
    writer = run_in_clone(stage, stage.root, clones[0], environment)
    written = writer.stats["write_successes"]
    if written < PROCESSES_MIN:
        raise AssertionError(f"{written} processes written, at least {PROCESSES_MIN} expected")
    expect_counters(writer, requests=written, requests_cached=0, read_errors=0, write_errors=0)
    reader = run_in_clone(stage, clones[0], clones[1], environment)
    expect_counters(
        reader,
        requests=written,
        requests_cached=written,
        requests_uncached=0,
        read_errors=0,
        write_attempts=0,
    )
    expect_report(reader, report.SERVED, all_found=True)
    for blob in linked_images(stage.shared.objects):
        blob.unlink()
    builder = run_in_clone(stage, clones[0], clones[2], environment)
    expect_counters(
        builder,
        requests_cached=written - 1,
        requests_uncached=1,
        read_errors=0,
        write_successes=1,
    )
    images = {(clone / IMAGE).read_bytes() for clone in clones}
    expect("different images", len(images), 1)


def linked_images(objects: Path) -> list[Path]:
    """Find what the linker gave for a guest; Pants takes its debug information away by itself.

    Raises:
        AssertionError: There is none.
    """
    found: list[Path] = []
    for path in sorted(objects.glob("*/*")):
        with path.open("rb") as file:
            head = file.read(20)
        if head.startswith(b"\x7fELF") and head[18:] == RISCV:
            found.append(path)
    if not found:
        raise AssertionError(f"{objects}: no guest image is in the store")
    return found


def run_in_clone(stage: Stage, source: Path, clone: Path, environment: dict[str, str]) -> Run:
    """Clone what is committed, and build there with nothing local.

    The later ones are clones of the first, since a user may commit in the meantime.
    """
    clone.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "clone", "-q", "--depth=1", source.as_uri(), str(clone)], check=True)
    state = stage.folder / f"{stage.salt}-{len(stage.runs)}-state"
    return stage.run_pants(clone / "pants", clone, state, GOALS, environment)
