"""The description shows what counts, defaults included, and no private key."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.config.config_cases import NODE_A, write_world
from nexus.config.describe import describe, main
from nexus.config.keys import derive_test_secret, public_key_of
from nexus.config.load import load_any


def test_a_node(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(NODE_A)
    lines = describe(load_any(tmp_path / "a.toml"))
    assert lines[0] == "node node-a: 52:54:00:12:34:0a, image system, 64 MiB"
    own = public_key_of(derive_test_secret("node-a")).hex()
    assert f"  dsoftbus port 34567, public key {own}" in lines
    assert "  allow node-b samgrd resolve-status" in lines
    assert "  route dsoftbusd > netstackd" in lines
    assert "  grant dsoftbusd bundle.query" in lines
    assert any(line.startswith("    section dsoftbusd: 10 records") for line in lines)
    assert derive_test_secret("node-a").hex() not in "\n".join(lines)


def test_a_world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write_world(tmp_path))]) == 0
    shown = capsys.readouterr().out
    assert "seed 7, 2 machines" in shown
    assert "  launch: 1 expected, 5000 ms" in shown
    assert "machine B: " in shown


def test_a_bad_file_is_one_line_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_world(tmp_path, a=NODE_A.replace("34567", "0"))
    assert main([str(path)]) == 20
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("node-a.toml:10: dsoftbus.port: 0; expected 1..65535\n")
