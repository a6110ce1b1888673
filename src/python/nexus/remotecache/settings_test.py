"""What is written for the front, and what is said to Pants."""

from __future__ import annotations

import re

from nexus.remotecache import settings

PATHS = settings.FrontPaths(
    server_key="/k: #1",
    server_certificate='/c"2',
    token_secret="/s",
    access_list="/a",
    store_socket="/store.socket",
)


def test_no_path_can_break_out_of_its_place() -> None:
    text = settings.front_configuration("127.0.0.1:1", PATHS)
    assert 'tls-server-key: "/k: #1"' in text
    assert 'tls-server-cert: "/c\\"2"' in text


def test_a_reader_may_call_nothing_that_writes() -> None:
    rules = settings.access_list()
    writer, reader = rules.split(f"^{settings.READER}$")
    assert "requests" not in writer
    assert not re.search("Update|Write\\b|Execute", reader)


def test_whoever_may_only_read_does_not_try_to_write() -> None:
    environment = settings.pants_environment(port=1, ca_path="/c", token_path="/t", writes=False)
    assert environment["PANTS_REMOTE_CACHE_WRITE"] == "false"
    assert environment["PANTS_REMOTE_STORE_ADDRESS"] == "grpcs://localhost:1"


def test_where_processes_run_elsewhere_each_who_looks_for_tools_is_told_where() -> None:
    environment = settings.execution_environment(
        port=1, caches="/caches", interpreters=["/py/bin"], tools=["/usr/bin", "/bin"]
    )
    assert environment["PANTS_REMOTE_EXECUTION_ADDRESS"] == "grpcs://localhost:1"
    assert "PANTS_PEX_EXECUTABLE_SEARCH_PATHS" not in environment
    assert environment["PANTS_SHELL_SETUP_EXECUTABLE_SEARCH_PATHS"] == '["/usr/bin", "/bin"]'
    assert environment["PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH"] == '["/py/bin", "/usr/bin", "/bin"]'
