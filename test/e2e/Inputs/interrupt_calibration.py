# Killing gem-compile in the middle of a calibration.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kills gem-compile while it collects statistics, with what it cannot catch.

usage: interrupt_calibration.py MODEL FOLDER [OPTION...]

What has no name yet is gone with the process; only the bundle's own temporary file,
which SIGKILL cannot remove, may stay.
"""
import os
import re
import signal
import subprocess
import sys
import time

model, folder = sys.argv[1:3]
temporary = os.path.join(folder, "tmp")
os.mkdir(temporary)
texts = os.path.join(folder, "texts.jsonl")
words = "games network editor music library kernel daemon font parser mail".split()
with open(texts, "w", encoding="utf-8") as file:
    for i in range(20000):  # minutes of work
        text = " ".join(words[(i * 7 + j * j) % len(words)] for j in range(30))
        file.write('{"text": "%s", "domain": "%s"}\n' % (text, "ab"[i % 2]))
process = subprocess.Popen(
    ["gem-compile", model, "-o", os.path.join(folder, "out.gemb"), "--sequence", "64",
     "--calibrate", texts, *sys.argv[3:]],
    env={**os.environ, "TMPDIR": temporary}, stderr=subprocess.PIPE)


def unnamed():
    """The process's open files without a name that lie in `folder`."""
    found = []
    descriptors = f"/proc/{process.pid}/fd"
    for descriptor in os.listdir(descriptors):
        try:
            target = os.readlink(os.path.join(descriptors, descriptor))
        except OSError:
            continue
        # As Linux shows what never had a name.
        if re.fullmatch(re.escape(os.path.realpath(folder)) + r"/.*#\d+ \(deleted\)", target):
            found.append(target)
    return found


deadline = time.monotonic() + 120
while not unnamed():
    if process.poll() is not None or time.monotonic() > deadline:
        process.kill()
        sys.exit(f"nothing without a name was written: {process.stderr.read()}")
    time.sleep(0.01)
process.send_signal(signal.SIGKILL)
process.wait(timeout=20)
left = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
left.remove(texts)
left = [path for path in left if not re.search(r"/\.gem-\d+-\d+\.tmp$", path)]
if left:
    sys.exit(f"expected nothing to be left, but got {left}")
