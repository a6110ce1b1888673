"""From the first line of a process to its exit code: the one guard around every main."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from enum import Enum
from typing import Final, NoReturn

from nexus.entry import streams

# The command line, a file or a value is wrong; nothing was run.
EXIT_CONFIG: Final = 20
# This host failed: no space, no permission, no such tool.
EXIT_HOST: Final = 21
EXIT_INTERRUPTED: Final = 130
# A shell's code for a program that SIGPIPE ended: the reader left, and nothing is wrong.
EXIT_UNREAD: Final = 141

# With this variable set, a defect of ours shows its whole traceback.
TRACEBACK: Final = "NEXUS_TRACEBACK"

_SHOWN_CHARS_MAX: Final = 80

# Objects that are made before garbage is looked for, so that no start looks for any.
_YOUNG_OBJECTS: Final = 20_000

_is_brief = False

Main = Callable[[list[str]], "int | None"]


class Text(Enum):
    """The meaning of the text on the standard output."""

    ANSWER = "the answer itself: without it the program has failed"
    REPORT = "a report on the way to a verdict, which it must not change"


def report_only() -> None:
    """Let the loss of the standard output neither end this process nor change its exit code."""
    sink = streams.sink_of(sys.stdout)
    if sink is not None:
        sink.on_loss = None


def end_at_once() -> None:
    """Let the process end without Python's taking itself apart, which takes two milliseconds.

    It is for a program that starts often and closes what it opens: whatever waits for the end of
    the process (`atexit`, finalizers, threads) does not come about.
    """
    global _is_brief
    _is_brief = True


def run_program(main: Main, text: Text = Text.ANSWER) -> NoReturn:
    """Run a main with the process's arguments and end the process with its exit code.

    Whatever the standard streams are (closed, full, without a reader, of another encoding), neither
    a traceback nor Python's exit code 120 comes of it; see README.md for what comes instead.
    """
    gc.set_threshold(_YOUNG_OBJECTS)
    streams.open_missing()
    sys.stdin = sys.stdin or streams.open_input()
    output = sys.stdout = streams.guard(1, sys.stdout)
    sys.stderr = streams.guard(2, sys.stderr, is_by_line=True)
    sink = streams.sink_of(output)
    assert sink is not None, "it was made two lines above"
    sink.on_loss = _stop if text is Text.ANSWER else None
    code = _call(main)
    is_report = sink.on_loss is None
    sink.on_loss = None
    output.flush()
    if sink.loss is not None:
        code = _judge(code, sink.loss, is_report=is_report)
    if _is_brief:
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _call(main: Main) -> int:
    try:
        return main(sys.argv[1:]) or 0
    except SystemExit as exc:
        return _code_of(exc)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except OSError as exc:
        about = f"{exc.filename}: " if exc.filename is not None else ""
        return _fail(f"{about}{exc.strerror or exc}")
    except MemoryError:
        return _fail("out of memory")
    except UnicodeEncodeError as exc:
        # Python has such characters for bytes of arguments and of names of files that are not text.
        if "\udc80" <= exc.object[exc.start] <= "\udcff":
            return _fail(f"{exc.object[:_SHOWN_CHARS_MAX]!r}: is not UTF-8 text", EXIT_CONFIG)
        return _defect(exc)
    except Exception as exc:  # A defect of ours; this is the place that may catch it all.
        return _defect(exc)


def _defect(exc: Exception) -> int:
    """Report a defect of ours in one line."""
    if os.environ.get(TRACEBACK):
        import traceback  # Slow to import, and hardly ever needed.

        traceback.print_exc()
    return _fail(
        f"unexpected {type(exc).__name__} at {_place_of(exc)}: {exc}".splitlines()[0]
        + f"; this is a defect of the program, {TRACEBACK}=1 shows where"
    )


def _stop(loss: OSError) -> None:
    """End a program whose answer has no reader; its own clean-up still runs."""
    raise SystemExit(EXIT_UNREAD if streams.is_unread(loss) else EXIT_HOST)


def _judge(code: int, loss: OSError, *, is_report: bool) -> int:
    """Say that text was lost, unless the reader left on purpose, and choose the exit code."""
    if not streams.is_unread(loss):
        sys.stderr.write(f"error: standard output: {loss.strerror}; some of the text is lost\n")
    if code or is_report:
        return code
    return EXIT_UNREAD if streams.is_unread(loss) else EXIT_HOST


def _code_of(exc: SystemExit) -> int:
    if exc.code is None or isinstance(exc.code, int):
        return exc.code or 0
    return _fail(str(exc.code), code=1)


def _fail(message: str, code: int = EXIT_HOST) -> int:
    sys.stderr.write(f"error: {message}\n")
    return code


def _place_of(exc: BaseException) -> str:
    """Name module and line, and not the folder: that is often a sandbox which is gone by now."""
    frame = exc.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return "an unknown place"
    return f"{frame.tb_frame.f_globals.get('__name__', '?')}:{frame.tb_lineno}"
