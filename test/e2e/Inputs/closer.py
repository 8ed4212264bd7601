# Compares how near two compiled models are to the uncompressed one.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that one compile report's mean divergence is clearly below another's.

usage: closer.py CLOSER.json FARTHER.json SHARE

The first must be at most SHARE of the second.
"""
import json
import sys


def divergence(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)["evaluation"]["overall"]["divergence"]


closer, farther = divergence(sys.argv[1]), divergence(sys.argv[2])
print(f"KL {closer:.5f} and {farther:.5f}")
if not 0 < closer <= float(sys.argv[3]) * farther:
    sys.exit(f"expected at most {sys.argv[3]} of {farther:.5f}, but got {closer:.5f}")
