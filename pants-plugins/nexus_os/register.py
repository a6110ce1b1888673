"""Zig modules and tests, guest, system and package images, configurations, tests and worlds."""

from __future__ import annotations

from nexus_os import (
    addresses,
    boot,
    boot_coverage,
    boot_debugging,
    boot_requests,
    boot_running,
    boot_testing,
    campaign_running,
    capnp_code,
    capnp_lint,
    config_check,
    config_inference,
    fault_world_testing,
    field_targets,
    file_owners,
    first_party,
    guest_image,
    images,
    lines,
    mutants,
    named_module,
    native_code,
    package_image,
    playing,
    prebuilt_image,
    program_process,
    pytest_sealing,
    sealing,
    shared_library,
    system_image,
    tailoring,
    translation,
    zig_format,
    zig_inference,
    zig_modules,
    zig_testing,
    zig_tool,
)
from nexus_os.campaign_targets import FaultCampaign
from nexus_os.capnp_targets import CapnpPython, CapnpSchema
from nexus_os.config_targets import NodeConfig, NodeConfigs, WorldConfig
from nexus_os.fault_world_targets import FaultWorldTest
from nexus_os.image_targets import Rv64GuestImage, Rv64PrebuiltImage, Rv64SystemImage
from nexus_os.lines import Rv64Lines
from nexus_os.mutant_targets import GuestMutants
from nexus_os.package_targets import PackageImage
from nexus_os.run_targets import GuestMarkerTest, GuestRun, TwoVmTest
from nexus_os.translation_targets import NativeInterpreter, Rv64Translation
from nexus_os.zig_targets import ZigModule, ZigSharedLibrary, ZigTest


def target_types():
    return [
        CapnpPython,
        CapnpSchema,
        FaultCampaign,
        FaultWorldTest,
        GuestMarkerTest,
        GuestMutants,
        GuestRun,
        NativeInterpreter,
        NodeConfig,
        NodeConfigs,
        PackageImage,
        Rv64GuestImage,
        Rv64Lines,
        Rv64PrebuiltImage,
        Rv64SystemImage,
        Rv64Translation,
        TwoVmTest,
        WorldConfig,
        ZigModule,
        ZigSharedLibrary,
        ZigTest,
    ]


def rules():
    return [
        *addresses.rules(),
        *boot.rules(),
        *boot_coverage.rules(),
        *boot_requests.rules(),
        *boot_running.rules(),
        *boot_debugging.rules(),
        *boot_testing.rules(),
        *campaign_running.rules(),
        *capnp_code.rules(),
        *capnp_lint.rules(),
        *config_check.rules(),
        *config_inference.rules(),
        *fault_world_testing.rules(),
        *field_targets.rules(),
        *file_owners.rules(),
        *first_party.rules(),
        *guest_image.rules(),
        *images.rules(),
        *mutants.rules(),
        *lines.rules(),
        *named_module.rules(),
        *native_code.rules(),
        *package_image.rules(),
        *playing.rules(),
        *prebuilt_image.rules(),
        *program_process.rules(),
        *pytest_sealing.rules(),
        *sealing.rules(),
        *shared_library.rules(),
        *system_image.rules(),
        *tailoring.rules(),
        *translation.rules(),
        *zig_format.rules(),
        *zig_inference.rules(),
        *zig_modules.rules(),
        *zig_testing.rules(),
        *zig_tool.rules(),
    ]
