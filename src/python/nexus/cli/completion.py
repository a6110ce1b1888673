"""`nexus completion`: completion of commands, options and values for bash, zsh and fish.

    nexus completion bash > ~/.local/share/bash-completion/completions/nexus
    nexus completion zsh  > ~/.zfunc/_nexus                  # with ~/.zfunc in fpath
    nexus completion fish > ~/.config/fish/completions/nexus.fish

The scripts are made from the parsers of the commands, so they cannot be out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from nexus.cli.main import COMMANDS, GROUPS
from nexus.core.commandline import CommandLine, fail, one_of
from nexus.core.errors import UsageError
from nexus.entry.program import run_program

_HELPED: Final = sorted({name.split()[0] for name in COMMANDS})
_FIRST: Final = sorted([*_HELPED, "help", "--version"])
# The words that may follow a first word.
_SECOND: Final = {
    **{
        group: sorted(name.split()[1] for name in COMMANDS if name.startswith(f"{group} "))
        for group in GROUPS
    },
    "help": _HELPED,
}


_BASH: Final = """\
# Completion of nexus for bash.
_nexus() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD - 1]}}"
    local command="${{COMP_WORDS[1]}}" options="" words="" files=yes
    # Bash takes --option=value for three words.
    if [[ $word == = ]]; then
        word=""
    elif [[ $before == = ]]; then
        before="${{COMP_WORDS[COMP_CWORD - 2]}}"
    fi
    case "$COMP_CWORD:$command" in
    1:*) COMPREPLY=($(compgen -W "{first}" -- "$word")); return ;;
{groups}    *) case "$command" in {names}) command="$command ${{COMP_WORDS[2]}}" ;; esac ;;
    esac
    case "$command" in
{options}    esac
    case "$command:$before" in
{values}    esac
    if [[ -n $words ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$word"))
    elif [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    elif [[ $files == yes ]]; then
        # Name by name: one may have a space or a star.
        COMPREPLY=()
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$word")
    fi
}}
complete -o filenames -F _nexus nexus
"""

_ZSH: Final = """\
#compdef nexus
# Completion of nexus for zsh.
_nexus() {{
    local before="${{words[CURRENT - 1]}}" command="${{words[2]}}" options="" values="" files=yes
    if [[ $PREFIX == --*=* ]]; then
        before="${{PREFIX%%=*}}"
        compset -P '*='
    fi
    case "$CURRENT:$command" in
    2:*) compadd -- {first}; return ;;
{groups}    *) case "$command" in {names}) command="$command ${{words[3]}}" ;; esac ;;
    esac
    case "$command" in
{options}    esac
    case "$command:$before" in
{values}    esac
    if [[ -n $values ]]; then
        compadd -- ${{(z)values}}
    elif [[ $PREFIX == -* ]]; then
        compadd -- ${{(z)options}}
    elif [[ $files == yes ]]; then
        _files
    fi
}}
if [[ "$funcstack[1]" == _nexus ]]; then _nexus "$@"; else compdef _nexus nexus; fi
"""

_FISH: Final = """\
# Completion of nexus for fish.
function __nexus_is
    set -l words (commandline -opc)
    test (count $words) -ge (math (count $argv) + 1); or return 1
    for index in (seq (count $argv))
        test $words[(math $index + 1)] = $argv[$index]; or return 1
    end
end
function __nexus_begins
    set -l words (commandline -opc)
    test (count $words) -eq (math (count $argv) + 1); and __nexus_is $argv
end
"""


def bash() -> str:
    """Write the completion for bash."""
    return _cases(_BASH, 'COMPREPLY=($(compgen -W "{}" -- "$word")); return', 2, "words")


def zsh() -> str:
    """Write the completion for zsh."""
    return _cases(_ZSH, "compadd -- {}; return", 3, "values")


def _cases(script: str, offer: str, at: int, values: str) -> str:
    """Fill in what the two shells share: cases by command, and by command and option."""
    from nexus.cli.describing import describe_all

    options, by_option = [], []
    for command in describe_all():
        names = [name for option in command.options for name in option.names]
        options.append(f'    "{command.name}") options="{" ".join(names)}" ;;\n')
        for argument in command.arguments:
            if argument.names and argument.metavar and not argument.is_file:
                pattern = "|".join(f'"{command.name}:{name}"' for name in argument.names)
                by_option.append(
                    f'    {pattern}) files=no {values}="{" ".join(argument.words)}" ;;\n'
                )
        # A value without a name follows what is not an option with a value of its own.
        words = [word for a in command.arguments if not a.names for word in a.words]
        if words:
            last = command.name.split()[-1]
            by_option.append(f'    "{command.name}:{last}") {values}="{" ".join(words)}" ;;\n')
    groups = [f"    {at}:{g}) {offer.format(' '.join(it))} ;;\n" for g, it in _SECOND.items()]
    return script.format(
        first=" ".join(_FIRST),
        groups="".join(groups),
        names="|".join(GROUPS),
        options="".join(options),
        values="".join(by_option),
    )


def fish() -> str:
    """Write the completion for fish."""
    from nexus.cli.describing import describe_all

    lines = [_fish("__nexus_begins", (), words=_FIRST)]
    lines += [_fish("__nexus_begins", (word,), words=it) for word, it in _SECOND.items()]
    for command in describe_all():
        path = command.name.split()
        for argument in command.arguments:
            if not argument.names and argument.words:
                lines.append(_fish("__nexus_is", path, words=argument.words))
            for name in argument.names:
                option = f"{_fish_kind(name)} {name.lstrip('-')}"
                if argument.metavar:
                    option += " -r" if argument.is_file else " -x"
                lines.append(
                    _fish("__nexus_is", path, option, argument.words, argument.text.split("\n")[0])
                )
    return _FISH + "".join(lines)


def _fish_kind(name: str) -> str:
    """Name the kind of an option: --long, -x, or -old as QEMU has them."""
    if name.startswith("--"):
        return "-l"
    return "-s" if len(name) == len("-x") else "-o"


def _fish(
    test: str, path: Iterable[str], option: str = "-f", words: Iterable[str] = (), text: str = ""
) -> str:
    given = " ".join(words)
    parts = [f"complete -c nexus -n '{' '.join([test, *path])}' {option}"]
    parts += [f"-a '{given}'"] if given else []
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    parts += [f"-d '{quoted}'"] if text else []
    return " ".join(parts) + "\n"


SHELLS: Final[Mapping[str, Callable[[], str]]] = {"bash": bash, "zsh": zsh, "fish": fish}


def script(shell: str = "bash") -> str:
    """Write the completion for a shell."""
    return SHELLS[shell]()


def main(arguments: Sequence[str]) -> int:
    """Print the script."""
    parser = CommandLine(
        "nexus completion",
        "Print the completion of commands, options and values for a shell."
        " Example: nexus completion bash > ~/.local/share/bash-completion/completions/nexus",
    )
    parser.add_argument("shell", nargs="?", default="bash", help="bash (the default), zsh or fish")
    parser.suggest("shell", SHELLS)
    try:
        shell = one_of("shell", parser.parse_args(list(arguments)).shell, list(SHELLS))
    except UsageError as exc:
        return fail(exc)
    sys.stdout.write(script(shell))
    return 0


if __name__ == "__main__":
    run_program(main)
