"""The workflow files hold our commands and nothing else, in the same jobs, and their jobs run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from nexus.entry.program import EXIT_CONFIG
from nexus.workflows.files import GITHUB, GITLAB, LOCAL, Job, complaints, parse
from nexus.workflows.program import EXIT_WRONG, main

FILES = (LOCAL, GITHUB, GITLAB)
JOB = ".ci/job"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Our files, where a test may change them."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, tmp_path / name)
    return tmp_path


def change(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))


def found(root: Path) -> list[str]:
    return list(
        complaints(tuple(job for name in FILES for job in parse(name, (root / name).read_text())))
    )


def test_our_files_say_the_same(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(root) == []
    assert main(["--root", str(root)]) == 0
    listed = capsys.readouterr().out
    for job in parse(LOCAL, Path(LOCAL).read_text()):
        assert f"{job.name:14}{job.ours[0]}\n" in listed


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            GITHUB,
            "command: './pants lint tailor --check ::'",
            "command: './pants lint src::'",
            "runs ('./pants lint",
        ),
        (
            GITHUB,
            "command: './pants lint tailor --check ::'",
            "command: make lint",
            "is not a command of this",
        ),
        (GITHUB, "bash .ci/job ", "", "is not run by 'bash .ci/job'"),
        (GITLAB, "bash .ci/job ./pants run ci:os2vm\n", "sudo true\n", "has 0 commands of ours"),
        (GITHUB, "name: package", "name: parcel", "lacks the job 'package'"),
        (GITHUB, "actions/cache@v4", "somebody/cache@v4", "is not an official action"),
        (GITHUB, "actions/cache@v4", "actions/cache@main", "is not an official action"),
        (GITHUB, "reports: dist/os2vm/", "reports: dist/other/", "does not keep dist/os2vm/"),
        (GITLAB, "package:\n  script", ".package:\n  script", "lacks the job 'package'"),
        (
            GITLAB,
            "- 'bash .ci/job ./pants check ::'",
            "- curl example.org",
            "is not a command of this project",
        ),
        (
            GITLAB,
            "- 'bash .ci/job ./pants check ::'",
            "- 'bash .ci/job ./pants check ::'\n    - ./pants --version",
            "has 2 commands of ours instead of one",
        ),
        (GITLAB, "- dist/os2vm*/", "- dist/other/", "does not keep dist/os2vm/junit.xml"),
        (LOCAL, "./pants check ::", "./pants check src::", "and .ci/run runs"),
    ],
)
def test_a_file_that_says_something_else_is_refused(
    root: Path, name: str, old: str, new: str, said: str
) -> None:
    change(root, name, old, new)
    assert [text for text in found(root) if said in text]
    assert main(["--root", str(root)]) == EXIT_WRONG


@pytest.mark.parametrize("text", ["jobs: [", "just text", "- a\n- list"])
def test_what_is_no_workflow_is_refused(root: Path, text: str) -> None:
    (root / GITHUB).write_text(text)
    assert main(["--root", str(root)]) == EXIT_CONFIG


@pytest.mark.parametrize("host", ["github", "gitlab"])
def test_a_job_runs_in_its_environment_and_its_failure_is_told(
    root: Path, host: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A launcher that says how it was called stands in for Pants."""
    launcher = root / "pants"
    launcher.write_text('#!/bin/sh\necho "$CI $PANTS_CONFIG_FILES $1"; test "$1" != check\n')
    launcher.chmod(0o755)
    shutil.copy(JOB, root / JOB)
    arguments = ["--root", str(root), "--host", host]
    assert main([*arguments, "--run", "lint", "--run", "package"]) == 0
    said = capfd.readouterr().out
    assert "run: bash .ci/job ./pants lint tailor --check ::\ntrue pants.ci.toml lint\n" in said
    assert (
        "run: bash .ci/job ./pants package src/guest:system\ntrue pants.ci.toml package\n" in said
    )
    assert "not run here: " in said
    assert main([*arguments, "--run", "check", "--run", "lint"]) == 1
    assert "lint" not in capfd.readouterr().out


