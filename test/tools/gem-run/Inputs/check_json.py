# Checks the lines of gem-run --json.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks every line of gem-run's JSON against itself, and prints the keys of the first.

usage: check_json.py RESULTS.jsonl
"""
import json
import math
import struct
import sys

lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
assert lines.pop() == "", "the last line has no end"
for number, line in enumerate(lines, 1):
    row = json.loads(line)
    assert row["schema_version"] == 1
    count = len(row["tokens"])
    assert len(row["routed"]) == len(row["cluster"]) == count, f"line {number}"
    assert set(row["routed"]) <= {0, 1}
    # The shortest text that gives back an f32 may be another double.
    logits = [struct.unpack("f", struct.pack("f", x))[0] for x in row["logits"]]
    assert row["label_index"] == logits.index(max(logits)), f"line {number}"
    total = sum(math.exp(x - max(logits)) for x in logits)
    assert abs(row["probability"] - 1 / total) < 1e-9, f"line {number}"
    assert row["micros"] > 0 and isinstance(row["micros"], int)
    assert isinstance(row["truncated"], bool)
    if number == 1:
        print("keys:", " ".join(row))
print("lines:", len(lines))
