"""A case begins anew only where Pants itself broke down, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any  # Any: gRPC and BuildGrid publish no types.

import pytest

from nexus.remotecache import proof
from nexus.remotecache.proof_project import Run
from nexus.remotecache.proof_stage import Stage, Verdict

BROKEN = f"Error: {proof.BREAKDOWN}. Final error was: Invalid argument"


def play(
    logs: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> tuple[Verdict, list[str]]:
    """Play a case whose runs leave these logs, one a try, and fail except for the last."""
    salts: list[str] = []

    def case(stage: Stage) -> None:
        salts.append(stage.salt)
        stage.runs.append(Run(0, logs[len(salts) - 1], tmp_path / "log"))
        assert len(salts) == len(logs), "another try would do"

    monkeypatch.setattr(proof, "CASES", {"case": case})
    nothing: Any = None
    return proof.play(Stage(tmp_path, tmp_path, nothing, nothing, "case")), salts


def test_a_breakdown_of_pants_is_told_and_the_case_begins_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict, salts = play([BROKEN, "well"], monkeypatch, tmp_path)
    assert not verdict.complaint
    assert salts == ["case-0", "case-1"]
    assert capsys.readouterr().out.startswith("anew   case: Pants could not start a process")


def test_it_does_not_begin_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    verdict, salts = play([BROKEN] * 5, monkeypatch, tmp_path)
    assert "another try would do" in verdict.complaint
    assert len(salts) == 1 + proof.NEW_BEGINNINGS_MAX


def test_any_other_failure_is_the_verdict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    verdict, salts = play(["no hit", "never reached"], monkeypatch, tmp_path)
    assert "another try would do" in verdict.complaint
    assert salts == ["case-0"]
