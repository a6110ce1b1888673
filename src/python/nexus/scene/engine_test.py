"""The engine that `auto` stands for; a named one is never replaced."""

from __future__ import annotations

import pytest

from nexus.scene.engine import choose_engine


@pytest.mark.parametrize(
    ("asked", "code", "processor", "chosen"),
    [
        ("auto", b"code", "x86_64", "native"),
        ("auto", b"code", "aarch64", "native"),
        ("auto", b"code", "riscv64", "reference"),
        ("auto", None, "x86_64", "reference"),
        ("reference", b"code", "x86_64", "reference"),
        ("native", b"code", "aarch64", "native"),
        ("native", None, "x86_64", "native"),
    ],
)
def test_auto_is_the_fastest_engine_that_this_host_can_run(
    asked: str, code: bytes | None, processor: str, chosen: str
) -> None:
    assert choose_engine(asked, code, processor) == chosen


@pytest.mark.parametrize(
    ("asked", "code", "processor", "chosen"),
    [
        ("auto", b"code", "x86_64", "translated"),
        ("auto", b"code", "aarch64", "translated"),
        ("auto", b"code", "riscv64", "reference"),
        ("auto", None, "x86_64", "reference"),
        ("native", b"code", "x86_64", "native"),
    ],
)
def test_auto_uses_translations_where_there_are_some(
    asked: str, code: bytes | None, processor: str, chosen: str
) -> None:
    assert choose_engine(asked, code, processor, b"translations") == chosen
