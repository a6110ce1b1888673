"""The files that pytest finds in its sandbox, by the access that a target has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Dict, Tuple

import pytest  # pants: no-infer-dep
from pants.engine.addresses import Address
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import EMPTY_DIGEST, CreateDigest, Digest
from pants.source.source_root import SourceRoot, SourceRootRequest
from pants.testutil.rule_runner import MockGet, run_rule_with_mocks

from nexus_os.sealing.process_sealing import Seal, UnknownPartError
from nexus_os.sealing.pytest_sealing import (
    INSTALLED,
    HostAccessField,
    SealPytestRequest,
    seal_pytest,
)

ADDRESS = Address("src/python/thing", target_name="tests")


def files_for(*access: str, parts: Tuple[str, ...] = ("network", "home")) -> Dict[str, str]:
    written: Dict[str, str] = {}

    def write(request: CreateDigest) -> Digest:
        written.update((file.path, file.content.decode()) for file in request)
        return EMPTY_DIGEST

    field = HostAccessField(access, ADDRESS)
    run_rule_with_mocks(
        seal_pytest,
        rule_args=[
            SealPytestRequest(SimpleNamespace(address=ADDRESS, get=lambda _: field)),
            Seal(parts, "/python", EMPTY_DIGEST),
        ],
        mock_gets=[
            MockGet(
                EnvironmentVars,
                (EnvironmentVarsRequest,),
                lambda request: EnvironmentVars(dict.fromkeys(request.requested, "/bin")),
            ),
            MockGet(SourceRoot, (SourceRootRequest,), lambda _: SourceRoot("src/python")),
            MockGet(Digest, (CreateDigest,), write),
        ],
    )
    return written


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ((), ["seal(('network', 'home'))", "update({})"]),
        (("home",), ["seal(('network',))", "update({})"]),
        (("tools",), ["seal(('network', 'home'))", "update({'PATH': '/bin'})"]),
        (("network", "home", "tools"), ["seal(())", "update({'PATH': '/bin'})"]),
    ],
)
def test_pytest_hides_what_the_target_need_not_see(access: Tuple[str, ...], said: list) -> None:
    plugin = files_for(*access)["src/python/nexus_seal_pytest.py"]
    assert [text for text in said if text not in plugin] == []


def test_pytest_finds_the_plugin_as_one_that_is_installed() -> None:
    files = files_for()
    assert files[f"src/python/{INSTALLED}/entry_points.txt"].startswith("[pytest11]\n")
    assert "def seal(" in files["src/python/nexus_seal.py"]


def test_nothing_is_laid_where_nothing_is_hidden() -> None:
    assert files_for("network", "home") == {}
    assert files_for(parts=()) == {}


def test_an_unknown_access_is_refused() -> None:
    with pytest.raises(UnknownPartError, match="'clock'; expected 'network', 'home', 'tools'"):
        files_for("clock")
