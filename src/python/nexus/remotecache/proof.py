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
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Final

from nexus.core import junit
from nexus.core.commandline import bounded, fail
from nexus.core.errors import UsageError
from nexus.core.exits import EXIT_CONFIG
from nexus.entry.arguments import ArgumentParser
from nexus.entry.program import Text, run_program
from nexus.remotecache import (
    asking,
    conformance,
    connection,
    credentials,
    proof_broken,
    proof_faults,
    server,
    settings,
    team,
)
from nexus.remotecache.processes import ServerError, ignore_ending, take_ending
from nexus.remotecache.proof_clones import clones_share_and_agree
from nexus.remotecache.proof_execution import executes_remotely
from nexus.remotecache.proof_project import Run
from nexus.remotecache.proof_stage import NotTriedError, Stage, Verdict

Case = Callable[[Stage], None]

# The longest first, so that the others do not wait for it in the end.
CASES: Final[Mapping[str, Case]] = {
    case.__name__: case
    for case in (
        clones_share_and_agree,
        *proof_broken.CASES,
        executes_remotely,
        *proof_faults.CASES,
    )
}

# Each has its Pants and mostly waits for it or for a server to start: half a GB and a processor.
SIDE_BY_SIDE: Final = 2
SIDE_BY_SIDE_MAX: Final = 64

# Pants 2.17.1 writes a script and starts it while another thread forks: now and then the kernel
# says that the file is busy, and the second try of Pants always fails.  Then the run ends, whatever
# the cache does.
BREAKDOWN: Final = "Error launching process after 1 retry for ETXTBSY"
NEW_BEGINNINGS_MAX: Final = 2


def main(argv: Sequence[str]) -> int:
    """Play every case, or those named; 0 if all went as they must."""
    parser = ArgumentParser("ci:remote_cache_proof", __doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help="names of cases; default: all")
    parser.add_argument("--out", type=Path, default=Path("dist/remote-cache"))
    parser.add_argument("--root", type=Path, default=Path(), help="this repository")
    text = f"cases side by side; default {SIDE_BY_SIDE}"
    parser.add_argument("--jobs", default=str(SIDE_BY_SIDE), metavar="N", help=text)
    parser.add_argument("--address", metavar="URL", help="ask a server, grpcs://HOST:PORT, instead")
    parser.add_argument("--token", type=Path, metavar="FILE", help="a token for --address")
    parser.add_argument(
        "--authority",
        type=Path,
        metavar="FILE",
        help="the authority that signed --address's certificate",
    )
    parser.add_argument(
        "--instance", default=settings.INSTANCE, help="the instance name of --address"
    )
    try:
        arguments = parser.parse_args(argv)
        arguments.jobs = bounded("--jobs", arguments.jobs, 1, SIDE_BY_SIDE_MAX)
        if arguments.address is not None and arguments.cases:
            raise UsageError(
                f"{arguments.cases[0]!r}: --address asks everything that can be asked from "
                "outside; give no names of cases"
            )
    except UsageError as exc:
        return fail(exc, EXIT_CONFIG)
    if arguments.address is not None:
        return ask(arguments)
    if unknown := [name for name in arguments.cases if name not in (*CASES, *team.CASES)]:
        known = ", ".join((*CASES, *team.CASES))
        print(f"error: {unknown[0]!r} is not a case; expected some of {known}", file=sys.stderr)
        return EXIT_CONFIG
    take_ending(stop)
    with tempfile.TemporaryDirectory(prefix="nexus-proof-") as folder:
        names = arguments.cases or [*CASES, *team.ALWAYS]
        verdicts = play_all(names, Path(folder), arguments.root.resolve(), arguments.jobs)
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_report(arguments.out / "junit.xml", verdicts)
        print(summary(verdicts), flush=True)
    return 1 if any(verdict.complaint for verdict in verdicts) else 0


def ask(arguments: argparse.Namespace) -> int:
    """Ask a foreign server: 0 if it does what ours does, 1 if not."""
    try:
        scheme, _, place = arguments.address.partition("://")
        if scheme not in ("grpc", "grpcs"):
            raise UsageError(
                f"--address: {arguments.address!r} is not an address; expected grpcs://HOST:PORT, "
                "or grpc:// without TLS"
            )
        host, port = connection.parse_address("--address", place)
        remote = connection.Remote(
            host, port, arguments.authority, arguments.token, insecure=scheme == "grpc"
        )
        if remote.token is not None:
            connection.read_token(remote.token)
        connection.look(remote)
        asked = asking.Asked(remote, arguments.instance)
        asking.hold_answer(asked)
    except UsageError as exc:
        return fail(exc, EXIT_CONFIG)
    except ServerError as exc:
        return fail(exc, exc.exit_code)
    rows = conformance.ask(asked)
    print(asking.render(rows), end="")
    different = sum(row.verdict == "differs" for row in rows)
    print(f"remote_cache_proof: {different} of {len(rows)} cases differ", flush=True)
    return 1 if different else 0


