"""Folders of a server: private, and served by one at a time."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from nexus.remotecache import refusing, serve, server


def test_a_folder_is_made_private(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        folder = serve.choose_folder(tmp_path / "new" / "cache", stack)

        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_is_served_by_one(tmp_path: Path) -> None:
    with contextlib.ExitStack() as first:
        refusing.lock(tmp_path, first)
        with (
            contextlib.ExitStack() as second,
            pytest.raises(server.ServerError, match="another remote_cache"),
        ):
            refusing.lock(tmp_path, second)
    with contextlib.ExitStack() as third:
        refusing.lock(tmp_path, third)
