"""A campaign of the real guest that is short, and one that fails; images are those of the test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final  # Any: JSON, as it is read.

from nexus.campaign import simulate
from nexus.emulator.native_interpreter_support import INTERPRETER

IMAGE: Final = Path("src.guest/system.elf").resolve()
PACKAGES: Final = Path("testprojects.packages/packages.img").resolve()
WORLD: Final = Path("ci/os2vm.toml").resolve()
LINES: Final = Path("src.guest/lines.json").resolve()
NATIVE: Final = Path(INTERPRETER).resolve()
TRANSLATIONS: Final = Path("ci/kernel_translations.translations").resolve()

IMAGES: Final = ("--image", f"system={IMAGE}", "--image", f"packages={PACKAGES}")

# Short: the reference interpreter has to do it, too.
SHORT: Final = f"""\
world = "{WORLD}"
text = "a boot on a bad network"
[budget]
faults_from_ms = 10
heal_ms = 36
run_ms = 40
[[fault]]
kind = "loss"
chance = "1"
most = "1/4"
may_idle = true
[[fault]]
kind = "reorder"
chance = "1"
most = "1/2"
may_idle = true
[[fault]]
kind = "pause"
chance = "1"
length_ms = [1, 3]
may_idle = true
"""

# A rule that a run breaks when B has lost three frames, and faults that have nothing to do with it.
FAILING: Final = f"""\
world = "{WORLD}"
text = "an oracle that counts"
oracles = ["oracle.py"]
[budget]
faults_from_ms = 12
heal_ms = 290
run_ms = 300
[[fault]]
kind = "loss"
at = ["A>B"]
chance = "1"
most = "1"
[[fault]]
kind = "corrupt"
at = ["B>A"]
chance = "1"
may_idle = true
[[fault]]
kind = "delay"
chance = "1"
length_ms = [10, 20]
amount = [100, 500]
count = 4
may_idle = true
"""

ORACLE: Final = """\
from nexus.campaign.judging import Violation

def check(observation):
    lost = [frame for frame in observation.frames if "loss" in frame.fates]
    if len(lost) >= 3:
        yield Violation("three-lost", "B", lost[2].sent_ns, "three frames were lost")
"""


def run(folder: Path, text: str, *more: str, name: str = "short") -> tuple[int, dict[str, Any]]:
    """Run a campaign; its exit code, and what results.json says without the host's part."""
    path = folder / f"{name}.toml"
    path.write_text(text)
    (folder / "oracle.py").write_text(ORACLE)
    out = folder / "out"
    code = simulate.main(
        [str(path), *IMAGES, "--native-blob", str(NATIVE), "--out", str(out), *more]
    )
    results = json.loads((out / "results.json").read_text())
    del results["wall"]
    return code, results
