# Compares the sizes of files.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that every file is smaller than the one before it.

usage: smaller.py FILE FILE...
"""
import os
import sys

sizes = [os.path.getsize(path) for path in sys.argv[1:]]
for i in range(1, len(sizes)):
    if sizes[i] >= sizes[i - 1]:
        sys.exit(f"expected {sys.argv[i + 1]} to be smaller than {sys.argv[i]}, but got "
                 f"{sizes[i]} and {sizes[i - 1]} bytes")
print(" > ".join(map(str, sizes)))
