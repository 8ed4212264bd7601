# How lit finds and runs the tests of this folder.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Substitutions, beside lit's own and the tools by name:
#   %examples         the shipped checkpoints
#   %shared           reference data (only with `REQUIRES: shared`)
#   %gem_run_aarch64  gem-run of the aarch64 build, emulated as a Cortex-A72
#                     (only with `REQUIRES: aarch64`); %gem_run_cortex_a76, as a core with
#                     dot products; %gem_run_i8mm, with matrix products too
#   %python           the Python that runs lit
# Features: shared, aarch64, and root (the tests run as root, whom a read-only
# directory does not stop).

import os
import shutil
import sys

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

config.name = "gem"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "CMakeLists.txt", "lint"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.gem_build_dir, "test")

llvm_config.with_system_environment(["HOME", "TMP", "TEMP", "TMPDIR"])
# Scripts of tests start the tools by name.
llvm_config.with_environment("PATH", config.gem_tools_dir, append_path=True)
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.use_default_substitutions()
config.environment["FILECHECK_OPTS"] = (
    "--enable-var-scope --allow-unused-prefixes=false --dump-input=fail"
)
# What a test shows must not depend on who runs it, and where.
config.environment["NO_COLOR"] = "1"
config.environment["LC_ALL"] = "C.UTF-8"

tools = [
    "gem-opt", "gem-compile", "gem-run", "gem-inspect", "gem-bench", "gem-eval",
    "gem-bundle", "gem-make-checkpoint",
]
llvm_config.add_tool_substitutions(
    [ToolSubst(name, unresolved="fatal") for name in tools], [config.gem_tools_dir]
)

config.substitutions.append(("%examples", os.path.join(config.gem_source_dir, "examples")))
config.substitutions.append(("%python", sys.executable))

if hasattr(os, "geteuid") and os.geteuid() == 0:
    config.available_features.add("root")

if config.gem_shared_dir and os.path.isdir(config.gem_shared_dir):
    config.available_features.add("shared")
    config.substitutions.append(("%shared", config.gem_shared_dir))
else:
    lit_config.note(
        "no reference data (the CMake variable GEM_SHARED_DIR is empty or names no folder): "
        "tests with `REQUIRES: shared` are skipped"
    )

# Tests of minutes or gigabytes: scripts/test --long.
if lit_config.params.get("long"):
    config.available_features.add("long")

gem_run_aarch64 = os.path.join(config.gem_aarch64_build_dir, "bin", "gem-run")
qemu = shutil.which("qemu-aarch64")
if os.path.exists(gem_run_aarch64) and qemu:
    config.available_features.add("aarch64")
    for name, cpu in {
        "%gem_run_aarch64": "cortex-a72",
        "%gem_run_cortex_a76": "cortex-a76",
        "%gem_run_i8mm": "max,sve=off,sme=off",
    }.items():
        config.substitutions.append(
            (
                name,
                f"{qemu} -cpu {cpu} -L /usr/aarch64-linux-gnu "
                f"-E LD_LIBRARY_PATH=/usr/aarch64-linux-gnu/lib {gem_run_aarch64}",
            )
        )
else:
    lit_config.note(
        "no gem-run of the preset runtime-aarch64, or no qemu-aarch64: "
        "tests with `REQUIRES: aarch64` are skipped"
    )
