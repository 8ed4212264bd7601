# How gem-run ends when its output or its user goes away.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks how gem-run ends when its reader leaves, and on Ctrl-C.

usage: endings.py GEM_RUN BUNDLE
"""
import json
import signal
import subprocess
import sys

command = sys.argv[1:3] + ["--json"]


def start():
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Shells start background jobs with Ctrl-C ignored, which gem-run respects.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


# The answer to a line comes before the next line is asked for.
run = start()
for text in ("chess", "perl modules"):
    run.stdin.write(text.encode() + b"\n")
    run.stdin.flush()
    assert len(json.loads(run.stdout.readline())["tokens"]) > 2

# Ctrl-C between two lines: it ends at once, with nothing on standard error.
run.send_signal(signal.SIGINT)
out, err = run.communicate(timeout=60)
assert run.returncode == -signal.SIGINT, run.returncode
assert (out, err) == (b"", b""), (out, err)

# The reader leaves: the next answer ends gem-run, without a word.
run = start()
run.stdout.close()
run.stdin.write(b"chess\n")
run.stdin.close()
assert run.wait(timeout=60) == -signal.SIGPIPE, run.returncode
assert run.stderr.read() == b""
