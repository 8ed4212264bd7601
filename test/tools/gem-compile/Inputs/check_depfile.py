# Reads a depfile with Make and with Ninja, and has both rebuild when an input changes.
#
#   check_depfile.py DEPFILE TARGET INPUT...    all inputs that are expected, no others
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import re
import subprocess
import sys
import tempfile
import time


def unescape(text):
    """The names of a rule, by the rules of GNU Make's manual."""
    text = text.replace("\\\n", " ")
    words = re.findall(r"(?:\\[ #:]|\$\$|[^ \n\t])+", text)
    return [re.sub(r"\\([ #:])", r"\1", word).replace("$$", "$") for word in words]


def run(tool, folder):
    """Builds; whether anything was done."""
    result = subprocess.run(tool, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return "REBUILDING" in result.stdout


def check_tool(tool, folder, inputs):
    now = time.time()
    for path in inputs:
        os.utime(path, (now - 100, now - 100))
    assert run(tool, folder), f"{tool}: the first build did nothing"
    assert not run(tool, folder), f"{tool}: rebuilt though nothing changed"
    # Once for each, a second later than the last: coarse clocks must see it.
    for number, path in enumerate(inputs):
        os.utime(path, (now + 10 + number, now + 10 + number))
        assert run(tool, folder), f"{tool}: {path} changed, but nothing was rebuilt"
        os.utime(path, (now - 100, now - 100))
        os.utime(os.path.join(folder, "out"))
        run(tool, folder)


def main():
    depfile, target, *expected = sys.argv[1:]
    with open(depfile) as file:
        text = file.read()
    colon = re.search(r"(?<!\\): ", text)
    (name,), inputs = unescape(text[: colon.start()]), unescape(text[colon.end() :])
    assert name == target, f"the target is {name!r}"
    assert sorted(inputs) == sorted(expected), f"expected {sorted(expected)}, got {sorted(inputs)}"
    rule = text[colon.start() :]
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy.d")
        with open(copy, "w") as file:
            file.write("out" + rule)
        # The tools delete a depfile, or do not write it: the command brings it each time.
        command = f"cp '{copy}' out.d && touch out && echo REBUILDING"
        with open(os.path.join(folder, "build.ninja"), "w") as file:
            file.write(f"rule r\n  command = {command}\n  depfile = out.d\nbuild out: r\n")
        with open(os.path.join(folder, "Makefile"), "w") as file:
            file.write(f"out:\n\t{command}\n-include out.d\n")
        for tool in (["ninja", "-v"], ["make"]):
            for leftover in ("out", "out.d", ".ninja_log", ".ninja_deps"):
                if os.path.exists(os.path.join(folder, leftover)):
                    os.remove(os.path.join(folder, leftover))
            check_tool(tool, folder, inputs)


main()
