# Every numbered constraint of an op's documentation, `(C2)` of gem.linear, can be
# followed by its name, linear_c2, into the verifier and into a test; and no such
# name is left over.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import re

from tree import lines

DEFINITION = re.compile(r'^def\s+\w+\s*:\s*\w+<\s*"([a-z_0-9]+)"')
CONSTRAINT = re.compile(r"^\s*\*\s+\(C(\d+)\)")
NAME = re.compile(r"\b([a-z_]+?_c\d+)(?![0-9A-Za-z])")


def check(tree):
    problems = []
    for folder in sorted({p.rsplit("/", 1)[0] for p in tree.matching("dialects/*/*.td")}):
        defined, mnemonics = {}, set()
        for path in tree.matching(f"{folder}/*.td"):
            mnemonic = None
            for number, line in lines(tree.read(path)):
                if match := DEFINITION.match(line):
                    mnemonic = match.group(1)
                    mnemonics.add(mnemonic)
                elif mnemonic and (match := CONSTRAINT.match(line)):
                    defined[f"{mnemonic}_c{match.group(1)}"] = f"{path}:{number}"
        verified = {n for p in tree.matching(f"{folder}/*.cpp") for n in NAME.findall(tree.read(p))}
        tested = {
            n for p in tree.matching(f"test/{folder}/*.mlir") for n in NAME.findall(tree.read(p))
        }
        for name, where in defined.items():
            if name not in verified:
                problems.append(f"{where}: no verifier in {folder} names {name}")
            if name not in tested:
                problems.append(f"{where}: no test in test/{folder} names {name}")
        highest = {}
        for name in defined:
            mnemonic, number = name.rsplit("_c", 1)
            highest[mnemonic] = max(highest.get(mnemonic, 0), int(number))
        for name in sorted((verified | tested) - set(defined)):
            # An op may take over another's first constraints ("as gem.attention").
            mnemonic, number = name.rsplit("_c", 1)
            if mnemonic in mnemonics and int(number) > highest.get(mnemonic, 0):
                problems.append(f"{folder}: {name} is named, but no constraint has this number")
    return problems


TD = 'def Gem_LinearOp : Gem_PureOp<"linear"> {\n  let description = [{\n    * (C1) x.\n  }];\n}\n'
SELF_TESTS = [
    ({"dialects/Gem/A.td": TD, "test/dialects/Gem/a.mlir": "@linear_c1"}, ["no verifier"]),
    ({"dialects/Gem/A.td": TD, "dialects/Gem/A.cpp": "// linear_c1"}, ["no test"]),
    ({"dialects/Gem/A.td": TD, "dialects/Gem/A.cpp": "// linear_c1, linear_c2",
      "test/dialects/Gem/a.mlir": "@linear_c1"}, ["linear_c2 is named"]),
    ({"dialects/Gem/A.td": TD, "dialects/Gem/A.cpp": "// linear_c1",
      "test/dialects/Gem/a.mlir": "@linear_c1"}, []),
]
