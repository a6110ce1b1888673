"""Keeps CPython 3.13 and later quiet about Pants's stand-ins for the standard streams.

They have no `close`.  Older interpreters do not report that when they take the wrappers around them
away; newer ones print two tracebacks at the end of every run.  The launcher lays this file into the
venv of Pants, with a .pth file that imports it.
"""

import sys

_report = sys.unraisablehook


def _is_stand_in(error):
    return isinstance(error, AttributeError) and str(error).startswith("'builtins.PyStdio")


def _hook(unraisable):
    if not _is_stand_in(unraisable.exc_value):
        _report(unraisable)


sys.unraisablehook = _hook
