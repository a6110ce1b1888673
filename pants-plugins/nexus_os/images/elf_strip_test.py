from __future__ import annotations

import pytest  # pants: no-infer-dep

from nexus_os.images.elf_cases import with_debug_information
from nexus_os.images.elf_strip import strip


def test_debug_information_goes_and_what_is_loaded_stays() -> None:
    stripped = strip(with_debug_information())
    assert b"somebody" not in stripped
    assert stripped[64:124] == with_debug_information()[64:124]  # Program header and code.
    assert stripped.count(b".text\0.bss\0.shstrtab\0") == 1


def test_stripping_twice_changes_nothing() -> None:
    assert strip(strip(with_debug_information())) == strip(with_debug_information())


@pytest.mark.parametrize("length", range(0, len(with_debug_information()), 7))
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="expected an ELF64 file with section headers"):
        strip(with_debug_information()[:length])
