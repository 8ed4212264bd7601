# Runs a bundle with every kernel set and compares results to the bit.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that every kernel set that this machine can run, and any number of threads, gives a
bundle's results to the bit.

usage: every_kernel.py TEXTS BUNDLE...

The sets are those that `gem-run -v` lists as built in; one that the machine cannot run is
left out with a message, scalar never is.
"""
import re
import subprocess
import sys

from same_bits import parse


def run(bundle, *options):
    return subprocess.run(
        ["gem-run", bundle, "--input", texts, "--json", *options], capture_output=True,
        text=True, timeout=120)


texts, bundles = sys.argv[1], sys.argv[2:]
for bundle in bundles:
    listing = subprocess.run(["gem-run", bundle, "--text", "x", "-v"], capture_output=True,
                             text=True, check=True).stderr
    sets = re.search(r"^built in +(.*)$", listing, re.MULTILINE).group(1).split(", ")
    if "scalar" not in sets:
        sys.exit(f"gem-run -v lists no scalar kernels: {sets}")
    expected = run(bundle, "--cpu", "scalar")
    if expected.returncode or not expected.stdout:
        sys.exit(f"{bundle} with scalar kernels: {expected.stderr}")
    compared = 0
    for kernels in sets:
        for threads in ("1", "3"):
            got = run(bundle, "--cpu", kernels, "--threads", threads)
            if "which this CPU cannot run" in got.stderr:
                print(f"{kernels}: left out, this CPU cannot run it")
                break
            if got.returncode:
                sys.exit(f"{bundle} with {kernels}: {got.stderr}")
            if parse(got.stdout) != parse(expected.stdout):
                sys.exit(f"{bundle}: {kernels} with {threads} threads differs from scalar")
            compared += 1
    print(f"{bundle}: {compared} runs gave the same bits")
