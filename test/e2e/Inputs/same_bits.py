# Compares results to the bit.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that several gem-run --json outputs hold the same results to the bit.

usage: same_bits.py A.jsonl B.jsonl...
"""
import json
import sys

KEYS = ("tokens", "logits", "routed", "cluster", "probability", "label_index")


def parse(text):
    """What is compared of gem-run's output, which prints a float so that it reads back to the
    same bits."""
    return [{key: json.loads(line).get(key) for key in KEYS} for line in text.splitlines()]


def results(path):
    with open(path, encoding="utf-8") as file:
        return parse(file.read())


def main():
    first = results(sys.argv[1])
    if not first:
        sys.exit(f"{sys.argv[1]} is empty")
    for path in sys.argv[2:]:
        other = results(path)
        for number, (a, b) in enumerate(zip(first, other), 1):
            if a != b:
                sys.exit(f"{sys.argv[1]} and {path} differ at text {number}: {a} and {b}")
        if len(first) != len(other):
            sys.exit(f"{sys.argv[1]} has {len(first)} results, {path} has {len(other)}")
    print(f"{len(sys.argv) - 1} runs of {len(first)} texts: the same bits")


if __name__ == "__main__":
    main()
