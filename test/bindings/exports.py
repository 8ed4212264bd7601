#!/usr/bin/env python3
# libgem exports the functions of the C API, no more and no less, and needs only the C
# library (and libsodium, where that is not linked statically).
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#   exports.py NM READELF LIBRARY INCLUDE [COMPONENT...]
#
# COMPONENT: a header without which the library was not built, e.g. text.

import re
import subprocess
import sys

from header import Api

nm, readelf, library, include, *components = sys.argv[1:]
output = subprocess.run([nm, "-D", "--defined-only", library], check=True, capture_output=True,
                        text=True).stdout
exported = {line.split()[-1].split("@")[0] for line in output.splitlines()}
expected = set()
for name in Api(include).functions:
    component = {"gem_tokenizer": "text", "gem_ed25519": "signature"}.get(
        "_".join(name.split("_")[:2]), "core")
    if component == "core" or component in components:
        expected.add(name)
problems = [f"exports {name}, which no header declares" for name in sorted(exported - expected)]
problems += [f"does not export {name}" for name in sorted(expected - exported)]
output = subprocess.run([readelf, "-d", library], check=True, capture_output=True, text=True).stdout
needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output)
problems += [f"needs {name}" for name in needed
             if not re.match(r"(libc|libm|libpthread|ld-linux\S*|libsodium)\.so", name)]
for problem in problems:
    print(f"{library} {problem}")
print(f"{len(exported)} functions")
sys.exit(1 if problems or not expected else 0)
