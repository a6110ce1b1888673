"""The mutants of a list, and the changed source of each."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.fs import DigestContents, FileContent
from pants.engine.target import InvalidFieldException, InvalidTargetException

from nexus_os.faults.mutants import read_mutants
from nexus_os.zig.zig_modules import Substitution, substitute

OWNER = Address("worlds", target_name="mutants")
ENTRY = '[[mutant]]\nname = "{}"\nfile = "a.zig"\nfind = "x"\nreplace = "y"\n'
LIST = ENTRY.format("one") + ENTRY.format("two")


def test_all_are_built_or_those_that_are_tested() -> None:
    everything = read_mutants(OWNER, "m.toml", LIST, ())
    assert [each.name for each in everything] == ["one", "two"]
    assert read_mutants(OWNER, "m.toml", LIST, ("two",)) == (
        Substitution(OWNER, "two", "a.zig", "x", "y"),
    )


def test_lists_that_cannot_be_used() -> None:
    with pytest.raises(InvalidFieldException, match=r"names 'tow'.* Did you mean 'two'"):
        read_mutants(OWNER, "m.toml", LIST, ("tow",))
    with pytest.raises(InvalidFieldException, match=r"mutant\[0\] must have the texts name"):
        read_mutants(OWNER, "m.toml", "[[mutant]]\nname = 1\n", ())
    with pytest.raises(InvalidFieldException, match=r"lists no mutant\. Expected a TOML file"):
        read_mutants(OWNER, "m.toml", "", ())


def test_one_text_of_one_file_becomes_another() -> None:
    wrong = Substitution(OWNER, "one", "a.zig", "x + 1", "x")
    others = FileContent("b.zig", b"x + 1")
    changed = substitute(DigestContents([FileContent("a.zig", b"y = x + 1;"), others]), wrong)
    assert changed == (FileContent("a.zig", b"y = x;"), others)


@pytest.mark.parametrize(("source", "count"), [(b"nothing", 0), (b"x + 1, x + 1", 2)])
def test_a_text_that_is_not_there_once_is_no_mutant(source: bytes, count: int) -> None:
    wrong = Substitution(OWNER, "one", "a.zig", "x + 1", "x")
    with pytest.raises(InvalidTargetException, match=f"stands {count} times in a.zig"):
        substitute(DigestContents([FileContent("a.zig", source)]), wrong)
