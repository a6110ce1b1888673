"""Give a PEX a start that does not go through its loader once it is unpacked.

    python -m nexus.release.quick --pex nexus.pex --out quick/nexus.pex

A PEX of the execution mode `venv` unpacks itself once.  Each further start still reads the zip and
imports the loader, in a Python of its own, to find out where: three times what the program's own
start takes.  So two things come before the loader, and both look for a link to what is unpacked:

- a text for the shell, before the zip, where the file itself is started: the starter that every
  packaged program has, with a few lines more;
- a few lines in the zip's `__main__.py`, where `python3 nexus.pex` is.  A Python that cannot run
  the program hands over to the text for the shell, which finds one that can, or says in a line that
  there is none.  The loader says so in many lines, and Python 3.4 ends with a traceback.

The link is named after the content of the PEX and the path of the interpreter, and a program that
finds none makes it (`nexus.entry.quick_start`).  It leads to code, so what it leads to has to
belong to the user who starts the program.  Under `sudo`, or where several users unpack to one
folder, the start goes through the loader.

The starter lets no variable of pex through.  Where the file is given to a Python they all count, as
Pants wants it to: each that asks for the loader (`PEX_MODULE`, `PEX_TOOLS`, ...) leads to it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.core.given import read_given
from nexus.entry.program import run_program
from nexus.entry.quick_start import MAIN, VARIABLE

# The oldest time that a zip file can name.
_TIME: Final = (1980, 1, 1, 0, 0, 0)

# Ten times what nexus.pex has.
_PEX_BYTES_MAX: Final = 1 << 28

_LOADER: Final = "__main__.py"

# The folder of links, beside what pex keeps in its own.
_LINKS: Final = "quick"

# The line of the starter of packaged programs (STARTER in the root's BUILD) that begins a program.
# By then $python is in PATH, and variables of other programs are gone.
START: Final = """  if fits "$python"; then exec "$python" -I "$0" "$@"; fi\n"""

# The lines that `quicken` puts before it.
_SHELL: Final = """\
  root=${PEX_ROOT:-${HOME:+$HOME/.cache/pex}}
  case "$root|$python" in
    /*"|"/*) link=$root/@LINKS@/@CONTENT@$python ;;
    *) link= ;;
  esac
  if [ -n "$link" ] && [ -x "$link/bin/python" ] && [ -f "$link/@MAIN@" ] &&
    [ -O "$link" ] && [ -O "$link/bin" ] && [ -O "$link/@MAIN@" ]; then
    PEX=$0
    export PEX
    exec "$link/bin/python" -I "$link/@MAIN@" "$@"
  fi
  @VARIABLE@=$link
  export @VARIABLE@
"""

# Pants, and so a release's plugin, starts a program by a Python, and chooses by PEX_MODULE which.
# Every Python since 2.7 has to be able to read this, so it has no newer syntax.
_PYTHON: Final = '''\
def _start_quickly():
    """Become what is unpacked; return if nothing is, or if a variable asks for the loader."""
    import os
    import sys

    environ = os.environ
    if environ.get("NEXUS_UNPACK_TO"):
        environ["PEX_ROOT"] = environ["NEXUS_UNPACK_TO"]
    kept = ("PEX_ROOT", "PEX_IGNORE_RCFILES")
    if any(n.lstrip("_").startswith("PEX_") and n not in kept for n in environ):
        return
    if "@VARIABLE@" in environ or not sys.executable:
        return
    if not (3, 11) <= sys.version_info < (3, 15) or sys.implementation.name != "cpython":
        os.execv("/bin/sh", ["sh", os.path.abspath(sys.argv[0])] + sys.argv[1:])
    root = environ.get("PEX_ROOT") or os.path.expanduser("~/.cache/pex")
    if not os.path.isabs(root):
        return
    link = root + "/@LINKS@/@CONTENT@" + sys.executable
    python, main = link + "/bin/python", link + "/@MAIN@"
    is_there = os.access(python, os.X_OK) and os.path.isfile(main)
    parts = (link, link + "/bin", main)
    if not is_there or any(os.stat(part).st_uid != os.geteuid() for part in parts):
        environ["@VARIABLE@"] = link
        return
    environ["PEX"] = os.path.realpath(sys.argv[0])
    options = sys.orig_argv[1 : -len(sys.argv)]
    os.execv(python, [python] + options + ["-I", main] + sys.argv[1:])


if __name__ == "__main__":
    _start_quickly()

'''


class QuickError(NexusError):
    """The file is not a PEX that can be given a quick start."""


def quicken(pex: bytes) -> bytes:
    """Put the quick start before the loader of a PEX.

    Raises:
        QuickError: It is not a PEX, or has a quick start already.
    """
    content = hashlib.sha256(pex).hexdigest()
    shell, python = (
        text.replace("@LINKS@", _LINKS)
        .replace("@CONTENT@", content)
        .replace("@MAIN@", MAIN)
        .replace("@VARIABLE@", VARIABLE)
        for text in (_SHELL, _PYTHON)
    )
    before, zipped, rest = pex.partition(b"\nPK\x03\x04")
    if not zipped or START.encode() not in before or VARIABLE.encode() in before:
        raise QuickError("is not a PEX: expected the starter of packaged programs and a zip file")
    starter = before.replace(START.encode(), f"{shell}{START}".encode())
    out = io.BytesIO()
    out.write(starter + zipped + rest)
    try:
        with zipfile.ZipFile(out, "a") as archive:
            old = archive.getinfo(_LOADER)
            loader = python.encode() + archive.read(old)
            # By the library's own lists: what is in neither is not in the archive's directory.
            archive.filelist.remove(old)
            del archive.NameToInfo[_LOADER]
            new = zipfile.ZipInfo(_LOADER, _TIME)
            new.external_attr = old.external_attr
            archive.writestr(new, loader, zipfile.ZIP_DEFLATED)
    except (KeyError, zipfile.BadZipFile) as exc:
        raise QuickError(f"is not a PEX: {exc}") from exc
    return out.getvalue()


def main(arguments: Sequence[str]) -> int:
    """Read, change, write; one line a mistake and exit code 20 for whatever is wrong."""
    parser = CommandLine("nexus.release.quick", "Give a PEX a start without its loader.")
    parser.add_argument("--pex", required=True, type=Path, metavar="FILE")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    try:
        options = parser.parse_args(arguments)
        quick = quicken(read_given("--pex", options.pex, _PEX_BYTES_MAX, "a PEX"))
        options.out.write_bytes(quick)
        options.out.chmod(0o755)
    except OSError as exc:
        return fail(f"--out: cannot write {exc.filename}: {exc.strerror}")
    except QuickError as exc:
        return fail(f"--pex: {options.pex}: {exc}")
    except NexusError as exc:
        return fail(exc)
    return 0


if __name__ == "__main__":
    run_program(main)
