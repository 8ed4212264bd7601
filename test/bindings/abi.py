#!/usr/bin/env python3
# The structs and constants of the Python and Java bindings are those of the headers, as
# a C compiler lays them out.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#   abi.py CC REPOSITORY FOLDER

import ctypes
import os
import re
import subprocess
import sys

from header import Api

cc, root, folder = sys.argv[1:]
include = os.path.join(root, "runtime/include")
sys.path.insert(0, os.path.join(root, "runtime/bindings/python"))
import gem  # noqa: E402

api = Api(include)
problems = []


def expect(what, expected, got):
    if expected != got:
        problems.append(f"{what}: expected {expected}, but got {got}")


# A program prints what the compiler makes of the headers.
lines = [f"#include <{header}>" for header in api.headers] + ["#include <stdio.h>", "int main(void) {"]
for name, fields in api.structs.items():
    lines.append(f'  printf("{name} %zu\\n", sizeof({name}));')
    for field in fields:
        lines.append(f'  printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), '
                     f"sizeof((({name}*)0)->{field}));")
for constant in [c for constants in api.enums.values() for c in constants] + api.macros:
    lines.append(f'  printf("{constant} %lld\\n", (long long){constant});')
lines += ["  return 0;", "}", ""]
os.makedirs(folder, exist_ok=True)
source = os.path.join(folder, "abi.c")
program = os.path.join(folder, "abi")
with open(source, "w", encoding="utf-8") as file:
    file.write("\n".join(lines))
subprocess.run([*cc.split(), "-std=c11", "-Werror", f"-I{include}", source, "-o", program], check=True)
facts = {}
for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
    name, *numbers = line.split()
    facts[name] = [int(number) for number in numbers]

# Python: structs and their fields, enums, functions.
expect("structs of gem.py", sorted(api.structs), sorted(gem._STRUCTS))
for name, struct in gem._STRUCTS.items():
    expect(f"gem.py: fields of {name}", api.structs.get(name), [f[0] for f in struct._fields_])
    expect(f"gem.py: size of {name}", facts.get(name), [ctypes.sizeof(struct)])
    for field in struct._fields_:
        place = getattr(struct, field[0])
        expect(f"gem.py: {name}.{field[0]}", facts.get(f"{name}.{field[0]}"),
               [place.offset, place.size])


def constants(kind):
    """The names of an enum without what they share, and their values."""
    names = api.enums[kind]
    prefix = os.path.commonprefix(names)
    prefix = prefix[:prefix.rindex("_") + 1]
    return {name[len(prefix):]: facts[name][0] for name in names}


expect("enums of gem.py", sorted(api.enums), sorted(gem._ENUMS))
for kind, enum in gem._ENUMS.items():
    expect(f"gem.py: {kind}", constants(kind), {c.name: c.value for c in enum})
for macro in ("VARIANT_AUTO", "PUBLIC_KEY_SIZE", "SIGNATURE_SIZE", "MAX_RANK"):
    expect(f"gem.py: {macro}", facts[f"GEM_{macro}"][0], getattr(gem, macro))
declared = {**gem._FUNCTIONS, **gem._TEXT_FUNCTIONS, **gem._SIGNATURE_FUNCTIONS}
for name, count in api.functions.items():
    if name not in declared:
        problems.append(f"gem.py: lacks {name}")
    else:
        expect(f"gem.py: parameters of {name}", count, len(declared[name]) - 1)

# Java: constants. Its native side is C, so it has no layouts of its own.
java = {
    "gem_status_t": ("GemException.java", "Status"),
    "gem_event_kind_t": ("Observer.java", "Kind"),
    "gem_load_mode_t": ("Bundle.java", "LoadMode"),
    "gem_hash_check_t": ("Bundle.java", "HashCheck"),
    "gem_element_type_t": ("Tensor.java", "ElementType"),
    "gem_role_t": ("Tensor.java", "Role"),
}


def java_source(name):
    with open(os.path.join(root, "runtime/bindings/kotlin/gem", name), encoding="utf-8") as file:
        return file.read()


expect("enums of Java", sorted(api.enums), sorted(java))
for kind, (name, enum) in java.items():
    body = re.search(rf"enum {enum} \{{(.*?);", java_source(name), re.S).group(1)
    got = {n: int(v) for n, v in re.findall(r"([A-Z]\w*)\((\d+)", body)}
    expect(f"{name}: {enum}", constants(kind), got)
for macro, name in (("PUBLIC_KEY_SIZE", "Bundle.java"), ("SIGNATURE_SIZE", "Bundle.java"),
                    ("MAX_RANK", "Tensor.java"), ("VARIANT_AUTO", "Session.java")):
    got = re.search(rf"int {macro} = (\w+);", java_source(name)).group(1)
    expect(f"{name}: {macro}", facts[f"GEM_{macro}"][0], int(got, 0))

for problem in problems:
    print(problem)
print(f"{len(facts)} facts of {len(api.headers)} headers")
sys.exit(1 if problems else 0)
