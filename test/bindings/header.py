# Reads what the headers of the C API declare, for the tests that hold the bindings
# against it.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import re


class Api:
    """Structs with their fields, enums with their constants, functions with the number of
    their parameters, and macros that are numbers."""

    def __init__(self, include):
        self.headers = []
        self.structs, self.enums, self.functions, self.macros = {}, {}, {}, []
        for name in ("gem.h", "text.h", "signature.h"):
            path = os.path.join(include, "gem", name)
            if os.path.exists(path):
                self.headers.append(f"gem/{name}")
                with open(path, encoding="utf-8") as file:
                    self._read(re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S))

    def _read(self, text):
        for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text, re.S):
            fields = []
            for declaration in filter(None, (part.strip() for part in body.split(";"))):
                pointer = re.search(r"\(\*(\w+)\)", declaration)
                if pointer:
                    fields.append(pointer.group(1))
                else:
                    for part in declaration.split(","):
                        fields.append(re.search(r"(\w+)(?:\[\w+\])?$", part.strip()).group(1))
            self.structs[name] = fields
        for body, name in re.findall(r"typedef enum \w+ \{(.*?)\} (\w+);", text, re.S):
            self.enums[name] = re.findall(r"\b(GEM_\w+)\b", body)
        for name, parameters in re.findall(r"GEM_API [^;()]*?\b(gem_\w+)\(([^;]*?)\);", text, re.S):
            count = 0 if parameters.strip() == "void" else parameters.count(",") + 1
            self.functions[name] = count
        self.macros += re.findall(r"#define (GEM_\w+) (?:0x)?[0-9A-Fa-f]+u?$", text, re.M)
