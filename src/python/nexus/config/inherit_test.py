"""The result of files that extend files, and the file that each mistake is reported in."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.config.config_cases import NODE_A, WORLD, load_world, write_world
from nexus.config.error import ConfigError
from nexus.config.inherit import DEPTH_MAX
from nexus.config.keys import derive_test_secret
from nexus.config.load import load_any, load_node
from nexus.config.node import NodeConfig
from nexus.config.world import World

BASE = NODE_A.replace('id = "node-a"\nmac = "52:54:00:12:34:0a"\n', "ram_mib = 128\n", 1)
DERIVED = 'extends = "base.toml"\n[node]\nid = "node-a"\nmac = "52:54:00:12:34:0a"\n'


def write(folder: Path, **texts: str) -> Path:
    """Write files by their stems; returns the path of `derived`."""
    for stem, text in texts.items():
        (folder / f"{stem}.toml").write_text(text)
    return folder / "derived.toml"


def mistakes(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_any(path)
    return [line.replace(f"{path.parent}/", "") for line in str(caught.value).splitlines()]


def test_tables_merge_and_the_rest_is_replaced(tmp_path: Path) -> None:
    derived = DERIVED + '[dsoftbus]\nannounce = ["logd"]\nrate.burst = 5\n'
    node = load_node(write(tmp_path, base=BASE, derived=derived))
    assert (node.node.id, node.node.ram_mib) == ("node-a", 128)
    assert node.dsoftbus is not None
    assert node.dsoftbus.announce == ("logd",)
    assert (node.dsoftbus.rate.burst, node.dsoftbus.port) == (5, 34567)
    assert [peer.id for peer in node.dsoftbus.peer] == ["node-b"]


def test_a_list_of_tables_is_replaced_as_a_whole(tmp_path: Path) -> None:
    derived = DERIVED + "[dsoftbus]\nallow = []\n"
    node = load_node(write(tmp_path, base=BASE, derived=derived))
    assert node.dsoftbus is not None
    assert node.dsoftbus.allow == ()


def test_what_has_one_of_several_forms_is_replaced(tmp_path: Path) -> None:
    key = tmp_path / "own.key"
    key.write_text(derive_test_secret("x").hex())
    key.chmod(0o600)
    base = BASE + "[state]\ndisk_kib = 64\n"
    derived = DERIVED + '[state]\ndisk = "drive"\n[dsoftbus.static_key]\nfile = "own.key"\n'
    node = load_node(write(tmp_path, base=base, derived=derived))
    assert node.state is not None
    assert (node.state.disk, node.state.disk_kib) == ("drive", None)
    assert node.dsoftbus is not None
    assert node.dsoftbus.static_key.secret() == derive_test_secret("x")


def test_of_several_bases_later_ones_win_and_the_file_itself_over_all(tmp_path: Path) -> None:
    derived = DERIVED.replace('"base.toml"', '["base.toml", "big.toml"]') + 'image = "own"\n'
    big = '[node]\nram_mib = 512\nimage = "big"\n[state]\ndisk_kib = 8\n'
    node = load_node(write(tmp_path, base=BASE, big=big, derived=derived))
    assert (node.node.ram_mib, node.node.image) == (512, "own")
    assert node.state is not None


def test_bases_have_bases_and_may_share_one(tmp_path: Path) -> None:
    derived = DERIVED.replace('"base.toml"', '["left.toml", "right.toml"]')
    left = 'extends = "base.toml"\n[node]\nram_mib = 32\n'
    right = 'extends = "base.toml"\n[node]\nimage = "right"\n'
    node = load_node(write(tmp_path, base=BASE, left=left, right=right, derived=derived))
    # The right one brings the common base once more, over the left one.
    assert (node.node.ram_mib, node.node.image) == (128, "right")


def test_paths_start_at_the_file_that_states_them(tmp_path: Path) -> None:
    deep = tmp_path / "common" / "deep"
    deep.mkdir(parents=True)
    key = deep / "node.key"
    key.write_text(derive_test_secret("deep").hex())
    key.chmod(0o600)
    keyed = BASE.replace('{ test_seed = "node-a" }', '{ file = "node.key" }')
    (deep / "keyed.toml").write_text(keyed)
    (tmp_path / "common" / "base.toml").write_text('extends = "deep/keyed.toml"\n')
    derived = DERIVED.replace("base.toml", "common/base.toml")
    node = load_node(write(tmp_path, derived=derived))
    assert node.dsoftbus is not None
    assert node.dsoftbus.static_key.secret() == derive_test_secret("deep")


def test_a_world_may_extend_a_world_and_its_nodes_stay_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "worlds").mkdir()
    write_world(tmp_path)
    derived = tmp_path / "worlds" / "derived.toml"
    derived.write_text('extends = "../world.toml"\nseed = 9\n[link]\nloss = "1/2"\n')
    world = load_world(derived)
    assert (world.seed, world.link.loss, world.link.delay_us) == (9, "1/2", 200)
    assert [machine.node.node.id for machine in world.machines] == ["node-a", "node-b"]
    assert world.path == str(derived)


@pytest.mark.parametrize("text", ['extends = "base.toml"', 'extends = "base.toml"\n[network]'])
def test_the_kind_may_be_told_by_the_base(tmp_path: Path, text: str) -> None:
    assert isinstance(load_any(write(tmp_path, base=NODE_A, derived=text)), NodeConfig)
    write_world(tmp_path)
    assert isinstance(load_any(write(tmp_path, derived='extends = "world.toml"')), World)


# (the file itself, its base, the one line)
MISTAKES = [
    ("extends = 3\n", "", "derived.toml: extends: 3; expected a file's name, or a list"),
    ("extends = []\n", "", "derived.toml: extends: []; expected 1..8 files"),
    ('extends = ["base.toml", ""]\n', "", "derived.toml: extends[1]: ''; expected one line"),
    ('extends = " "\n', "", "derived.toml: extends: ' '; expected more than spaces"),
    (
        'extends = "bsae.toml"\n',
        "",
        "derived.toml: extends: 'bsae.toml' is a missing file; looked for bsae.toml; "
        "did you mean 'base.toml'?",
    ),
    ('extends = "a\\u0000b"\n', "", 'derived.toml: extends: "a\\u0000b"; expected one line'),
    (
        'extends = "derived.toml"\n',
        "",
        "derived.toml: extends: 'derived.toml' extends itself: derived.toml > derived.toml",
    ),
    (
        DERIVED,
        'extends = ["./derived.toml"]\n',
        "base.toml: extends[0]: './derived.toml' extends itself: "
        "derived.toml > base.toml > derived.toml",
    ),
    (DERIVED, "[node\n", "base.toml: is not TOML: "),
    (
        DERIVED,
        "seed = 1\n",
        "derived.toml: extends: 'base.toml' is a world file; expected node files",
    ),
    (
        'extends = "base.toml"\nseed = 1\n',
        NODE_A,
        "derived.toml: extends: 'base.toml' is a node file; expected world files",
    ),
    (DERIVED, BASE.replace("128", "1"), "base.toml: node.ram_mib: 1; expected 16..2048"),
    (
        DERIVED,
        BASE.replace("ram_mib", "ram_mb"),
        "base.toml: node.ram_mb: unknown key; expected id, mac, image, ram_mib, start; "
        "did you mean 'ram_mib'?",
    ),
    (DERIVED.replace("mac =", "# mac ="), BASE, "derived.toml: node.mac: is missing"),
    (
        DERIVED + "[dsoftbus]\npeer_ttl_ms = 100\n",
        BASE,
        "derived.toml: dsoftbus.peer_ttl_ms: 100 is not above announce_interval_ms (250)",
    ),
    (
        DERIVED.replace("node-a", "node-b"),
        BASE,
        "base.toml: dsoftbus.peer[0].id: 'node-b' is this node's own id"
        " (in what makes up derived.toml)",
    ),
    ('extend = "base.toml"\n' + NODE_A, "", "derived.toml: extend: unknown key; expected ext"),
]


@pytest.mark.parametrize(("derived", "base", "said"), MISTAKES)
def test_a_mistake_is_one_line_that_names_its_file(
    tmp_path: Path, derived: str, base: str, said: str
) -> None:
    lines = mistakes(write(tmp_path, derived=derived, base=base))
    assert len(lines) == 1, lines
    assert re.sub(r"^(\S+\.toml):\d+: ", r"\1: ", lines[0]).startswith(said), lines


def test_bases_of_bases_end_somewhere(tmp_path: Path) -> None:
    for number in range(DEPTH_MAX + 1):
        (tmp_path / f"{number}.toml").write_text(f'extends = "{number + 1}.toml"\n')
    (tmp_path / f"{DEPTH_MAX - 1}.toml").write_text(NODE_A)
    assert load_any(tmp_path / "0.toml")
    (tmp_path / f"{DEPTH_MAX - 1}.toml").write_text(f'extends = "{DEPTH_MAX}.toml"\n')
    (tmp_path / f"{DEPTH_MAX}.toml").write_text(NODE_A)
    assert mistakes(tmp_path / "0.toml") == [
        "7.toml:1: extends: '8.toml' is base 8 of a chain; expected at most 7 bases"
    ]


def test_many_files_are_not_read_over_and_over(tmp_path: Path) -> None:
    for number in range(6):
        bases = ", ".join([f'"{number + 1}.toml"'] * 8)
        (tmp_path / f"{number}.toml").write_text(f"extends = [{bases}]\n")
    (tmp_path / "6.toml").write_text(NODE_A)
    (line,) = mistakes(tmp_path / "0.toml")
    assert line.endswith("is file 33 of this tree; expected at most 32")


SECRET = derive_test_secret("hidden").hex()


@pytest.mark.parametrize(
    "inline",
    [
        f'static_key = "{SECRET}"',
        f'static_key = {{ secret = "{SECRET}" }}',
        f'static_key = {{ test_seed = ["{SECRET}"] }}',
        f'port = {{ static_key = "{SECRET}" }}',
    ],
)
@pytest.mark.parametrize("place", ["derived", "base", "list"])
def test_a_secret_in_any_file_is_never_repeated(tmp_path: Path, inline: str, place: str) -> None:
    # The keys that the secret takes the place of are out: TOML refuses a key that stands twice.
    base = BASE.replace("static_key", "# static_key").replace("port = 34567", "", 1)
    tables = {
        "derived": {"derived": f"{DERIVED}[dsoftbus]\n{inline}\n", "base": base},
        "list": {"derived": f"{DERIVED}[[dsoftbus]]\n{inline}\n", "base": base},
        "base": {
            "derived": DERIVED,
            "base": base.replace("[dsoftbus]", f"[dsoftbus]\n{inline} #", 1),
        },
    }
    lines = mistakes(write(tmp_path, **tables[place]))
    assert re.search(r"^(derived|base)\.toml:\d+: dsoftbus", lines[0]), "the secret was looked at"
    assert not any(SECRET[:12] in line for line in lines), lines


def test_a_bad_key_file_is_told_by_the_file_that_names_it(tmp_path: Path) -> None:
    keyed = BASE.replace('{ test_seed = "node-a" }', '{ file = "node.key" }')
    (tmp_path / "node.key").write_text(SECRET)
    (tmp_path / "node.key").chmod(0o644)
    assert mistakes(write(tmp_path, base=keyed, derived=DERIVED)) == [
        "base.toml:8: dsoftbus.static_key.file: 'node.key' has mode 0644; expected a file of"
        " its owner only, such as 0600"
    ]


def test_a_node_that_two_machines_share_is_wrong_once(tmp_path: Path) -> None:
    world = WORLD.replace("node-b.toml", "node-a.toml")
    path = write_world(tmp_path, world=world, a=NODE_A.replace("34567", "0"))
    assert len(mistakes(path)) == 1


def write_value(value: object) -> str:
    """Write a value as TOML, tables in line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {write_value(v)}" for key, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(write_value(entry) for entry in value) + "]"
    return json.dumps(value)