def summary(verdicts: Sequence[Verdict]) -> str:
    """The last line."""
    failed = [verdict.name for verdict in verdicts if verdict.complaint]
    not_tried = [verdict.name for verdict in verdicts if verdict.not_tried]
    passed = len(verdicts) - len(failed) - len(not_tried)
    line = f"remote_cache_proof: {passed} of {len(verdicts)} cases passed"
    line += f"; failed: {', '.join(failed)}" if failed else ""
    line += f"; NOT TRIED: {', '.join(not_tried)}" if not_tried else ""
    return line


def play_all(names: Sequence[str], folder: Path, root: Path, jobs: int) -> list[Verdict]:
    """Play cases side by side, each in folders of its own, with one healthy server for all."""
    made = credentials.create(folder / "keys", lifetime=timedelta(hours=2))
    shared_folder = folder / "shared"
    shared_folder.mkdir(mode=0o700)
    with server.running(shared_folder, made, server.Place()) as shared:
        stages = [Stage(folder, root, made, shared, name) for name in names if name in CASES]
        hosts = [name for name in names if name in team.CASES]
        with ThreadPoolExecutor(jobs) as pool:
            try:
                together = pool.submit(play_team, hosts, folder, root)
                alone = list(pool.map(play, stages))
                return [*alone, *together.result()]
            except SystemExit:
                pool.shutdown(wait=False, cancel_futures=True)
                for stage in stages:
                    stage.stop()
                raise


def play_team(names: Sequence[str], folder: Path, root: Path) -> list[Verdict]:
    """Play the cases of a team of hosts, one after the other."""
    return [tell(one) for one in team.play(names, folder / "team", root)] if names else []


def play(stage: Stage) -> Verdict:
    """Play one case and say how it went; begin anew, and say so, where Pants itself broke down."""
    verdict = try_once(stage)
    while verdict.complaint and stage.attempt < NEW_BEGINNINGS_MAX and broke_down(stage.runs):
        print(f"anew   {stage.name}: Pants could not start a process ({BREAKDOWN})", flush=True)
        stage.attempt += 1
        stage.runs.clear()
        verdict = try_once(stage)
    return tell(verdict)


def broke_down(runs: Sequence[Run]) -> bool:
    """Whether the last run ended by the one fault of Pants that nothing here can cause or avoid."""
    return bool(runs) and BREAKDOWN in runs[-1].log


def try_once(stage: Stage) -> Verdict:
    """Play one case."""
    verdict = Verdict(stage.name)
    try:
        CASES[stage.name](stage)
    except NotTriedError as exc:
        verdict = Verdict(stage.name, not_tried=str(exc))
    except Exception:  # Whatever went wrong is the verdict on this case, and the others follow.
        verdict = Verdict(stage.name, complaint=traceback.format_exc() + stage.last_log())
    return verdict


def tell(verdict: Verdict) -> Verdict:
    """Print a verdict, and hand it on."""
    if verdict.complaint:
        text = f"FAILED {verdict.name}\n{verdict.complaint.rstrip()}"
    elif verdict.not_tried:
        text = f"NOT TRIED {verdict.name}: {verdict.not_tried}"
    else:
        text = f"ok     {verdict.name}" + (f": {verdict.said}" if verdict.said else "")
    print(text, flush=True)
    return verdict


def write_report(path: Path, verdicts: Sequence[Verdict]) -> None:
    """Write JUnit, one case a verdict."""
    cases = [_case(verdict) for verdict in verdicts]
    report = junit.document("remote_cache", cases, ("tests", "failures", "skipped"))
    path.write_text(report, encoding="utf-8")


def _case(verdict: Verdict) -> junit.Case:
    case = junit.Case(classname="remote_cache", name=verdict.name)
    if verdict.complaint:
        return replace(case, failure="see the text", detail=verdict.complaint)
    return replace(case, skipped=verdict.not_tried or None)


def stop(number: int, _frame: FrameType | None) -> None:
    """End the runs and the servers with this process; a second signal must not disturb that."""
    ignore_ending()
    sys.exit(128 + number)


if __name__ == "__main__":
    run_program(main, Text.REPORT)
