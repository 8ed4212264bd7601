# Who may include whom: dialects <- passes <- targets <- compiler <- tools; the
# runtime stands alone, and the others see only its public headers and schema.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import re

from tree import is_generated, lines

LAYERS = ["dialects", "passes", "targets", "compiler", "tools"]
ROOTS = LAYERS + ["runtime", "gem", "test"]
THIRD_PARTY = (
    "CLI/", "Eigen/", "absl/", "benchmark/", "flatbuffers/", "gmock/", "google/", "gtest/",
    "llvm/", "mlir/", "nlohmann/",
)
# Of the runtime. The hash is that of its format: whoever writes bundles has no other.
SHARED = ("runtime/include/", "runtime/schema/", "runtime/core/Blake3.h")
# Made by the build, so outside the tree.
BUILT = re.compile(r"(gem_drivers\.inc|\w+\.pb\.h)$")
INCLUDE = re.compile(r'^\s*#?\s*include\s+"([^"]+)"')


def problem_of(path, included):
    """What is wrong with a file that includes `included`, or None."""
    if included.startswith(THIRD_PARTY) or BUILT.match(included):
        return None
    source, target = path.split("/")[0], included.split("/")[0]
    if target not in ROOTS or "/" not in included:
        return f'"{included}" is not rooted at the repository'
    if source == "runtime":
        if target not in ("runtime", "gem"):
            return f'the runtime includes "{included}"; it may include only itself'
        return None
    if source == "examples":
        return None if target == "gem" else f'an example includes "{included}"; only gem/*.h'
    if source not in LAYERS:
        return None
    if target == "test":
        return f'"{included}" is test code'
    if target == "runtime" and not included.startswith(SHARED):
        return f'"{included}" is private to the runtime; gem/*.h and runtime/schema are not'
    if target in LAYERS and LAYERS.index(target) > LAYERS.index(source):
        return f'{source} includes "{included}" of a higher layer'
    return None


def check(tree):
    problems = []
    for path in tree.matching("*.h", "*.hpp", "*.c", "*.cpp", "*.inc", "*.td"):
        if is_generated(path):
            continue
        for number, line in lines(tree.read(path)):
            match = INCLUDE.match(line)
            problem = match and problem_of(path, match.group(1))
            if problem:
                problems.append(f"{path}:{number}: {problem}")
    return problems


SELF_TESTS = [
    ({"passes/Graph/Fold.cpp": '#include "compiler/Report/Report.h"\n'}, ["higher layer"]),
    ({"dialects/Gem/Ops.td": 'include "passes/Passes.td"\n'}, ["higher layer"]),
    ({"runtime/core/Session.cpp": '#include "dialects/Gem/Gem.h"\n'}, ["only itself"]),
    ({"compiler/Eval/Eval.cpp": '#include "runtime/core/Session.h"\n'}, ["private to the runtime"]),
    ({"tools/gem-run/main.cpp": '#include "Options.h"\n'}, ["not rooted"]),
    ({"examples/c-app/main.c": '#include "runtime/core/Session.h"\n'}, ["an example"]),
    ({"compiler/A/A.cpp": '#include "gem/gem.h"\n#include "passes/Passes.h"\n#include "mlir/IR/B.h"\n',
      "runtime/core/B.cpp": '#include "runtime/schema/generated/x.h"\n'}, []),
]