def split(draw: st.DrawFn, table: dict[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Cut a table in two that make it up again; the base may have what is then replaced."""
    base: dict[str, object] = {}
    over: dict[str, object] = {}
    for key, value in table.items():
        match draw(st.sampled_from(["base", "over", "replaced", "both"])):
            case "both" if isinstance(value, dict) and key not in ("static_key", "state"):
                base[key], over[key] = split(draw, value)
            case "base" | "both":
                base[key] = value
            case "replaced" if not isinstance(value, dict):
                base[key], over[key] = draw(st.sampled_from([1, "x", [], {"y": 2}])), value
            case _:
                over[key] = value
    return base, over


@given(st.data())
def test_a_file_cut_in_parts_anywhere_means_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = tomllib.loads(NODE_A + "[state]\ndisk_kib = 8\n")
    rest: dict[str, object] = whole
    folder = tmp_path_factory.mktemp("parts")
    stems = ["derived", *(f"base{number}" for number in range(data.draw(st.integers(1, 3))))]
    parts = []
    for _ in stems[1:]:
        rest, own = data.draw(st.composite(split)(rest))
        parts.append(own)
    for stem, own, base in zip(stems, [*parts, rest], [*stems[1:], ""], strict=True):
        lines = [f"{key} = {write_value(value)}" for key, value in own.items()]
        head = [f'extends = "{base}.toml"'] if base else []
        (folder / f"{stem}.toml").write_text("\n".join([*head, *lines]))
    assert load_node(folder / "derived.toml") == NodeConfig.model_validate(whole)
