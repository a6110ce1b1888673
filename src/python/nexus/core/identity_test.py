"""Service ids are those of the original system; names are what every container can hold."""

from __future__ import annotations

import pytest

from nexus.core.identity import is_service_name, service_id


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dsoftbusd", 0x326680366B8C11F1),
        ("samgrd", 0x75F64AFEC44CD4D7),
        ("bundlemgrd", 0x4DAC7C5BC8DB33EB),
        ("packagefsd", 0xE4D46A259B02DA48),
        ("statefsd", 0xD9F31D00B74C1B47),
        ("netstackd", 0xB64B904A0313921C),
        ("policyd", 0xC4B6D847AA573FA1),
        ("logd", 0xCE07E8AD70EC4C6F),
        ("selftest-client", 0x52C6C4A34FFB3F69),
    ],
)
def test_a_service_id_is_the_hash_of_its_name(name: str, expected: int) -> None:
    assert service_id(name) == expected


@pytest.mark.parametrize("name", ["a", "selftest-client", "x" * 32, "s2"])
def test_a_name_by_the_rules_is_accepted(name: str) -> None:
    assert is_service_name(name)


@pytest.mark.parametrize("name", ["", "2s", "A", "a b", "a>b", "x" * 33, "é", "a\n", "-a"])
def test_a_name_against_the_rules_is_refused(name: str) -> None:
    assert not is_service_name(name)
