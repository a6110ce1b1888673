"""The bus commands as far as they need no peer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest

from nexus.cli.bus.bus_scene import write_files
from nexus.cli.completion import script
from nexus.cli.main import COMMANDS, main
from nexus.dsoftbus.io.configuration import BusConfig
from nexus.dsoftbus.io.record import config_schema

BUS_COMMANDS = [name for name in COMMANDS if name.startswith("bus ")]


def test_keygen_then_whoami(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "k"
    assert main(["bus", "keygen", "host-9", str(path), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert path.stat().st_mode & 0o777 == 0o600
    assert main(["bus", "keygen", "host-9", str(path)]) == 20
    assert "never replaced" in capsys.readouterr().err
    (tmp_path / "bus.toml").write_text('key_file = "k"\n')
    assert main(["bus", "whoami", "--json", "--config", str(tmp_path / "bus.toml")]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["public_key"] == made["public_key"]
    assert shown["device_id"] == "host-9"


def test_what_whoami_shows_is_what_a_peers_file_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path)
    assert main(["bus", "whoami", "--config", str(tmp_path / "b.toml")]) == 0
    shown = capsys.readouterr().out
    (tmp_path / "c.toml").write_text('key_file = "host.key"\n' + shown)
    assert main(["bus", "whoami", "--config", str(tmp_path / "c.toml")]) == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('key_file = "none.key"', "nexus bus keygen"),
        ('key_fil = "host.key"', "did you mean 'key_file'"),
        ('key_file = "host.key"\nport = 65536', "expected 0..65535"),
        ('key_file = "host.key"\naddress = "0.0.0.0"', "address of one host"),
        ('key_file = "host.key"\naddress = "x"', "IPv4 address"),
        (
            'key_file = "host.key"\n[[allow]]\npeer = "x"\nservice = "samgrd"\noperations = []',
            "no peer is configured",
        ),
        (
            'key_file = "host.key"\nannounce_interval_ms = 2000',
            "peer_ttl_ms: 1500 is not above announce_interval_ms (2000)",
        ),
        (
            'key_file = "host.key"\nannounce = ["samgrd", "samgrd"]',
            "announce[1]: 'samgrd' is a duplicate service",
        ),
    ],
)
def test_a_wrong_file_is_said_by_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    write_files(tmp_path)
    (tmp_path / "x.toml").write_text(content)
    assert main(["bus", "whoami", "--config", str(tmp_path / "x.toml")]) == 20
    message = capsys.readouterr().err
    assert said in message
    assert message.startswith("error: ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"resolve-status"', '"resolve"', "did you mean 'resolve-status'"),
        ('"samgrd"\nop', '"samgr"\nop', "did you mean 'samgrd'"),
        ('peer = "host-1"', 'peer = "host-2"', "did you mean 'host-1'"),
        ('id = "host-1"', 'id = "a b"', "printable ASCII"),
    ],
)
def test_a_wrong_permission_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    write_files(tmp_path)
    path = tmp_path / "b.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert main(["bus", "whoami", "--config", str(path)]) == 20
    assert said in capsys.readouterr().err


def peer_of(name: str, key: str) -> str:
    return f'[[peer]]\nid = "{name}"\naddress = "10.42.0.11"\npublic_key = "{key}"\n'


def test_a_bus_file_is_held_to_the_rules_of_a_guests_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write_files(tmp_path)
    own, other = files.host.public.hex(), files.node.public.hex()
    cases = [
        (peer_of("a", other) + peer_of("a", own), "peer[1].id: 'a' is a duplicate peer id"),
        (peer_of("a", other) + peer_of("b", other), "peer[1].public_key: "),
        (peer_of("a", "00" * 32), "peer[0].public_key: is of small order"),
        (peer_of("host-1", other), "peer[0].id: 'host-1' is this node's own id"),
        (peer_of("a", own), "peer[0].public_key: is this node's own key"),
    ]
    for content, said in cases:
        (tmp_path / "x.toml").write_text('key_file = "host.key"\n' + content)
        assert main(["bus", "whoami", "--config", str(tmp_path / "x.toml")]) == 20
        message = capsys.readouterr().err
        assert said in message
        assert "Traceback" not in message


@pytest.mark.parametrize(
    "arguments",
    [
        ["bus", "ping"],
        ["bus", "ping", "b", "--count", "0"],
        ["bus", "ping", "b", "--timeout", "nan"],
        ["bus", "ping", "b", "--timeout", "x"],
        ["bus", "resolve", "b"],
        ["bus", "discover", "--seconds", "61"],
        ["bus", "serve", "--bundles", "-1"],
        ["bus", "schema", "x"],
        ["bus", "whoami", "--nothing"],
    ],
)
def test_a_wrong_argument_is_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 20
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", [name for name in BUS_COMMANDS if name != "bus schema"])
def test_help_teaches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"Example: nexus {name}" in " ".join(shown.split())
    assert "Exit codes" in shown


def test_the_schema_of_the_file_is_valid_and_takes_a_real_one() -> None:
    jsonschema.Draft202012Validator.check_schema(config_schema())
    example = {
        "key_file": "k",
        "peer": [{"id": "b", "address": "127.0.0.1", "public_key": "00" * 32}],
    }
    jsonschema.validate(example, config_schema())
    BusConfig.model_validate(example)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"key_file": "k", "more": 1}, config_schema())


def test_schemas_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("config", "record"):
        assert main(["bus", "schema", kind]) == 0
        assert json.loads(capsys.readouterr().out)["$schema"].startswith("https://json-schema.org")


def test_completion_completes_in_a_real_shell() -> None:
    ask = 'COMP_WORDS=(nexus {words}); COMP_CWORD={index}; _nexus; echo "${{COMPREPLY[@]}}"'
    for words, index, expected in (
        ("bu", 1, "bus"),
        ("bus re", 2, "resolve"),
        ("bus q", 2, "query"),
    ):
        program = script() + ask.format(words=words, index=index)
        result = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
        assert result.stdout == f"{expected}\n"
