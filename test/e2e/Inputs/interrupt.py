# Ctrl-C in the middle of a compilation.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Interrupts gem-compile while it runs calibration texts.

usage: interrupt.py SHARED FOLDER
"""
import os
import signal
import subprocess
import sys
import time

shared, folder = sys.argv[1:]
texts = os.path.join(folder, "texts.jsonl")
with open(os.path.join(shared, "data/debian/calibration.jsonl"), "rb") as source:
    lines = source.read()
with open(texts, "wb") as file:
    for _ in range(40):  # about a minute of work
        file.write(lines)
before = sorted(os.listdir(folder))
process = subprocess.Popen(
    ["gem-compile", os.path.join(shared, "models/gem-tiny/gem.pth"), "-o",
     os.path.join(folder, "out.gemb"), "--sequence", "64", "--threads", "1", "--calibrate", texts],
    stderr=subprocess.PIPE,
    # A test runner in the background may have SIGINT ignored.
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
deadline = time.monotonic() + 60
while not any(name.endswith(".tmp") for name in os.listdir(folder)):
    if process.poll() is not None or time.monotonic() > deadline:
        sys.exit(f"gem-compile did not get to work: {process.returncode}")
    time.sleep(0.01)
time.sleep(0.3)
process.send_signal(signal.SIGINT)
code = process.wait(timeout=20)
if code not in (130, -signal.SIGINT):
    sys.exit(f"expected exit code 130, but got {code}: {process.stderr.read()}")
if sorted(os.listdir(folder)) != before:
    sys.exit(f"expected {before}, but got {sorted(os.listdir(folder))}")
