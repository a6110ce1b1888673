"""`nexus completion`: the shell completion of this command, made from its table of commands.

eval "$(nexus completion)"         in ~/.bashrc; zsh: after `autoload -U bashcompinit; bashcompinit`
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nexus.cli.main import COMMANDS
from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import UsageError
from nexus.entry.program import run_program

_SCRIPT = """_nexus() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}"
    case "$COMP_CWORD:${{COMP_WORDS[1]}}" in
    1:*) COMPREPLY=($(compgen -W "{first}" -- "$word")) ;;
{second}    *) COMPREPLY=($(compgen -f -- "$word")) ;;
    esac
}}
complete -o filenames -F _nexus nexus
"""


def script() -> str:
    """Write the completion for bash."""
    groups: dict[str, list[str]] = {}
    for name in COMMANDS:
        first, _, second = name.partition(" ")
        groups.setdefault(first, []).extend([second] if second else [])
    lines = [
        f'    2:{first}) COMPREPLY=($(compgen -W "{" ".join(sorted(words))}" -- "$word")) ;;\n'
        for first, words in sorted(groups.items())
        if words
    ]
    return _SCRIPT.format(first=" ".join(sorted(groups)), second="".join(lines))


def main(arguments: Sequence[str]) -> int:
    """Print the script."""
    parser = CommandLine("nexus completion", 'Print shell completion: eval "$(nexus completion)"')
    try:
        parser.parse_args(list(arguments))
    except UsageError as exc:
        return fail(exc)
    sys.stdout.write(script())
    return 0


if __name__ == "__main__":
    run_program(main)
