# Every source says what it is and under which licence, fits in a thousand lines,
# and carries neither a developer's paths nor marks of unfinished work.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import re

from tree import is_generated, lines

MOST_LINES = 1000
# Longer files that have a reason to be: {path: reason}.
LONG_FILES = {}
SOURCES = ("*.h", "*.hpp", "*.c", "*.cpp", "*.inc", "*.td", "*.py", "*.java", "*.kt", "*.swift", "*.sh", "scripts/*", ".ci/*")
NO_SOURCES = (".md", ".txt", ".clang-format")
SPDX = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
NOTICE = "Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions."
MACHINE_PATH = re.compile(r"(?:^|[^\w./%$}*-])(/(?:home|root|work|Users|mnt|srv)/[\w.-]+|/tmp/\w+/)")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
TEXTS = SOURCES + ("*.md", "*.cmake", "*CMakeLists.txt", "*.json", "*.fbs", "*.mlir", "*.test",
                   "*.yml", "*.in")


def check_headers(tree):
    problems = []
    for path in tree.matching(*SOURCES):
        if is_generated(path) or path.endswith(NO_SOURCES):
            continue
        head = [line for _, line in lines(tree.read(path))][:40]
        first = next((l for l in head if not l.startswith("#!")), "")
        missing = [m for m in (NOTICE, SPDX) if not any(m in l for l in head)]
        if missing:
            problems.append(f'{path}:1: the header lacks "{missing[0]}"')
        elif not re.search(r"[A-Za-z]{2}", first) or NOTICE in first or SPDX in first:
            problems.append(f"{path}:1: the first line does not say what the file is")
    return problems


def check_lengths(tree):
    problems = []
    for path in tree.matching(*SOURCES, "*.mlir", "*.test", "*CMakeLists.txt", "*.cmake", "*.fbs"):
        if is_generated(path) or path.endswith(NO_SOURCES[:1]):
            continue
        count = tree.read(path).count("\n")
        if count > MOST_LINES and path not in LONG_FILES:
            problems.append(f"{path}:1: {count} lines; split it (at most {MOST_LINES})")
    return problems


def check_paths(tree):
    problems = []
    for path in tree.matching(*TEXTS):
        if path.startswith("test/lint/") or is_generated(path):
            continue
        for number, line in lines(tree.read(path)):
            match = MACHINE_PATH.search(line)
            if match:
                problems.append(f"{path}:{number}: a path of one machine: {match.group(1)}")
            match = UNFINISHED.search(line)
            if match and os.path.splitext(path)[1] not in (".mlir", ".test", ".json"):
                problems.append(f"{path}:{number}: unfinished: {match.group(1)}")
    return problems


def check(tree):
    return check_headers(tree) + check_lengths(tree) + check_paths(tree)


HEADER = f"// A sample.\n//\n// {NOTICE}\n// {SPDX}\n"
SELF_TESTS = [
    ({"runtime/a.cpp": "// A sample.\nint x;\n"}, ["the header lacks"]),
    ({"runtime/a.cpp": f"//\n// {NOTICE}\n// {SPDX}\n"}, ["does not say what the file is"]),
    ({"runtime/a.cpp": HEADER + "int x;\n" * 1001}, ["split it"]),
    ({"runtime/a.cpp": HEADER + '#define P "/home/' + 'me/model"\n'}, ["/home/me"]),
    ({"docs/a.md": "run /tmp/" + "mine/x\n"}, ["/tmp/mine/"]),
    ({"runtime/a.cpp": HEADER + "// TO" + "DO: finish\n"}, ["unfinished"]),
    ({"runtime/a.cpp": HEADER + "int x;  // see /usr/share/x and a/work/b\n"}, []),
]
