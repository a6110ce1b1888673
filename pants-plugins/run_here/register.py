"""Programs that `run` starts are started here, also where workers execute everything else.

Pants 2.17.1 gives a program that is started for a person the environment of its processes, and with
remote execution refuses it: "Only local environments support running processes interactively".
What the program is made of was built by workers and found in the cache; only its start is here.
The same holds for `repl`.  `test --debug` and `publish` name an environment when they start
something, so Pants takes the engine's own rule for them, and refuses them as before.
"""

from __future__ import annotations

from typing import Iterable, Mapping

from pants.core.util_rules.environments import EnvironmentsSubsystem, EnvironmentTarget
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.internals.native_engine import ProcessExecutionEnvironment
from pants.engine.internals.session import SessionValues
from pants.engine.platform import Platform
from pants.engine.process import (
    InteractiveProcess,
    InteractiveProcessResult,
    Process,
    ProcessResult,
)
from pants.engine.rules import Effect, Get, Rule, _uncacheable_rule, collect_rules
from pants.option.global_options import GlobalOptions
from pants.util.logging import LogLevel


def variables_here(
    asked: Mapping[str, str], there: Mapping[str, str], here: Mapping[str, str]
) -> Mapping[str, str]:
    """Return a program's variables: this machine's, and those that its rule has set besides.

    `asked` is what Pants would give it: the variables of a worker (`there`), and that.
    """
    own = {name: value for name, value in asked.items() if there.get(name) != value}
    return {**here, **own}


def parse_variables(output: bytes) -> Mapping[str, str]:
    """Read what `env -0` has written."""
    words = output.decode("utf-8", "replace").split("\0")
    return {name: value for name, equals, value in (w.partition("=") for w in words) if equals}


def place_of(*, remote: bool, properties: Iterable[str] = ()) -> ProcessExecutionEnvironment:
    """The place where a process runs: here, or on a worker that has these properties."""
    platform = Platform.linux_x86_64 if remote else Platform.create_for_localhost()
    return ProcessExecutionEnvironment(
        environment_name=None,
        platform=platform.value,
        docker_image=None,
        remote_execution=remote,
        remote_execution_extra_platform_properties=[
            tuple(each.split("=", maxsplit=1)) for each in properties
        ],
    )


# The very process by which Pants asks, so that nothing is executed for it.
ASKING = Process(
    ["env", "-0"],
    description="Extract environment variables from the remote execution environment",
    level=LogLevel.DEBUG,
    cache_scope=EnvironmentTarget(None, None).executable_search_path_cache_scope(),
)


# Pants has two rules for a started program and takes the one that asks for less: this one.  What it
# asks for itself names both inputs, which only the engine's own rule takes.
@_uncacheable_rule
async def start_here(
    started: InteractiveProcess,
    values: SessionValues,
    options: GlobalOptions,
    environments: EnvironmentsSubsystem,
) -> InteractiveProcessResult:
    # Only what runs in the workspace is given the variables of a machine.
    if environments.remote_execution_used_globally(options) and started.run_in_workspace:
        worker = place_of(
            remote=True, properties=options.remote_execution_extra_platform_properties
        )
        said = await Get(ProcessResult, {ASKING: Process, worker: ProcessExecutionEnvironment})
        there = parse_variables(said.stdout)
        own = values[CompleteEnvironmentVars]
        given = variables_here(started.process.env, there, own)
        started = _with_variables(started, given)
    here = place_of(remote=False)
    return await Effect(
        InteractiveProcessResult,
        {started: InteractiveProcess, here: ProcessExecutionEnvironment},
    )


def _with_variables(
    started: InteractiveProcess, variables: Mapping[str, str]
) -> InteractiveProcess:
    """The same program with other variables."""
    process = started.process
    return InteractiveProcess(
        argv=process.argv,
        env=variables,
        input_digest=process.input_digest,
        run_in_workspace=started.run_in_workspace,
        forward_signals_to_process=started.forward_signals_to_process,
        restartable=started.restartable,
        append_only_caches=process.append_only_caches,
        immutable_input_digests=process.immutable_input_digests,
        keep_sandboxes=started.keep_sandboxes,
    )


def rules() -> Iterable[Rule]:
    """The rules that Pants loads."""
    return collect_rules()
