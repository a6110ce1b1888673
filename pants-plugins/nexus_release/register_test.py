"""Every file has one place in the archive, and every place a file."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldException

from nexus_release.register import lay_out

OWNER = Address("", target_name="release")


def test_longest_entry_decides() -> None:
    layout = {"plugins/": "lib/", "plugins/a/": "a/", "pants": "pants"}

    assert lay_out(OWNER, layout, ("pants", "plugins/a/x.py", "plugins/b.py")) == {
        "pants": "pants",
        "a/x.py": "plugins/a/x.py",
        "lib/b.py": "plugins/b.py",
    }


def test_file_without_a_place_is_named() -> None:
    with pytest.raises(InvalidFieldException, match=r"`layout` field of //:release .* for b/c\."):
        lay_out(OWNER, {"a/": ""}, ("a/x", "b/c"))


def test_folder_does_not_stand_for_its_longer_namesake() -> None:
    with pytest.raises(InvalidFieldException, match=r"no place for pants-plugins/x"):
        lay_out(OWNER, {"pants": "pants"}, ("pants-plugins/x",))


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidFieldException, match=r"gives a/x and b/x one name: x"):
        lay_out(OWNER, {"a/": "", "b/": ""}, ("a/x", "b/x"))


def test_place_that_nothing_fills_is_named() -> None:
    with pytest.raises(InvalidFieldException, match=r"no dependency provides: z/"):
        lay_out(OWNER, {"a/": "", "z/": ""}, ("a/x",))
