# C and C++ are formatted as clang-format 19 does, with the nearest .clang-format.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import shutil
import subprocess

from tree import is_generated

PROGRAM = shutil.which("clang-format-19")


def skip():
    return None if PROGRAM else "clang-format-19 is not installed (package clang-format-19)"


def check(tree):
    paths = [
        p for p in tree.matching("*.h", "*.hpp", "*.c", "*.cpp", "*.inc")
        if not is_generated(p) and not p.startswith("test/lint/")
    ]
    if tree.root is None:  # A self-test: one file, by standard input.
        problems = []
        for path in paths:
            result = subprocess.run(
                [PROGRAM, "--dry-run", "--Werror", "--style=LLVM", f"--assume-filename={path}"],
                input=tree.read(path), capture_output=True, text=True,
            )
            if result.returncode != 0:
                problems.append(f"{path}:1: is not formatted")
        return problems
    if not paths:
        return []
    result = subprocess.run(
        [PROGRAM, "--dry-run", "--Werror", "--ferror-limit=1", *paths],
        cwd=tree.root, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    problems = []
    for line in result.stderr.splitlines():
        if ": error: " in line:
            where = line.split(": error: ")[0]
            problems.append(f"{where}: is not formatted; run clang-format-19 -i on it")
    if result.returncode != 0 and not problems:
        problems.append(result.stderr.strip() or f"clang-format ended with {result.returncode}")
    return problems


SELF_TESTS = [
    ({"a.cpp": "int   x ;\n"}, ["is not formatted"]),
    ({"a.cpp": "int x;\n"}, []),
]
