# A terminal for tests.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a command with a terminal as its standard output and prints what arrives there.

usage: on_terminal.py COLUMNS COMMAND...

Colours and styles come out as "<38;5;33>", their end as "<0>"; other escape characters as
"<ESC>". The exit code is the command's.
"""
import fcntl
import os
import pty
import re
import struct
import sys
import termios

child, terminal = pty.fork()
if child == 0:
    os.environ.pop("NO_COLOR", None)
    os.environ["TERM"] = "xterm-256color"
    size = struct.pack("HHHH", 50, int(sys.argv[1]), 0, 0)
    fcntl.ioctl(1, termios.TIOCSWINSZ, size)
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:  # how Linux says that the other end is closed
        break
    if not part:
        break
    shown += part
text = re.sub("\033\\[([0-9;]*)m", r"<\1>", shown.decode().replace("\r\n", "\n"))
sys.stdout.write(text.replace("\033", "<ESC>"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
