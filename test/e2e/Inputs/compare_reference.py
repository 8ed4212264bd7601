# Compares results with a PyTorch run.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares what gem-run --json printed with a PyTorch run of the same texts.

usage: compare_reference.py REFERENCE.jsonl RESULTS.jsonl [--agreement]

ids, routed and cluster must be equal, logits within 2e-4. With --agreement only
the share of equal top-1 labels is printed: for models whose centroids were fitted
anew.
"""
import json
import sys


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def argmax(values):
    return max(range(len(values)), key=values.__getitem__)


reference, results = lines(sys.argv[1]), lines(sys.argv[2])
if len(reference) != len(results) or not reference:
    sys.exit(f"expected {len(reference)} results, but got {len(results)}")
agree, largest, problems = 0, 0.0, []
for number, (want, got) in enumerate(zip(reference, results), 1):
    agree += argmax(want["logits"]) == got["label_index"]
    for key, ours in (("ids", "tokens"), ("routed", "routed"), ("cluster", "cluster")):
        if want[key] != got[ours]:
            problems.append(f"text {number}: {ours} differ")
    largest = max(largest, *(abs(a - b) for a, b in zip(want["logits"], got["logits"])))
print(f"top-1 agreement {agree / len(reference):.3f} on {len(reference)} texts")
if "--agreement" in sys.argv:
    sys.exit(0)
if largest > 2e-4:
    problems.append(f"logits differ by {largest:.3g}")
print(f"largest difference of a logit {largest:.2g}")
print("\n".join(problems[:20]) or "equal: ids, routed, cluster")
sys.exit(1 if problems else 0)
