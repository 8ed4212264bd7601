# lit tests whose checks never run: CHECK lines that no RUN line reaches, misspelt
# directives, expected diagnostics that nobody verifies.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import re

from tree import lines

COMMENT = r"(?:^\s*|(?://|#|;)\s*)"
RUN = re.compile(r"RUN:\s*(.*)")
DIRECTIVE = re.compile(
    COMMENT + r"([A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*?)"
    r"(-NEXT|-SAME|-NOT|-DAG|-LABEL|-EMPTY|-COUNT-\d+)?(?:\{LITERAL\})?:"
)
# Looks like a directive but is none: a misspelt suffix, a missing or stray colon.
MISSPELT = re.compile(COMMENT + r"CHECK(?:-[A-Z0-9-]*)?(?:\s+:|\s*$|-[A-Z]+\s+\S)")
DIAGNOSTIC = re.compile(COMMENT + r"expected-(?:error|warning|note|remark)")
NO_CHECK = {"RUN", "REQUIRES", "UNSUPPORTED", "XFAIL", "ALLOW_RETRIES", "END", "NOTE", "DEFINE"}


def run_lines(text):
    """The RUN lines, continuations joined."""
    commands, pending = [], ""
    for _, line in lines(text):
        match = RUN.search(line)
        if not match:
            continue
        part = match.group(1).rstrip()
        if part.endswith("\\"):
            pending += part[:-1]
        else:
            commands.append(pending + part)
            pending = ""
    return commands


def prefixes_of(commands):
    """The prefixes that some FileCheck of the RUN lines looks for."""
    prefixes = set()
    for command in commands:
        for call in re.split(r"\||&&|;", command):
            if not re.search(r"\bFileCheck\b", call):
                continue
            given = re.findall(r"--?check-prefix(?:es)?[= ]([\w,-]+)", call)
            prefixes.update(p for group in given for p in group.split(","))
            if not given:
                prefixes.add("CHECK")
    return prefixes


def check(tree):
    problems = []
    for path in tree.matching("test/*.mlir", "test/*.test"):
        if "/Inputs/" in path:
            continue
        text = tree.read(path)
        commands = run_lines(text)
        if not commands:
            problems.append(f"{path}:1: has no RUN line; inputs of tests go into a folder Inputs")
            continue
        prefixes = prefixes_of(commands)
        reported = set()
        for number, line in lines(text):
            if RUN.search(line):
                continue
            match = DIRECTIVE.search(line)
            if match:
                prefix, suffix = match.groups()
                if prefix in prefixes or prefix in NO_CHECK:
                    continue
                base = next((p for p in prefixes if prefix.startswith(p + "-")), None)
                if base:
                    problems.append(f"{path}:{number}: {prefix} is no directive of {base}")
                elif (suffix or prefix.startswith("CHECK")) and prefix not in reported:
                    reported.add(prefix)
                    problems.append(f"{path}:{number}: no FileCheck looks for {prefix}")
            elif MISSPELT.search(line):
                problems.append(f"{path}:{number}: is meant as a directive, but is none")
            elif DIAGNOSTIC.search(line) and not any("verify-diagnostics" in c for c in commands):
                problems.append(f"{path}:{number}: no RUN line has --verify-diagnostics")
    return problems


SELF_TESTS = [
    ({"test/a.mlir": "// RUN: gem-opt %s\n// CHECK: x\n"}, ["no FileCheck looks for CHECK"]),
    ({"test/a.mlir": "// RUN: gem-opt %s | FileCheck %s --check-prefix=A\n// A: x\n// B-NEXT: y\n"},
     ["no FileCheck looks for B"]),
    ({"test/a.mlir": "// RUN: gem-opt %s | FileCheck %s\n// CHECK: x\n// CHECK-NXT: y\n"},
     ["CHECK-NXT is no directive of CHECK"]),
    ({"test/a.mlir": "// RUN: gem-opt %s | FileCheck %s\n// CHECK: x\n// CHECK-LABEL func\n"},
     ["is none"]),
    ({"test/a.mlir": "// RUN: gem-opt %s\n// expected-error @below {{x}}\n"},
     ["--verify-diagnostics"]),
    ({"test/a.test": "RUN: gem-run %s\nCHECK: x\n"}, ["no FileCheck looks for CHECK"]),
    ({"test/a.mlir": "func.func @f()\n"}, ["no RUN line"]),
    ({"test/a.test": "# RUN: gem-run %s \\\n# RUN:   | FileCheck %s --check-prefixes=A,B\n"
                     "# A-LABEL: x\n# B-COUNT-2: y\n",
      "test/c.test": "Tests that x: y.\n\nRUN: gem-run %s | FileCheck %s\nCHECK: x\n",
      "test/Inputs/b.mlir": "func.func @f()\n"}, []),
]
