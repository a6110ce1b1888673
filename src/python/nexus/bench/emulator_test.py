"""The benchmark of the emulator refuses wrong names before it builds anything."""

from __future__ import annotations

import pytest

from nexus.bench.emulator import main


def test_a_workload_that_does_not_exist_is_refused_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--workload", "integer", "bits"])
    assert ended.value.code == 20
    assert "'bits'" in capsys.readouterr().err
