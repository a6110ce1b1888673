"""Targets for configuration files: nodes and worlds."""

from __future__ import annotations

from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    BoolField,
    Dependencies,
    MultipleSourcesField,
    SingleSourceField,
    Target,
    TargetFilesGenerator,
)
from pants.util.strutil import help_text


class ConfigSourceField(SingleSourceField):
    """A configuration file of either kind."""

    expected_file_extensions = (".toml",)


class ConfigDependenciesField(Dependencies):
    help = help_text(
        """
        Addresses of configurations and other files that this one needs. What it names by itself
        is found without this: node files of machines, what it `extends`, and files of keys, as far
        as a `node_config`, `world_config` or `files` target owns them.
        """
    )


class SkipConfigCheckField(BoolField):
    alias = "skip_config_check"
    default = False
    help = help_text(
        """
        Leave the file out of `check`: for one that is wrong on purpose, to test the refusal, or one
        that is only a base for others to extend.
        """
    )


class NodeConfigSourceField(ConfigSourceField):
    help = "The node's TOML file, relative to the BUILD file."


class NodeConfig(Target):
    alias = "node_config"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ConfigDependenciesField,
        NodeConfigSourceField,
        SkipConfigCheckField,
    )
    help = help_text(
        """
        The configuration of one machine: addresses, keys, peers, policy, services.

        `check` validates it. At run time it is compiled to the blob that the guest reads. The
        smallest one:

            [node]
            id = "node-a"
            mac = "52:54:00:12:34:0a"

        Example:

            node_config(name="node", source="node.toml")
        """
    )


class NodeConfigsSourcesField(MultipleSourcesField):
    default = ("node-*.toml",)
    expected_file_extensions = (".toml",)
    help = "The nodes' TOML files, relative to the BUILD file."


class NodeConfigs(TargetFilesGenerator):
    alias = "node_configs"
    core_fields = (*COMMON_TARGET_FIELDS, NodeConfigsSourcesField)
    generated_target_cls = NodeConfig
    copied_fields = COMMON_TARGET_FIELDS
    moved_fields = (ConfigDependenciesField, SkipConfigCheckField)
    help = help_text(
        """
        One `node_config` for every file: the nodes of a world, or of several.

        Example:

            node_configs(name="nodes")
            node_configs(name="routers", sources=["router-*.toml"])
        """
    )


class WorldConfigSourceField(ConfigSourceField):
    help = "The world's TOML file, relative to the BUILD file."


class WorldConfig(Target):
    alias = "world_config"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ConfigDependenciesField,
        WorldConfigSourceField,
        SkipConfigCheckField,
    )
    help = help_text(
        """
        Several machines, the network between them, and what is expected of them.

        `check` validates it, together with the node files that it names; each of them needs a
        target of its own, and is then found by its name. The smallest one:

            [[machine]]
            label = "A"
            node = "node-a.toml"

            [[expect]]
            machine = "A"
            phase = "launch"
            marker = "init: ready"

        Example:

            node_configs(name="nodes")
            world_config(name="world", source="os2vm.toml")
        """
    )
