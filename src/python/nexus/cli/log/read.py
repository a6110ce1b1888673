"""`nexus log`: the log of a peer, as far as the peer permits.

One line a record: seconds of the peer's clock, level, the service that wrote it, its scope, the
text.  What was there when the command began is read and no more, since each look into a guest's log
adds to it.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from nexus.cli.bus.program import (
    Outcome,
    add_peer,
    command_line,
    emit,
    fail,
    outcome_of,
    read_settings,
)
from nexus.config.defaults import START
from nexus.core.errors import NexusError
from nexus.core.identity import service_id
from nexus.dsoftbus.io.log import TIMEOUT_S, read_log
from nexus.dsoftbus.io.node import Node
from nexus.dsoftbus.log_reader import LogReader
from nexus.entry.options import whole
from nexus.entry.program import run_program
from nexus.wire.log import Level, Record

_NAMES: Final[Mapping[int, str]] = {service_id(name): name for name in ("init", *START)}
_U64_MAX: Final = (1 << 64) - 1
_LEVELS: Final = tuple(level.name.lower() for level in Level)


def main(arguments: Sequence[str]) -> int:
    """Print a peer's log."""
    parser = command_line(
        "log",
        "Print a peer's log, oldest record first: seconds of its clock, level, service, scope,"
        " text. The peer permits it by the operation query of its logd. The error stream says how"
        " many records the peer had no room for.",
        "node-b --level warn",
        group="",
    )
    add_peer(parser, TIMEOUT_S)
    parser.add_argument(
        "--since",
        type=whole(0, _U64_MAX),
        default=0,
        metavar="NS",
        help="from this nanosecond of the peer's clock on (default 0)",
    )
    parser.add_argument(
        "--limit",
        type=whole(1, _U64_MAX),
        metavar="N",
        help="at most the first N records (default all)",
    )
    parser.add_argument("--scope", metavar="S", help="only records of this scope")
    parser.add_argument("--level", choices=_LEVELS, help="only records as grave as this")
    is_json = "--json" in arguments
    try:
        asyncio.run(_read(parser.parse_args(list(arguments))))
    except KeyboardInterrupt:
        return fail(Outcome.INTERRUPTED, "interrupted", is_json=is_json)
    except (NexusError, OSError) as exc:
        return fail(outcome_of(exc), str(exc), is_json=is_json)
    return Outcome.OK.value


async def _read(options: Namespace) -> None:
    reader = LogReader(options.since)
    printed = 0
    async with Node(read_settings(options)) as node:
        peer = await node.connect(options.peer, options.timeout)
        async for records in read_log(peer, reader, options.timeout):
            for record in _wanted(records, options):
                if printed == options.limit:
                    break
                printed += 1
                _show(record, is_json=options.json)
            if printed == options.limit:
                break
    _tell_end(reader, printed, options)


def _wanted(records: Sequence[Record], options: Namespace) -> Iterator[Record]:
    for record in records:
        if options.scope is not None and record.scope != options.scope:
            continue
        if options.level is not None and record.level > _LEVELS.index(options.level):
            continue
        yield record


def _show(record: Record, *, is_json: bool) -> None:
    service = _NAMES.get(record.service, f"0x{record.service:016x}")
    if is_json:
        emit({"event": "log-record", "service": service, **_fields(record)})
        return
    seconds, rest = divmod(record.time_ns, 1_000_000_000)
    when = f"{seconds}.{rest:09}"
    # Texts from elsewhere must not reach a terminal as they are.
    texts = (_printable(text) for text in (record.scope, record.message, record.fields) if text)
    sys.stdout.write(f"{when} {record.level.name.lower()} {service} {' '.join(texts)}\n")
    sys.stdout.flush()


def _fields(record: Record) -> dict[str, object]:
    return {
        "id": record.id,
        "time_ns": record.time_ns,
        "level": record.level.name.lower(),
        "scope": record.scope,
        "text": record.message,
        "fields": record.fields,
    }


def _tell_end(reader: LogReader, printed: int, options: Namespace) -> None:
    if options.json:
        counts = {"records": printed, "dropped": reader.dropped, "missed": reader.missed}
        emit({"outcome": Outcome.OK.label, **counts})
        return
    if reader.dropped:
        during = f", {reader.missed} of them while it was read" if reader.missed else ""
        sys.stderr.write(f"note: {options.peer} dropped {reader.dropped} records{during}\n")


def _printable(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text)


if __name__ == "__main__":
    run_program(main)
