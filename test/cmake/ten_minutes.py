#!/usr/bin/env python3
# Runs the commands of docs/ten-minutes.md, in their order, in one shell with a home of its own.
#
#   ten_minutes.py --prefix PREFIX --work FOLDER
#
# PREFIX holds the components tools and runtime: what the page's first block makes.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, "docs", "ten-minutes.md")
MARK = "<!-- not in the test: "
# What the page's answers must have, each at least so often: a class of every program that asks
# for it, the report and the bundle of the build.
ANSWERS = {r"^games$": 3, r"^agreement|agree ": 1}
FILES = ["gem-app/tiny.gemb", "gem-app/tiny.html",
         "gem-app/build/gem/tiny/tiny-raspberry-pi-4.gemb"]


def blocks(page):
    """(line, text, whether it is in the test) of every block of shell commands."""
    found = []
    for match in re.finditer(r"(^<!-- [^\n]*\n)?^```sh\n(.*?)^```$", page, re.M | re.S):
        line = page[:match.start(2)].count("\n") + 1
        found.append((line, match.group(2), not (match.group(1) or "").startswith(MARK)))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    home = os.path.abspath(options.work)
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(home)
    os.symlink(os.path.abspath(options.prefix), os.path.join(home, "gem"))

    with open(PAGE, encoding="utf-8") as file:
        all_blocks = blocks(file.read())
    script = ["set -eu"]
    for line, text, tested in all_blocks:
        if tested:
            script += [f": docs/ten-minutes.md:{line}", "set -x", text.rstrip(), "{ set +x; } 2>&-"]
    tested = sum(1 for block in all_blocks if block[2])
    if tested < 5:
        sys.exit(f"{PAGE}: expected at least 5 blocks of commands, but got {tested}")
    environment = {**os.environ, "HOME": home, "LC_ALL": "C.UTF-8", "NO_COLOR": "1",
                   "PYTHONDONTWRITEBYTECODE": "1"}
    for name in ("GEM_LIBRARY", "PYTHONPATH", "CMAKE_PREFIX_PATH"):
        environment.pop(name, None)
    result = subprocess.run(["bash", "-c", "\n".join(script)], cwd=ROOT, env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(result.stdout)
    problems = []
    if result.returncode != 0:
        problems.append(f"a command ended with {result.returncode}; the last lines above tell which")
    else:
        for pattern, count in ANSWERS.items():
            found = len(re.findall(pattern, result.stdout, re.M))
            if found < count:
                problems.append(f"expected {count} answers '{pattern}', but got {found}")
        problems += [f"expected {name} to be made" for name in FILES
                     if not os.path.exists(os.path.join(home, name))]
    for problem in problems:
        print(f"{os.path.relpath(PAGE, ROOT)}: {problem}")
    print(f"{tested} of {len(all_blocks)} blocks of commands were run")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
