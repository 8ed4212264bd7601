# Checks the document of gem-bench --json.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks a document of gem-bench against itself, and prints what it is about.

usage: check_json.py RESULTS.json
"""
import json
import sys

document = json.load(open(sys.argv[1], encoding="utf-8"))
assert document["schema_version"] == 1
threads = [p["threads"] for p in document["peaks"]]
assert threads == sorted(set(threads))
for peak in document["peaks"]:
    assert peak["read_bytes_per_second"] > 0
for c in document["configurations"]:
    low, high = c["quartile_seconds"]
    assert 0 < c["lowest_seconds"] <= low <= c["median_seconds"] <= high
    assert c["threads"] in threads and c["runs"] >= 2
    bundle = document["bundles"][c["bundle"]]
    assert bundle["file_size"] > 0
    assert c["peak_memory_bytes"] is None or c["peak_memory_bytes"] > 2**20
    assert c["load_seconds"] > 0 and c["first_run_seconds"] > 0
    operations = c["operations"]
    assert operations and all(o["seconds"] > 0 for o in operations if o["macs"])
    assert c["macs"] == sum(o["macs"] for o in operations) > 0
    for key in ("operations", "seconds", "macs", "weight_bytes"):
        whole = len(operations) if key == "operations" else sum(o[key] for o in operations)
        total = sum(group[key] for group in c["by_kernel"])
        assert abs(total - whole) <= 1e-9 * whole, key
    assert any(o["weight_bytes"] for o in operations)
first = document["configurations"][0]
print("configurations:",
      *(f"{c['tokens']}/{c['threads']}" for c in document["configurations"]))
print("keys:", *document)
print("kernels:", *(g["kernel"] for g in first["by_kernel"]))
print("formats:", *(g["format"] for g in first["by_format"]))