# How the command ends, how the report on its log ends, and how then the job does.
@pytest.mark.parametrize(
    ("command", "report", "status"), [(0, 0, 0), (3, 0, 3), (0, 1, 1), (3, 1, 3)]
)
def test_a_job_with_a_shared_cache_fails_if_that_did_not_serve(
    root: Path, command: int, report: int, status: int
) -> None:
    shutil.copy(JOB, root / JOB)
    (root / "pants").write_text(
        "#!/bin/sh\n"
        f'case $* in "run ci:cache_report -- "*) cat "$4"; exit {report};; esac\n'
        f'echo "told by $*"; exit {command}\n'
    )
    (root / "pants").chmod(0o755)
    plain = {"PATH": os.environ["PATH"]}
    for environment, expected, told in (
        ({**plain, "PANTS_REMOTE_CACHE_READ": "true"}, status, "told by check ::\n" * 2),
        (plain, command, "told by check ::\n"),
    ):
        done = subprocess.run(
            ["bash", root / JOB, "./pants", "check", "::"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (expected, told, "")


def test_an_unknown_job_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(root), "--run", "lnt"]) == EXIT_CONFIG
    assert "no job 'lnt'; there are lint, check" in capsys.readouterr().err


def test_columns_of_the_table_are_filled_in() -> None:
    jobs = {job.name: job for job in parse(GITHUB, Path(GITHUB).read_text())}
    with_packages = [name for name, job in jobs.items() if "qemu" in " ".join(job.commands)]
    assert with_packages == ["os2vm-qemu", "os2vm-schema-qemu", "differential"]
    assert jobs["os2vm"].artifacts == ("dist/os2vm/",)
    assert not [job for job in jobs.values() if "matrix." in " ".join(job.commands)]
    assert isinstance(jobs["lint"], Job)


def use_cache(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", ".ci/use-cache", str(folder)],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_credentials_of_a_shared_cache_become_files_and_are_not_printed(tmp_path: Path) -> None:
    done = use_cache(
        tmp_path,
        NEXUS_CACHE_ADDRESS="grpcs://cache.example:8980",
        NEXUS_CACHE_TOKEN="secret",
        NEXUS_CACHE_CA="certificate",
        NEXUS_CACHE_WRITE="true",
    )
    assert "secret" not in done.stdout + done.stderr
    printed = dict(line.split("=", 1) for line in done.stdout.splitlines())
    token = Path(printed.pop("PANTS_REMOTE_OAUTH_BEARER_TOKEN_PATH"))
    assert (token.read_text(), token.stat().st_mode & 0o777) == ("secret", 0o600)
    assert Path(printed.pop("PANTS_REMOTE_CA_CERTS_PATH")).read_text() == "certificate\n"
    assert printed == {
        "PANTS_REMOTE_CACHE_READ": "true",
        "PANTS_REMOTE_CACHE_WRITE": "true",
        "PANTS_REMOTE_STORE_ADDRESS": "grpcs://cache.example:8980",
        "PANTS_REMOTE_INSTANCE_NAME": "main",
    }


def test_who_is_not_told_to_write_reads_only(tmp_path: Path) -> None:
    assert "PANTS_REMOTE_CACHE_WRITE=false\n" in use_cache(tmp_path, NEXUS_CACHE_ADDRESS="x").stdout


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "NEXUS_CACHE_ADDRESS: is not set; expected grpcs://NAME:PORT"),
        (
            {"NEXUS_CACHE_ADDRESS": ""},
            "NEXUS_CACHE_ADDRESS: is not set; expected grpcs://NAME:PORT",
        ),
        (
            {"NEXUS_CACHE_ADDRESS": "x", "NEXUS_CACHE_WRITE": "yes"},
            "NEXUS_CACHE_WRITE: 'yes'; expected true or false",
        ),
        (
            {"NEXUS_CACHE_ADDRESS": "x", "NEXUS_CACHE_WRITE": "true\nfalse"},
            "NEXUS_CACHE_WRITE: $'true\\nfalse'; expected true or false",
        ),
    ],
)
def test_what_a_shared_cache_cannot_be_is_refused(
    tmp_path: Path, variables: dict[str, str], words: str
) -> None:
    done = use_cache(tmp_path, **variables)
    assert (done.returncode, done.stdout, done.stderr) == (20, "", f"error: {words}\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("folder", "shown"), [("", "''"), ("/no/such", "'/no/such'")])
def test_a_folder_that_is_not_there_is_refused(folder: str, shown: str) -> None:
    done = subprocess.run(
        ["bash", ".ci/use-cache", *filter(None, [folder])],
        env={"PATH": os.environ["PATH"], "NEXUS_CACHE_ADDRESS": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 20
    assert done.stderr == f"error: FOLDER: {shown}; expected a folder that is there\n"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("--fast", "--fast is not an option; expected --quick, --edge or --full"),
        ("debian99", "debian99 is not a case; there are: debian12-root-namespaces "),
    ],
)
def test_the_matrix_of_hosts_refuses_what_it_does_not_have(given: str, words: str) -> None:
    done = subprocess.run(
        ["bash", ".ci/hosts", given],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (20, "", 1)
    assert words in done.stderr
