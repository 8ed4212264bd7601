# Whether a bundle has none of some texts in it, and no time or path:
# no_traces.py BUNDLE TEXT...
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import re
import socket
import struct
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
for text in sys.argv[2:] + [os.getcwd()]:
    assert text.encode() not in data, f"the bundle holds '{text}'"
# The program holds every text but the tokenizer's pieces, which are words.
(size,) = struct.unpack_from("<I", data, 24)
program = data[64 : 64 + size]
texts = re.findall(rb"[\x20-\x7e]{4,}", program)
assert b"gem-compile" in program
# A host's name may be as short as a piece of a word.
host = re.escape(socket.gethostname().encode())
for text in texts:
    assert not re.search(rb"\b" + host + rb"\b", text), text
    assert not re.search(rb"(^|[ =:])/\w+/|\.jsonl|\.pth|\.safetensors", text), text
    assert not re.search(rb"\b20\d\d-\d\d-\d\d\b|\b\d\d:\d\d:\d\d\b", text), text
