# alter.py FILE OFFSET OUT: the file with the byte at OFFSET (from its end, when it is
# negative) changed.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import sys

source, offset, out = sys.argv[1:]
data = bytearray(open(source, "rb").read())
data[int(offset)] ^= 1
with open(out, "wb") as file:
    file.write(data)
