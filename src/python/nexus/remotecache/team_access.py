"""Cases of access: which proof lets a client or a worker in, and what a refused one reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final  # Any: JSON, as it is read.

from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as messages

from nexus.remotecache import asking, credentials, settings
from nexus.remotecache.access import Grant
from nexus.remotecache.client import Client
from nexus.remotecache.connection import Remote
from nexus.remotecache.digest import digest_of
from nexus.remotecache.proof_stage import expect
from nexus.remotecache.team_net import SERVER_NAME
from nexus.remotecache.team_stage import CERTIFICATES_PORT, PORT, SERVE, Program, Team

# Workers of another version, and of another kind of machine.
OTHER_VERSION: Final = f"from nexus.remotecache import joining; joining.LAYOUT = 0; {SERVE}"
OTHER_ISA: Final = (
    f"from nexus.remotecache import joining; joining.own_isa = lambda: 'vax'; {SERVE}"
)


def token_revoked(team: Team) -> None:
    """A token is revoked in the middle: the next call is refused, and the audit says who wrote."""
    team.manage("--grant=guest", "--scopes=read,write,execute")
    token = (team.keys / "guest.token").read_text(encoding="ascii")
    # Revoking takes the file away; the guest has a copy.
    (team.keys / "copy.token").write_text(token, encoding="ascii")
    with team.client("copy") as client:
        action = client.put_action(["/bin/true"])
        client.write_result(action, messages.ActionResult(stdout_raw=b"by hand"))
        team.manage("--revoke=guest")
        expect(
            "lookup after revocation",
            asking.code_of(lambda: client.result(action)),
            "UNAUTHENTICATED",
        )
        expect("write", asking.code_of(lambda: client.put(b"x")), "UNAUTHENTICATED")
    with team.client() as client:
        expect("others are let in", client.result(action) is not None, True)
    lines = audit(team, "results.jsonl")
    mine = [line for line in lines if line["by"] == "guest"]
    expect(
        "results of the guest", [line["action"].partition("/")[0] for line in mine], [action.hash]
    )
    refused = [line for line in audit(team, "refused.jsonl") if line["by"] == "guest"]
    expect("refusals", {line["reason"].partition(" ")[0] for line in refused}, {"revoked"})
    for path in (team.folder / "server").rglob("*"):
        if path.is_file() and path.suffix in {".log", ".jsonl", ".json", ".yml"}:
            expect(f"{path} holds a token", token in path.read_text(errors="replace"), False)


def certificates_prove_names(team: Team) -> None:
    """The second port takes a certificate of the authority in place of a token, and no other."""
    team.manage("--grant=robot", "--scopes=read,write", "--with-certificate")
    # Revoking takes the files away; the robot has copies.
    mine = (team.folder / "robot.crt", team.folder / "robot.key")
    for path in mine:
        shutil.copyfile(team.keys / path.name, path)
    foreign = credentials.create(team.folder / "foreign-authority", lifetime=timedelta(hours=1))
    grant = Grant(number="0" * 16, name="robot", scopes=("admin",), expires="")
    strange = credentials.sign_client(foreign, grant, timedelta(hours=1))
    shown = Remote(SERVER_NAME, CERTIFICATES_PORT, team.folder / "settings.sh", None)
    table: list[tuple[str, Remote, str]] = [
        ("its own", replace(shown, identity=mine), "NOT_FOUND"),
        ("none", shown, "UNAVAILABLE"),
        ("of a foreign authority", replace(shown, identity=strange), "UNAVAILABLE"),
        # A certificate proves nothing at the port of tokens.
        ("its own, at the port of tokens", replace(shown, port=PORT, identity=mine), "refused"),
    ]
    for what, remote, wanted in table:
        seen = lookup(remote)
        seen = "refused" if seen in asking.REFUSALS else seen
        expect(f"certificate: {what}", seen, wanted)
    with Client(table[0][1]) as client:
        action = client.put_action(["/bin/true", "robot"])
        client.write_result(action, messages.ActionResult(stdout_raw=b"by a robot"))
        code = asking.code_of(lambda: client.execute(action, seconds=60))
        expect("beyond its scopes", code in asking.REFUSALS, True)
    written = [line["by"] for line in audit(team, "results.jsonl")]
    expect("who wrote the last result", written[-1], "robot")
    team.manage("--revoke=robot")
    expect("revoked", lookup(table[0][1]) in asking.REFUSALS, True)
    # The name that is granted anew does not revive what was revoked.
    team.manage("--grant=robot", "--scopes=read")
    expect("granted anew", lookup(table[0][1]) in asking.REFUSALS, True)
    team.say(f"{len(table) + 4} ways")


def lookup(remote: Remote) -> str:
    """The code of asking for a result that is not there."""
    with Client(remote) as client:
        request = messages.GetActionResultRequest(
            instance_name=client.instance, action_digest=digest_of(b"no action")
        )
        how = {**client.how(20.0), "wait_for_ready": False}
        return asking.code_of(lambda: client.results.GetActionResult(request, **how))


def strangers_are_told_why(team: Team) -> None:
    """Each wrong way to join ends with one line and a code."""
    reader = team.keys / f"{settings.READER}.token"
    good = {
        "--server": f"{SERVER_NAME}:{PORT}",
        "--authority": str(team.folder / "settings.sh"),
        "--token": str(team.keys / f"{settings.WORKER}.token"),
    }
    other = team.folder / "other.crt"
    shutil.copyfile("/etc/hosts", team.folder / "no.crt")
    foreign = credentials.create(team.folder / "foreign", lifetime=timedelta(hours=1))
    shutil.copyfile(foreign.ca, other)
    unknown = team.folder / "unknown.token"
    unknown.write_text("of.another.server\n", encoding="ascii")
    refused = "does not take this worker: "
    table: list[tuple[str, dict[str, str], int, str]] = [
        (SERVE, {"--server": f"{team.server_host.address}:{PORT}"}, 20, "certificate is not for"),
        (SERVE, {"--server": f"{SERVER_NAME}:1"}, 21, "Connection refused"),
        (SERVE, {"--server": "nowhere"}, 20, "is not an address; expected HOST:PORT"),
        (SERVE, {"--authority": str(other)}, 20, "its certificate is not signed by"),
        (SERVE, {"--authority": str(team.folder / "no.crt")}, 20, "holds no certificate"),
        (SERVE, {"--token": str(reader)}, 20, f"{refused}UNAUTHENTICATED"),
        (SERVE, {"--token": str(unknown)}, 20, "does not take it (UNAUTHENTICATED"),
        (SERVE, {"--token": str(team.folder / "none")}, 20, "No such file or directory"),
        (SERVE, {"--property": "colour=red"}, 20, "'colour' is unknown; expected OSFamily"),
        (OTHER_VERSION, {}, 20, f"{refused}FAILED_PRECONDITION: a worker with nexus-worker '0+"),
        (OTHER_ISA, {}, 20, f"{refused}FAILED_PRECONDITION: a worker with ISA 'vax'; this server"),
    ]
    # All at once: most of what each does is to start.
    strangers = [stranger(team, code, {**good, **change}) for code, change, _, _ in table]
    for program, (_, change, code, said) in zip(strangers, table, strict=True):
        seen = program.process.wait(120)
        text = program.said()
        what = f"{change}: code and line of {text!r}"
        expect(what, (seen, text.count("\n"), said in text), (code, 1, True))
    team.say(f"{len(table)} ways")


def stranger(team: Team, code: str, options: dict[str, str]) -> Program:
    """Start a worker with a folder of its own."""
    folder = f"--folder={team.folder / f'stranger-{team.started}'}"
    given = [f"{name}={value}" for name, value in options.items()]
    return team.program(team.client_hosts[0], "stranger", code, "--worker", folder, *given)


def audit(team: Team, name: str) -> list[dict[str, Any]]:
    """The lines of one file of the audit."""
    path = team.folder / "server" / "audit" / name
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


CASES: Final[tuple[Callable[[Team], None], ...]] = (
    token_revoked,
    certificates_prove_names,
    strangers_are_told_why,
)
