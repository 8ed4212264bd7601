# Checks the document of gem-bench --load --json.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: check_loads.py RESULTS.json RUNS"""
import json
import sys

document = json.load(open(sys.argv[1], encoding="utf-8"))
assert document["schema_version"] == 1
for load in document["loads"]:
    assert load["file_size"] > 0
    openings = load["openings"]
    ways = [(o["mode"], o["hashes"], o["threads"]) for o in openings]
    assert len(set(ways)) == len(ways) and len(ways) % 6 == 0, ways
    for o in openings:
        assert o["runs"] == int(sys.argv[2])
        assert 0 < o["lowest_seconds"] <= o["median_seconds"] and o["first_seconds"] > 0
        assert o["session_seconds"] > 0
        rate = o["hash_bytes_per_second"]
        assert rate is None or (rate > 0 and o["hashes"] == "all" and o["mode"] == "map")
