# Sums what InstructionCounter.c wrote.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares two runs of one program; the loader's work may differ by a little.

usage: sum_blocks.py BLOCKS BLOCKS
"""
import sys

totals = []
for path in sys.argv[1:]:
    total = 0
    for line in open(path, encoding="utf-8"):
        address, instructions, executions, symbol = line.rstrip("\n").split(" ", 3)
        assert int(address, 16) > 0 and symbol
        total += int(instructions) * int(executions)
    totals.append(total)
assert totals[0] > 10000
assert abs(totals[0] - totals[1]) < totals[0] / 100, totals
print("same, more than 10000 instructions")
