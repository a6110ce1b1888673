"""`./pants run ci:remote_cache_proof`: that a shared cache serves, and what it does when it cannot.

A small project meets each fault.  A fault may cost time and never a result: every run must succeed,
and its counters must say what happened.  Then clones of this repository under different paths: one
builds, the next, with nothing local, must get every process from the cache, and what a third must
build again has the same bytes.  Wall time is not looked at.  The report is JUnit, one case each.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

from nexus.remotecache import credentials
from nexus.remotecache.proof_clones import clones_share_and_agree
from nexus.remotecache.proof_faults import FAULTS
from nexus.remotecache.proof_stage import Stage


def main(argv: Sequence[str]) -> int:
    """Play every case, or those named; 0 if all went as they must."""
    parser = argparse.ArgumentParser(prog="remote_cache_proof", description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help="names of cases; default: all")
    parser.add_argument("--out", type=Path, default=Path("dist/remote-cache"))
    parser.add_argument("--root", type=Path, default=Path(), help="this repository")
    arguments = parser.parse_args(argv)
    cases: dict[str, Callable[[Stage], None]] = {
        case.__name__: case for case in (*FAULTS, clones_share_and_agree)
    }
    if unknown := set(arguments.cases) - set(cases):
        print(f"no case {sorted(unknown)}; there are {', '.join(cases)}", file=sys.stderr)
        return 2
    report = ElementTree.Element("testsuite", name="remote_cache")
    failed = 0
    with tempfile.TemporaryDirectory(prefix="nexus-proof-") as folder:
        made = credentials.create(Path(folder) / "keys", lifetime=timedelta(hours=2))
        for name in arguments.cases or cases:
            stage = Stage(Path(folder), arguments.root.resolve(), made, name)
            complaint = play(cases[name], stage)
            print(f"{'FAILED' if complaint else 'ok':6} {name}\n{complaint}".rstrip(), flush=True)
            case = ElementTree.SubElement(report, "testcase", classname="remote_cache", name=name)
            if complaint:
                ElementTree.SubElement(case, "failure", message="see the text").text = complaint
                failed += 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(report).write(arguments.out / "junit.xml", encoding="utf-8")
    return 1 if failed else 0


def play(case: Callable[[Stage], None], stage: Stage) -> str:
    """Play one case: what is wrong, or nothing."""
    try:
        case(stage)
    except Exception:  # Whatever went wrong is the verdict on this case, and the others follow.
        return traceback.format_exc() + stage.last_log()
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
