"""Runs many recipes over the host's processors, in processes that share what was prepared.

Each process is forked when all is prepared, so that a run costs no start and no reading.  A run
has no state but its own, so which process has it cannot matter.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Final

from nexus.campaign.prepare import Prepared
from nexus.campaign.recipe import Recipe
from nexus.campaign.result import SeedResult, result_of
from nexus.campaign.run import run
from nexus.harness.child import die_with_parent
from nexus.harness.engine import HostFaultError

# Runs that wait in the pool for each process; more would only be late to stop.
_AHEAD: Final = 2
JOBS_MAX: Final = 256

# The values that forked processes take over.  Written before the fork alone.
_prepared: Mapping[str, Prepared] = {}


def jobs_default() -> int:
    """As many processes as this one may use processors."""
    return min(len(os.sched_getaffinity(0)), JOBS_MAX)


def run_all(
    prepared: Mapping[str, Prepared],
    work: Iterable[tuple[str, int]],
    jobs: int,
    is_over: Callable[[], bool] = lambda: False,
) -> Generator[SeedResult, None, None]:
    """Run scenarios (by name) and seeds; results come as they are ready.

    Raises:
        HostFaultError: a process died.
    """
    if jobs == 1:
        for name, seed in work:
            if is_over():
                return
            yield _timed(prepared[name], seed)
        return
    global _prepared
    _prepared = prepared
    left = iter(work)
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin) as pool:
        running: set[Future[SeedResult]] = set()
        try:
            while True:
                room = 0 if is_over() else jobs * _AHEAD - len(running)
                running |= {pool.submit(_run_here, *item) for item in islice(left, room)}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool as exc:
            raise HostFaultError("a process of the campaign was killed; is memory short?") from exc
        except BaseException:  # An interrupt does not wait for what is running.
            for process in multiprocessing.active_children():
                process.kill()
            raise
        finally:
            for future in running:
                future.cancel()


def _begin() -> None:
    """Make a process of the pool end with its parent, and by the signals that its parent notes."""
    die_with_parent()
    for number in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.default_int_handler:
            signal.signal(number, signal.SIG_DFL)


def _run_here(name: str, seed: int) -> SeedResult:
    return _timed(_prepared[name], seed)


def _timed(prepared: Prepared, seed: int) -> SeedResult:
    began = time.monotonic()
    ran = run(prepared, Recipe(seed=seed))
    return result_of(ran, (time.monotonic() - began) * 1000)
