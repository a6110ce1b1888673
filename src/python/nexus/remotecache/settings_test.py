"""The settings that are written for the front, and those that Pants gets."""

from __future__ import annotations

from nexus.remotecache import settings

PATHS = settings.FrontPaths(
    server_key="/k: #1",
    server_certificate='/c"2',
    store_socket="/store.socket",
)
LISTENING = settings.Listening(address="127.0.0.1", port=1)


def test_no_path_can_break_out_of_its_place() -> None:
    text = settings.front_configuration(LISTENING, PATHS)
    assert 'tls-server-key: "/k: #1"' in text
    assert 'tls-server-cert: "/c\\"2"' in text


def test_clients_with_certificates_get_a_port_of_their_own() -> None:
    both = settings.Listening(
        address="::", port=1, certificates_port=2, client_authority="/authority"
    )
    text = settings.front_configuration(both, PATHS)
    assert 'address: "[::]:1"' in text
    assert text.index('address: "[::]:2"') < text.index('tls-client-certs: "/authority"')
    assert "tls-client-certs" not in settings.front_configuration(LISTENING, PATHS)


def test_only_a_server_with_a_database_schedules() -> None:
    assert "scheduler" not in settings.front_configuration(LISTENING, PATHS)
    text = settings.front_configuration(LISTENING, PATHS, "sqlite:////jobs")
    assert 'connection-string: "sqlite:////jobs"' in text
    assert "- !execution" in text


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
