"""The keys of pip's configuration that concern the network, and the file that wins."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def network() -> ModuleType:
    """The program lies in a folder whose name no package can have."""
    spec = importlib.util.spec_from_file_location("network", "build-support/pants/network.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_files_are_in_the_order_of_pip(network: ModuleType) -> None:
    given = {"HOME": "/h", "XDG_CONFIG_DIRS": "/x:/y", "PIP_CONFIG_FILE": "/p"}
    assert network.files(given, "/prefix") == [
        "/x/pip/pip.conf",
        "/y/pip/pip.conf",
        "/etc/pip.conf",
        "/h/.pip/pip.conf",
        "/h/.config/pip/pip.conf",
        "/prefix/pip.conf",
        "/p",
    ]


def test_a_later_file_wins_and_nothing_else_is_read(network: ModuleType, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("[global]\ncert = /a\nproxy = p\nconstraint = /c\n")
    second.write_text("[install]\ncert = /b\n[freeze]\nproxy = q\n")
    found = network.settings([str(first), str(second), str(tmp_path / "none")])
    assert found == {"cert": "/b", "proxy": "p"}


@pytest.mark.parametrize("text", [b"\xff\xfe", b"no section", b"[global]\n[global]\n", b"\0"])
def test_a_file_that_is_no_configuration_says_nothing(
    network: ModuleType, tmp_path: Path, text: bytes
) -> None:
    (tmp_path / "pip.conf").write_bytes(text)
    assert network.settings([str(tmp_path / "pip.conf")]) == {}
