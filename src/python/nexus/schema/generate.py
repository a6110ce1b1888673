"""Write what is generated from the contract's schema.

    python -m nexus.schema.generate schemas/*.capnp --python DIR --zig DIR

Same schemas, same bytes: neither the order of the files nor where they are reaches the output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files as files_of
from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.schema import python_code, zig_code
from nexus.schema.model import Module, services_of
from nexus.schema.python_clients import write_clients
from nexus.schema.python_structs import enumerations_of
from nexus.schema.reading import read_modules

# The reader and the writer of messages, and what both know of them: a part of every module.
ZIG_FILES: Final = ("message.zig", "message_layout.zig", "message_writer.zig")


def python_files(modules: tuple[Module, ...]) -> dict[str, str]:
    """The Python package, by file name."""
    known = enumerations_of(modules)
    files = {f"{module.name}.py": python_code.write_module(module, known) for module in modules}
    for name in ("message.py", "message_layout.py", "message_writer.py"):
        # The package has its own: beside it there need be nothing of ours.
        files[name] = _beside(name).replace("from nexus.schema.message", "from .message")
    files["clients.py"] = write_clients(modules, known)
    files["services.py"] = python_code.write_services(services_of(modules))
    files["__init__.py"] = ""
    return files


def zig_files(modules: tuple[Module, ...]) -> dict[str, str]:
    """The zig module, by file name."""
    known = enumerations_of(modules)
    files = {f"{module.name}.zig": zig_code.write_module(module, known) for module in modules}
    files |= {name: _beside(name) for name in ZIG_FILES}
    files["services.zig"] = zig_code.write_services(services_of(modules))
    files["methods.zig"] = zig_code.write_methods(modules)
    files["root.zig"] = zig_code.write_root(modules)
    return files


def _beside(name: str) -> str:
    """A file of this package, which may be in an archive."""
    return files_of("nexus.schema").joinpath(name).read_text()


def generate(schemas: Sequence[Path], python: Path | None, zig: Path | None) -> None:
    """Read schemas and write the code in each language that has a folder.

    Raises:
        SchemaError: what is wrong with the schemas; nothing is written then.
    """
    modules = read_modules(schemas)
    wanted = [
        (folder, make(modules))
        for folder, make in ((python, python_files), (zig, zig_files))
        if folder is not None
    ]
    for folder, files in wanted:
        _write(folder, files)


def main(arguments: Sequence[str]) -> int:
    """Read, generate, write; one line a mistake and exit code 20 for whatever is wrong."""
    parser = CommandLine("nexus.schema.generate", "Generate code from schemas of the contract.")
    parser.add_argument("schemas", nargs="+", type=Path, metavar="FILE", help="a schema")
    parser.add_argument("--python", type=Path, metavar="DIR", help="where the Python package goes")
    parser.add_argument("--zig", type=Path, metavar="DIR", help="where the zig module goes")
    try:
        options = parser.parse_args(arguments)
        generate(options.schemas, options.python, options.zig)
    except NexusError as exc:
        return fail(str(exc))
    return 0


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files):
        (folder / name).write_text(files[name])


if __name__ == "__main__":
    run_program(main)
