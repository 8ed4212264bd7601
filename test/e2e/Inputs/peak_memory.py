# Runs a command and fails when its anonymous memory ever exceeds a limit.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""peak_memory.py LIMIT_MB COMMAND...: mapped files do not count, as the system can drop them."""
import re
import subprocess
import sys
import time

limit = float(sys.argv[1])
peak = 0
child = subprocess.Popen(sys.argv[2:])
while child.poll() is None:
    try:
        with open(f"/proc/{child.pid}/status") as status:
            found = re.search(r"RssAnon:\s+(\d+) kB", status.read())
    except OSError:
        found = None
    if found:
        peak = max(peak, int(found.group(1)) / 1000)
    time.sleep(0.01)
print(f"peak anonymous memory: {peak:.0f} MB of at most {limit:.0f}")
sys.exit(child.returncode or (1 if peak > limit or peak == 0 else 0))
