"""The launcher's use of a host: settings it takes, settings it keeps from Pants, refusals.

No network and no Pants: where the launcher would install something it finds a stand-in that prints
the environment that Pants would see.  One test installs a real wheel, from a folder on loopback.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

SUPPORT = Path("build-support/pants")

# Everything of pip that could change a result; `cert` says how the network is reached.
HOSTILE_PIP = """[global]
constraint = {folder}/constraints.txt
index-url = http://127.0.0.1:9/simple
extra-index-url = http://127.0.0.1:9/more
find-links = {folder}/none
no-binary = :all:
require-virtualenv = true
user = true
target = {folder}/elsewhere
cert = {folder}/company.pem
"""

STAND_IN = """#!{python}
import json, os, sys
print(json.dumps([sys.argv[1:], dict(os.environ)]))
"""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A home with a hostile pip, a checkout with the launcher, and one CPython on the PATH."""
    checkout = tmp_path / "checkout"
    shutil.copytree(SUPPORT, checkout / SUPPORT)
    shutil.copy("pants", checkout)
    (checkout / "pants.toml").touch()
    tools = tmp_path / "tools"
    tools.mkdir()
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    (tools / f"python{version}").symlink_to(os.path.realpath(sys.executable))
    make_pip_hostile(tmp_path, tmp_path / "home/.config/pip/pip.conf")
    make_pip_hostile(tmp_path, tmp_path / "xdg/pip/pip.conf")
    return tmp_path


def make_pip_hostile(folder: Path, file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(HOSTILE_PIP.format(folder=folder))
    (folder / "constraints.txt").write_text("small<1\n")
    (folder / "company.pem").write_text("a certificate\n")


def environment(host: Path, **more: str) -> dict[str, str]:
    return {
        "HOME": str(host / "home"),
        "PYENV_ROOT": str(host / "none"),
        "XDG_CONFIG_DIRS": str(host / "xdg"),
        "PATH": f"{host}/tools:/usr/local/bin:/usr/bin:/bin",
        **more,
    }


def launch(
    host: Path, given: Mapping[str, str], *, before: str = ""
) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f'{before}exec ./pants "$@"', "pants", "run", "a b"]
    return subprocess.run(
        command, cwd=host / "checkout", env=given, capture_output=True, text=True, check=False
    )


def install_stand_in(host: Path, cache: Path) -> None:
    """Let the launcher find a finished installation, whatever it calls it."""
    script = """
set -eu; support=$1; source "$support/install.bash"
key=$(cat "$support"/*.lock.txt | sha256 | cut -c 1-12)
for version in 39 310 311 312 313 314; do mkdir -p "$2/2.17.1-cp$version-$key/bin"; done
"""
    subprocess.run(
        ["bash", "-c", script, "bash", str(SUPPORT), str(cache)], env=environment(host), check=True
    )
    for venv in cache.glob("2.17.1-*"):
        python = venv / "bin/python"
        python.write_text(STAND_IN.format(python=os.path.realpath(sys.executable)))
        python.chmod(0o755)
        (venv / "complete").touch()
        (venv / "pex-cli").touch()


def seen(host: Path, **more: str) -> dict[str, str]:
    """The environment in which the launcher starts Pants."""
    cache = more.get("NEXUS_PANTS_CACHE", f"{host}/home/.cache/nexus-pants")
    install_stand_in(host, Path(cache))
    done = launch(host, environment(host, **more))
    assert done.returncode == 0, done.stderr
    arguments, found = json.loads(done.stdout)
    assert arguments == ["-I", "-m", "pants", "run", "a b"]
    return {str(name): str(value) for name, value in found.items()}


def test_nothing_of_pip_reaches_pants(host: Path) -> None:
    variables = {"PIP_CONSTRAINT": "x", "PIP_INDEX_URL": "x", "PIP_NO_BINARY": "x", "PIP_USER": "1"}
    found = seen(host, **variables)
    pip = {name: value for name, value in found.items() if name.startswith("PIP_")}
    assert pip == {"PIP_CONFIG_FILE": "/dev/null"}


