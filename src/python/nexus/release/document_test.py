"""Commands and what they print are read from a document as its reader would read them."""

from __future__ import annotations

import pytest

from nexus.release.document import DocumentError, Step, find_missing, parse

TEXT = """
Some words.

```console
$ mkdir x && \\
  cd x
$ ./pants test ::
✓ a succeeded in ...

...
$ ./pants check ::   # exits with 1
error: x
```

    $ this is not a command

```toml
$ = 1
```

```console
$ true
```
"""


def test_commands_come_with_their_line_output_and_exit_code() -> None:
    assert parse(TEXT) == [
        Step(5, "mkdir x && \\\n  cd x", 0, ()),
        Step(7, "./pants test ::", 0, ("✓ a succeeded in ...",)),
        Step(11, "./pants check ::", 1, ("error: x",)),
        Step(22, "true", 0, ()),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("no blocks", "there is no command"),
        ("```console\n$ true\n", "line 2: the block does not end"),
        ("```console\noutput\n```\n", "line 2: the block does not begin"),
    ],
)
def test_document_of_another_form_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(DocumentError, match=complaint):
        parse(text)


@pytest.mark.parametrize(
    ("expected", "output", "missing"),
    [
        (("a",), "b\n  a \n", None),
        (("a", "b"), "a\nx\nb\n", None),
        (("a", "b"), "b\na\n", "b"),
        (("a", "a"), "a\n", "a"),
        (("ok in ... s",), "ok in 1.5 s", None),
        (("ok in ... s",), "not ok in 1.5 s", "ok in ... s"),
        (("a.c",), "abc", "a.c"),
        ((), "", None),
    ],
)
def test_lines_are_looked_for_whole_and_in_order(
    expected: tuple[str, ...], output: str, missing: str | None
) -> None:
    assert find_missing(expected, output) == missing


def test_a_block_that_names_a_file_is_written_to_it() -> None:
    text = """
```toml bus.toml
a = "$x"

b = 1
```
```toml
not = "followed"
```
```console
$ cat bus.toml
```
"""
    writing, reading = parse(text)
    assert writing.command == "cat > bus.toml <<'END-OF-FILE'\na = \"$x\"\n\nb = 1\nEND-OF-FILE"
    assert (writing.line, writing.exit_code, writing.expected) == (3, 0, ())
    assert reading.command == "cat bus.toml"


def test_what_a_section_needs_ends_with_it() -> None:
    text = """
## One
<!-- needs: some-program -->
```toml a.toml
```
```console
$ one
$ two
```
## Two
```console
$ three
```
"""
    assert [step.needs for step in parse(text)] == ["some-program"] * 3 + [None]


def test_headings_within_blocks_end_nothing() -> None:
    text = """
<!-- needs: p -->
```sh
# a comment
```
```console
$ one
# printed
$ two
```
"""
    assert [step.needs for step in parse(text)] == ["p", "p"]
