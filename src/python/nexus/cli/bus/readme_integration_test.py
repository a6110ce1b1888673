"""The program in README.md, run as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from nexus.cli.bus.bus_scene import serving, write_files

README = Path(__file__).parents[5] / "README.md"


def test_the_readmes_program_says_what_it_should(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    # It is short enough to be read at a glance; how many lines are blank is the formatter's.
    assert len(list(filter(None, program.splitlines()))) <= 10
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    write_files(tmp_path)
    with serving(tmp_path, "bus", "serve", "--register", "bundlemgrd"):
        result = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert (result.stdout, result.stderr) == ("bundlemgrd is registered: True\n", "")
