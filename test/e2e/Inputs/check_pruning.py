#!/usr/bin/env python3
# Checks what a report says of pruning: shares add up, and the target is kept.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""check_pruning.py REPORT.json SHARE"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    report = json.load(file)
target = float(sys.argv[2])
pruning = report["pruning"]
assert pruning["target"] == target, pruning["target"]
assert target - 0.1 < pruning["kept"] <= target, pruning["kept"]
assert pruning["macs"] <= target * pruning["macs_before"]
removed = sum(space["macs_before"] - space["macs"] for space in pruning["spaces"])
assert pruning["macs_before"] - removed == pruning["macs"], (removed, pruning)
# What the report says of the model's work is of the pruned one.
work = report["macs"]
assert work["encoder"] + work["router"] + work["scar"] == pruning["macs"], work
