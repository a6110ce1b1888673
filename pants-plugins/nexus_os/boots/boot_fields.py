"""From the fields of a target to the run that it asks for.

One base holds the fields that every boot has, whatever wants it: a test, a `run`, or the inference
of dependencies.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from typing import Optional, Tuple

from pants.engine.addresses import Address
from pants.engine.target import FieldSet, Target
from pants.util.frozendict import FrozenDict

from nexus_os.boots.boot import SINGLE_IMAGE, BootRequest
from nexus_os.emulator.translation import TranslationsReference
from nexus_os.references.addresses import ConfigReference, ImageReferences
from nexus_os.targets.configs import NodeConfig, WorldConfig
from nexus_os.targets.outcomes import TestMessageField, TestOutcomeField
from nexus_os.targets.runs import (
    BudgetField,
    ExtraArgsField,
    ImagesField,
    MarkerTestConfigField,
    MarkerTestExpectField,
    MarkerTestForbidField,
    MarkerTestImageField,
    SeedField,
    SkipTestField,
    TimeoutField,
    TranslationsField,
    WorldField,
)


@dataclass(frozen=True)
class EngineFields(FieldSet):
    """The fields that say how machines are run, whatever they are."""

    extra_args: ExtraArgsField
    translations: TranslationsField

    @property
    def translations_reference(self) -> TranslationsReference:
        """The translations that the machines use, if any."""
        field = self.translations
        return TranslationsReference(self.address, field.alias, field.value)


@dataclass(frozen=True)
class BootFields(EngineFields):
    """One run: which machines boot, on what chance, and for how long."""

    seed: SeedField
    budget_ms: BudgetField

    @property
    @abstractmethod
    def config_reference(self) -> ConfigReference:
        """The node or the world."""

    @property
    @abstractmethod
    def image_references(self) -> ImageReferences:
        """The images, by the names that the node or the world has for them."""

    @property
    def boot_request(self) -> BootRequest:
        """The run."""
        return BootRequest(
            self.config_reference,
            self.image_references,
            seed=self.seed.value,
            budget_ms=self.budget_ms.value,
            extra_args=self.extra_args.value or (),
            translations=self.translations_reference,
        )


@dataclass(frozen=True)
class MarkerFields(BootFields):
    """The run of a `guest_marker_test`."""

    config: MarkerTestConfigField
    image: MarkerTestImageField
    expect: MarkerTestExpectField
    forbid: MarkerTestForbidField

    @property
    def config_reference(self) -> ConfigReference:
        field = self.config
        accepted = (NodeConfig, WorldConfig)
        return ConfigReference(self.address, field.alias, field.value or "", accepted)

    @property
    def image_references(self) -> ImageReferences:
        named = FrozenDict({SINGLE_IMAGE: self.image.value or ""})
        return ImageReferences(self.address, self.image.alias, named)

    @property
    def boot_request(self) -> BootRequest:
        return dataclasses.replace(
            super().boot_request,
            expect=self.expect.value or (),
            forbid=self.forbid.value or (),
        )


@dataclass(frozen=True)
class WorldFields(BootFields):
    """The run of a world: of a `two_vm_test`, a `guest_run`, or a `fault_world_test`."""

    world: WorldField
    images: ImagesField

    @property
    def config_reference(self) -> ConfigReference:
        field = self.world
        return ConfigReference(self.address, field.alias, field.value or "", (WorldConfig,))

    @property
    def image_references(self) -> ImageReferences:
        return named_images(self.images, self.address)


def named_images(field: ImagesField, owner: Address) -> ImageReferences:
    """The images of a field, whose names are the author's own."""
    return ImageReferences(owner, field.alias, field.value or FrozenDict(), named=True)


@dataclass(frozen=True)
class BootTest:
    """Either kind of test, in the terms of the runner."""

    address: Address
    boot: BootRequest
    outcome: str
    message: Optional[str]
    timeout_seconds: int

    @property
    def is_on_qemu(self) -> bool:
        """Whether real QEMU is asked for, which records nothing."""
        words = " ".join(self.boot.extra_args).replace("=", " ").split()
        return ("--engine", "qemu") in zip(words, words[1:])

    @property
    def argv(self) -> Tuple[str, ...]:
        """The arguments that make the runner a test, besides those of the boot."""
        outcome, wanted = self.verdict_argv[:2], self.verdict_argv[2:]
        return (*outcome, "--wall-seconds", str(self.timeout_seconds), *wanted)

    @property
    def verdict_argv(self) -> Tuple[str, ...]:
        """The options that demand an outcome of the run."""
        wanted = ["--expect-outcome", self.outcome]
        if self.message is not None:
            wanted += ["--expect-message", self.message]
        return tuple(wanted)


@dataclass(frozen=True)
class JudgedFields(BootFields):
    """The fields that make a run a test: how it must end, and when Pants stops waiting."""

    outcome: TestOutcomeField
    message: TestMessageField
    timeout: TimeoutField

    @classmethod
    def opt_out(cls, tgt: Target) -> bool:
        return tgt.get(SkipTestField).value is not None

    @property
    def boot_test(self) -> BootTest:
        """The test."""
        return BootTest(
            self.address,
            self.boot_request,
            self.outcome.value or "",
            self.message.value,
            self.timeout.value or 0,
        )
