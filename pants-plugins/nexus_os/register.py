"""Zig modules and tests, guest, system and package images, configurations, tests and worlds."""

from __future__ import annotations

from nexus_os.authoring import config_check, tailoring
from nexus_os.boots import (
    boot,
    boot_coverage,
    boot_debugging,
    boot_inference,
    boot_running,
    boot_testing,
    playing,
)
from nexus_os.emulator import native_code, translation
from nexus_os.faults import campaign_running, campaign_spreading, fault_world_testing, mutants
from nexus_os.images import (
    built_images,
    guest_image,
    lines,
    package_image,
    prebuilt_image,
    system_image,
)
from nexus_os.images.lines import Rv64Lines
from nexus_os.inference import config_inference, named_module, zig_inference
from nexus_os.programs import first_party, program_process
from nexus_os.references import addresses, field_targets, file_owners
from nexus_os.schemas import capnp_code, capnp_imports, capnp_lint
from nexus_os.sealing import process_sealing, pytest_sealing
from nexus_os.targets.campaigns import FaultCampaign
from nexus_os.targets.capnp import CapnpPython, CapnpSchema
from nexus_os.targets.configs import NodeConfig, NodeConfigs, WorldConfig
from nexus_os.targets.fault_worlds import FaultWorldTest
from nexus_os.targets.fetched import FetchedFile
from nexus_os.targets.images import Rv64GuestImage, Rv64PrebuiltImage, Rv64SystemImage
from nexus_os.targets.mutants import GuestMutants
from nexus_os.targets.packages import PackageImage
from nexus_os.targets.runs import GuestMarkerTest, GuestRun, TwoVmTest
from nexus_os.targets.translations import NativeInterpreter, Rv64Translation
from nexus_os.targets.zig import ZigModule, ZigSharedLibrary, ZigTest
from nexus_os.zig import shared_library, zig_format, zig_modules, zig_testing, zig_tool

# Every module that has rules.
MODULES = (
    config_check,
    tailoring,
    boot,
    boot_coverage,
    boot_debugging,
    boot_inference,
    boot_running,
    boot_testing,
    playing,
    native_code,
    translation,
    campaign_running,
    campaign_spreading,
    fault_world_testing,
    mutants,
    built_images,
    guest_image,
    lines,
    package_image,
    prebuilt_image,
    system_image,
    config_inference,
    named_module,
    zig_inference,
    first_party,
    program_process,
    addresses,
    field_targets,
    file_owners,
    capnp_code,
    capnp_imports,
    capnp_lint,
    process_sealing,
    pytest_sealing,
    shared_library,
    zig_format,
    zig_modules,
    zig_testing,
    zig_tool,
)


def target_types():
    return [
        CapnpPython,
        CapnpSchema,
        FaultCampaign,
        FaultWorldTest,
        FetchedFile,
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
    return [rule for module in MODULES for rule in module.rules()]
