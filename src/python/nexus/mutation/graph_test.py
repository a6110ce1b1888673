"""The tests that depend on a file, in their order."""

from __future__ import annotations

from nexus.mutation.graph import dependent_tests, importers
from nexus.mutation.zig_graph import Modules

FILES = {
    "src/python/nexus/a/rate.py": "import os\n",
    "src/python/nexus/a/gate.py": "from nexus.a import rate\n",
    "src/python/nexus/b/user.py": "from nexus.a.gate import Gate\n",
    "src/python/nexus/a/__init__.py": "",
    "src/python/nexus/a/rate_test.py": "from nexus.a.rate import Rate\n",
    "src/python/nexus/a/gate_test.py": "import nexus.a.gate\n",
    "src/python/nexus/a/all_test.py": "from nexus.a.rate import Rate\n",
    "src/python/nexus/a/a_fuzz_test.py": "from nexus.a.rate import Rate\n",
    "src/python/nexus/b/user_test.py": "from nexus.b.user import f\n",
    "src/python/nexus/b/other_test.py": "import os\n",
}


def test_the_nearest_tests_come_first() -> None:
    found = dependent_tests("src/python/nexus/a/rate.py", importers(FILES))
    assert [name.rpartition("/")[2] for name in found] == [
        "rate_test.py",
        "all_test.py",
        "gate_test.py",
        "a_fuzz_test.py",
        "user_test.py",
    ]


def test_a_file_that_nothing_imports_has_no_tests() -> None:
    assert dependent_tests("src/python/nexus/c.py", importers(FILES)) == []


ZIG = {
    "src/guest/abi/BUILD": 'zig_module(name="abi")\n\nzig_test(name="tests", module=":abi")\n',
    "src/guest/abi/root.zig": "",
    "src/guest/lib/net/BUILD": 'zig_module(name="net")\nzig_test(name="tests", module=":net")\n',
    "src/guest/lib/net/root.zig": '_ = @import("tcp/ack.zig"); _ = @import("abi");\n',
    "src/guest/lib/net/tcp/ack.zig": '_ = @import("../ring.zig"); _ = @import("std");\n',
    "src/guest/lib/net/ring.zig": "",
    "src/guest/kernel/BUILD": 'zig_module(name="elf", root_source="elf.zig")\n',
    "src/guest/kernel/elf.zig": "",
}


def test_a_zig_file_is_tested_by_its_module_and_by_who_imports_that() -> None:
    modules = Modules(ZIG)
    near = modules.programs_of("src/guest/lib/net/ring.zig")
    assert [(program.name, program.distance) for program in near] == [("net", 0)]
    assert near[0].argv == (
        "--dep",
        "abi",
        "-Mroot=src/guest/lib/net/root.zig",
        "-Mabi=src/guest/abi/root.zig",
    )
    both = modules.programs_of("src/guest/abi/root.zig")
    assert [(program.name, program.distance) for program in both] == [("abi", 0), ("net", 1)]


def test_of_two_as_near_the_test_that_is_called_after_the_module_comes_first() -> None:
    user = {
        f"src/guest/lib/{name}/{file}": text
        for name in ("aaa", "abi_fake")
        for file, text in (
            ("BUILD", f'zig_module(name="{name}")\nzig_test(name="tests", module=":{name}")\n'),
            ("root.zig", '_ = @import("abi");\n'),
        )
    }
    found = Modules({**ZIG, **user}).programs_of("src/guest/abi/root.zig")
    assert [program.name for program in found] == ["abi", "abi_fake", "aaa", "net"]


def test_a_module_without_tests_has_no_program() -> None:
    assert Modules(ZIG).programs_of("src/guest/kernel/elf.zig") == []
