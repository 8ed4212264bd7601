# Ctrl-C in the middle of a sweep, and the sweep after it.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Interrupts gem-eval sweep when its first figures are in the cache.

usage: interrupt_sweep.py CACHE OUTPUT COMMAND...
"""
import os
import signal
import subprocess
import sys
import time

cache, output, *command = sys.argv[1:]
process = subprocess.Popen(
    command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    # A test runner in the background may have SIGINT ignored.
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))


def entries():
    return [name for name in os.listdir(cache) if name.endswith(".json")] \
        if os.path.isdir(cache) else []


deadline = time.monotonic() + 60
while len(entries()) < 2:  # f32 and a recipe
    if process.poll() is not None or time.monotonic() > deadline:
        sys.exit(f"the sweep did not get to work: {process.communicate()}")
    time.sleep(0.002)
process.send_signal(signal.SIGINT)
code = process.wait(timeout=20)
if code not in (130, -signal.SIGINT):
    sys.exit(f"expected exit code 130, but got {code}: {process.stderr.read()}")
left = sorted(os.listdir(output))
if left:
    sys.exit(f"expected no output, but got {left}")
print(f"interrupted with {len(entries())} entries")