def test_nothing_of_another_python_reaches_pants(host: Path) -> None:
    hostile = host / "hostile"
    hostile.mkdir()
    (hostile / "sitecustomize.py").write_text("raise SystemExit('hostile')\n")
    found = seen(host, PYTHONPATH=str(hostile), PYTHONSTARTUP="x", PYTHONWARNINGS="error")
    assert [name for name in found if name.startswith("PYTHON")] == []


def test_no_setting_of_another_pex_reaches_pants(host: Path) -> None:
    found = seen(host, PEX_PYTHON="/none", PEX_INTERPRETER="1", CDPATH=str(host))
    assert {name for name in found if name.startswith("PEX_")} == {"PEX_IGNORE_RCFILES"}
    assert "CDPATH" not in found


def test_a_low_limit_of_files_is_raised(host: Path) -> None:
    install_stand_in(host, host / "home/.cache/nexus-pants")
    assert launch(host, environment(host), before="ulimit -Sn 256; ").returncode == 0


def test_the_locale_is_the_same_everywhere(host: Path) -> None:
    german = seen(host, LANG="de_DE.ISO-8859-1", LC_ALL="de_DE", LC_TIME="tr_TR", LANGUAGE="de")
    locale = {name: german[name] for name in german if name[:2] in ("LA", "LC")}
    assert locale == {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", None])
def test_certificates_of_the_host_are_used_under_one_name(host: Path, variable: str | None) -> None:
    """Their path is part of every key: it is the same wherever the host keeps them."""
    own = host / "own.pem"
    own.touch()
    found = seen(host, **({variable: str(own)} if variable else {}))
    name = host / "home/.cache/nexus-pants/certificates.pem"
    assert found["SSL_CERT_FILE"] == found["REQUESTS_CA_BUNDLE"] == str(name)
    assert name.resolve() == (own if variable else host / "company.pem")


def test_a_launcher_within_a_launcher_keeps_the_certificates(host: Path) -> None:
    found = seen(host)
    again = seen(host, **{name: found[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")})
    assert again["SSL_CERT_FILE"] == found["SSL_CERT_FILE"]
    assert Path(again["SSL_CERT_FILE"]).resolve() == host / "company.pem"


def test_certificates_that_do_not_exist_are_named(host: Path) -> None:
    install_stand_in(host, host / "home/.cache/nexus-pants")
    done = launch(host, environment(host, SSL_CERT_FILE="/none.pem"))
    assert (done.returncode, done.stderr.count("\n")) == (20, 1)
    assert "/none.pem" in done.stderr


def test_an_interpreter_that_is_gone_or_closed_is_named(host: Path) -> None:
    cache = host / "home/.cache/nexus-pants"
    install_stand_in(host, cache)
    for python in cache.glob("2.17.1-*/bin/python"):
        python.unlink()
        python.symlink_to("/nowhere/python3")
    done = launch(host, environment(host))
    assert (done.returncode, done.stdout) == (21, "")
    assert "bin/python cannot be run" in done.stderr.splitlines()[-1]


def test_proxies_of_the_host_are_kept(host: Path) -> None:
    assert seen(host, https_proxy="http://p:1")["https_proxy"] == "http://p:1"
    given = seen(host, PIP_PROXY="http://q:2")
    assert given["http_proxy"] == given["https_proxy"] == "http://q:2"


@pytest.mark.parametrize("name", ["nexus cache", "grün", "a#b", "a?b", "it's", "a%20b"])
def test_a_cache_in_any_folder_has_an_address(host: Path, name: str) -> None:
    cache = host / name
    found = seen(host, NEXUS_PANTS_CACHE=str(cache))
    address = found["PANTS_PEX_CLI_URL_TEMPLATE"]
    assert address.startswith("file:///")
    assert address.isascii()
    assert not set(" #?'%") & set(address)
    assert Path(address.removeprefix("file://")).resolve().parent.parent == cache


@pytest.mark.parametrize(
    ("given", "before", "status", "words"),
    [
        ({"PATH": "{host}/empty"}, "", 21, "needs CPython 3.11"),
        ({"NEXUS_PANTS_PYTHON": "/none"}, "", 20, "NEXUS_PANTS_PYTHON=/none"),
        ({"HOME": ""}, "", 21, "HOME is not set"),
        ({"HOME": "/dev/null"}, "", 21, "/dev/null is not a folder"),
        ({"XDG_CACHE_HOME": "/proc/self"}, "", 21, "can write"),
        ({"NEXUS_PANTS_CACHE": "/dev/null/x"}, "", 21, "set NEXUS_PANTS_CACHE"),
        ({}, "ulimit -n 256; ", 21, "only 256 files"),
    ],
)
def test_a_host_that_will_not_do_is_told_why(
    host: Path, given: dict[str, str], before: str, status: int, words: str
) -> None:
    (host / "empty").mkdir()
    for tool in ("bash", "dirname", "id", "cut", "readlink", "mkdir", "uname", "cat"):
        (host / "empty" / tool).symlink_to(shutil.which(tool) or tool)
    more = {name: value.format(host=host) for name, value in given.items()}
    done = launch(host, environment(host, **more), before=before)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


# Installs what a tool of that name would, where it would, and says how it was called.
INSTALLER = """#!/bin/sh
echo "$(basename "$0") $*" >>"$HOME/called"
[ -z "$FAILS" ] || {{ echo 'no route to the archive' >&2; exit 1; }}
mkdir -p "{folder}/bin"
ln -s {python} "{folder}/bin/python{version}"
"""
INSTALLED = {
    "uv": "$HOME/.local/share/uv/python/cpython-{version}.99-linux-x86_64-gnu",
    "pyenv": "$PYENV_ROOT/versions/{version}.99",
}
CALLED = {"uv": "uv python install 3.13\n", "pyenv": "pyenv install --skip-existing 3.13\n"}


def without_python(host: Path, *installers: str) -> dict[str, str]:
    """The environment of a machine with an interpreter that is too old, and these installers."""
    tools = host / "no-python"
    tools.mkdir()
    needed = ("bash", "sh", "dirname", "basename", "id", "cut", "readlink", "mkdir", "uname")
    for tool in (*needed, "cat", "ln", "sha256sum", "cksum"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    scripts = {"python3": "#!/bin/sh\necho cpython 3.8\n"}
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for name in installers:
        folder = INSTALLED[name].format(version=version)
        python = os.path.realpath(sys.executable)
        scripts[name] = INSTALLER.format(folder=folder, python=python, version=version)
    for name, script in scripts.items():
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    return environment(host, PATH=str(tools))


@pytest.mark.parametrize(
    ("installers", "called"), [(("uv",), "uv"), (("pyenv",), "pyenv"), (("uv", "pyenv"), "uv")]
)
def test_a_host_without_python_is_given_one_once(
    host: Path, installers: tuple[str, ...], called: str
) -> None:
    given = without_python(host, *installers)
    install_stand_in(host, host / "home/.cache/nexus-pants")
    done = launch(host, given)
    assert done.returncode == 0, done.stderr
    assert f"pants: installing CPython 3.13 with {called} (once)\n" in done.stderr
    arguments, found = json.loads(done.stdout)
    assert arguments[-2:] == ["run", "a b"]
    # Pants looks into pyenv itself.
    assert called == "pyenv" or "/uv/python/cpython-" in found["PATH"]
    assert launch(host, given).returncode == 0
    assert (host / "home/called").read_text() == CALLED[called]


@pytest.mark.parametrize("installer", ["uv", "pyenv"])
def test_an_installer_that_fails_is_named(host: Path, installer: str) -> None:
    done = launch(host, {**without_python(host, installer), "FAILS": "1"})
    assert done.returncode == 21
    *_, its_own, ours = done.stderr.splitlines()
    assert its_own == "no route to the archive"
    assert ours.startswith(f"pants: '{CALLED[installer].strip()}' failed; needs CPython 3.11")


def test_what_to_install_is_said_in_one_line(host: Path) -> None:
    done = launch(host, without_python(host))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (21, "", 1)
    for system in ("Debian, Ubuntu: apt-get", "Fedora: dnf", "macOS: brew", "anywhere: uv"):
        assert system in done.stderr


def test_a_checkout_that_cannot_be_written_is_told_so(host: Path) -> None:
    (host / "checkout/.pants.d").touch()  # Also true of root, who may write everything.
    done = launch(host, environment(host))
    assert (done.returncode, done.stderr.count("\n")) == (21, 1)
    assert "checkout/.pants.d is not a folder" in done.stderr


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A package index with one wheel: its address, and the hash of the wheel."""
    folder = tmp_path / "index/simple/small"
    folder.mkdir(parents=True)
    wheel = folder / "small-2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("small.py", "value = 2\n")
        archive.writestr(
            "small-2.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 2\n"
        )
        archive.writestr(
            "small-2.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("small-2.dist-info/RECORD", "")
    handler = functools.partial(Quiet, directory=str(tmp_path / "index"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield (
            f"http://127.0.0.1:{server.server_port}/simple",
            hashlib.sha256(wheel.read_bytes()).hexdigest(),
        )
        server.shutdown()
        thread.join()


def test_the_launcher_installs_under_a_hostile_configuration(
    host: Path, index: tuple[str, str]
) -> None:
    address, wheel_hash = index
    (host / "small.lock.txt").write_text(f"small==2 --hash=sha256:{wheel_hash}\n")
    script = """
set -euo pipefail; support=$1; python=$2; cache=$3
source "$support/host.bash"; source "$support/install.bash"
"$python" -I -m venv "$3/venv"
clean_environment
find_network
pip_in "$3/venv" install -r "$3/small.lock.txt"
exec "$3/venv/bin/python" -I -c 'import small; print(small.value)'
"""
    hostile = {"PIP_CONSTRAINT": "/none", "PIP_NO_BINARY": ":all:", "PIP_USER": "1"}
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(SUPPORT), os.path.realpath(sys.executable), str(host)],
        env=environment(host, NEXUS_PANTS_INDEX=address, **hostile),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


@pytest.mark.parametrize("settings", ["pants.toml", "testprojects/template/pants.toml"])
def test_pants_knows_every_version_that_it_runs_on(settings: str) -> None:
    """Plugins are tested on one alone, and Pants ends where it knows no version that fits."""
    text = Path(__file__).with_name("python.bash").read_text()
    known = tomllib.loads(Path(settings).read_text())["python"]["interpreter_versions_universe"]
    found = re.findall(r"^RUN_\w+=\(([0-9. ]*)\)$", text, re.MULTILINE)
    assert {version for line in found for version in line.split()} == set(known)


@pytest.mark.parametrize("settings", ["pants.toml", "testprojects/template/pants.toml"])
def test_pants_installs_under_a_hostile_configuration(
    host: Path, index: tuple[str, str], settings: str
) -> None:
    """With the variables that Pants gives to a process; pip is called as the `pex` tool does."""
    address, _ = index
    python = os.path.realpath(sys.executable)
    venv = host / "venv"
    subprocess.run([python, "-I", "-m", "venv", str(venv)], check=True, env=environment(host))
    names = tomllib.loads(Path(settings).read_text())["subprocess-environment"]["env_vars"]
    given = dict(name.split("=", 1) for name in names if "=" in name)
    # A sandbox has no HOME.  Machine-wide files are read all the same.
    done = subprocess.run(
        [
            str(venv / "bin/python"),
            "-m",
            "pip",
            "--isolated",
            "--disable-pip-version-check",
            "install",
            "--index-url",
            address,
            "small==2",
        ],
        env={**given, "XDG_CONFIG_DIRS": str(host / "xdg")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # And without them, the configuration is hostile indeed.
    without = subprocess.run(
        [*done.args[:-1], "--force-reinstall", "small==2"],
        env={"XDG_CONFIG_DIRS": str(host / "xdg")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert without.returncode != 0
